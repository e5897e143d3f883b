/** What executing a node needs of its run: resolved once, so that no node looks a service up. */
import type * as Clock from "effect/Clock";
import type * as Effect from "effect/Effect";
import type * as Exit from "effect/Exit";
import type { WorkflowExecutionContext } from "#core/execution-context";
import type { Steps } from "#services/durable-step";
import type { NodeProgress } from "#services/monitoring-service";
import type { Registry } from "#services/node-registry";
import type { ObjectStore } from "#services/object-store";
import type { ResourceProvider } from "#services/resource-provider";

export interface NodeEnvironment {
  readonly context: WorkflowExecutionContext;
  /** What every idempotency key of the run begins with. */
  readonly keyPrefix: string;
  readonly steps: Steps;
  readonly registry: Registry;
  readonly resources: ResourceProvider["Service"];
  readonly objects: ObjectStore["Service"];
  readonly clock: Clock.Clock;
  /** Aborted when whoever started the run aborts it (RunOptions.signal). */
  readonly signal: AbortSignal;
  readonly publish: (nodeId: string, progress: NodeProgress) => void;
  /** Runs an effect with the run's own clock and services. */
  readonly runExit: <A, E>(effect: Effect.Effect<A, E>) => Promise<Exit.Exit<A, E>>;
}
