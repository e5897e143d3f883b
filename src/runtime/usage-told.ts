/**
 * What a multi-step node tells of its cost. The last one told counts, and a replay has to find the same one last, though it meets
 * them in another order: what is told between steps is told again each time, and what is told inside a step stands on record with
 * it, and with its place among the others. Told by the node's own context while a step is under way it counts for that step, and a
 * replay that finds the step on record may hear it in another place: nodes tell it inside.
 */
import { amountText, isBillable } from "#core/credits";
import type { AttemptFailure } from "#core/retry";

/** Later than one with a lower `between`; among the same, than one with a lower `inside`. */
export interface Told {
  readonly credits: number;
  /** How often the node had told something between its steps, by then. */
  readonly between: number;
  /** Counts what is told inside steps, on from the highest that was known; 0 for what is told between them. */
  readonly inside: number;
}

/** Of one step that performs. */
export interface StepUsage {
  told?: Told;
}

/** Of one attempt. */
export interface AttemptUsage {
  last?: Told;
  between: number;
  inside: number;
  readonly performing: Set<StepUsage>;
}

export const newUsage = (): AttemptUsage => ({ between: 0, inside: 0, performing: new Set() });

/** Of two in one place, which a process has given that died and another that did not know of it, the larger. */
const isLater = (a: Told, b: Told): boolean =>
  (a.between - b.between || a.inside - b.inside || a.credits - b.credits) > 0;

/** Takes what is told between steps, or what stands on record with one. */
export const noteUsage = (usage: AttemptUsage, told: Told | undefined): void => {
  if (told === undefined) return;
  usage.inside = Math.max(usage.inside, told.inside);
  if (usage.last === undefined || isLater(told, usage.last)) usage.last = told;
};

/** Counts once it is on record, with its step. */
export const tellInside = (
  usage: AttemptUsage,
  steps: Iterable<StepUsage>,
  credits: number,
): void => {
  const told = { credits, between: usage.between, inside: ++usage.inside };
  for (const step of steps) step.told = told;
};

/** By the node's own context. While steps perform it is they who tell it: a replay will not hear it again. */
export const tellUsage = (usage: AttemptUsage, credits: number): void => {
  if (usage.performing.size > 0) tellInside(usage, usage.performing, credits);
  else noteUsage(usage, { credits, between: ++usage.between, inside: 0 });
};

export const unbillable = (who: string, credits: unknown): AttemptFailure | undefined =>
  isBillable(credits)
    ? undefined
    : { message: `${who} reported a usage of ${amountText(credits)}`, retryable: false };
