import { expect, it } from "vitest";
import { executionStateToJson, initialState, nodeStateOf } from "#core/execution-state";
import { graph } from "../support/graph.ts";
import { apply, graphOf, settle, skipped } from "./settle.ts";

it("has the field names of the seed, nodes in topological order whatever order they ended in", () => {
  const workflow = graph("a -> b", "c -> d", "e", { inputs: { "a:x": { value: "hello" } } });
  const state = settle(workflow, { e: {}, c: "boom", a: { out: 1 }, d: skipped, b: { out: [2] } });
  expect(JSON.stringify(executionStateToJson(state), null, 1)).toBe(
    JSON.stringify(
      {
        nodeInputs: { a: { x: "hello" }, c: {}, e: {}, b: { in: 1 } },
        nodeOutputs: { a: { out: 1 }, e: {}, b: { out: [2] } },
        nodeUsage: { a: 1, e: 1, b: 1 },
        executedNodes: ["a", "e", "b"],
        skippedNodes: ["d"],
        nodeErrors: { c: "boom" },
        skipDetails: {
          d: { skipReason: "upstream_failure", blockedBy: ["c"], cause: "failure" },
        },
      },
      null,
      1,
    ),
  );
});

it("lists nothing before the first node has started", () => {
  expect(executionStateToJson(initialState(graphOf(graph("a -> b"))))).toEqual({
    nodeInputs: {},
    nodeOutputs: {},
    nodeUsage: {},
    executedNodes: [],
    skippedNodes: [],
    nodeErrors: {},
    skipDetails: {},
  });
});

it("has the inputs of a node that is under way, and no more of it", () => {
  const state = settle(graph("a"), {});
  const running = apply(state, { type: "start", nodeId: "a", inputs: { in: 1 } });
  expect(executionStateToJson(running)).toEqual({
    nodeInputs: { a: { in: 1 } },
    nodeOutputs: {},
    nodeUsage: {},
    executedNodes: [],
    skippedNodes: [],
    nodeErrors: {},
    skipDetails: {},
  });
});

it("keeps an id such as __proto__ as a key of its own, through JSON and back", () => {
  const state = settle(graph("__proto__ -> constructor"), {
    ["__proto__"]: { out: 1 },
    constructor: "boom",
  });
  const json = JSON.parse(JSON.stringify(executionStateToJson(state)));
  expect(Object.entries(json.nodeOutputs)).toEqual([["__proto__", { out: 1 }]]);
  expect(Object.entries(json.nodeErrors)).toEqual([["constructor", "boom"]]);
  expect(json.executedNodes).toEqual(["__proto__"]);
});

it("leaves the state before as it was", () => {
  const before = settle(graph("a", "b"), { a: {} });
  const json = JSON.stringify([executionStateToJson(before), before.counts]);
  apply(before, { type: "start", nodeId: "b", inputs: {} }, { type: "cancel" });
  expect(JSON.stringify([executionStateToJson(before), before.counts])).toBe(json);
});

it("knows a node that nothing has happened to as idle", () => {
  expect(nodeStateOf(settle(graph("a"), {}), "a")).toEqual({
    lifecycle: "idle",
    inputs: {},
    usage: 0,
    attempts: [],
  });
});
