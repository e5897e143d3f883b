/**
 * The contract of a node: its ports, its cost, and what it does, as a value. `nodes/define-node.ts` makes them, with types
 * taken from the ports.
 */
import * as Data from "effect/Data";
import type * as Effect from "effect/Effect";
import { amountText, isBillable, mostCredits } from "#core/credits";
import type { JsonValue, RuntimeValue } from "#core/value";
import type { Parameter, Policy } from "#core/workflow";

/** Bytes inside a node; an ObjectReference on edges. */
export interface BinaryValue {
  readonly data: Uint8Array;
  readonly mimeType: string;
  readonly filename?: string;
}

export type NodeValue = RuntimeValue | BinaryValue | readonly BinaryValue[];

/** An output that is undefined or null is not populated: edges from it are blocked (SKIP). */
export type NodeOutputs = Readonly<Record<string, NodeValue | null | undefined>>;

export interface Integration {
  readonly id: string;
  readonly provider: string;
  readonly token: string;
}

/** What a node knows of its run. */
export interface NodeFacts {
  readonly nodeId: string;
  readonly workflowId: string;
  readonly organizationId: string;
  readonly executionId: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** The same for every attempt and every replay: give it to whatever must not happen twice (REPLAY-4). */
  readonly idempotencyKey: string;
  /** Aborted when the attempt's time is over, and when the run is cancelled. */
  readonly signal: AbortSignal;
  /** What started the run: the body of a request, a message. */
  readonly trigger: JsonValue;
  /**
   * Replaces the type's cost for this run of the node; of several, the last one told counts. Compute credits, counted in millionths,
   * from 0 to 2 ** 32. A multi-step node tells inside a step what it learns there, by the step's own.
   */
  readonly reportUsage: (credits: number) => void;
}

/**
 * What a node may ask of its run. Known values of secrets are masked in whatever leaves the node's step; what needs one behind it
 * is given its name. A pure node has no access.
 */
export interface NodeContext extends NodeFacts, ResourceAccess {}

/** What of its organization a node may use. Read anew at every call, and never to be returned. */
export interface ResourceAccess {
  /** The secret's value, or undefined when the organization has none of that name. */
  readonly getSecret: (name: string) => Promise<string | undefined>;
  /** With a token that is good for five minutes, or half of its life, if one can be had. */
  readonly getIntegration: (id: string) => Promise<Integration | undefined>;
}

/** What a sub-step may use. */
export interface SubStep extends ResourceAccess {
  /** The same for every replay and every attempt: give it to whatever must not happen twice. Each sub-step has its own. */
  readonly idempotencyKey: string;
  /**
   * As the node's own, for what is learned here: it stands on record with the step, also with one that fails, so that a replay
   * bills the same. It counts when nothing was told after it, in this step, in another or between them.
   */
  readonly reportUsage: (credits: number) => void;
}

/**
 * A multi-step node runs between steps, again at every replay: what is not computation goes into a sub-step, the reading of a
 * secret too. Its policy's retries begin it anew, and its time limit is one for each sub-step.
 */
export interface MultiStepContext extends NodeFacts {
  /** Whether an edge leaves from this output, so that a node may take a branch only where there is one. */
  readonly isConnected: (output: string) => boolean;
  /** Does something once; its result is JSON. The name is unique within the node. Rejects with the sub-step's failure. */
  readonly doStep: <A extends JsonValue>(
    name: string,
    perform: (step: SubStep) => A | Promise<A>,
  ) => Promise<A>;
  /** The platform's own sleep: costs nothing while it lasts. Milliseconds, or words such as "2 hours". */
  readonly sleep: (name: string, duration: number | string) => Promise<void>;
  /**
   * Parks the node until somebody answers, from outside, or the time is over: a day unless told, at most a year. Costs nothing
   * while it lasts. The name is unique within the node; an answer may name it.
   */
  readonly waitForEvent: (name: string, options?: WaitOptions) => Promise<WaitAnswer>;
}

export interface WaitOptions {
  /** Milliseconds, or words such as "2 hours". */
  readonly timeout?: number | string;
  /** What is asked, for whoever is to answer. JSON. */
  readonly question?: JsonValue;
}

export type WaitAnswer =
  | {
      readonly status: "answered";
      readonly data: JsonValue;
      /** Milliseconds since 1970. */
      readonly answeredAt: number;
    }
  | { readonly status: "timedOut" };

/** A failure that a node means. Thrown, returned or failed with: it is the same. Not retried unless it says so (ERROR-3). */
export class NodeFailure extends Data.TaggedError("NodeFailure")<{
  readonly message: string;
  readonly retryable?: boolean;
  /** Milliseconds to wait before the next attempt. */
  readonly retryAfter?: number;
}> {}

export type NodeResult<Outputs> = Outputs | NodeFailure;

export type NodeRun<Inputs, Outputs, C extends NodeFacts> = (
  inputs: Inputs,
  context: C,
) =>
  | NodeResult<Outputs>
  | Promise<NodeResult<Outputs>>
  | Effect.Effect<NodeResult<Outputs>, NodeFailure>;

/** A family of numbered ports, such as case_1, case_2: a document may have as many as it likes. */
export interface DynamicInputs {
  readonly prefix: string;
  readonly type: Parameter["type"];
  readonly defaultCount: number;
  readonly minCount: number;
}

export interface NodeTypeFacts {
  readonly type: string;
  readonly name: string;
  readonly category: string;
  readonly description: string;
  readonly inputs: readonly Parameter[];
  readonly outputs: readonly Parameter[];
  readonly dynamicInputs?: DynamicInputs;
  /** The same inputs give the same outputs and nothing else happens: it needs no step of its own (STEP-3). */
  readonly pure: boolean;
  /** Compute credits, from 0 to 2 ** 32. */
  readonly computeCost: number;
  /** For nodes of this type that bring no policy of their own. */
  readonly policy?: Policy;
}

export type NodeDefinition = NodeTypeFacts &
  (
    | {
        readonly multiStep: false;
        readonly run: NodeRun<NodeInputs, NodeOutputs, NodeContext>;
      }
    | {
        readonly multiStep: true;
        readonly run: NodeRun<NodeInputs, NodeOutputs, MultiStepContext>;
      }
  );

/** 1 unless told. What cannot be billed is refused: added to what other nodes cost, it would take the limit away from them. */
export const withCost = (definition: NodeDefinition): NodeDefinition => {
  // In plain JavaScript it may be absent.
  const given: Partial<Pick<NodeDefinition, "computeCost">> = definition;
  const computeCost = given.computeCost ?? 1;
  if (!isBillable(computeCost)) {
    throw new RangeError(
      `Node type '${definition.type}' has a computeCost of ${amountText(computeCost)}. It is a number of compute credits, from 0 to ${mostCredits}.`,
    );
  }
  return computeCost === given.computeCost ? definition : { ...definition, computeCost };
};

/** Port name -> value, converted for the node. Inputs that carry nothing are absent. */
export type NodeInputs = Readonly<Record<string, NodeValue>>;
