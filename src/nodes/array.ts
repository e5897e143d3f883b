/** Lists. */
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { defineNode } from "./define-node.ts";

const values = { name: "values", type: "any", required: true, repeated: true } as const;

const outOfRange = (index: number, length: number): NodeFailure => {
  const range = length === 1 ? "1 item, at 0" : `${length} items, at 0 to ${length - 1}`;
  const message = `Index ${index} is out of range: the list ${length === 0 ? "is empty" : `has ${range}`}`;
  return new NodeFailure({ message });
};

export const arrayNodes: readonly NodeDefinition[] = [
  defineNode({
    type: "aggregate-items",
    name: "Aggregate Items",
    category: "array",
    description: "Gathers the values of all its edges into one list, lists flattened by one level.",
    pure: true,
    inputs: [values],
    outputs: [
      { name: "result", type: "any", repeated: true },
      { name: "count", type: "number", hidden: true },
    ],
    run: (inputs) => ({ result: inputs.values, count: inputs.values.length }),
  }),
  defineNode({
    type: "extract-item",
    name: "Extract Item",
    category: "array",
    description:
      "The item of a list at an index that counts from 0. Puts out nothing for an item that is null.",
    pure: true,
    inputs: [values, { name: "index", type: "number", required: true }],
    outputs: [{ name: "result", type: "any" }],
    run: ({ values: items, index }) => {
      if (!Number.isInteger(index)) {
        return new NodeFailure({ message: `Index ${index} is not a whole number` });
      }
      return index >= 0 && index < items.length
        ? { result: items[index] }
        : outOfRange(index, items.length);
    },
  }),
];
