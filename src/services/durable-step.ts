/**
 * The whole contract with a platform: do something once and remember its result, or pause. Cloudflare Workflows keeps it in
 * `cloudflare/workflow-step.ts`; the direct runtime remembers nothing.
 */
import * as Context from "effect/Context";

export interface StepOptions {
  /** Milliseconds after which the platform gives the step up. Unlimited unless told. */
  readonly timeout?: number;
}

/** Plain promises, since one is made for every node of a run. */
export interface Steps {
  /**
   * Runs `perform` and resolves to its result, which must be plain data under 1 MiB of JSON. A result on record is
   * returned without running it. Names are unique in a run. May run twice when the process dies in between.
   */
  readonly do: <A>(name: string, options: StepOptions, perform: () => Promise<A>) => Promise<A>;
  /** Resolves after that many milliseconds, also when the process did not live that long. */
  readonly sleep: (name: string, millis: number) => Promise<void>;
}

export class DurableStep extends Context.Service<DurableStep, Steps>()("pawl/DurableStep") {}
