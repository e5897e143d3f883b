/** Credits as they are counted, and what runs are expected to cost. */
import * as Result from "effect/Result";
import { describe, expect, it } from "vitest";
import type { CountedPlan, CreditPlan } from "#core/credits";
import {
  countPlan,
  creditsOfMicro,
  estimateCredits,
  microCredits,
  microLimit,
  mostCredits,
  planLimit,
  planOfCounted,
  roundedCredits,
  roundedLimit,
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
        const credits = creditsOfMicro(micro);
        if (microCredits(credits) !== micro || microLimit(credits) !== micro) wrong.push(micro);
      }
    }
    expect(wrong).toEqual([]);
    expect(Number.isSafeInteger(2 * most)).toBe(true);
  });
});

describe("microLimit", () => {
  it.each([
    [2.999_999_6, 2_999_999],
    [0.000_000_9, 0],
    [0.000_001, 1],
    [1.005, 1_005_000],
    [-1, 0],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, most],
  ])("lets a limit of %d credits be spent as %d millionths, and never more", (credits, micro) => {
    expect(microLimit(credits)).toBe(micro);
    expect(roundedLimit(credits)).toBe(micro / 1_000_000);
  });

  it("takes a sum of amounts for what they are together", () => {
    expect(0.7 + 0.1).toBeLessThan(0.8);
    expect(microLimit(0.7 + 0.1)).toBe(800_000);
    expect(microLimit(Array.from({ length: 1_000 }, () => 0.1).reduce((a, b) => a + b))).toBe(
      100_000_000,
    );
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

  it("allow no more than they say", () => {
    const plan = { allowance: 2.999_999_6, overage: 0.999_999_6 };
    const counted = { type: "fixed", allowance: 2_999_999, overage: 0 };
    expect(countPlan({ type: "fixed", ...plan })).toEqual(counted);
    expect(countPlan({ type: "overage", ...plan })).toEqual({
      type: "overage",
      allowance: 2_999_999,
      overage: 999_999,
    });
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

  it("counts each cost as it is billed", () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `n${index}`);
    const many = Result.getOrThrow(buildGraph(graph(...ids)));
    expect(estimateCredits(many, () => 0.000_001_5)).toBe(0.002);
    expect(estimateCredits(many, () => 0.1)).toBe(100);
  });

  it.each([Number.NaN, -100, Number.NEGATIVE_INFINITY])(
    "lets a cost of %d take nothing away from the others",
    (cost) => {
      expect(estimateCredits(indexed, (type) => (type === "cheap" ? cost : 20))).toBe(41);
    },
  );

  it("leaves out the nodes that are not run again", () => {
    expect(estimateCredits(indexed, costOf, new Set(["b", "gone"]))).toBe(1.5);
    expect(estimateCredits(indexed, costOf, new Set(["a", "b", "c", "gone"]))).toBe(0);
  });
});
