/**
 * What a node's step returns: its transition, as plain data (STEP-1). Times travel in `attempts`, taken inside the step, so
 * a replay does not move them (REPLAY-3). Never holds the workflow or the state (SPEED-8).
 */
import type { Attempt, SkipDetails } from "./execution-state.ts";
import type { NodeEvent } from "./transition.ts";
import type { NodeRuntimeValues } from "./value.ts";

export type NodeStepResult =
  | {
      readonly nodeId: string;
      readonly status: "completed";
      readonly outputs: NodeRuntimeValues;
      readonly usage: number;
      readonly attempts: readonly Attempt[];
    }
  | {
      readonly nodeId: string;
      readonly status: "failed";
      readonly error: string;
      readonly attempts: readonly Attempt[];
    }
  | ({ readonly nodeId: string; readonly status: "skipped" } & SkipDetails);

/** The event that the result records. A completed or failed node has started before it. */
export const stepResultToEvent = (result: NodeStepResult): NodeEvent => {
  switch (result.status) {
    case "completed": {
      const { nodeId, outputs, usage, attempts } = result;
      return { type: "complete", nodeId, outputs, usage, attempts };
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
