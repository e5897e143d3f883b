/**
 * Secrets and tokens go through runs of every kind, in a server that writes all it writes below one directory. What of it is a
 * secret is made here, for one time, and known to nothing else.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ExecuteParams } from "#core/execution-context";
import { isFinalStatus, type WorkflowExecutionStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import type { NewSecret } from "#services/secret-store";
import type { Server } from "../crash/server.ts";
import { prepare, startServer } from "../crash/server.ts";
import { notes, statuses } from "../crash/stored-runs.ts";
import type { CanaryRequest } from "./canary-request.ts";
import { controlOrganizationId, organizationId } from "./canary-request.ts";
import type { Canaries } from "./canary-runs.ts";
import { canaryRuns, controlRun, toldFrom } from "./canary-runs.ts";
import { markerOf } from "./marker.ts";
import type { Place } from "./search.ts";
import { filesBelow } from "./search.ts";
import type { TokenServer } from "./token-server.ts";
import { startTokenServer } from "./token-server.ts";

const random = (bytes: number): string => randomBytes(bytes).toString("hex");

/** Differs from itself in each encoding, in both halves: five `?` are a `/` in base64 wherever they stand, and `>` a `+`. */
const oddValue = (): string =>
  `${random(3)}/+ %"?????${random(3)}${random(3)}\u00e9"&+%>>>>>${random(3)}`;

const secrets = { PLAIN: random(16), ODD: oddValue() };
const tokens = {
  access: `ya29.${random(14)}`,
  refresh: `1//${random(14)}`,
  oldAccess: `ya29.${random(14)}`,
  oldRefresh: `1//${random(14)}`,
  newAccess: `ya29.${random(14)}`,
  newRefresh: `1//${random(14)}`,
};
/** All that must be seen nowhere. */
export const values: readonly string[] = [...Object.values(secrets), ...Object.values(tokens)];

/** Of the organization whose secrets nothing masks: what the search must find, or it would find the others no more either. */
const controlSecrets = { PLAIN: random(16), ODD: oddValue() };
const controlTokens = { access: `ya29.${random(14)}`, refresh: `1//${random(14)}` };
/** What its nodes are given: nobody gets a refresh token. */
export const controlValues: Readonly<Record<string, string>> = {
  ...controlSecrets,
  mail: controlTokens.access,
};

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

const canaries: Canaries = {
  // Nobody can know the others: they are new, or no good any more.
  told: [...Object.values(secrets), tokens.access, tokens.refresh],
  expected: {
    PLAIN: hashOf(secrets.PLAIN),
    ODD: hashOf(secrets.ODD),
    mail: hashOf(tokens.access),
    renewed: hashOf(tokens.newAccess),
  },
};

/** And the next one. Below those that a system gives out by itself. */
const port = 20_000 + 2 * (process.pid % 6_000);
export const directory: string = mkdtempSync(join(tmpdir(), "pawl-canary-"));
const outputs: Buffer[] = [];
let server: Server | undefined;
let provider: TokenServer | undefined;
const begun = new Map<string, string>();

export interface Played {
  /** All that was written. */
  readonly places: readonly Place[];
  /** Run -> what its start said. */
  readonly started: ReadonlyMap<string, string>;
  /** Run -> its record; null for one that a start has refused. */
  readonly records: ReadonlyMap<string, WorkflowExecution | null>;
  /** How the run ended whose secrets nothing masks. */
  readonly control: string | undefined;
}

/** All that any of its processes writes goes below the directory, also what is not meant to stay. */
const start = async (): Promise<void> => {
  const ownFolder = (name: string): string => {
    const folder = join(directory, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
  server = await startServer(directory, port, {
    logLevel: "log",
    environment: {
      HOME: ownFolder("home"),
      TMPDIR: ownFolder("temporary"),
      XDG_CONFIG_HOME: ownFolder("home"),
      XDG_CACHE_HOME: ownFolder("home"),
      WRANGLER_LOG_PATH: ownFolder("logs"),
      X_LOCAL_OBSERVABILITY: "true",
    },
    vars: { OAUTH_CLIENTS: provider!.clients },
  });
};

const kill = async (): Promise<void> => {
  await server!.kill();
  outputs.push(server!.output());
  server = undefined;
};

const ask = async (request: CanaryRequest): Promise<{ readonly status: string }> => {
  const body = JSON.stringify(request);
  const response = await fetch(server!.url, { method: "POST", body });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as { readonly status: string };
};

const until = async (what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> => {
  for (const limit = Date.now() + 60_000; Date.now() < limit; await delay(100)) {
    if (await isTrue()) return;
  }
  throw new Error(`${what} does not come. ${JSON.stringify([...statuses(directory)])}`);
};

const untilHeld = (id: string): Promise<void> =>
  until(`The holding node of ${id}`, () =>
    notes(directory).some(({ execution }) => execution === id),
  );

const untilEnded = (ids: readonly string[]): Promise<void> =>
  until(`The end of ${ids.join(", ")}`, () => {
    const stored = statuses(directory);
    return ids.every((id) => isFinalStatus(stored.get(id) as WorkflowExecutionStatus));
  });

const startRun = async (id: string, params: ExecuteParams): Promise<void> => {
  begun.set(id, (await ask({ type: "start", id, params })).status);
};

/** Those that a start has not refused. */
const startedRuns = (): readonly string[] =>
  [...begun].filter(([, status]) => status === "started").map(([id]) => id);

const answer = (id: string): Promise<void> =>
  until(`The question of ${id}`, async () => {
    const data = toldFrom(canaries, markerOf("answer"));
    return (await ask({ type: "answer", id, nodeId: "ask", data })).status === "accepted";
  });

const secretsOf = (
  owner: string,
  values: Readonly<Record<string, string>>,
  now: number,
): readonly NewSecret[] =>
  Object.entries(values).map(([name, value]) => ({ organizationId: owner, name, value, now }));

/** Plays all runs; the server dies in the middle of them and at the end. */
export const play = async (): Promise<Played> => {
  await prepare(directory, fileURLToPath(new URL("canary.worker.ts", import.meta.url)));
  provider = await startTokenServer(tokens.oldRefresh, {
    access_token: tokens.newAccess,
    refresh_token: tokens.newRefresh,
  });
  await start();
  const now = Date.now();
  const connection = { organizationId, provider: "acme", now };
  await ask({
    type: "seed",
    secrets: [
      ...secretsOf(organizationId, secrets, now),
      ...secretsOf(controlOrganizationId, controlSecrets, now),
    ],
    connections: [
      {
        ...connection,
        id: "mail",
        tokens: {
          accessToken: tokens.access,
          refreshToken: tokens.refresh,
          expiresAt: null,
          scopes: [],
        },
      },
      {
        ...connection,
        id: "renewed",
        tokens: {
          accessToken: tokens.oldAccess,
          refreshToken: tokens.oldRefresh,
          expiresAt: now,
          scopes: [],
        },
      },
      {
        ...connection,
        organizationId: controlOrganizationId,
        id: "mail",
        tokens: {
          accessToken: controlTokens.access,
          refreshToken: controlTokens.refresh,
          expiresAt: null,
          scopes: [],
        },
      },
    ],
  });
  const { killed, "left behind": leftBehind, ...others } = canaryRuns(canaries);
  for (const [id, params] of Object.entries(others)) await startRun(id, params);
  const control = controlRun({ told: Object.values(controlValues) });
  await ask({ type: "start", id: "control", params: control });
  await answer("waiting");
  await untilHeld("cancelled");
  await ask({ type: "cancel", id: "cancelled" });
  await untilEnded(["failed"]);
  await startRun("redriven", { ...others["failed"]!, redrive: { executionId: "failed" } });
  const awaited = startedRuns().filter((id) => id !== "waiting when killed");
  await untilEnded([...awaited, "control"]);
  await startRun("killed", killed!);
  await untilHeld("killed");
  await kill();

  await start();
  await answer("waiting when killed");
  await untilEnded(startedRuns());
  // Alone: no other run keeps secrets off the console when this one is over and its node speaks.
  await startRun("left behind", leftBehind!);
  await untilEnded(["left behind"]);
  const records = new Map<string, WorkflowExecution | null>();
  for (const id of begun.keys()) {
    const response = await fetch(`${server!.url}/?id=${encodeURIComponent(id)}`);
    records.set(id, (await response.json()) as WorkflowExecution | null);
  }
  // What is written a moment later counts too.
  await delay(1_500);
  await kill();
  return {
    places: [...filesBelow(directory), { name: "console", bytes: Buffer.concat(outputs) }],
    started: begun,
    records,
    control: statuses(directory).get("control"),
  };
};

/** KEEP leaves the files where they are. */
export const clean = async (): Promise<void> => {
  await server?.kill();
  provider?.close();
  if (process.env["KEEP"] === undefined) rmSync(directory, { recursive: true, force: true });
  else console.log(directory);
};
