/**
 * The platform's instances, each of which runs a run or a part of one, as the outside sees them: create one, wake it with an
 * event, stop it, ask whether the platform has ended it. Their ids are the platform's own: no two organizations can have the same,
 * and `runtime/instance-id.ts` makes them. How a run really stands is in the ExecutionStore.
 */
import * as Context from "effect/Context";
import type * as Effect from "effect/Effect";
import type { InstanceParams } from "#core/execution-context";
import type { ServiceFailure } from "./errors.ts";

export class WorkflowInstances extends Context.Service<
  WorkflowInstances,
  {
    /** False where a run has itself and no other instances. */
    readonly canCreate: boolean;
    /** Does nothing when there is such an instance already, whosever it is: a start which is tried again starts once. */
    readonly create: (
      instanceId: string,
      params: InstanceParams,
    ) => Effect.Effect<"created" | "exists", ServiceFailure>;
    /** False when there is no such instance. An event that nobody waits for is kept for who will. */
    readonly send: (
      instanceId: string,
      eventType: string,
    ) => Effect.Effect<boolean, ServiceFailure>;
    /** Ends the instance as it stands. Does nothing when there is none, or when it has ended. */
    readonly stop: (instanceId: string) => Effect.Effect<void, ServiceFailure>;
    /**
     * How and why the platform has ended the instance; undefined while it has not. `lost` when it knows no such instance.
     */
    readonly endOf: (instanceId: string) => Effect.Effect<string | undefined, ServiceFailure>;
  }
>()("pawl/WorkflowInstances") {}

/** Wakes an instance whose process has died, and tells it nothing. Nobody waits for an event of this type. */
export const wakeEventType = "wake";
