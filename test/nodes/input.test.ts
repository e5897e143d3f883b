import { expect, it } from "vitest";
import type { NodeOutputs } from "#services/node-definition";
import type { RuntimeValue } from "#core/value";
import { runNode } from "../support/run-node.ts";

type Row = readonly [
  type: string,
  inputs: Readonly<Record<string, RuntimeValue>>,
  outcome: NodeOutputs,
];

const square = { type: "Point", coordinates: [1, 2] };

const rows: readonly Row[] = [
  ["text-input", {}, { value: "" }],
  ["text-input", { value: "a\u0000😀" }, { value: "a\u0000😀" }],
  ["boolean-input", {}, { value: false }],
  ["boolean-input", { value: true }, { value: true }],
  ["json-input", {}, { json: {} }],
  ["json-input", { json: [1, null] }, { json: [1, null] }],
  ["date-input", {}, {}],
  ["date-input", { value: "" }, {}],
  [
    "date-input",
    { value: "2026-11-24T09:30:00.000+01:00" },
    { value: "2026-11-24T09:30:00.000+01:00" },
  ],
  ["geojson-input", {}, {}],
  ["geojson-input", { value: square }, { value: square }],
  ["javascript-input", {}, { javascript: "// Write your JavaScript code here" }],
  ["javascript-input", { javascript: "1 + 1" }, { javascript: "1 + 1" }],
  ["secret-input", {}, {}],
  ["secret-input", { value: "API_KEY" }, { value: "API_KEY" }],
  ["number-input", {}, { value: 0 }],
  ["number-input", { value: 1e300, placeholder: "how many", step: 2 }, { value: 1e300 }],
  ["number-input", { value: 1, min: 1, max: 1 }, { value: 1 }],
  ["number-input", { value: 0.9, min: 1 }, { failed: "The value 0.9 is below the minimum of 1" }],
  ["number-input", { value: 11, max: 10 }, { failed: "The value 11 is above the maximum of 10" }],
  ["number-input", { min: 5 }, { failed: "The value 0 is below the minimum of 5" }],
  ["slider-input", {}, { value: 0 }],
  ["slider-input", { min: 10 }, { value: 10 }],
  ["slider-input", { value: 100 }, { value: 100 }],
  ["slider-input", { value: 101 }, { failed: "The value 101 is above the maximum of 100" }],
  ["slider-input", { value: -1 }, { failed: "The value -1 is below the minimum of 0" }],
  ["slider-input", { min: 5, max: 4 }, { failed: "The value 5 is above the maximum of 4" }],
];

it.each(rows)("answers %s of %j with %j", async (type, inputs, outcome) => {
  expect(await runNode(type, inputs)).toStrictEqual(outcome);
});
