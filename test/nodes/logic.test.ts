import { expect, it } from "vitest";
import type { NodeOutputs } from "#services/node-definition";
import type { RuntimeValue } from "#core/value";
import { runNode } from "../support/run-node.ts";

type Row = readonly [
  fact: string,
  type: string,
  inputs: Readonly<Record<string, RuntimeValue>>,
  outcome: NodeOutputs,
];

const nothing = { failed: "No branch brought a value to join" };
const switchOf = (selector: string, cases: Readonly<Record<string, RuntimeValue>>) => ({
  value: 7,
  selector,
  ...cases,
});

const rows: readonly Row[] = [
  ["takes the true branch", "conditional-fork", { value: "x", condition: true }, { true: "x" }],
  ["takes the false branch", "conditional-fork", { value: "x", condition: false }, { false: "x" }],
  ["gives on false", "conditional-fork", { value: false, condition: true }, { true: false }],
  ["gives on lists", "conditional-fork", { value: [1, [2]], condition: true }, { true: [1, [2]] }],
  ["joins the true branch", "conditional-join", { true: 1 }, { result: 1 }],
  ["joins the false branch", "conditional-join", { false: 0 }, { result: 0 }],
  ["prefers the true branch", "conditional-join", { false: 1, true: false }, { result: false }],
  ["joins an empty text", "conditional-join", { false: "" }, { result: "" }],
  ["fails without a branch", "conditional-join", {}, nothing],
  [
    "takes the case that equals",
    "switch-fork",
    switchOf("b", { case_1: "a", case_2: "b" }),
    { case_2: 7 },
  ],
  [
    "takes default when none equals",
    "switch-fork",
    switchOf("c", { case_1: "a", case_2: "b" }),
    { default: 7 },
  ],
  ["takes default without cases", "switch-fork", switchOf("c", {}), { default: 7 }],
  [
    "takes the first of equal cases",
    "switch-fork",
    switchOf("a", { case_2: "a", case_1: "a" }),
    { case_1: 7 },
  ],
  [
    "counts case_10 after case_2",
    "switch-fork",
    switchOf("a", { case_10: "a", case_2: "a" }),
    { case_2: 7 },
  ],
  ["takes any number of cases", "switch-fork", switchOf("z", { case_1000: "z" }), { case_1000: 7 }],
  [
    "matches an empty selector",
    "switch-fork",
    switchOf("", { case_1: "a", case_2: "" }),
    { case_2: 7 },
  ],
  ["regards case", "switch-fork", switchOf("A", { case_1: "a" }), { default: 7 }],
  [
    "takes only numbered ports for cases",
    "switch-fork",
    switchOf("a", { case_x: "a", case_: "a", mycase_1: "a" }),
    { default: 7 },
  ],
  ["joins the one case", "switch-join", { case_2: "b" }, { result: "b" }],
  ["joins the default", "switch-join", { default: 0 }, { result: 0 }],
  ["prefers a case to the default", "switch-join", { default: 0, case_9: 9 }, { result: 9 }],
  ["prefers the lowest number", "switch-join", { case_10: 10, case_9: 9 }, { result: 9 }],
  ["fails without any", "switch-join", {}, nothing],
];

it.each(rows)("%s (%s)", async (_, type, inputs, outcome) => {
  expect(await runNode(type, inputs)).toStrictEqual(outcome);
});
