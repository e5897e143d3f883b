/** The words of the commands that start runs and act on them. */
import type { Command } from "commander";
import { Option } from "commander";
import type { AnswerOptions } from "./answer-command.ts";
import type { ExitCode } from "./command-error.ts";
import type { ControlOptions } from "./control-commands.ts";
import type { RedriveOptions } from "./redrive-command.ts";
import type { RunCommandOptions } from "./run-command.ts";
import type { RunsOptions } from "./runs-command.ts";
import type { ShowOptions } from "./show-command.ts";
import { paintFor } from "./terminal.ts";

/** What a command is called with, and what it does then. */
export type Finish = (exitCode: Promise<ExitCode>) => Promise<void>;

export const examples = (...lines: readonly string[]): string =>
  `\n${paintFor(process.stdout)("bold", `Example${lines.length === 1 ? "" : "s"}:`)}\n${lines
    .map((line) => `  ${line}`)
    .join("\n")}`;

const collect = (value: string, values: readonly string[] = []): readonly string[] => [
  ...values,
  value,
];

const inputOption = (): Option =>
  new Option(
    "-i, --input <node.port=value>",
    "give an input another value for this run; may be repeated",
  ).argParser(collect);

const organization = ["--org <id>", "organization that the run belongs to", "local"] as const;
const runArgument = [
  "<run>",
  "id of a run, the beginning of one, or 'last' for the newest",
] as const;

export const addRun = (program: Command, finish: Finish): void => {
  program
    .command("run")
    .summary("run a workflow to its end")
    .description(
      "Runs a workflow to its end: durably, on Cloudflare's own runtime started in this process, with its database and files kept in .pawl/. " +
        "Ctrl-C leaves the run where it is; 'pawl resume' goes on with it.\n\n" +
        "Exits with 0 when the run completed, 1 on an error, 2 when it could not start, 3 when credits ran out, 4 when it was cancelled, 130 when it was interrupted.",
    )
    .argument("<file>", "workflow file, or - for stdin")
    .option("--direct", "run in this process, without durability or .pawl/")
    .option("--json", "print the run's record as one JSON document, and progress to stderr")
    .addOption(inputOption())
    .option("--credits <amount>", "compute credits that may be spent; no limit unless told")
    .option(...organization)
    .addHelpText(
      "after",
      examples(
        "pawl run examples/order-triage.json",
        "pawl run examples/order-triage.json --input note.value='No hurry'",
        "pawl run examples/order-triage.json --direct --json | jq .status",
      ),
    )
    .action((file: string, options: RunCommandOptions) =>
      finish(import("./run-command.ts").then(({ runCommand }) => runCommand(file, options))),
    );
};

const addRuns = (program: Command, finish: Finish): void => {
  program
    .command("runs")
    .summary("list the runs")
    .description("Lists the runs in .pawl/, newest first.")
    .addOption(
      new Option("--status <status>", "only runs with this status").choices([
        "submitted",
        "executing",
        "paused",
        "completed",
        "error",
        "exhausted",
        "cancelled",
      ]),
    )
    .option("--workflow <id>", "only runs of this workflow")
    .option("--limit <number>", "how many, from 1 to 1000", "20")
    .option("--json", "print the runs as one JSON document")
    .option(...organization)
    .addHelpText("after", examples("pawl runs", "pawl runs --status error --limit 5"))
    .action((options: RunsOptions) =>
      finish(import("./runs-command.ts").then(({ runsCommand }) => runsCommand(options))),
    );
};

const addShow = (program: Command, finish: Finish): void => {
  program
    .command("show")
    .summary("show one run: nodes, timeline, attempts, waits")
    .description(
      "Shows one run as it stands: its nodes, when each did what, every attempt with its error, why nodes were skipped, and what is waited for.",
    )
    .argument(...runArgument)
    .option("--json", "print the run's record and waits as one JSON document")
    .option(...organization)
    .addHelpText("after", examples("pawl show last", "pawl show 1a2b --json | jq .waits"))
    .action((run: string, options: ShowOptions) =>
      finish(import("./show-command.ts").then(({ showCommand }) => showCommand(run, options))),
    );
};

const addAnswer = (program: Command, finish: Finish): void => {
  program
    .command("answer")
    .summary("answer a node that waits, and go on with the run")
    .description(
      "Gives a node the answer that it waits for, then follows the run until it ends or only waits. One answer to a wait is taken; 'pawl show' tells what is asked.\n\n" +
        "Exits as 'pawl run' does, with 0 also when the run waits again, 1 when the node does not wait, and 2 when there is no such run or node.",
    )
    .argument(...runArgument)
    .argument("<node>", "id of the node that waits")
    .option(
      "--data <json>",
      "the answer, or - for stdin; null unless told, which wait-for-event puts out as true",
    )
    .option("--name <wait>", "which wait, when the node has several")
    .option("--no-follow", "give the answer and leave")
    .option("--json", "print the run's record and waits as one JSON document")
    .option(...organization)
    .addHelpText(
      "after",
      examples(
        "pawl answer last approve --data true",
        `pawl answer 1a2b order --data '{"sku": 7}'`,
      ),
    )
    .action((run: string, node: string, options: AnswerOptions) =>
      finish(
        import("./answer-command.ts").then(({ answerCommandLine }) =>
          answerCommandLine(run, node, options),
        ),
      ),
    );
};

/** The words of a command that says one thing to a run. */
interface ControlWords {
  readonly name: "cancel" | "pause" | "resume";
  readonly summary: string;
  readonly description: string;
}

const controls: readonly ControlWords[] = [
  {
    name: "pause",
    summary: "let a run's nodes end and start no more",
    description:
      "Pauses a live run: nodes that run end, and no more start, also after a restart.\n\n" +
      "Exits with 0 when the run is paused, 1 when it has ended, 2 when there is no such run.",
  },
  {
    name: "resume",
    summary: "go on with a run that was paused or left",
    description:
      "Goes on with a run that was paused, or whose process was interrupted or killed, and follows it until it ends or only waits for an answer. A run that goes on elsewhere is followed.\n\n" +
      "Exits as 'pawl run' does, with 0 also when the run waits, 1 when it had ended, 2 when there is no such run.",
  },
  {
    name: "cancel",
    summary: "end a run now",
    description:
      "Ends a live run: attempts that run are aborted, and no more nodes start.\n\n" +
      "Exits with 0 when the run is cancelled, 1 when it has ended otherwise, 2 when there is no such run.",
  },
];

const addControl = (
  program: Command,
  finish: Finish,
  { name, summary, description }: ControlWords,
): void => {
  program
    .command(name)
    .summary(summary)
    .description(description)
    .argument(...runArgument)
    .option("--json", "print the run's record and waits as one JSON document")
    .option(...organization)
    .addHelpText("after", examples(`pawl ${name} last`))
    .action((run: string, options: ControlOptions) =>
      finish(
        import("./control-commands.ts").then((commands) =>
          commands[`${name}Command`](run, options),
        ),
      ),
    );
};

const addRedrive = (program: Command, finish: Finish): void => {
  program
    .command("redrive")
    .summary("run again what did not complete, in a new run")
    .description(
      "Starts a new run that takes over what an earlier one completed, and runs the rest: nodes that failed or were skipped and all that follows them. " +
        "With a corrected workflow or input, a node is taken over only when neither it nor its inputs have changed.\n\n" +
        "Exits as 'pawl run' does, and with 2 when the earlier run has not ended or there is nothing to run again.",
    )
    .argument(...runArgument)
    .option("--from <node>", "run this node and all that follows it again, too")
    .option("--with <file>", "corrected workflow file, or - for stdin; the earlier one unless told")
    .addOption(inputOption())
    .option(
      "--credits <amount>",
      "compute credits that may be spent; the earlier limit unless told",
    )
    .option("--dry-run", "show what would run again and why, and start nothing")
    .option("--json", "print the new run's record, or the plan, as one JSON document")
    .option(...organization)
    .addHelpText(
      "after",
      examples(
        "pawl redrive last --dry-run",
        "pawl redrive 1a2b --from total",
        "pawl redrive 1a2b --with corrected.json",
      ),
    )
    .action((run: string, options: RedriveOptions) =>
      finish(
        import("./redrive-command.ts").then(({ redriveCommand }) => redriveCommand(run, options)),
      ),
    );
};

/** In the order in which a person needs them. */
export const addRunCommands = (program: Command, finish: Finish): void => {
  addRuns(program, finish);
  addShow(program, finish);
  addAnswer(program, finish);
  for (const words of controls) addControl(program, finish, words);
  addRedrive(program, finish);
};
