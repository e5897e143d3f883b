/** For what is read inside a node's step, which the platform does not try again: a database may be busy for a moment. */
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import type { ServiceFailure } from "#services/errors";

/** Three seconds in all. */
const schedule = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 5 }));

export const patiently = <A, R>(
  effect: Effect.Effect<A, ServiceFailure, R>,
): Effect.Effect<A, ServiceFailure, R> =>
  Effect.retry(effect, { schedule, while: ({ isFinal }) => isFinal !== true });
