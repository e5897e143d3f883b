/** Makes sure that somebody looks after the live runs, and wakes those whose process has died. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ServiceFailure } from "./errors.ts";

export class RunWatch extends Context.Service<
  RunWatch,
  {
    /** There is a live run from now on. */
    readonly begin: Effect.Effect<void, ServiceFailure>;
  }
>()("pawl/RunWatch") {
  /** Runs of this process die with it. */
  static readonly layerNone: Layer.Layer<RunWatch> = Layer.succeed(RunWatch, {
    begin: Effect.void,
  });
}
