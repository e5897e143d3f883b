/** Credits as they are counted, and what runs are expected to cost. */
import * as Result from "effect/Result";
import { describe, expect, it } from "vitest";
import type { CountedPlan, CreditPlan } from "#core/credits";
import {
  countPlan,
  creditsOfMicro,
  estimateCredits,
  microCredits,
  mostCredits,
  planLimit,
  planOfCounted,
  roundedCredits,
} from "#core/credits";
import { buildGraph } from "#core/graph";
import { graph } from "../support/graph.ts";

const most = mostCredits * 1_000_000;

describe("microCredits", () => {
  it.each([
    [0, 0],
    [1, 1_000_000],
    [0.1, 100_000],
    [0.1 + 0.2, 300_000],
    [1.005, 1_005_000],
    [0.000_000_5, 1],
    [0.000_000_4, 0],
    [-1, 0],
    [-0, 0],
    [Number.NaN, 0],
    [Number.NEGATIVE_INFINITY, 0],
    [Number.POSITIVE_INFINITY, most],
    [Number.MAX_VALUE, most],
    [mostCredits, most],
    [mostCredits + 1, most],
    [mostCredits - 0.000_001, most - 1],
  ])("counts %d credits as %d millionths", (credits, micro) => {
    expect(microCredits(credits)).toBe(micro);
  });

  it("comes back from credits to the very millionth, up to the most that there can be", () => {
    const count = 100_003;
    const wrong: number[] = [];
    for (let index = 0; index <= count; index++) {
      // Some from all over the range, and those below each power of two, where numbers are sparsest.
      const spread = Math.floor((most / count) * index);
      const below = Math.max(0, Math.floor(2 ** (index % 33)) * 1_000_000 - index);
      for (const micro of [spread, below]) {
        if (microCredits(creditsOfMicro(micro)) !== micro) wrong.push(micro);
      }
    }
    expect(wrong).toEqual([]);
    expect(Number.isSafeInteger(2 * most)).toBe(true);
  });
});

describe("roundedCredits", () => {
  it.each([
    [0.1 + 0.2, 0.3],
    [1 / 3, 0.333_333],
    [2 / 3, 0.666_667],
    [-1, 0],
    [1e300, mostCredits],
  ])("rounds %d to %d", (credits, rounded) => {
    expect(roundedCredits(credits)).toBe(rounded);
  });
});

describe("plans", () => {
  const plans: readonly (readonly [CreditPlan, CountedPlan, number])[] = [
    [{ type: "fixed", allowance: 50 }, { type: "fixed", allowance: 50_000_000, overage: 0 }, 50],
    [
      { type: "overage", allowance: 50.5, overage: 1.25 },
      { type: "overage", allowance: 50_500_000, overage: 1_250_000 },
      51.75,
    ],
    [
      { type: "overage", allowance: 50 },
      { type: "overage", allowance: 50_000_000, overage: null },
      Number.POSITIVE_INFINITY,
    ],
    [
      { type: "unlimited" },
      { type: "unlimited", allowance: null, overage: null },
      Number.POSITIVE_INFINITY,
    ],
  ];

  it.each(plans)("counts %j, and gives it back", (plan, counted, limit) => {
    expect(countPlan(plan)).toEqual(counted);
    expect(planOfCounted(counted)).toEqual(plan);
    expect(planLimit(plan)).toBe(limit);
  });
});

describe("estimateCredits", () => {
  const workflow = graph("a -> b", "b -> c", "gone -> c", {
    missing: ["gone"],
    types: { a: "cheap", b: "dear", c: "unknown" },
  });
  const indexed = Result.getOrThrow(buildGraph(workflow));
  const costs = new Map([
    ["cheap", 0.5],
    ["dear", 20],
  ]);
  const costOf = (type: string): number | undefined => costs.get(type);

  it("adds up the costs of the types, and 1 for a type or a node that is not known", () => {
    expect(estimateCredits(indexed, costOf)).toBe(22.5);
  });

  it("leaves out the nodes that are not run again", () => {
    expect(estimateCredits(indexed, costOf, new Set(["b", "gone"]))).toBe(1.5);
    expect(estimateCredits(indexed, costOf, new Set(["a", "b", "c", "gone"]))).toBe(0);
  });
});
