/** `pawl integrations list`, `remove` and `providers`: all that can be told of a connection, which is never a token. */
import type { IntegrationFacts } from "#services/integration-store";
import type { OAuthClients } from "#runtime/oauth-clients";
import { oauthProviders } from "#runtime/oauth-providers";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import type { OrganizationOption } from "./local-runs.ts";
import { checkOrganization, hasRuns, stateDirectory, visitRuns } from "./local-runs.ts";
import { nearest } from "./nearest.ts";
import { readClients } from "./oauth-clients-file.ts";
import { shellWord } from "./run-waits.ts";
import type { Cell } from "./table.ts";
import { renderTable } from "./table.ts";
import { columnsOf, paintFor, print, printJson } from "./terminal.ts";
import { dateText, printable, shorten, wrap } from "./text.ts";

export interface IntegrationOptions extends OrganizationOption {
  readonly json?: boolean;
}

export interface ProviderOptions {
  readonly clients: string;
  readonly json?: boolean;
}

const named = (name: string): string => `'${printable(shorten(name, 60))}'`;

const isoOf = (millis: number): string => new Date(millis).toISOString();

/** Times as in the records of runs. */
const listed = ({ expiresAt, connectedAt, updatedAt, ...facts }: IntegrationFacts) => ({
  ...facts,
  expiresAt: expiresAt === null ? null : isoOf(expiresAt),
  connectedAt: isoOf(connectedAt),
  updatedAt: isoOf(updatedAt),
});

const headings = [
  { heading: "Integration" },
  { heading: "Provider" },
  { heading: "Status" },
  { heading: "Token until" },
  { heading: "Scopes" },
] as const;

const rowOf = (facts: ReturnType<typeof listed>): readonly Cell[] => [
  { text: facts.id },
  { text: shorten(printable(facts.provider), 20) },
  facts.status === "connected"
    ? { text: "✓ connected", format: "green" }
    : { text: "✗ expired", format: "red" },
  { text: facts.expiresAt === null ? "for ever" : dateText(facts.expiresAt), format: "dim" },
  { text: facts.scopes.join(" "), isWrapped: true },
];

const listIntegrations = async (organizationId: string): Promise<readonly IntegrationFacts[]> =>
  hasRuns() ? visitRuns(({ ask }) => ask("listIntegrations", { organizationId })) : [];

export const listIntegrationsCommand = async (options: IntegrationOptions): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  const integrations = (await listIntegrations(organizationId)).map(listed);
  if (options.json === true) {
    printJson({ integrations });
    return exitCodes.completed;
  }
  const columns = columnsOf(process.stdout);
  if (integrations.length === 0) {
    const whose = organizationId === "local" ? "" : ` for organization ${named(organizationId)}`;
    const text =
      `There are no integrations in ${stateDirectory}/${whose} yet. ` +
      "'pawl integrations providers' lists what can be connected.";
    print(wrap(text, columns).join("\n"));
    return exitCodes.completed;
  }
  print(renderTable(headings, integrations.map(rowOf), columns, paintFor(process.stdout)));
  const expired = integrations.find(({ status }) => status === "expired");
  if (expired !== undefined) {
    const { id, provider } = expired;
    const again = `'pawl integrations connect ${shellWord(provider)} --id ${shellWord(id)}' connects an expired one again.`;
    print(`\n${wrap(printable(again), columns).join("\n")}`);
  }
  return exitCodes.completed;
};

const noSuchIntegration = (id: string, ids: readonly string[]): CommandError => {
  const near = nearest(id, ids);
  return new CommandError(
    "UNKNOWN_INTEGRATION",
    `There is no integration ${named(id)} in ${stateDirectory}/. ` +
      (near.length > 0
        ? `Did you mean ${near.map(named).join(", ")}?`
        : "'pawl integrations list' lists them."),
  );
};

export const removeIntegrationCommand = async (
  id: string,
  options: IntegrationOptions,
): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  if (!hasRuns()) throw noSuchIntegration(id, []);
  await visitRuns(async ({ ask }) => {
    if (await ask("removeIntegration", { organizationId, id })) return;
    const integrations = await ask("listIntegrations", { organizationId });
    throw noSuchIntegration(
      id,
      integrations.map((integration) => integration.id),
    );
  });
  if (options.json === true) printJson({ status: "removed", id });
  else print(`${paintFor(process.stdout)("green", "✓")} Integration ${named(id)} is removed.`);
  return exitCodes.completed;
};

interface ListedProvider {
  readonly name: string;
  /** Whether the file has a client of it. */
  readonly client: boolean;
  readonly scopes: readonly string[];
  /** Of a token, in seconds, where the provider tells none; null when it then never expires. */
  readonly lifetime: number | null;
  readonly authorizationEndpoint: string;
}

const providersOf = (clients: OAuthClients): readonly ListedProvider[] =>
  [...new Set([...oauthProviders.keys(), ...clients.keys()])].map((name) => {
    const client = clients.get(name);
    const { lifetime, authorizationEndpoint, scopes } =
      client?.provider ?? oauthProviders.get(name)!;
    return {
      name,
      client: client !== undefined,
      scopes: client?.scopes ?? scopes,
      lifetime,
      authorizationEndpoint,
    };
  });

const lifetimeText = (seconds: number | null): string => {
  if (seconds === null) return "for ever";
  const hours = seconds / 3600;
  return hours >= 48 ? `${Math.round(hours / 24)} days` : `${Number(hours.toFixed(1))} h`;
};

const providerHeadings = [
  { heading: "Provider" },
  { heading: "Client" },
  { heading: "Token lasts" },
  { heading: "Asks for" },
] as const;

const providerRowOf = ({ name, client, lifetime, scopes }: ListedProvider): readonly Cell[] => [
  { text: name },
  client ? { text: "✓", format: "green" } : { text: "–", format: "dim" },
  { text: lifetimeText(lifetime), format: "dim" },
  { text: scopes.join(" "), isWrapped: true },
];

export const providersCommand = async ({ clients, json }: ProviderOptions): Promise<ExitCode> => {
  const providers = providersOf(readClients(clients));
  if (json === true) {
    printJson({ providers });
    return exitCodes.completed;
  }
  const columns = columnsOf(process.stdout);
  print(
    renderTable(providerHeadings, providers.map(providerRowOf), columns, paintFor(process.stdout)),
  );
  const hint = `'pawl integrations connect PROVIDER' connects one that has a client in ${clients}; its help shows how one is written down.`;
  print(`\n${wrap(printable(hint), columns).join("\n")}`);
  return exitCodes.completed;
};
