/**
 * The words of both lifecycles: states, events, public statuses. What may follow what is not here: the charts in
 * `machines/` are its only source, and reach the core as the `Chart` functions below.
 */
export type NodeLifecycle =
  | "idle"
  | "executing.running"
  | "executing.retrying"
  | "executing.waiting"
  | "executing.sleeping"
  | "completed"
  | "failed"
  | "skipped";

export type NodeEventType =
  | "start"
  | "complete"
  | "fail"
  | "skip"
  | "retry"
  | "wait"
  | "sleep"
  | "resume"
  | "cancel";

export type WorkflowLifecycle =
  | "submitted"
  | "executing.active"
  | "executing.paused"
  | "completed"
  | "error"
  | "exhausted"
  | "cancelled";

/** `startNode` and `moveNode` ask the run whether one of its nodes may leave idle, or go on. */
export type WorkflowEventType =
  | "start"
  | "startNode"
  | "moveNode"
  | "complete"
  | "fail"
  | "exhaust"
  | "pause"
  | "resume"
  | "cancel";

export type NodeExecutionStatus = "idle" | "executing" | "completed" | "failed" | "skipped";

export type WorkflowExecutionStatus =
  | "submitted"
  | "executing"
  | "paused"
  | "completed"
  | "error"
  | "exhausted"
  | "cancelled";

/** The state that follows `from` on `event`, or undefined when the chart does not accept it. */
export type Chart<State extends string, EventType extends string> = (
  from: State,
  event: EventType,
) => State | undefined;

export interface Charts {
  readonly node: Chart<NodeLifecycle, NodeEventType>;
  readonly workflow: Chart<WorkflowLifecycle, WorkflowEventType>;
}

const nodeStatusByLifecycle: Readonly<Record<NodeLifecycle, NodeExecutionStatus>> = {
  idle: "idle",
  "executing.running": "executing",
  "executing.retrying": "executing",
  "executing.waiting": "executing",
  "executing.sleeping": "executing",
  completed: "completed",
  failed: "failed",
  skipped: "skipped",
};

const workflowStatusByLifecycle: Readonly<Record<WorkflowLifecycle, WorkflowExecutionStatus>> = {
  submitted: "submitted",
  "executing.active": "executing",
  "executing.paused": "paused",
  completed: "completed",
  error: "error",
  exhausted: "exhausted",
  cancelled: "cancelled",
};

export const nodeStatusOf = (lifecycle: NodeLifecycle): NodeExecutionStatus =>
  nodeStatusByLifecycle[lifecycle];

export const workflowStatusOf = (lifecycle: WorkflowLifecycle): WorkflowExecutionStatus =>
  workflowStatusByLifecycle[lifecycle];

/** A run in such a status never changes again (STATUS-2). */
export const isFinalStatus = (status: WorkflowExecutionStatus): boolean =>
  status === "completed" || status === "error" || status === "exhausted" || status === "cancelled";

/** A node in such a state never moves again (NODE-1). */
export const isFinalNode = (lifecycle: NodeLifecycle): boolean =>
  lifecycle === "completed" || lifecycle === "failed" || lifecycle === "skipped";
