/** What the loop over the nodes is given, and what it gives. */
import type { ExecutionState } from "#core/execution-state";
import type { Budget } from "./budget.ts";
import type { LiveRecord } from "./live-record.ts";
import type { NodeEnvironment } from "./node-environment.ts";
import type { Run } from "./run.ts";

/** Where the nodes have come to, and what of the platform's kept them from going on. */
export interface NodesRun {
  readonly state: ExecutionState;
  readonly failure?: { readonly reason: unknown };
  /** Nodes that were under way when the run was cancelled. */
  readonly interrupted: readonly string[];
  /** Nodes that nothing starts behind, for lack of credits. */
  readonly beyondLimit: readonly string[];
}

/** What a part of a run begins with; a whole run needs none of it. */
export interface NodesScope {
  /** Places in the order of the nodes to run, the last not among them. */
  readonly from: number;
  readonly to: number;
  readonly places: number;
  readonly seenCommand: number;
  readonly isPaused: boolean;
  /** Of earlier parts. */
  readonly beyondLimit: readonly string[];
}

/** What the loop is given of its run: all but what it decides itself. */
export type LoopEnvironment = Omit<
  NodeEnvironment,
  "parked" | "reserved" | "saveProgress" | "signal"
> &
  Pick<Run, "credits" | "executionId" | "params"> & {
    readonly saveProgress: LiveRecord["saveProgress"];
    readonly budget?: Budget | undefined;
  };
