/** `pawl secrets set`, `list` and `remove`: values go in and are never shown. */
import type { SecretFacts } from "#services/secret-store";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import type { OrganizationOption } from "./local-runs.ts";
import { checkOrganization, hasRuns, stateDirectory, visitRuns } from "./local-runs.ts";
import { withMasterKey } from "./master-key.ts";
import { nearest } from "./nearest.ts";
import { removeResource } from "./remove-resource.ts";
import { checkSecret, isPlainWord, readSecretValue } from "./secret-value.ts";
import { commandText, forOrganization, shellNames } from "./shell-command.ts";
import { endOnSignal } from "./shutdown.ts";
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
import { dateText, named } from "./text.ts";

export interface SecretOptions extends OrganizationOption {
  readonly json?: boolean;
}

/** For checking a name before its value is asked for: as short as a value can be. */
const anyValue = "12345678";

const setOptions = ["--json", "--org", "--help"];

/** What is shorter than any value is none, and can be repeated. */
const refuseOption = (word: string): never => {
  const near = nearest(word, setOptions);
  throw new CommandError(
    "USAGE",
    `Unknown option ${named(word)}.${near.length > 0 ? ` Did you mean ${near.join(", ")}?` : ""}\n` +
      `'pawl secrets set ${shellNames([word])}' sets a secret of that name, and 'pawl secrets set --help' says what there is.`,
  );
};

/** Never with the arguments themselves: one of them may be the value. */
const refuseValues = (args: readonly string[], isLiteral: boolean): string => {
  const [name = "", ...others] = args;
  const isOption = name.startsWith("-") && !isLiteral;
  if (others.length === 0 && !name.includes("=")) {
    if (!isOption) return name;
    if (name.length < anyValue.length) return refuseOption(name);
  }
  throw new CommandError(
    "SECRET_IN_ARGUMENT",
    "'pawl secrets set' takes a name and never a value: other programs can read arguments, and the shell keeps them in its history. " +
      `Give the name alone (without '='${isOption ? ", and after '--' if it begins with '-'" : ""}): the value is asked for, or read from stdin. ` +
      "If a value stood there, take it out of the shell's history, or replace it where it came from.",
  );
};

export const setSecretCommand = async (
  args: readonly string[],
  options: SecretOptions,
  /** They came after `--`. */
  isLiteral: boolean,
): Promise<ExitCode> => {
  const name = refuseValues(args, isLiteral);
  const organizationId = checkOrganization(options);
  checkSecret(name, anyValue);
  const value = await readSecretValue(`Value of ${named(name)} (it is not shown): `);
  checkSecret(name, value);
  endOnSignal(() => remark("Interrupted. The secret may or may not be set."));
  const status = await withMasterKey({ kind: "secret", organizationId, id: name }, ({ ask }) =>
    ask("setSecret", { organizationId, name, value }),
  );
  if (options.json === true) printJson({ status, name });
  else printDone(`Secret ${named(name)} is ${status === "created" ? "set" : "replaced"}.`);
  if (isPlainWord(value)) {
    remark(
      "The value reads as a plain word: ordinary text that holds it will be masked, and documents that hold it refused. A longer, random one is told apart.",
    );
  }
  return exitCodes.completed;
};

/** Times as in the records of runs. */
const listed = ({ createdAt, updatedAt, ...facts }: SecretFacts) => ({
  ...facts,
  createdAt: new Date(createdAt).toISOString(),
  updatedAt: new Date(updatedAt).toISOString(),
});

const headings = [
  { heading: "Secret" },
  { heading: "First set" },
  { heading: "Last set" },
] as const;

const listSecrets = async (organizationId: string): Promise<readonly SecretFacts[]> =>
  hasRuns() ? visitRuns(({ ask }) => ask("listSecrets", { organizationId })) : [];

export const listSecretsCommand = async (options: SecretOptions): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  const secrets = (await listSecrets(organizationId)).map(listed);
  if (options.json === true) {
    printJson({ secrets });
    return exitCodes.completed;
  }
  const set = commandText(organizationId, "secrets set NAME");
  if (secrets.length === 0) {
    printSentence(
      `There are no secrets in ${stateDirectory}/${forOrganization(organizationId)} yet. '${set}' sets one.`,
    );
    return exitCodes.completed;
  }
  const rows = secrets.map(
    ({ name, createdAt, updatedAt }) =>
      [
        { text: name },
        { text: dateText(createdAt), format: "dim" },
        { text: dateText(updatedAt), format: "dim" },
      ] as const,
  );
  print(renderTable(headings, rows, columnsOf(process.stdout), paintFor(process.stdout)));
  print("");
  printSentence(`Nodes read them by name. '${set}' replaces a value; nothing shows one.`);
  return exitCodes.completed;
};

export const removeSecretCommand = async (
  name: string,
  options: SecretOptions,
): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  await removeResource({
    kind: "secret",
    organizationId,
    name,
    remove: ({ ask }) => ask("removeSecret", { organizationId, name }),
    names: async ({ ask }) => (await ask("listSecrets", { organizationId })).map((one) => one.name),
  });
  if (options.json === true) printJson({ status: "removed", name });
  else printDone(`Secret ${named(name)} is removed.`);
  return exitCodes.completed;
};
