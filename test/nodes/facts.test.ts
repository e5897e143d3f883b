import { expect, it } from "vitest";
import { builtInNodes } from "#nodes/registry";
import facts from "./node-types.json" with { type: "json" };

const factsOf = (definition: (typeof builtInNodes)[number]) => {
  const { type, name, category, inputs, outputs, computeCost, dynamicInputs } = definition;
  return {
    type,
    name,
    category,
    inputs,
    outputs,
    computeCost,
    ...(dynamicInputs === undefined ? {} : { dynamicInputs }),
  };
};

const byType = (a: { readonly type: string }, b: { readonly type: string }): number =>
  a.type < b.type ? -1 : 1;

it("gives every built-in node the ports and the cost that existing workflow files count on", () => {
  expect(builtInNodes.map(factsOf).toSorted(byType)).toStrictEqual(facts.toSorted(byType));
});

it("has a node of every type once", () => {
  expect(new Set(builtInNodes.map(({ type }) => type)).size).toBe(builtInNodes.length);
});

it.each(builtInNodes.map((definition) => [definition.type, definition] as const))(
  "describes %s in one line and declares it pure",
  (_, { description, pure, multiStep }) => {
    expect(description).toMatch(/^[A-Z].{3,150}\.$/);
    expect({ pure, multiStep }).toStrictEqual({ pure: true, multiStep: false });
  },
);
