/**
 * Forks and joins. A fork takes a branch by populating one output; edges from the others are blocked, so what hangs on them
 * is skipped (SKIP-1). A join gives on the branch that was taken.
 */
import type { RuntimeValue } from "#core/value";
import type { Parameter } from "#core/workflow";
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { defineNode } from "./define-node.ts";
import { numberedPorts } from "./numbered-ports.ts";

const any = (name: string): Parameter => ({ name, type: "any" });
const optional = (name: string): Parameter => ({ name, type: "any", required: false });

const joined = (candidates: readonly (RuntimeValue | undefined)[]) => {
  const result = candidates.find((candidate) => candidate !== undefined && candidate !== null);
  return result === undefined
    ? new NodeFailure({ message: "No branch brought a value to join" })
    : { result };
};

export const logicNodes: readonly NodeDefinition[] = [
  defineNode({
    type: "conditional-fork",
    name: "Conditional Fork",
    category: "logic",
    description: "Gives the value on through 'true' or 'false', whichever the condition is.",
    pure: true,
    inputs: [
      { name: "value", type: "any", required: true },
      { name: "condition", type: "boolean", required: true },
    ],
    outputs: [
      { name: "true", type: "any" },
      { name: "false", type: "any" },
    ],
    run: ({ value, condition }) => (condition ? { true: value } : { false: value }),
  }),
  defineNode({
    type: "conditional-join",
    name: "Conditional Join",
    category: "logic",
    description: "Gives on the value of the branch that was taken; the one at 'true' if both were.",
    pure: true,
    inputs: [
      { name: "true", type: "any", required: false },
      { name: "false", type: "any", required: false },
    ],
    outputs: [{ name: "result", type: "any" }],
    run: (inputs) => joined([inputs.true, inputs.false]),
  }),
  defineNode({
    type: "switch-fork",
    name: "Switch Fork",
    category: "logic",
    description:
      "Gives the value on through the first output case_N whose input case_N equals the selector, else through 'default'.",
    pure: true,
    inputs: [
      { name: "value", type: "any", required: true },
      { name: "selector", type: "string", required: true },
      { name: "case_1", type: "string" },
      { name: "case_2", type: "string" },
    ],
    outputs: [any("default"), any("case_1"), any("case_2")],
    dynamicInputs: { prefix: "case", type: "string", defaultCount: 2, minCount: 1 },
    run: (inputs) => {
      const match = numberedPorts(inputs, "case").find(([, text]) => text === inputs["selector"]);
      return { [match?.[0] ?? "default"]: inputs["value"] };
    },
  }),
  defineNode({
    type: "switch-join",
    name: "Switch Join",
    category: "logic",
    description:
      "Gives on the value of the branch that was taken; if several were, that of the lowest case_N, then 'default'.",
    pure: true,
    inputs: [optional("default"), optional("case_1"), optional("case_2")],
    outputs: [{ name: "result", type: "any" }],
    dynamicInputs: { prefix: "case", type: "any", defaultCount: 2, minCount: 1 },
    run: (inputs) =>
      joined([...numberedPorts(inputs, "case").map(([, value]) => value), inputs["default"]]),
  }),
];
