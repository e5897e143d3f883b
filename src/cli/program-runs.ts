/** The words of the commands that start runs, show them and answer them. */
import type { Command } from "commander";
import { Option } from "commander";
import type { AnswerOptions } from "./answer-command.ts";
import type { Finish } from "./command-words.ts";
import { examples, inputOption, organization, runArgument } from "./command-words.ts";
import type { RunCommandOptions } from "./run-command.ts";
import type { RunsOptions } from "./runs-command.ts";
import type { ShowOptions } from "./show-command.ts";

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
    .option(
      "--direct",
      "run in this process, without durability or .pawl/, and so without its secrets",
    )
    .option("--json", "print the run's record as one JSON document, and progress to stderr")
    .addOption(inputOption())
    .option(
      "--credits <amount>",
      "compute credits that the organization may spend in all, with what it has spent before; no limit unless told. settings.budget in the workflow is the limit of one run",
    )
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

/** In the order in which a person needs them. */
export const addRunCommands = (program: Command, finish: Finish): void => {
  addRuns(program, finish);
  addShow(program, finish);
  addAnswer(program, finish);
};
