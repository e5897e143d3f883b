/** The words of the commands that say something to a run, and of the one that runs again what did not complete. */
import type { Command } from "commander";
import type { Finish } from "./command-words.ts";
import { examples, inputOption, organization, runArgument } from "./command-words.ts";
import type { ControlOptions } from "./control-commands.ts";
import type { RedriveOptions } from "./redrive-params.ts";

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
        "Exits as 'pawl run' does, and with 2 when the earlier run has not ended, there is nothing to run again, or the budget lets nothing run.",
    )
    .argument(...runArgument)
    .option("--from <node>", "run this node and all that follows it again, too")
    .option("--with <file>", "corrected workflow file, or - for stdin; the earlier one unless told")
    .addOption(inputOption())
    .option(
      "--credits <amount>",
      "compute credits that the organization may spend in all, with what it has spent before; the earlier limit unless told",
    )
    .option(
      "--budget <credits>",
      "settings.budget of this run: what it may spend, with what was spent on what it takes over; the earlier budget unless told",
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
        "pawl redrive 1a2b --budget 20",
      ),
    )
    .action((run: string, options: RedriveOptions) =>
      finish(
        import("./redrive-command.ts").then(({ redriveCommand }) => redriveCommand(run, options)),
      ),
    );
};

export const addControlCommands = (program: Command, finish: Finish): void => {
  for (const words of controls) addControl(program, finish, words);
  addRedrive(program, finish);
};
