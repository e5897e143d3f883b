/**
 * Steps of a run that begins again after its process has died. What is on record comes back as it was; what has to be
 * performed asks first whether the run was cancelled meanwhile. If it was, the step never ends: the run does, as soon as
 * nothing on record is left to fold.
 */
import type { StepContext, Steps } from "#services/durable-step";
import type { RunCommand } from "#services/run-command";

export interface ResumedSteps {
  readonly steps: Steps;
  /** Steps whose work is under way in this process. */
  readonly performing: () => number;
}

interface Loop {
  readonly isCancelling: () => boolean;
  readonly cancel: () => void;
  /** A step is held for good. */
  readonly held: () => void;
}

const never = (): Promise<never> => new Promise(() => {});

export const stepsOfResumedRun = (
  steps: Steps,
  standing: () => Promise<RunCommand | null>,
  loop: Loop,
): ResumedSteps => {
  let performing = 0;
  let asked: Promise<RunCommand | null> | undefined;
  /** Once; a store that does not answer is asked again by the next step, and the command's own event comes as well. */
  const ask = (): Promise<RunCommand | null> => {
    asked ??= standing().catch(() => {
      asked = undefined;
      return null;
    });
    return asked;
  };
  const guarded =
    <A>(perform: (step: StepContext) => Promise<A>) =>
    async (step: StepContext): Promise<A> => {
      performing++;
      try {
        if ((await ask()) === "cancel") loop.cancel();
        if (!loop.isCancelling()) return await perform(step);
        loop.held();
        return await never();
      } finally {
        performing--;
      }
    };
  return {
    steps: {
      ...steps,
      do: (name, options, perform) => steps.do(name, options, guarded(perform)),
    },
    performing: () => performing,
  };
};
