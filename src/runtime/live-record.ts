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
import { getExecutionStatus } from "#core/status";
import type { Definition, Run } from "./run.ts";
import { saveRecord } from "./run.ts";

export interface LiveRecord {
  /** Stores the state that a command leads to, now. Rejects when it cannot. */
  readonly save: (state: ExecutionState) => Promise<void>;
  /**
   * Stores the state unless that was done a while ago; `soon`, in a moment, together with what comes until then, for a run
   * that may stand like this for days.
   */
  readonly saveProgress: (
    current: () => ExecutionState,
    when?: "soon",
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
  const save = async (state: ExecutionState): Promise<void> => {
    savedAt = run.now();
    const execution = reportExecution(state, { executionId, startedAt, endedAt: null });
    if (isFinalStatus(execution.status)) return;
    const standing = await saveRecord(run, definition, { execution, savedAt });
    if (standing.status !== told) run.publishStatus(standing);
    told = standing.status;
  };
  const trySave = (state: ExecutionState): Promise<void> => {
    if (ahead === state.lifecycle) ahead = undefined;
    const isBehind = ahead !== undefined && !isFinalStatus(getExecutionStatus(state));
    return save(isBehind ? withLifecycle(state, ahead!) : state).catch(() => {});
  };
  return {
    save: (state) => {
      ahead = state.lifecycle;
      return save(state);
    },
    saveProgress: (current, when) => {
      if (when === undefined) {
        return run.now() - savedAt < interval ? undefined : trySave(current());
      }
      timer ??= setTimeout(() => {
        timer = undefined;
        void trySave(current());
      }, moment);
      return undefined;
    },
    close: () => {
      if (timer !== undefined) clearTimeout(timer);
    },
  };
};
