/**
 * A value that is here or promised. Most nodes answer at once, and a promise costs more than adding two numbers: what
 * follows is done now when it can be.
 */
import * as Result from "effect/Result";
import type { AttemptFailure } from "#core/retry";

export type Eventually<A> = A | Promise<A>;

/** A value, or why the attempt failed. */
export type Checked<A> = Result.Result<A, AttemptFailure>;

export const isPromise = <A>(value: Eventually<A>): value is Promise<A> =>
  typeof value === "object" &&
  value !== null &&
  "then" in value &&
  typeof value.then === "function";

/** Goes on with the value, now or then. */
export const andThen = <A, B>(
  value: Eventually<A>,
  next: (value: A) => Eventually<B>,
): Eventually<B> => (isPromise(value) ? value.then(next) : next(value));

/** Goes on with the value; a failure goes past. */
export const andThenChecked = <A, B>(
  checked: Eventually<Checked<A>>,
  next: (value: A) => Eventually<Checked<B>>,
): Eventually<Checked<B>> =>
  andThen(checked, (result) =>
    Result.isSuccess(result) ? next(result.success) : Result.fail(result.failure),
  );
