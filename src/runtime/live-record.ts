/**
 * The record of a live run, stored as often as there is reason to: at most so often that a run of many nodes does not spend
 * its time on saying how far it is. People look at it and the watchdog sees that the run moves; nothing else rests on it, so
 * that a save which fails harms nothing.
 */
import type { ExecutionState } from "#core/execution-state";
import { withLifecycle } from "#core/execution-state";
import type { WorkflowExecutionStatus, WorkflowLifecycle } from "#core/lifecycle";
import { isFinalStatus } from "#core/lifecycle";
import { reportExecution } from "#core/report";
import type { WorkflowExecution } from "#core/report";
import { getExecutionStatus } from "#core/status";
import type { Definition, Run } from "./run.ts";
import { saveRecord } from "./run.ts";

export interface LiveRecord {
  /** Stores the state that a command leads to, now. Rejects when it cannot. */
  readonly save: (state: ExecutionState) => Promise<void>;
  /**
   * Stores the state unless that was done a moment ago; `later`, once the interval is over, together with what comes until
   * then; `soon`, in a moment, for a run that may stand like this for days. Only the first of them asks for the time.
   */
  readonly saveProgress: (
    current: () => ExecutionState,
    when?: "soon" | "later",
  ) => Promise<void> | undefined;
  readonly close: () => void;
}

const leastInterval = 2_000;
const shortestMoment = 250;
const longestMoment = 5_000;

export const liveRecordOf = (
  run: Run,
  definition: Definition,
  startedAt: number,
  nodeCount: number,
): LiveRecord => {
  const { executionId } = run;
  // A record costs its nodes, and a large one an object of R2, which takes one write a second.
  const interval = Math.max(leastInterval, nodeCount);
  const moment = Math.min(longestMoment, shortestMoment + nodeCount);
  let savedAt = startedAt;
  let told: WorkflowExecutionStatus = "executing";
  /** What a command has led to, until the loop has come there too: what is saved meanwhile must not take it back. */
  let ahead: WorkflowLifecycle | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isSoon = false;
  const forget = (): void => {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
  };
  const recordOf = (state: ExecutionState): WorkflowExecution =>
    reportExecution(state, { executionId, startedAt, endedAt: null });
  const store = async (execution: WorkflowExecution): Promise<void> => {
    savedAt = run.now();
    if (!isSoon) forget();
    const standing = await saveRecord(run, definition, { execution, savedAt });
    // An end is told by whoever stores it.
    if (isFinalStatus(standing.status)) return;
    if (standing.status !== told) run.publishStatus(standing);
    told = standing.status;
  };
  /** What all has ended in lives on until its end is stored: should that never be, this is all that is known of it. */
  const asLive = (execution: WorkflowExecution): WorkflowExecution =>
    isFinalStatus(execution.status) ? { ...execution, status: told } : execution;
  const trySave = async (state: ExecutionState): Promise<void> => {
    if (ahead === state.lifecycle) ahead = undefined;
    const isBehind = ahead !== undefined && !isFinalStatus(getExecutionStatus(state));
    try {
      await store(asLive(recordOf(isBehind ? withLifecycle(state, ahead!) : state)));
    } catch {
      // Nothing rests on it.
    }
  };
  return {
    save: async (state) => {
      ahead = state.lifecycle;
      const execution = recordOf(state);
      if (!isFinalStatus(execution.status)) await store(execution);
    },
    saveProgress: (current, when) => {
      if (when === undefined) {
        return run.now() - savedAt < interval ? undefined : trySave(current());
      }
      const soon = when === "soon";
      if (timer !== undefined && (isSoon || !soon)) return undefined;
      forget();
      isSoon = soon;
      const save = (): void => {
        timer = undefined;
        void trySave(current());
      };
      timer = setTimeout(save, soon ? moment : interval);
      return undefined;
    },
    close: forget,
  };
};
