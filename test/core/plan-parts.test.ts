import * as Result from "effect/Result";
import { describe, expect, test } from "vitest";
import type { WorkflowGraph } from "#core/graph";
import { buildGraph } from "#core/graph";
import type { StepFacts } from "#core/plan-parts";
import { countSteps, partsOf, planParts } from "#core/plan-parts";
import type { Workflow } from "#core/workflow";
import { graph } from "../support/graph.ts";

const facts: Readonly<Record<string, StepFacts>> = {
  test: { pure: false, multiStep: false },
  pure: { pure: true, multiStep: false },
  multi: { pure: false, multiStep: true },
  retried: {
    pure: false,
    multiStep: false,
    policy: { retries: { limit: 2, delay: 1, backoff: "constant" } },
  },
};
const cut = (workflow: Workflow, most: number) => {
  const whole = indexed(workflow);
  return partsOf(whole, planParts(whole, factsOf, most));
};

const factsOf = (type: string): StepFacts | undefined => facts[type];

const indexed = (workflow: Workflow): WorkflowGraph => Result.getOrThrow(buildGraph(workflow));

describe("the steps of a run", () => {
  const types = { b: "pure", c: "multi", d: "retried", e: "of no known type" };

  test("are its own five, and one for each node unless the node takes more", () => {
    expect(countSteps(indexed(graph("a", "b", "c", "d", "e", { types })), factsOf)).toBe(
      5 + 1 + 1 + 7 + 4 + 1,
    );
  });

  test("are none for what only computes in the thrifty plan, unless it has files", () => {
    const settings = { steps: "effects" } as const;
    expect(countSteps(indexed(graph("a", "b", { types, settings })), factsOf)).toBe(5 + 1);
    const inputs = { "b:in": { type: "image" } } as const;
    expect(countSteps(indexed(graph("a -> b", { types, settings, inputs })), factsOf)).toBe(5 + 2);
  });
});

describe("the parts of a run", () => {
  test("follow each other in the order, each as large as it may be, and know what they need", () => {
    const parts = cut(graph("a -> b -> c -> d -> e", "a -> e"), 2);
    expect(parts).toEqual([
      { number: 1, from: 0, to: 2, needs: [] },
      { number: 2, from: 2, to: 4, needs: [1] },
      { number: 3, from: 4, to: 5, needs: [1, 2] },
    ]);
  });

  test("need nothing when no edge comes into them", () => {
    expect(cut(graph("a", "b", "c"), 1).map(({ needs }) => needs)).toEqual([[], [], []]);
  });

  test("hold a node that needs more than a part may on its own", () => {
    const types = { b: "multi" };
    expect(cut(graph("a", "b", "c", { types }), 3).map(({ to }) => to)).toEqual([1, 2, 3]);
  });

  test("are one for a graph that fits, and none for an empty one", () => {
    expect(cut(graph("a", "b"), 100)).toEqual([{ number: 1, from: 0, to: 2, needs: [] }]);
    expect(cut(graph(), 100)).toEqual([]);
  });
});
