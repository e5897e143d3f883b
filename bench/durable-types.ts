/** What the bench's Worker and its process say to each other. */
import type { Workflow } from "#core/workflow";

/** Of the node that holds a run. */
export const gateId = "gate";

/** How long the gate holds a run, so that it can be paused there. Milliseconds. */
export const gateMillis = 400;

/** Ids that begin so are of runs whose results are weighed, and which are not timed. */
export const weighedPrefix = "weighed-";

export type Kind = "pawl" | "bare";

export interface StartRequest {
  readonly kind: Kind;
  readonly id: string;
  readonly workflow: Workflow;
  /** The earlier run that this one goes on from; of Pawl alone. */
  readonly redriveOf?: string;
}

/** One time through `run()`: times in milliseconds, by the Worker's clock. */
export interface Pass {
  readonly entered: number;
  /** Steps, sleeps and waits that the platform was asked for, on record or not. */
  steps: number;
  /** When the gate's step was asked for: all other nodes are done by then. */
  atGate?: number;
  /** When every node's step had given its result. */
  nodesDone?: number;
  ended?: number;
}

export interface InstanceReport {
  readonly passes: readonly Pass[];
  readonly status: string;
  /** The most that a step's result held beside its node's outputs, in bytes of JSON. */
  readonly overhead: number;
}
