import { expect, it } from "vitest";
import { nextAttemptDelay } from "#core/retry";
import type { Policy } from "#core/workflow";

const failure = { message: "busy", retryable: true };
const policyOf = (
  backoff: "constant" | "linear" | "exponential",
  limit = 3,
  delay: number | string = "2 seconds",
): Policy => ({ retries: { limit, delay, backoff } });

/** The delays after the first, second, third and fourth attempt. */
const delaysOf = (policy: Policy | undefined, why = failure): readonly (number | undefined)[] =>
  [1, 2, 3, 4].map((attempt) => nextAttemptDelay(policy, attempt, why));

it("allows as many attempts after the first as the limit says", () => {
  expect(delaysOf(policyOf("constant", 3))).toEqual([2000, 2000, 2000, undefined]);
  expect(delaysOf(policyOf("constant", 1))).toEqual([2000, undefined, undefined, undefined]);
  expect(delaysOf(policyOf("constant", 0))).toEqual([undefined, undefined, undefined, undefined]);
});

it("grows the delay as the policy says", () => {
  expect(delaysOf(policyOf("linear"))).toEqual([2000, 4000, 6000, undefined]);
  expect(delaysOf(policyOf("exponential"))).toEqual([2000, 4000, 8000, undefined]);
  expect(delaysOf(policyOf("exponential", 3, 10))).toEqual([10, 20, 40, undefined]);
});

it("waits as long as the failing side asks, in place of the policy's delay", () => {
  const asked = { ...failure, retryAfter: 7 };
  expect(delaysOf(policyOf("exponential"), asked)).toEqual([7, 7, 7, undefined]);
});

it("never waits longer than a year", () => {
  const year = 365 * 24 * 60 * 60 * 1000;
  expect(nextAttemptDelay(policyOf("exponential", 10_000), 9_999, failure)).toBe(year);
  expect(nextAttemptDelay(policyOf("linear", 10_000, "1 day"), 9_999, failure)).toBe(year);
  expect(nextAttemptDelay(policyOf("constant"), 1, { ...failure, retryAfter: 1e300 })).toBe(year);
});

it("has no next attempt without a policy, or for a failure that another one cannot help", () => {
  expect(delaysOf(undefined)).toEqual([undefined, undefined, undefined, undefined]);
  expect(delaysOf({ timeout: 5 })).toEqual([undefined, undefined, undefined, undefined]);
  expect(nextAttemptDelay(policyOf("constant"), 1, { ...failure, retryable: false })).toBe(
    undefined,
  );
});
