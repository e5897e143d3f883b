/**
 * DurableStep over Cloudflare's WorkflowStep. Failures of nodes are data by the time they get here; what still throws is a
 * service, which the platform's own retries may mend, or the platform itself.
 */
import type { WorkflowStep, WorkflowStepConfig } from "cloudflare:workers";
import { NonRetryableError } from "cloudflare:workflows";
import type { StepContext, StepOptions, Steps } from "#services/durable-step";
import { StepTimedOut } from "#services/durable-step";
import { ServiceFailure } from "#services/errors";

/** Bytes of a structured clone. The platform keeps 1 MiB of a step's result; what stands beside the outputs is given away. */
const resultLimit = 1024 * 1024 - 16 * 1024;

/**
 * The platform's error for what took too long is a plain Error: its name is in the message, or nowhere once the error has
 * been on record.
 */
const isTimeout = (reason: unknown): boolean =>
  reason instanceof Error &&
  /^(?:WorkflowTimeoutError: )?Execution timed out after \d+ms$|^WorkflowTimeoutError/.test(
    reason.message,
  );

/** `do` takes serialisable results only, which its type cannot say of every A; the engine gives it plain data alone. */
interface AnyStep {
  readonly do: {
    <A>(name: string, perform: (context: StepContext) => Promise<A>): Promise<A>;
    <A>(
      name: string,
      config: WorkflowStepConfig,
      perform: (context: StepContext) => Promise<A>,
    ): Promise<A>;
  };
}

/** A time of 0 is the platform's default, a day; one with a fraction is told by no whole number once it is over. */
const wholeMillis = (millis: number): number => Math.max(1, Math.ceil(millis));

/** Undefined where the platform's defaults will do: a configuration is sent along with each step. */
const configOf = ({ retry, timeout }: StepOptions): WorkflowStepConfig | undefined =>
  retry && timeout === undefined
    ? undefined
    : {
        ...(retry ? {} : { retries: { limit: 0, delay: 0 } }),
        ...(timeout === undefined ? {} : { timeout: wholeMillis(timeout) }),
      };

/** A failure that no second try mends ends the step at once. One argument only: a name would turn retries back on. */
const finalFailuresOnce =
  <A>(perform: (context: StepContext) => Promise<A>) =>
  async (context: StepContext): Promise<A> => {
    try {
      return await perform(context);
    } catch (failure) {
      throw failure instanceof ServiceFailure && failure.isFinal === true
        ? new NonRetryableError(failure.message)
        : failure;
    }
  };

export const workflowSteps = (step: WorkflowStep): Steps => {
  const steps = step as unknown as AnyStep;
  return {
    do: async (name, options, perform) => {
      const config = configOf(options);
      const once = options.retry ? finalFailuresOnce(perform) : perform;
      try {
        return await (config === undefined ? steps.do(name, once) : steps.do(name, config, once));
      } catch (reason) {
        throw isTimeout(reason) ? new StepTimedOut({ step: name }) : reason;
      }
    },
    sleep: (name, millis) => step.sleep(name, millis),
    waitForEvent: async (name, options) => {
      try {
        await step.waitForEvent(name, { ...options, timeout: wholeMillis(options.timeout) });
        return true;
      } catch (reason) {
        if (isTimeout(reason)) return false;
        throw reason;
      }
    },
    resultLimit,
  };
};
