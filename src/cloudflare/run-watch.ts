/** RunWatch over the watchdog's object: one for all runs. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { failureOf, ServiceFailure } from "#services/errors";
import { RunWatch } from "#services/run-watch";
import type { WatchdogMethods } from "./env.ts";

/** Workers of an earlier version have no such binding, whatever their types say. */
const isBound = (namespace: DurableObjectNamespace<WatchdogMethods> | undefined): boolean =>
  namespace !== undefined;

const unbound = new ServiceFailure({
  operation: "RunWatch.begin",
  message:
    "The Worker has no binding WATCHDOG. Export the class Watchdog and bind it as a Durable Object, as Pawl's wrangler.toml does.",
  isFinal: true,
});

export const runWatchLayer = (
  namespace: DurableObjectNamespace<WatchdogMethods>,
): Layer.Layer<RunWatch> =>
  Layer.succeed(RunWatch, {
    begin: isBound(namespace)
      ? Effect.tryPromise({
          try: () => namespace.getByName("watchdog").begin(),
          catch: failureOf("RunWatch.begin"),
        })
      : Effect.fail(unbound),
  });
