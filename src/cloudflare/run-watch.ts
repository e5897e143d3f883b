/** RunWatch over the watchdog's object: one for all runs. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { failureOf } from "#services/errors";
import { RunWatch } from "#services/run-watch";
import type { WatchdogMethods } from "./env.ts";

export const runWatchLayer = (
  namespace: DurableObjectNamespace<WatchdogMethods>,
): Layer.Layer<RunWatch> =>
  Layer.succeed(RunWatch, {
    begin: Effect.tryPromise({
      try: () => namespace.getByName("watchdog").begin(),
      catch: failureOf("RunWatch.begin"),
    }),
  });
