import { expect, it } from "vitest";
import type { NodeOutputs } from "#services/node-definition";
import type { RuntimeValue } from "#core/value";
import { runNode } from "../support/run-node.ts";

const many = Array.from({ length: 200_000 }, (_, index) => index);

type Row = readonly [
  fact: string,
  type: string,
  inputs: Readonly<Record<string, RuntimeValue>>,
  outcome: NodeOutputs,
];

const rows: readonly Row[] = [
  [
    "gathers and counts",
    "aggregate-items",
    { values: ["a", 1, [2]] },
    { result: ["a", 1, [2]], count: 3 },
  ],
  ["gathers nothing", "aggregate-items", { values: [] }, { result: [], count: 0 }],
  ["gathers 200,000", "aggregate-items", { values: many }, { result: many, count: 200_000 }],
  ["takes the first", "extract-item", { values: ["a", "b"], index: 0 }, { result: "a" }],
  [
    "takes the last of 200,000",
    "extract-item",
    { values: many, index: 199_999 },
    { result: 199_999 },
  ],
  ["takes at -0", "extract-item", { values: ["a"], index: -0 }, { result: "a" }],
  ["puts out nothing for null", "extract-item", { values: [null], index: 0 }, {}],
  [
    "refuses an index past the end",
    "extract-item",
    { values: ["a", "b", "c"], index: 3 },
    { failed: "Index 3 is out of range: the list has 3 items, at 0 to 2" },
  ],
  [
    "refuses a negative index",
    "extract-item",
    { values: ["a"], index: -1 },
    { failed: "Index -1 is out of range: the list has 1 item, at 0" },
  ],
  [
    "refuses any index of an empty list",
    "extract-item",
    { values: [], index: 0 },
    { failed: "Index 0 is out of range: the list is empty" },
  ],
  [
    "refuses half an index",
    "extract-item",
    { values: ["a"], index: 0.5 },
    { failed: "Index 0.5 is not a whole number" },
  ],
  [
    "refuses a huge index",
    "extract-item",
    { values: ["a"], index: 1e300 },
    { failed: "Index 1e+300 is out of range: the list has 1 item, at 0" },
  ],
];

it.each(rows)("%s (%s)", async (_, type, inputs, outcome) => {
  expect(await runNode(type, inputs)).toStrictEqual(outcome);
});
