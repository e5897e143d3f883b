/** `pawl integrations connect`: from a provider's page of consent to tokens that are kept encrypted. */
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import * as Effect from "effect/Effect";
import { createLogUpdate } from "log-update";
import { integrationIdProblem } from "#core/secret";
import { authorizationUrl, newAuthorization } from "#runtime/oauth-authorization";
import type { OAuthClient } from "#runtime/oauth-clients";
import { oauthProviders } from "#runtime/oauth-providers";
import type { Tokens } from "#services/integration-store";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import type { OrganizationOption } from "./local-runs.ts";
import { exchangeAnswer } from "./exchange-answer.ts";
import { checkOrganization, stateDirectory } from "./local-runs.ts";
import { openLoopback } from "./loopback-callback.ts";
import { checkMasterKey, withMasterKey } from "./master-key.ts";
import { nearest } from "./nearest.ts";
import { clientsPath, readClients } from "./oauth-clients-file.ts";
import { commandText } from "./shell-command.ts";
import { endOnSignal, onShutdown } from "./shutdown.ts";
import { paintFor, printDone, printJson, remark, sentenceColumnsOf } from "./terminal.ts";
import { durationText, isoText, named, printable, shorten, wrap } from "./text.ts";

export interface ConnectOptions extends OrganizationOption {
  readonly id?: string;
  readonly scope?: readonly string[];
  readonly port?: string;
  readonly timeout: string;
  readonly clients: string;
  readonly json?: boolean;
}

const numberOf = (option: string, text: string, least: number, most: number): number => {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new CommandError(
    "USAGE",
    `${option} takes a whole number from ${least} to ${most}, not '${printable(shorten(text, 40))}'.`,
  );
};

/** What to write down, and where, is most of what a person needs to know. */
const noSuchClient = (name: string, path: string, names: readonly string[]): CommandError => {
  const isKnown = oauthProviders.has(name);
  const near = isKnown ? [] : nearest(name, [...oauthProviders.keys(), ...names]);
  const entry = isKnown
    ? `{ ${JSON.stringify(name)}: { "clientId": "...", "clientSecret": "..." } }`
    : `{ ${JSON.stringify(name)}: { "clientId": "...", "clientSecret": "...", "provider": {\n` +
      `    "authorizationEndpoint": "https://...", "tokenEndpoint": "https://..." } } }`;
  const wrong = `There is no client ${named(name)} in ${path}`;
  return new CommandError(
    "UNKNOWN_CLIENT",
    near.length > 0
      ? `${wrong}. Did you mean ${near.map(named).join(", ")}?`
      : `${wrong}. Register one with ${isKnown ? "the provider" : "it"}, and write it down there:\n\n  ${entry}`,
  );
};

const clientOf = (name: string, { clients: path, scope }: ConnectOptions): OAuthClient => {
  if (scope?.some((one) => one.trim() === "") === true) {
    throw new CommandError("USAGE", "--scope takes a scope that is not empty.");
  }
  const { clients, problems } = readClients(path);
  const problem = problems.get(name);
  if (problem !== undefined) throw new CommandError("INVALID_CLIENTS", problem);
  const client = clients.get(name);
  if (client === undefined) throw noSuchClient(name, path, [...clients.keys()]);
  return scope === undefined ? client : { ...client, scopes: scope };
};

interface Waiting {
  /** Something that happens meanwhile. */
  readonly say: (text: string) => void;
  readonly end: () => Promise<void>;
}

/** On a terminal the time that is left moves. */
const showWaiting = (millis: number): Waiting => {
  const until = Date.now() + millis;
  if (!process.stderr.isTTY) {
    remark(`Waiting for the browser, ${durationText(millis)} at most.`);
    return { say: remark, end: async () => {} };
  }
  const update = createLogUpdate(process.stderr);
  const show = (): void => {
    const left = durationText(1000 * Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    update(
      paintFor(process.stderr)("dim", `Waiting for the browser. ${left} left; ctrl-C leaves.`),
    );
  };
  show();
  const timer = setInterval(show, 1000);
  return {
    say: (text) => {
      update.clear();
      remark(text);
      show();
    },
    end: onShutdown(async () => {
      clearInterval(timer);
      update.clear();
      update.done();
    }),
  };
};

const lateAfter = async (millis: number, signal: AbortSignal): Promise<never> => {
  await delay(millis, undefined, { signal });
  throw new CommandError(
    "CONNECT_LATE",
    `Nobody came back from the provider within ${durationText(millis)}, and nothing was connected. ` +
      "--timeout gives more time; the redirect URI that is registered must be the one that was told.",
    { exitCode: exitCodes.error },
  );
};

/** Waits for the person, and keeps what came of it, before the browser is told. */
const authorize = async (
  client: OAuthClient,
  port: number,
  millis: number,
  clients: string,
  keep: (tokens: Tokens) => Promise<"created" | "replaced">,
): Promise<{ readonly status: "created" | "replaced"; readonly tokens: Tokens }> => {
  const loopback = await openLoopback(port);
  const { redirectUri } = loopback;
  const pending = newAuthorization(redirectUri);
  const url = await Effect.runPromise(authorizationUrl(client, pending));
  const words = `Open this page to connect ${named(client.name)}. It leads back to ${redirectUri}`;
  // The address is not broken over lines: it is there to be opened.
  remark(`${wrap(words, sentenceColumnsOf(process.stderr)).join("\n")}\n\n  ${url}\n`);
  const waiting = showWaiting(millis);
  const inTime = new AbortController();
  try {
    return await Promise.race([
      loopback.answered(pending.state, {
        take: async (callback) => {
          inTime.abort();
          const tokens = await exchangeAnswer(client, pending, callback, clients);
          return { status: await keep(tokens), tokens };
        },
        onStray: () =>
          waiting.say(
            "A browser came back with the answer to another connection, which changes nothing. Open the page above.",
          ),
      }),
      // Once somebody has come back, the answer alone counts.
      lateAfter(millis, inTime.signal).catch((error: unknown) =>
        inTime.signal.aborted ? new Promise<never>(() => {}) : Promise.reject(error),
      ),
    ]);
  } finally {
    inTime.abort();
    await waiting.end();
    await loopback.close();
  }
};

/** The runtime renews tokens with the clients of its own file. */
const tellForeignClients = ({ name, clientId, clientSecret }: OAuthClient, path: string): void => {
  const own = clientsPath(stateDirectory);
  if (resolve(path) === resolve(own)) return;
  const later = readClients(own).clients.get(name);
  if (later?.clientId === clientId && later.clientSecret === clientSecret) return;
  remark(
    printable(
      `The tokens will be renewed with the client ${named(name)} in ${own}, which is ${later === undefined ? "not there yet" : `another than the one in ${path}`}.`,
    ),
  );
};

export const connectCommand = async (
  provider: string,
  options: ConnectOptions,
): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  const id = options.id ?? provider;
  const problem = integrationIdProblem(id);
  if (problem !== undefined) throw new CommandError("USAGE", problem);
  const port = options.port === undefined ? 0 : numberOf("--port", options.port, 1, 65_535);
  const millis = 1000 * numberOf("--timeout", options.timeout, 1, 86_400);
  const client = clientOf(provider, options);
  tellForeignClients(client, options.clients);
  const place = { kind: "integration", organizationId, id } as const;
  // Before a person is sent away for nothing.
  await checkMasterKey(place);
  let became = "Nothing was connected.";
  endOnSignal(() => remark(`Interrupted. ${became}`));
  const { status, tokens } = await authorize(client, port, millis, options.clients, (granted) =>
    withMasterKey(place, async ({ ask }) => {
      const request = { organizationId, id, provider: client.name, tokens: granted };
      became = `'${commandText(organizationId, "integrations list")}' tells whether ${named(id)} was connected.`;
      const kept = await ask("connectIntegration", request);
      became = `Integration ${named(id)} is connected.`;
      return kept;
    }),
  );
  const { scopes, expiresAt } = tokens;
  if (options.json === true) {
    printJson({
      status,
      id,
      provider: client.name,
      scopes,
      expiresAt: expiresAt === null ? null : isoText(expiresAt),
    });
  } else {
    const text = `Integration ${named(id)} is connected${status === "replaced" ? " again" : ""}${scopes.length === 0 ? "" : `: ${printable(scopes.join(" "))}`}.`;
    printDone(text);
  }
  return exitCodes.completed;
};
