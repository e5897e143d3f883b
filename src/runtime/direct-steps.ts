/** Steps without durability: every step is performed, every sleep is slept, events reach whoever waits in this process. */
import * as Effect from "effect/Effect";
import type * as Fiber from "effect/Fiber";
import * as Layer from "effect/Layer";
import type { Steps } from "#services/durable-step";
import { DurableStep } from "#services/durable-step";

/** Events of one run: kept until they are waited for. */
export interface DirectEvents {
  readonly send: (eventType: string) => void;
  /** True at the event, false once the other promise has resolved first. */
  readonly wait: (eventType: string, timeout: Promise<void>) => Promise<boolean>;
}

export const createDirectEvents = (): DirectEvents => {
  const arrivals = new Map<string, PromiseWithResolvers<true>>();
  const arrivalOf = (eventType: string): PromiseWithResolvers<true> => {
    const arrival = arrivals.get(eventType) ?? Promise.withResolvers<true>();
    arrivals.set(eventType, arrival);
    return arrival;
  };
  return {
    send: (eventType) => arrivalOf(eventType).resolve(true),
    wait: (eventType, timeout) =>
      Promise.race([
        // An event is used up by the one who waits for it.
        arrivalOf(eventType).promise.finally(() => arrivals.delete(eventType)),
        timeout.then(() => false),
      ]),
  };
};

const onlyTime = { attempt: 1 };

export const directStepsWith = (events: DirectEvents): Layer.Layer<DurableStep> =>
  Layer.effect(
    DurableStep,
    Effect.gen(function* () {
      const context = yield* Effect.context<never>();
      // Timers end with the run: what still waits when it is cancelled would keep the process alive.
      const scope = yield* Effect.scope;
      const timer = (millis: number, wake: () => void): Fiber.Fiber<void> =>
        Effect.runSyncWith(context)(
          Effect.forkIn(Effect.map(Effect.sleep(millis), wake), scope, { startImmediately: true }),
        );
      const steps: Steps = {
        do: (_name, _options, perform) => perform(onlyTime),
        sleep: (_name, millis) => new Promise((resolve) => void timer(millis, resolve)),
        waitForEvent: async (_name, { type, timeout }) => {
          const time = Promise.withResolvers<void>();
          const running = timer(timeout, time.resolve);
          try {
            return await events.wait(type, time.promise);
          } finally {
            running.interruptUnsafe();
          }
        },
      };
      return steps;
    }),
  );

/** For runs that nobody sends an event to. */
export const directSteps: Layer.Layer<DurableStep> = Layer.suspend(() =>
  directStepsWith(createDirectEvents()),
);
