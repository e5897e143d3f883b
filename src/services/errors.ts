/** What a service could not do. Retrying may help: the platform's step does that. */
import * as Data from "effect/Data";

export class ServiceFailure extends Data.TaggedError("ServiceFailure")<{
  /** Such as `ExecutionStore.save`. */
  readonly operation: string;
  readonly message: string;
  readonly cause?: unknown;
}> {}

/** For `Effect.tryPromise`: keeps the reason's own words. */
export const failureOf =
  (operation: string) =>
  (cause: unknown): ServiceFailure =>
    new ServiceFailure({
      operation,
      message: `${operation} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    });
