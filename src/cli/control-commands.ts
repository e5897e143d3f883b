/** `pawl cancel`, `pawl pause` and `pawl resume`: tell a run something, and see that it has come of it what should. */
import { setTimeout as delay } from "node:timers/promises";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import { isFinalStatus } from "#core/lifecycle";
import type { RunCommand } from "#services/run-command";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import type { RunKey, RunView } from "./local-protocol.ts";
import type { LocalRuntime } from "./local-runtime.ts";
import {
  checkOrganization,
  findRun,
  noSuchRun,
  readDocument,
  readRun,
  requireRuns,
  visitRuns,
} from "./local-runs.ts";
import { shortRunId } from "./run-waits.ts";
import { runLooks } from "./run-words.ts";
import { commandText } from "./shell-command.ts";
import { paintFor, print, printJson, remark } from "./terminal.ts";
import { count } from "./text.ts";
import { finishWatch, isAtWaits, openWatch, startView } from "./watch-run.ts";

export interface ControlOptions {
  readonly json?: boolean;
  readonly org: string;
}

const endedWords: Partial<Record<WorkflowExecutionStatus, string>> = {
  completed: "has already completed",
  error: "has already ended in error",
  exhausted: "has already ended, out of credits",
  cancelled: "has already been cancelled",
};

const commandFor = (command: string, { organizationId, executionId }: RunKey): string =>
  commandText(organizationId, command, [shortRunId(executionId)]);

export const alreadyEnded = (
  run: RunKey,
  status: WorkflowExecutionStatus,
  consequence: string,
): CommandError =>
  new CommandError(
    "RUN_ENDED",
    `Run ${run.executionId} ${endedWords[status] ?? "has already ended"}: ${consequence} ` +
      (status === "completed"
        ? `'${commandFor("show", run)}' shows it.`
        : `'${commandFor("redrive", run)}' runs again what did not complete.`),
    { exitCode: exitCodes.error, details: { run: run.executionId, status } },
  );

const nothingTo: Readonly<Record<RunCommand, string>> = {
  cancel: "there is nothing to cancel.",
  pause: "there is nothing to pause.",
  resume: "there is nothing to go on with.",
};

/** Whether the command stands now; `notPaused` when there was nothing to resume. */
const tell = async (
  { ask }: LocalRuntime,
  organizationId: string,
  executionId: string,
  command: RunCommand,
): Promise<"accepted" | "notPaused"> => {
  const result = await ask("command", { organizationId, executionId, command });
  switch (result.status) {
    case "accepted":
    case "notPaused":
      return result.status;
    case "unknown":
      throw noSuchRun(executionId, organizationId);
    case "ended":
      throw alreadyEnded({ organizationId, executionId }, result.as, nothingTo[command]);
    case "cancelling":
      throw new CommandError(
        "RUN_CANCELLING",
        `Run ${executionId} is being cancelled: it can neither be paused nor go on.`,
        { exitCode: exitCodes.error },
      );
  }
};

/** A run that has to be replayed first takes its time. */
const longestWait = 15_000;

/** The run once it has heard, or as it stands when it has not heard for long. */
const whenHeard = async (
  runtime: LocalRuntime,
  organizationId: string,
  id: string,
  hasHeard: (status: WorkflowExecutionStatus) => boolean,
): Promise<RunView> => {
  const since = Date.now();
  for (let pause = 20; ; pause = Math.min(500, pause * 2)) {
    const view = await readRun(runtime, organizationId, id);
    const { status } = view.execution;
    if (hasHeard(status) || isFinalStatus(status) || Date.now() - since > longestWait) return view;
    await delay(pause);
  }
};

const doneWords = {
  cancel: { status: "cancelled", word: "Cancelled" },
  pause: { status: "paused", word: "Paused" },
} as const;

const outcomeText = (
  command: "cancel" | "pause",
  organizationId: string,
  { execution }: RunView,
): string => {
  const { id, nodeExecutions } = execution;
  const completed = nodeExecutions.filter(({ status }) => status === "completed").length;
  const facts = `${completed} of ${count(nodeExecutions.length, "node")} completed`;
  const run = { organizationId, executionId: id };
  const next =
    command === "pause"
      ? `Nodes that run end, and no more start. '${commandFor("resume", run)}' goes on.`
      : `'${commandFor("redrive", run)}' runs again what did not complete.`;
  return `${doneWords[command].word} run ${id}: ${facts}.\n  ${next}`;
};

const stopCommand = async (
  command: "cancel" | "pause",
  run: string,
  options: ControlOptions,
): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  requireRuns(run, organizationId);
  const { status: wanted } = doneWords[command];
  const view = await visitRuns(async (runtime) => {
    const id = await findRun(runtime, organizationId, run);
    await tell(runtime, organizationId, id, command);
    return whenHeard(runtime, organizationId, id, (status) => status === wanted);
  });
  const { id, status } = view.execution;
  if (isFinalStatus(status) && status !== wanted) {
    throw alreadyEnded({ organizationId, executionId: id }, status, "it was quicker.");
  }
  const isJson = options.json === true;
  if (isJson) printJson({ ...view.execution, waits: view.waits });
  if (status !== wanted) {
    remark(
      `Run ${id} has been told, and has not said yet that it is ${wanted}. '${commandFor("show", { organizationId, executionId: id })}' tells.`,
    );
    return exitCodes.error;
  }
  const { mark, format } = runLooks[wanted];
  const text = outcomeText(command, organizationId, view);
  if (!isJson) print(`${paintFor(process.stdout)(format, mark)} ${text}`);
  return exitCodes.completed;
};

export const cancelCommand = (run: string, options: ControlOptions): Promise<ExitCode> =>
  stopCommand("cancel", run, options);

export const pauseCommand = (run: string, options: ControlOptions): Promise<ExitCode> =>
  stopCommand("pause", run, options);

/** A run that is not paused and not over is followed: its process may have died, and then it is woken. */
export const resumeCommand = async (run: string, options: ControlOptions): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  requireRuns(run, organizationId);
  const isJson = options.json === true;
  const watch = await openWatch(remark);
  const { runtime } = watch;
  const executionId = await findRun(runtime, organizationId, run);
  const before = await readRun(runtime, organizationId, executionId);
  if (isFinalStatus(before.execution.status)) {
    throw alreadyEnded({ organizationId, executionId }, before.execution.status, nothingTo.resume);
  }
  const workflow = await readDocument(runtime, organizationId, before.execution);
  const { view, endView } = startView(isJson, workflow);
  view.hint("Running");
  const { follow } = watch.attend({
    organizationId,
    executionId,
    view,
    isEnough: isAtWaits,
    before,
  });
  if ((await tell(runtime, organizationId, executionId, "resume")) === "notPaused") {
    await runtime.ask("wake", { organizationId, executionId });
  }
  const after = await follow();
  await endView();
  return finishWatch(watch, organizationId, workflow, after, isJson);
};
