/** What executing a node needs of its run: resolved once, so that no node looks a service up. */
import type * as Effect from "effect/Effect";
import type * as Exit from "effect/Exit";
import type { WorkflowExecutionContext } from "#core/execution-context";
import type { Attempt } from "#core/execution-state";
import type { GraphNode } from "#core/graph";
import type { Mask } from "#core/mask";
import type { CompletedNode } from "#core/step-result";
import type { Steps } from "#services/durable-step";
import type { NodeProgress } from "#services/monitoring-service";
import type { Registry } from "#services/node-registry";
import type { ObjectStore } from "#services/object-store";
import type { ResourceProvider } from "#services/resource-provider";
import type { WaitStore } from "#services/wait-store";
import type { Eventually } from "./eventually.ts";

/** How a node that has begun goes without a place among those that run: the event that its machine is told. */
export type Park =
  | { readonly type: "retry"; readonly attempts: readonly Attempt[] }
  | { readonly type: "wait" }
  | { readonly type: "sleep" };

export interface NodeEnvironment {
  readonly context: WorkflowExecutionContext;
  /** Of the whole graph, in its order. */
  readonly nodes: readonly GraphNode[];
  /** What every idempotency key of the run begins with. */
  readonly keyPrefix: string;
  readonly steps: Steps;
  /** Bytes of JSON that a node's outputs may take in its step's result; what is beyond is stored. Infinite without a limit. */
  readonly inlineLimit: number;
  readonly registry: Registry;
  readonly resources: ResourceProvider["Service"];
  /** Inside a step alone: it may have to be read first. */
  readonly mask: () => Eventually<Mask>;
  /** Between steps: of what the steps of this process have read. */
  readonly maskAtHand: () => Mask;
  readonly objects: ObjectStore["Service"];
  readonly waits: WaitStore["Service"];
  /** Whether the run has opened a wait. Noted outside steps, each time that the run is replayed. */
  readonly asked: { hasWaits: boolean };
  /** That runs the node, when it has another id than the run. */
  readonly instanceId?: string;
  /** When the run began. Milliseconds since 1970, as all times here. */
  readonly startedAt: number;
  /** Inside a step alone, or a replay would tell another time. */
  readonly now: () => number;
  /** Aborted when the run is cancelled. */
  readonly signal: AbortSignal;
  /** Tells the node's machine that it parks, waits without holding a place (NODE-2), and tells it that it goes on. */
  readonly parked: <A>(node: GraphNode, park: Park, wait: () => Promise<A>) => Promise<A>;
  /** Inside a step: stores how far the run has come, unless that was done a while ago; `soon`, in a moment. */
  readonly saveProgress: (when?: "soon") => Promise<void> | undefined;
  /** In the node's last step: reserves what it reported beyond its type's cost. */
  readonly reserved: (result: CompletedNode) => Eventually<CompletedNode>;
  readonly publish: (nodeId: string, progress: NodeProgress) => void;
  /** Inside a step: rejects with the service's own failure, so that the platform tries the step again. */
  readonly perform: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>;
  /** Runs an effect with the run's own clock and services. */
  readonly runExit: <A, E>(effect: Effect.Effect<A, E>) => Promise<Exit.Exit<A, E>>;
}
