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

const definitions = new Map(builtInNodes.map((definition) => [definition.type, definition]));

it.each(facts.map((fact) => [fact.type, fact] as const))(
  "gives %s the ports and the cost that existing workflow files count on",
  (type, fact) => {
    const definition = definitions.get(type);
    expect(definition && factsOf(definition)).toStrictEqual(fact);
  },
);

/** Those that no other engine's files know. */
const ownTypes = ["delay", "wait-for-approval", "wait-for-event"];

it("has no types beyond those but its own", () => {
  const known = new Set(facts.map(({ type }) => type));
  const others = builtInNodes.map(({ type }) => type).filter((type) => !known.has(type));
  expect(others.sort()).toEqual(ownTypes);
});

it("has a node of every type once", () => {
  expect(new Set(builtInNodes.map(({ type }) => type)).size).toBe(builtInNodes.length);
});

it.each(builtInNodes.map((definition) => [definition.type, definition] as const))(
  "describes %s in one line, and calls it pure only if it is a single step",
  (_, { description, pure, multiStep }) => {
    expect(description).toMatch(/^[A-Z].{3,150}\.$/);
    expect(pure && multiStep).toBe(false);
  },
);
