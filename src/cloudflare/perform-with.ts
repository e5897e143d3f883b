/** Pawl's use cases and stores for a Worker's own code, as promises. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import type { WorkflowInstances } from "#services/workflow-instances";
import type { PawlEnv } from "./env.ts";
import type { CloudflareServices } from "./layers.ts";
import { cloudflareServices } from "./layers.ts";
import { workflowInstancesLayer } from "./workflow-instances.ts";

export type Perform = <A, E>(
  effect: Effect.Effect<A, E, CloudflareServices | WorkflowInstances>,
) => Promise<A>;

/**
 * Performs what `startRun`, `commandRun`, `answerWait` and the methods of stores describe, such as
 * `perform(SecretStore.use((secrets) => secrets.list("mine")))`. Rejects with the effect's own failure, mostly a ServiceFailure.
 * One for each request: what one request waits for must not be shared with another.
 */
export const performWith = (env: PawlEnv): Perform => {
  const services = Layer.mergeAll(cloudflareServices(env), workflowInstancesLayer(env.EXECUTE));
  return async (effect) => {
    const exit = await Effect.runPromiseExit(Effect.provide(effect, services));
    if (Exit.isSuccess(exit)) return exit.value;
    throw Cause.squash(exit.cause);
  };
};
