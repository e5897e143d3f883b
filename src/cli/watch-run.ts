/**
 * What `pawl run` and all that goes on with a run have in common: a view of the run while it is followed, words for who
 * interrupts it, its table at the end, and an end that cuts off nobody else.
 */
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import type { Workflow } from "#core/workflow";
import type { MonitoringMessage } from "#services/monitoring-service";
import type { ExitCode } from "./command-error.ts";
import { exitCodes } from "./command-error.ts";
import { readExhaustion } from "./exhaustion.ts";
import { createRunNews, followRun, isOfRun } from "./follow-run.ts";
import type { RunKey, RunView } from "./local-protocol.ts";
import type { LocalRuntime } from "./local-runtime.ts";
import { openRuns, stateDirectory } from "./local-runs.ts";
import { masterKeyPath } from "./master-key-file.ts";
import type { ProgressView } from "./progress-view.ts";
import { createProgressView } from "./progress-view.ts";
import { renderRun } from "./run-table.ts";
import { answerCommand, isOnlyWaiting, openWaits, renderWaits, shortRunId } from "./run-waits.ts";
import { commandText } from "./shell-command.ts";
import { endOnSignal, onShutdown } from "./shutdown.ts";
import { tellReaders } from "./state-directory.ts";
import type { Stream } from "./terminal.ts";
import { columnsOf, paintFor, print, printJson, printSentence, remark } from "./terminal.ts";
import { count, printable, shorten } from "./text.ts";

const exitCodeByStatus: Readonly<Record<WorkflowExecutionStatus, ExitCode>> = {
  submitted: exitCodes.error,
  executing: exitCodes.error,
  paused: exitCodes.completed,
  completed: exitCodes.completed,
  error: exitCodes.error,
  exhausted: exitCodes.exhausted,
  cancelled: exitCodes.cancelled,
};

/** Only an answer can bring the run on. */
export const isAtWaits = ({ execution, waits }: RunView): boolean =>
  isOnlyWaiting(execution, waits);

/** A run that waits, or is paused, is as far as it can be. */
export const exitCodeOf = (view: RunView): ExitCode =>
  isAtWaits(view) ? exitCodes.completed : exitCodeByStatus[view.execution.status];

/** The table, and what is still asked. */
export const printRun = (workflow: Workflow, { execution, waits }: RunView): void => {
  const columns = columnsOf(process.stdout);
  const paint = paintFor(process.stdout);
  print(renderRun(workflow, execution, columns, paint, waits));
  const open = isFinalStatus(execution.status) ? [] : openWaits(waits);
  if (open.length > 0) print(`\n${renderWaits(workflow, execution, open, columns, paint)}`);
};

/** Of a run that is kept: also how it goes on when it has met a limit. */
export const printKeptRun = async (
  { ask }: LocalRuntime,
  organizationId: string,
  workflow: Workflow,
  view: RunView,
): Promise<void> => {
  const limit = await readExhaustion(ask, organizationId, workflow, view.execution);
  printRun(workflow, view);
  if (limit === undefined) return;
  print("");
  printSentence(limit);
};

/** Ends the view when the process ends, whatever ends it. */
export const startView = (
  isJson: boolean,
  workflow: Workflow,
): { readonly view: ProgressView; readonly endView: () => Promise<void> } => {
  const stream: Stream = isJson ? process.stderr : process.stdout;
  const view = createProgressView(stream, workflow);
  return { view, endView: onShutdown(async () => view.end()) };
};

export interface Watch {
  readonly runtime: LocalRuntime;
  /** Begins to hear of a run; `follow` then waits for it. */
  readonly attend: (run: AttendedRun) => { readonly follow: () => Promise<RunView> };
  /** Lets the others who use this process's runtime end first. */
  readonly end: (exitCode: ExitCode) => Promise<void>;
}

export interface AttendedRun {
  readonly organizationId: string;
  readonly executionId: string;
  readonly view: ProgressView;
  readonly isEnough?: (view: RunView) => boolean;
  /** As it stands when it is gone on with. */
  readonly before?: RunView;
}

const resumeCommand = (organizationId: string, executionId: string): string =>
  commandText(organizationId, "resume", [shortRunId(executionId)]);

/** What there is to say to somebody who leaves. */
const farewellTo = (
  { organizationId, executionId }: RunKey,
  runtime: LocalRuntime,
  waiting: ReadonlySet<string>,
): void => {
  const resume = resumeCommand(organizationId, executionId);
  const [first] = waiting;
  remark(
    runtime.owner() === process.pid
      ? `Interrupted. The run is kept: '${resume}' goes on with it.`
      : `Left. Run ${executionId} goes on in process ${runtime.owner()}: '${resume}' follows it.`,
  );
  if (first !== undefined) {
    remark(
      `${waiting.size === 1 ? `Node '${printable(shorten(first, 60))}' waits` : `${count(waiting.size, "node")} wait`} for an answer: ` +
        `'${printable(answerCommand({ organizationId, executionId, nodeId: first }))}'.`,
    );
  }
};

const attend = (
  runtime: LocalRuntime,
  { organizationId, executionId, view, isEnough, before }: AttendedRun,
): {
  readonly hear: (message: MonitoringMessage) => void;
  readonly follow: () => Promise<RunView>;
} => {
  const news = createRunNews({ organizationId, executionId });
  const waiting = new Set<string>();
  let status = before?.execution.status;
  endOnSignal(() => farewellTo({ organizationId, executionId }, runtime, waiting));
  if (before !== undefined) {
    view.begin(before.execution);
    for (const { nodeId, name, openedAt: at, deadline: until } of openWaits(before.waits)) {
      waiting.add(nodeId);
      const message = { type: "node", status: "waiting", nodeId, name, until } as const;
      view.show({ organizationId, executionId, at, ...message });
    }
  }
  const hear = (message: MonitoringMessage): void => {
    if (!isOfRun(message, { organizationId, executionId })) return;
    if (message.type === "node") {
      if (message.status === "waiting") waiting.add(message.nodeId);
      else waiting.delete(message.nodeId);
    }
    view.show(message);
    news.hear(message);
  };
  const onQuiet = ({ execution }: RunView): void => {
    if (execution.status === status) return;
    status = execution.status;
    if (status === "paused") {
      view.say(`Paused: '${resumeCommand(organizationId, executionId)}' goes on.`);
    }
  };
  return {
    hear,
    follow: () =>
      followRun({
        runtime,
        organizationId,
        executionId,
        news,
        onQuiet,
        ...(isEnough === undefined ? {} : { isEnough }),
      }),
  };
};

/** `say` is told what is being waited for before there is a run to watch. */
export const openWatch = async (say: (text: string) => void): Promise<Watch> => {
  // Nodes may open secrets with it, in the runtime.
  tellReaders(masterKeyPath(stateDirectory), say);
  /** A short run may end before it is attended. */
  const early: MonitoringMessage[] = [];
  let hear: (message: MonitoringMessage) => void = (message) => void early.push(message);
  const runtime = await openRuns({
    listen: (message) => hear(message),
    onWait: (owner) => say(`Waiting for process ${owner}, which holds ${stateDirectory}/, to end.`),
    onTakeOver: () => say("The process that ran this has ended: this one goes on."),
  });
  return {
    runtime,
    attend: (run) => {
      const attended = attend(runtime, run);
      hear = attended.hear;
      early.splice(0).forEach(hear);
      return attended;
    },
    end: async (exitCode) => {
      endOnSignal(() => exitCode);
      await runtime.dispose((others) =>
        remark(
          `${others === 1 ? "Another command" : `${others} other commands`} in ${stateDirectory}/ still ${others === 1 ? "uses" : "use"} this process, ` +
            "which stays until then. Ctrl-C hands over what runs.",
        ),
      );
    },
  };
};

/** The end of a run that was gone on with. */
export const finishWatch = async (
  watch: Watch,
  organizationId: string,
  workflow: Workflow,
  view: RunView,
  isJson: boolean,
): Promise<ExitCode> => {
  if (isJson) printJson({ ...view.execution, waits: view.waits });
  else await printKeptRun(watch.runtime, organizationId, workflow, view);
  const exitCode = exitCodeOf(view);
  await watch.end(exitCode);
  return exitCode;
};
