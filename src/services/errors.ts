/** What a service could not do. Trying again may help, and the platform's step does that, unless it is final. */
import * as Data from "effect/Data";

export class ServiceFailure extends Data.TaggedError("ServiceFailure")<{
  /** Such as `ExecutionStore.save`. */
  readonly operation: string;
  readonly message: string;
  readonly cause?: unknown;
  /** Trying again is useless until a person has done what the message says. */
  readonly isFinal?: boolean;
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
