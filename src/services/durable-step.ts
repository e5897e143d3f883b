/**
 * The whole contract with a platform: do something once and remember its result, pause, or wait for
 * an event. Cloudflare Workflows keeps it in
 * `cloudflare/workflow-step.ts`; the direct runtime remembers nothing.
 */
import * as Context from "effect/Context";
import * as Data from "effect/Data";

export interface StepOptions {
  /**
   * Whether the platform may run the step again when it throws or takes too long. A node that does something never asks
   * for that: its failures are data, and its attempts are counted by the engine.
   */
  readonly retry: boolean;
  /** Milliseconds after which the platform gives the step up; its own default unless told. */
  readonly timeout?: number;
}

/** The platform gave a step up because it took too long. What it was doing may still go on. */
export class StepTimedOut extends Data.TaggedError("StepTimedOut")<{
  readonly step: string;
}> {}

/** What the platform tells a step as it begins. */
export interface StepContext {
  /** How often it has begun, this time included: more than once when the process died in it, or when it is tried again. */
  readonly attempt: number;
}

export interface EventOptions {
  /** The platform takes 100 characters. Unique to the wait: a consumed event may be delivered again after a replay. */
  readonly type: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Plain promises, since one is made for every node of a run. */
export interface Steps {
  /**
   * Runs `perform` and resolves to its result, which must be plain data. A result on record is returned without running
   * it. Names are unique in a run. May run twice when the process dies in between. Rejects with StepTimedOut, or with
   * the platform's own error.
   */
  readonly do: <A>(
    name: string,
    options: StepOptions,
    perform: (step: StepContext) => Promise<A>,
  ) => Promise<A>;
  /** Resolves after that many milliseconds, also when the process did not live that long. */
  readonly sleep: (name: string, millis: number) => Promise<void>;
  /**
   * Resolves to true at an event of that type sent to this run, also one that came before the wait, and to false once the
   * time is over. An event only wakes: whatever it is about stands in a store by then.
   */
  readonly waitForEvent: (name: string, options: EventOptions) => Promise<boolean>;
  /** The largest outputs that the platform keeps in a result, in bytes of a structured clone. No limit when undefined. */
  readonly resultLimit?: number;
}

export class DurableStep extends Context.Service<DurableStep, Steps>()("pawl/DurableStep") {}
