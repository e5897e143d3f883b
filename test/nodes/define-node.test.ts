/** A type's cost is looked at where the type comes in: one that cannot be billed would lift the limit of whole runs. */
import { describe, expect, test } from "vitest";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import type { NodeDefinition } from "#services/node-definition";
import { registryOf } from "#services/node-registry";

const facts = {
  type: "odd",
  name: "",
  category: "test",
  description: "",
  inputs: [],
  outputs: [],
  run: () => ({}),
} as const;

const definition: NodeDefinition = { ...facts, multiStep: false, pure: false, computeCost: 1 };

describe("a type's cost that cannot be billed", () => {
  test.each([
    [Number.NaN, "NaN"],
    [-100, "-100"],
    [-Number.MIN_VALUE, "-5e-324"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    [2 ** 32 + 1, "4294967297"],
    ["5", "'5'"],
    [[5], "type object"],
  ])("is refused where the type is defined and where it is registered: %o", (cost, word) => {
    const computeCost = cost as number;
    const message = `Node type 'odd' has a computeCost of ${word}. It is a number of compute credits, from 0 to 4294967296.`;
    expect(() => defineNode({ ...facts, computeCost })).toThrow(new RangeError(message));
    const odd = { ...definition, computeCost };
    expect(() => registryOf([odd])).toThrow(new RangeError(message));
    expect(() => createDirectRuntime({ nodes: [odd] })).toThrow(new RangeError(message));
  });
});

describe("a type's cost", () => {
  test.each([0, 0.000_000_1, 2 ** 32])("of %d is taken as it is", (computeCost) => {
    expect(defineNode({ ...facts, computeCost }).computeCost).toBe(computeCost);
    expect(registryOf([{ ...definition, computeCost }]).get("odd")!.computeCost).toBe(computeCost);
  });

  test("is 1 when it is left out, or given as nothing by plain JavaScript", () => {
    expect(defineNode(facts).computeCost).toBe(1);
    for (const nothing of [undefined, null]) {
      const computeCost = nothing as unknown as number;
      expect(defineNode({ ...facts, computeCost }).computeCost).toBe(1);
      expect(registryOf([{ ...definition, computeCost }]).get("odd")!.computeCost).toBe(1);
    }
    expect(registryOf([definition]).get("odd")).toBe(definition);
  });
});
