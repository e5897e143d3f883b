/** Values that stand in the document, or that a run brings in as overrides, on their way into the graph. */
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { defineNode } from "./define-node.ts";

const category = "input";
const pure = true;

/** Fails outside the bounds, since a value that is quietly moved into them would be believed. */
const within = (value: number, min = -Infinity, max = Infinity) => {
  if (value < min) {
    return new NodeFailure({ message: `The value ${value} is below the minimum of ${min}` });
  }
  if (value > max) {
    return new NodeFailure({ message: `The value ${value} is above the maximum of ${max}` });
  }
  return { value };
};

export const inputNodes: readonly NodeDefinition[] = [
  defineNode({
    type: "boolean-input",
    name: "Boolean Input",
    category,
    description: "Yes or no, as set in the workflow; no unless told.",
    pure,
    inputs: [{ name: "value", type: "boolean", hidden: true, value: false }],
    outputs: [{ name: "value", type: "boolean" }],
    run: ({ value }) => ({ value }),
  }),
  defineNode({
    type: "date-input",
    name: "Date Input",
    category,
    description: "A date in ISO 8601, as set in the workflow. Puts out nothing while it is empty.",
    pure,
    inputs: [{ name: "value", type: "date", hidden: true, value: "" }],
    outputs: [{ name: "value", type: "date" }],
    run: ({ value }) => ({ value: value === "" ? undefined : value }),
  }),
  defineNode({
    type: "geojson-input",
    name: "GeoJSON Input",
    category,
    description: "A GeoJSON object, as set in the workflow. Puts out nothing while there is none.",
    pure,
    inputs: [{ name: "value", type: "geojson", hidden: true }],
    outputs: [{ name: "value", type: "geojson" }],
    run: ({ value }) => ({ value }),
  }),
  defineNode({
    type: "javascript-input",
    name: "JavaScript Input",
    category,
    description: "JavaScript as text, as set in the workflow. It is not run here.",
    pure,
    inputs: [
      {
        name: "javascript",
        type: "string",
        hidden: true,
        value: "// Write your JavaScript code here",
      },
    ],
    outputs: [{ name: "javascript", type: "string" }],
    run: ({ javascript }) => ({ javascript }),
  }),
  defineNode({
    type: "json-input",
    name: "JSON Input",
    category,
    description: "A JSON value, as set in the workflow.",
    pure,
    inputs: [{ name: "json", type: "json", hidden: true, value: {} }],
    outputs: [{ name: "json", type: "json" }],
    run: ({ json }) => ({ json }),
  }),
  defineNode({
    type: "number-input",
    name: "Number Input",
    category,
    description: "A number, as set in the workflow. Fails when it is below min or above max.",
    pure,
    inputs: [
      { name: "value", type: "number", hidden: true, value: 0 },
      { name: "min", type: "number", hidden: true },
      { name: "max", type: "number", hidden: true },
      { name: "step", type: "number", hidden: true },
      { name: "placeholder", type: "string", hidden: true },
    ],
    outputs: [{ name: "value", type: "number" }],
    run: ({ value, min, max }) => within(value, min, max),
  }),
  defineNode({
    type: "secret-input",
    name: "Secret Input",
    category,
    description: "The name of a secret, as set in the workflow; the secret itself never travels.",
    pure,
    inputs: [{ name: "value", type: "secret", hidden: true }],
    outputs: [{ name: "value", type: "secret" }],
    run: ({ value }) => ({ value }),
  }),
  defineNode({
    type: "slider-input",
    name: "Slider Input",
    category,
    description: "A number from min to max, as set in the workflow; min unless told.",
    pure,
    inputs: [
      { name: "min", type: "number", hidden: true, value: 0 },
      { name: "max", type: "number", hidden: true, value: 100 },
      { name: "step", type: "number", hidden: true, value: 1 },
      { name: "value", type: "number", hidden: true },
    ],
    outputs: [{ name: "value", type: "number" }],
    run: ({ value, min, max }) => within(value ?? min, min, max),
  }),
  defineNode({
    type: "text-input",
    name: "Text Input",
    category,
    description: "Text, as set in the workflow.",
    pure,
    inputs: [{ name: "value", type: "string", hidden: true, value: "" }],
    outputs: [{ name: "value", type: "string" }],
    run: ({ value }) => ({ value }),
  }),
];
