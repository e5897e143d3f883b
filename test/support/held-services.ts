/** Services that a test holds in its hand: it asks them what stands there, and gives the same to several runs. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { CreditService } from "#services/credit-service";
import { ExecutionStore } from "#services/execution-store";
import type { StandingWait } from "#services/wait-store";
import { WaitStore } from "#services/wait-store";

export interface HeldServices {
  readonly layer: Layer.Layer<ExecutionStore | WaitStore>;
  readonly executions: ExecutionStore["Service"];
  readonly waits: WaitStore["Service"];
  /** Not in the layer: many a test brings its own. */
  readonly credits: CreditService["Service"];
  readonly waitsOf: (executionId: string) => readonly StandingWait[];
}

export const holdServices = (): HeldServices => {
  const executions = Effect.runSync(Effect.provide(ExecutionStore, ExecutionStore.layerMemory));
  const waits = Effect.runSync(Effect.provide(WaitStore, WaitStore.layerMemory));
  return {
    layer: Layer.merge(Layer.succeed(ExecutionStore, executions), Layer.succeed(WaitStore, waits)),
    executions,
    waits,
    credits: Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory)),
    waitsOf: (executionId) => Effect.runSync(waits.list("org", executionId)),
  };
};
