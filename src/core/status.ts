/**
 * The status of a run, derived from its state (STATUS-1), in O(1) from the counters (STATUS-3).
 */
import type { ExecutionState } from "./execution-state.ts";
import type { WorkflowExecutionStatus } from "./lifecycle.ts";
import { workflowStatusOf } from "./lifecycle.ts";

const isEveryNodeFinal = ({ graph, counts }: ExecutionState): boolean =>
  counts.completed + counts.failed + counts.skippedByFailure + counts.skippedByBranch ===
  graph.nodes.length;

const hasProblem = ({ graph, counts }: ExecutionState): boolean =>
  counts.failed > 0 ||
  counts.skippedByFailure > 0 ||
  (graph.workflow.settings?.statusPolicy !== "branch-aware" && counts.skippedByBranch > 0);

/** What a live run has come to once every node is final; undefined before that. */
export const settledStatus = (state: ExecutionState): "completed" | "error" | undefined =>
  isEveryNodeFinal(state) ? (hasProblem(state) ? "error" : "completed") : undefined;

/** Refused, exhausted, cancelled and paused are facts of the run; all else follows from the nodes. */
export const getExecutionStatus = (state: ExecutionState): WorkflowExecutionStatus => {
  const isRunning =
    state.lifecycle === "executing.active" ||
    state.lifecycle === "completed" ||
    (state.lifecycle === "error" && state.error === undefined);
  return isRunning ? (settledStatus(state) ?? "executing") : workflowStatusOf(state.lifecycle);
};
