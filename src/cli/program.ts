/**
 * The command's words: what it is called with and how it explains itself. Each command's own code is loaded when it is
 * called, so that help comes at once.
 */
import { readFileSync } from "node:fs";
import type { Argument } from "commander";
import { Command, Option } from "commander";
import type { MachinesOptions } from "./machines-command.ts";
import type { NodesOptions } from "./nodes-command.ts";
import type { Finish } from "./command-words.ts";
import { examples } from "./command-words.ts";
import { addControlCommands } from "./program-control.ts";
import { addCredits } from "./program-credits.ts";
import { addIntegrations } from "./program-integrations.ts";
import { addRun, addRunCommands } from "./program-runs.ts";
import { addSecrets } from "./program-secrets.ts";
import type { SchemaOptions } from "./schema-command.ts";
import { columnsOf, paintFor } from "./terminal.ts";
import type { ValidateOptions } from "./validate-command.ts";

const versionOf = (): string => {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
};

const argumentText = (argument: Argument): string =>
  argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;

const describe = (program: Command): Command => {
  const paint = paintFor(process.stdout);
  return program.configureHelp({
    helpWidth: Math.min(columnsOf(process.stdout), 100),
    subcommandTerm: (command) =>
      [command.name(), ...command.registeredArguments.map(argumentText)].join(" "),
    styleTitle: (title) => paint("bold", title),
    styleCommandText: (text) => paint("cyan", text),
    styleSubcommandText: (text) => paint("cyan", text),
    styleOptionText: (text) => paint("cyan", text),
    styleArgumentText: (text) => paint("cyan", text),
  });
};

const addValidate = (program: Command, finish: Finish): void => {
  program
    .command("validate")
    .summary("find everything that is wrong with a workflow file")
    .description(
      "Finds everything that is wrong with a workflow file, at once, without running it.\n\n" +
        "Exits with 0 when the workflow can run (warnings do not stop it), and 2 when it cannot. Secrets, integrations and credits are looked at when it runs.",
    )
    .argument("<file>", "workflow file, or - for stdin")
    .option("--json", "print the problems as one JSON document")
    .addHelpText(
      "after",
      examples("pawl validate examples/order-triage.json", "cat flow.json | pawl validate -"),
    )
    .action((file: string, options: ValidateOptions) =>
      finish(
        import("./validate-command.ts").then(({ validateCommand }) =>
          validateCommand(file, options),
        ),
      ),
    );
};

const addNodes = (program: Command, finish: Finish): void => {
  program
    .command("nodes")
    .summary("list the node types, or show the ports of one")
    .description("Lists the node types that a workflow can be made of, or shows the ports of one.")
    .argument("[type]", "node type, such as addition")
    .option("--json", "print the types as one JSON document")
    .addHelpText("after", examples("pawl nodes", "pawl nodes conditional-fork"))
    .action((type: string | undefined, options: NodesOptions) =>
      finish(import("./nodes-command.ts").then(({ nodesCommand }) => nodesCommand(type, options))),
    );
};

const addSchema = (program: Command, finish: Finish): void => {
  program
    .command("schema")
    .summary("print the JSON Schema of a workflow file")
    .description(
      "Prints the JSON Schema of a workflow file. An editor completes and checks a file whose $schema names it.",
    )
    .option("--write [file]", "write it to a file (schema/workflow.schema.json unless told)")
    .addOption(
      new Option("--check [file]", "exit with 1 when the file holds something else").conflicts(
        "write",
      ),
    )
    .addHelpText("after", examples("pawl schema > workflow.schema.json"))
    .action((options: SchemaOptions) =>
      finish(import("./schema-command.ts").then(({ schemaCommand }) => schemaCommand(options))),
    );
};

const addMachines = (program: Command, finish: Finish): void => {
  program
    .command("machines")
    .summary("draw the lifecycles of a node and of a run")
    .description(
      "Draws the lifecycles of a node and of a run from their state machines, as Mermaid and as SVG.",
    )
    .option("--check", "write nothing; exit with 1 and name the files that are stale")
    .option("--out <directory>", "where the pictures are kept", "docs/machines")
    .addHelpText("after", examples("pawl machines", "pawl machines --check"))
    .action((options: MachinesOptions) =>
      finish(
        import("./machines-command.ts").then(({ machinesCommand }) => machinesCommand(options)),
      ),
    );
};

/** Commands are listed in the order in which a person meets them. */
export const createProgram = (finish: Finish): Command => {
  const program = describe(new Command("pawl"))
    .description("Runs workflows durably on Cloudflare Workflows, one click at a time.")
    .version(versionOf(), "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .exitOverride()
    // `main.ts` says what is wrong, in the words of every other error.
    .configureOutput({ outputError: () => {} })
    .showSuggestionAfterError()
    .addHelpText(
      "after",
      `${examples("pawl run examples/order-triage.json")}\n\nEvery command has its own help: pawl run --help`,
    );
  addRun(program, finish);
  addRunCommands(program, finish);
  addControlCommands(program, finish);
  addSecrets(program, finish);
  addIntegrations(program, finish);
  addCredits(program, finish);
  addValidate(program, finish);
  addNodes(program, finish);
  addSchema(program, finish);
  addMachines(program, finish);
  return program;
};
