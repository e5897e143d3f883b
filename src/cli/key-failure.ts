/**
 * What a person is told when the master key of a state directory does not open what is sealed: which of it, and what helps. In
 * the same words whichever command meets it; the Worker's own are for a deployment.
 */
import { CommandError, exitCodes } from "./command-error.ts";
import type { Connection } from "./local-control.ts";
import type {
  LocalRequest,
  LocalResponse,
  Sealed,
  SealedCheck,
  SealedCount,
  SealedRow,
} from "./local-protocol.ts";
import type { Keyring } from "./master-key-file.ts";
import { masterKeyPath, readKeyring } from "./master-key-file.ts";
import { commandText, usualOrganization } from "./shell-command.ts";
import { count, printable, shorten } from "./text.ts";

const remedies = {
  secret: { command: "secrets remove", again: "set it anew" },
  integration: { command: "integrations remove", again: "connect it anew" },
} as const;

export const sumOf = (counts: readonly Sealed[]): Sealed => ({
  secrets: counts.reduce((sum, { secrets }) => sum + secrets, 0),
  integrations: counts.reduce((sum, { integrations }) => sum + integrations, 0),
});

const removals = ({ organizationId, secrets, integrations }: SealedCount): readonly string[] =>
  [
    ...(secrets > 0 ? [`${remedies.secret.command} NAME`] : []),
    ...(integrations > 0 ? [`${remedies.integration.command} ID`] : []),
  ].map((command) => `'${commandText(organizationId, command)}'`);

/** Those that are named; each is another command or two. */
const mostOrganizations = 3;

/** With all that is sealed under it: somebody may know of one organization alone. */
export const lostKey = (directory: string, counts: readonly SealedCount[]): CommandError => {
  const { secrets, integrations } = sumOf(counts);
  const parts = [
    ...(secrets > 0 ? [count(secrets, "secret")] : []),
    ...(integrations > 0 ? [count(integrations, "integration")] : []),
  ];
  const others = counts.length - mostOrganizations;
  const more = others > 0 ? `, and so for ${count(others, "more organization")}` : "";
  const commands = counts.slice(0, mostOrganizations).flatMap(removals).join(", ");
  const isOne = secrets + integrations === 1;
  return new CommandError(
    "MASTER_KEY_LOST",
    `${masterKeyPath(directory)} is gone, and ${parts.join(" and ")} ${isOne ? "is" : "are"} sealed under it. ` +
      `Put it back, or remove ${isOne ? "it" : "each of them"} (${commands}${more}) and set it anew.`,
    { exitCode: exitCodes.error },
  );
};

export const wrongKey = (
  directory: string,
  keyring: Keyring,
  { kind, organizationId, id, keyVersion }: SealedRow,
): CommandError => {
  const path = masterKeyPath(directory);
  const owner =
    organizationId === usualOrganization
      ? ""
      : ` of organization '${printable(shorten(organizationId, 60))}'`;
  const what = `The ${kind} '${printable(shorten(id, 60))}'${owner}`;
  const wrong = keyring.some(({ version }) => version === keyVersion)
    ? `cannot be opened: version ${keyVersion} in ${path} is another key than the one that sealed it, or its row was changed from outside`
    : `is sealed under version ${keyVersion} of the master key, which ${path} does not have`;
  const { command, again } = remedies[kind];
  const remove = printable(commandText(organizationId, command, [id]));
  return new CommandError(
    "MASTER_KEY_WRONG",
    `${what} ${wrong}. Put that key back, or remove the ${kind} ('${remove}') and ${again}.`,
    { exitCode: exitCodes.error },
  );
};

type Failed = Extract<LocalResponse, { readonly status: "failed" }>;

/** The services' own names of what has to do with the key. */
const isOfKey = ({ operation }: Failed): boolean =>
  operation.startsWith("MasterKey.") || operation === "LocalFile.read";

const organizationOf = (request: LocalRequest): string | undefined => {
  if (request.type === "start") return request.params.organizationId;
  return "organizationId" in request ? request.organizationId : undefined;
};

/** Undefined when the key is not the reason. */
export const keyFailure = async (
  directory: string,
  { ask }: Pick<Connection, "ask">,
  request: LocalRequest,
  failed: Failed,
): Promise<CommandError | undefined> => {
  if (!isOfKey(failed)) return undefined;
  const keyring = readKeyring(directory);
  if (keyring === undefined) {
    const counted = await ask({ type: "countSealed" });
    if (counted.status === "failed") return undefined;
    return lostKey(directory, counted.answer as readonly SealedCount[]);
  }
  const organizationId = organizationOf(request);
  const checked = await ask({
    type: "checkSealed",
    isThorough: true,
    ...(organizationId === undefined ? {} : { organizationId }),
  });
  if (checked.status === "failed") return undefined;
  const { unopened } = checked.answer as SealedCheck;
  return unopened === null ? undefined : wrongKey(directory, keyring, unopened);
};
