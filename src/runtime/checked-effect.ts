/** What a node needs of the object store, as effects that fail with an attempt's failure, and their results as values. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { AttemptFailure } from "#core/retry";
import type { Checked } from "./eventually.ts";
import type { NodeEnvironment } from "./node-environment.ts";

/** Objects that are read or written at a time: a Worker has six connections. */
export const objectsAtOnce = 6;

/** A store that fails or dies is worth another attempt. */
export const orFailWith =
  (message: string) =>
  <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, AttemptFailure> =>
    Effect.catchCause(effect, () => Effect.fail({ message, retryable: true }));

export const refuse = (message: string): Effect.Effect<never, AttemptFailure> =>
  Effect.fail({ message, retryable: false });

export const checkedRun = async <A>(
  env: NodeEnvironment,
  effect: Effect.Effect<A, AttemptFailure>,
): Promise<Checked<A>> => {
  const exit = await env.runExit(Effect.result(effect));
  if (Exit.isSuccess(exit)) return exit.value;
  throw Cause.squash(exit.cause);
};
