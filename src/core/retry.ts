/** Whether a failed attempt has a next one, and when. Time is an argument; nothing here waits. */
import type { Policy } from "./workflow.ts";
import { durationMillis } from "./workflow.ts";
import { year } from "./year.ts";

/** A failure of one attempt. `retryable` says whether trying again could help (ERROR-3). */
export interface AttemptFailure {
  readonly message: string;
  readonly retryable: boolean;
  /** Milliseconds that the failing side asked to wait; replaces the policy's delay. */
  readonly retryAfter?: number;
}

/** Doubling any longer would pass every real schedule and, in the end, what a number can hold. */
const longestDelay = year;

/** Milliseconds until attempt `attempt + 1`, or undefined when `attempt` was the last. `attempt` counts from 1. */
export const nextAttemptDelay = (
  policy: Policy | undefined,
  attempt: number,
  failure: AttemptFailure,
): number | undefined => {
  const retries = policy?.retries;
  if (!failure.retryable || retries === undefined || attempt > retries.limit) return undefined;
  const { retryAfter } = failure;
  if (retryAfter !== undefined && Number.isFinite(retryAfter) && retryAfter >= 0) {
    return Math.min(retryAfter, longestDelay);
  }
  const delay = durationMillis(retries.delay) ?? 0;
  const growth = { constant: 1, linear: attempt, exponential: 2 ** Math.min(attempt - 1, 60) };
  return Math.min(delay * growth[retries.backoff], longestDelay);
};

/** How many more attempts a node may have after its first. */
export const retryLimit = (policy: Policy | undefined): number => policy?.retries?.limit ?? 0;

/**
 * What an attempt that may be tried again has when nothing is said: less than the platform's own ten minutes, after which
 * nobody could say when it began, abort it, or try it again.
 */
const longestAttempt = 9.5 * 60_000;

/** Milliseconds after which an attempt is aborted; undefined for never. */
export const attemptTimeout = (policy: Policy | undefined): number | undefined => {
  if (policy?.timeout !== undefined) return durationMillis(policy.timeout);
  return retryLimit(policy) > 0 ? longestAttempt : undefined;
};

const minute = 60_000;

/**
 * Milliseconds that the platform gives a step with one attempt in it: a minute more than the attempt has, so that the engine
 * always ends it first. None without a time limit: then the platform's own default holds.
 */
export const stepTimeout = (policy: Policy | undefined): { readonly timeout?: number } => {
  const timeout = policy?.timeout === undefined ? undefined : durationMillis(policy.timeout);
  return timeout === undefined ? {} : { timeout: Math.min(timeout, longestDelay) + minute };
};
