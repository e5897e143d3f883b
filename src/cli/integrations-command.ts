/** `pawl integrations list`, `remove` and `providers`: all that can be told of a connection, which is never a token. */
import { oauthProviders } from "#runtime/oauth-providers";
import type { ExitCode } from "./command-error.ts";
import { exitCodes } from "./command-error.ts";
import type { OrganizationOption } from "./local-runs.ts";
import { checkOrganization, hasRuns, stateDirectory, visitRuns } from "./local-runs.ts";
import type { ListedIntegration } from "./local-protocol.ts";
import type { ClientsFile } from "./oauth-clients-file.ts";
import { readClients } from "./oauth-clients-file.ts";
import { removeResource } from "./remove-resource.ts";
import { commandText, forOrganization, shellWord } from "./shell-command.ts";
import type { Cell } from "./table.ts";
import { renderTable } from "./table.ts";
import {
  columnsOf,
  paintFor,
  print,
  printDone,
  printJson,
  printSentence,
  remark,
} from "./terminal.ts";
import { dateText, isoText, named, printable, shorten } from "./text.ts";

export interface IntegrationOptions extends OrganizationOption {
  readonly json?: boolean;
}

export interface ProviderOptions {
  readonly clients: string;
  readonly json?: boolean;
}

const listed = ({
  expiresAt,
  connectedAt,
  updatedAt,
  isRenewable: _isRenewable,
  ...facts
}: ListedIntegration) => ({
  ...facts,
  expiresAt: expiresAt === null ? null : isoText(expiresAt),
  connectedAt: isoText(connectedAt),
  updatedAt: isoText(updatedAt),
});

const headings = [
  { heading: "Integration" },
  { heading: "Provider" },
  { heading: "Status" },
  { heading: "Token until" },
  { heading: "Scopes" },
] as const;

const untilText = ({ expiresAt, isRenewable }: ListedIntegration): string => {
  const until = expiresAt === null ? null : isoText(expiresAt);
  if (until === null) return "for ever";
  if (isRenewable === null) return dateText(until);
  return isRenewable ? "renewed when needed" : "over";
};

/** Its provider gives no more tokens without a person. */
const isOver = ({ status, isRenewable }: ListedIntegration): boolean =>
  status === "expired" || isRenewable === false;

const rowOf = (integration: ListedIntegration): readonly Cell[] => [
  { text: integration.id },
  { text: shorten(printable(integration.provider), 20) },
  isOver(integration)
    ? { text: "✗ expired", format: "red" }
    : { text: "✓ connected", format: "green" },
  { text: untilText(integration), format: "dim" },
  { text: integration.scopes.join(" "), isWrapped: "words" },
];

const listIntegrations = async (organizationId: string): Promise<readonly ListedIntegration[]> =>
  hasRuns() ? visitRuns(({ ask }) => ask("listIntegrations", { organizationId })) : [];

export const listIntegrationsCommand = async (options: IntegrationOptions): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  const integrations = await listIntegrations(organizationId);
  if (options.json === true) {
    printJson({ integrations: integrations.map(listed) });
    return exitCodes.completed;
  }
  if (integrations.length === 0) {
    printSentence(
      `There are no integrations in ${stateDirectory}/${forOrganization(organizationId)} yet. ` +
        "'pawl integrations providers' lists what can be connected.",
    );
    return exitCodes.completed;
  }
  const columns = columnsOf(process.stdout);
  print(renderTable(headings, integrations.map(rowOf), columns, paintFor(process.stdout)));
  const expired = integrations.find(isOver);
  if (expired !== undefined) {
    const { id, provider } = expired;
    const connect = "integrations connect";
    const again = commandText(organizationId, connect, [provider], `--id ${shellWord(id)}`);
    print("");
    printSentence(printable(`'${again}' connects an expired one again.`));
  }
  return exitCodes.completed;
};

export const removeIntegrationCommand = async (
  id: string,
  options: IntegrationOptions,
): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  await removeResource({
    kind: "integration",
    organizationId,
    name: id,
    remove: ({ ask }) => ask("removeIntegration", { organizationId, id }),
    names: async ({ ask }) =>
      (await ask("listIntegrations", { organizationId })).map((one) => one.id),
  });
  if (options.json === true) printJson({ status: "removed", id });
  else printDone(`Integration ${named(id)} is removed.`);
  return exitCodes.completed;
};

interface ListedProvider {
  readonly name: string;
  /** Whether the file has a client of it. */
  readonly client: boolean;
  /** Why the file's client cannot be used. */
  readonly problem?: string;
  readonly scopes: readonly string[];
  /** Of a token, in seconds, where the provider tells none; null when it then never expires, or nobody knows. */
  readonly lifetime: number | null;
  /** Null where nobody says it. */
  readonly authorizationEndpoint: string | null;
}

/** Of an entry that cannot be read, for a provider that is not known. */
const unknownProvider = { lifetime: null, authorizationEndpoint: null, scopes: [] };

const providersOf = ({ clients, problems }: ClientsFile): readonly ListedProvider[] =>
  [...new Set([...oauthProviders.keys(), ...clients.keys(), ...problems.keys()])].map((name) => {
    const client = clients.get(name);
    const problem = problems.get(name);
    const { lifetime, authorizationEndpoint, scopes } =
      client?.provider ?? oauthProviders.get(name) ?? unknownProvider;
    return {
      name,
      client: client !== undefined,
      ...(problem === undefined ? {} : { problem }),
      scopes: client?.scopes ?? scopes,
      lifetime,
      authorizationEndpoint,
    };
  });

const lifetimeText = (name: string, seconds: number | null): string => {
  if (seconds === null) return oauthProviders.has(name) ? "for ever" : "unknown";
  const hours = seconds / 3600;
  return hours >= 48 ? `${Math.round(hours / 24)} days` : `${Number(hours.toFixed(1))} h`;
};

const providerHeadings = [
  { heading: "Provider" },
  { heading: "Client" },
  { heading: "Token lasts" },
  { heading: "Asks for" },
] as const;

const clientCell = ({ client, problem }: ListedProvider): Cell => {
  if (client) return { text: "✓", format: "green" };
  return problem === undefined ? { text: "–", format: "dim" } : { text: "✗", format: "red" };
};

const providerRowOf = (provider: ListedProvider): readonly Cell[] => [
  { text: provider.name },
  clientCell(provider),
  { text: lifetimeText(provider.name, provider.lifetime), format: "dim" },
  { text: provider.scopes.join(" "), isWrapped: "words" },
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
  print("");
  printSentence(printable(hint));
  for (const { problem } of providers) {
    if (problem !== undefined) remark(printable(problem));
  }
  return exitCodes.completed;
};
