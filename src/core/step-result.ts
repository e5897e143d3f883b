/**
 * What a node's step returns: its transition, as plain data (STEP-1). Times travel in `attempts`, taken inside the step, so
 * a replay does not move them (REPLAY-3). Never holds the workflow or the state (SPEED-8).
 */
import type { Attempt, SkipDetails } from "./execution-state.ts";
import type { NodeEvent, TransitionEvent } from "./transition.ts";
import type { NodeRuntimeValues } from "./value.ts";

export type NodeStepResult =
  | {
      readonly nodeId: string;
      readonly status: "completed";
      readonly outputs: NodeRuntimeValues;
      readonly usage: number;
      readonly attempts: readonly Attempt[];
      /** For a node that did not run, but was taken over from an earlier run. */
      readonly reusedFrom?: string;
      readonly reusedUsage?: number;
      /** The limits had no room for what it reported beyond its type's cost: what hangs on it does not start. */
      readonly isBeyondLimit?: true;
    }
  | {
      readonly nodeId: string;
      readonly status: "failed";
      readonly error: string;
      readonly attempts: readonly Attempt[];
    }
  | ({ readonly nodeId: string; readonly status: "skipped" } & SkipDetails);

export type CompletedNode = Extract<NodeStepResult, { readonly status: "completed" }>;

/**
 * All that stands on record of a run: the last step of each node, the steps that a node took before it, and what the run
 * itself was told. That a node started is on no record: its first one says so.
 */
export type RecordedTransition =
  | NodeStepResult
  | {
      readonly nodeId: string;
      readonly status: "retrying";
      readonly attempts: readonly Attempt[];
    }
  | { readonly nodeId: string; readonly status: "waiting" | "sleeping" | "resumed" }
  | { readonly status: "paused" | "resumed" }
  | { readonly status: "exhausted"; readonly error: string }
  | {
      readonly status: "cancelled";
      /** Nodes that were under way and had left nothing on record yet: they failed with the run. */
      readonly started: readonly string[];
      readonly error?: string;
    };

/** The event that the result records. A completed or failed node has started before it. */
export const stepResultToEvent = (result: NodeStepResult): NodeEvent => {
  switch (result.status) {
    case "completed": {
      const { nodeId, outputs, usage, attempts, reusedFrom, reusedUsage } = result;
      const completed = { type: "complete", nodeId, outputs, usage, attempts } as const;
      return reusedFrom === undefined
        ? completed
        : { ...completed, reusedFrom, ...(reusedUsage === undefined ? {} : { reusedUsage }) };
    }
    case "failed": {
      const { nodeId, error, attempts } = result;
      return { type: "fail", nodeId, error, attempts };
    }
    case "skipped": {
      const { nodeId, skipReason, blockedBy, cause } = result;
      return { type: "skip", nodeId, skipReason, blockedBy, cause };
    }
  }
};

/** The event that stands on record, of whichever kind. */
export const recordedEvent = (recorded: RecordedTransition): TransitionEvent => {
  switch (recorded.status) {
    case "completed":
    case "failed":
    case "skipped":
      return stepResultToEvent(recorded);
    case "retrying": {
      const { nodeId, attempts } = recorded;
      return { type: "retry", nodeId, attempts };
    }
    case "waiting":
      return { type: "wait", nodeId: recorded.nodeId };
    case "sleeping":
      return { type: "sleep", nodeId: recorded.nodeId };
    case "resumed":
      return "nodeId" in recorded
        ? { type: "resume", nodeId: recorded.nodeId }
        : { type: "resume" };
    case "paused":
      return { type: "pause" };
    case "exhausted":
      return { type: "exhaust", error: recorded.error };
    case "cancelled": {
      const { error } = recorded;
      return { type: "cancel", ...(error === undefined ? {} : { error }) };
    }
  }
};
