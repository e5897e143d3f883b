import { expect, it } from "vitest";
import type { ExecutionState } from "#core/execution-state";
import { initialState } from "#core/execution-state";
import { getExecutionStatus, settledStatus } from "#core/status";
import { graph } from "../support/graph.ts";
import { apply, graphOf, settle, skipped, started } from "./settle.ts";

const statusOf = (state: ExecutionState): readonly [string, string | undefined] => [
  getExecutionStatus(state),
  settledStatus(state),
];

it("is submitted before the start", () => {
  expect(statusOf(initialState(graphOf(graph("a"))))).toEqual(["submitted", undefined]);
});

it("is completed at once for an empty workflow", () => {
  expect(statusOf(started(graph()))).toEqual(["completed", "completed"]);
});

it("is executing until the last node is final", () => {
  expect(statusOf(started(graph("a -> b")))).toEqual(["executing", undefined]);
  expect(statusOf(settle(graph("a -> b"), { a: { out: 1 } }))).toEqual(["executing", undefined]);
  expect(statusOf(settle(graph("a", "b"), { a: "boom" }))).toEqual(["executing", undefined]);
});

it("is completed when every node completed", () => {
  const state = settle(graph("a -> b"), { a: { out: 1 }, b: {} });
  expect(statusOf(state)).toEqual(["completed", "completed"]);
  expect(state.lifecycle).toBe("completed");
});

it("is error when a node failed, also under the branch-aware policy", () => {
  const ends = { a: "boom", b: skipped } as const;
  expect(statusOf(settle(graph("a -> b"), ends))).toEqual(["error", "error"]);
  const settings = { statusPolicy: "branch-aware" } as const;
  expect(statusOf(settle(graph("a -> b", { settings }), ends))).toEqual(["error", "error"]);
});

it("takes a branch not taken for an error, unless the policy is branch-aware", () => {
  const lines = "fork:true -> a -> b";
  const ends = { fork: {}, a: skipped, b: skipped } as const;
  expect(statusOf(settle(graph(lines), ends))).toEqual(["error", "error"]);
  const settings = { statusPolicy: "branch-aware" } as const;
  const state = settle(graph(lines, { settings }), ends);
  expect(statusOf(state)).toEqual(["completed", "completed"]);
});

it("is paused while the run is, and completed when its last node ends in the pause", () => {
  const running = apply(started(graph("a")), { type: "start", nodeId: "a", inputs: {} });
  const paused = apply(running, { type: "pause" });
  expect(statusOf(paused)).toEqual(["paused", undefined]);
  const end = { type: "complete", nodeId: "a", outputs: {}, usage: 1, attempts: [] } as const;
  expect(statusOf(apply(paused, end))).toEqual(["completed", "completed"]);
});

it("says why a run as a whole was stopped, whatever its nodes came to", () => {
  const half = settle(graph("a -> b"), { a: { out: 1 } });
  const stopped = (event: Parameters<typeof apply>[1]) => getExecutionStatus(apply(half, event));
  expect(stopped({ type: "cancel" })).toBe("cancelled");
  expect(stopped({ type: "exhaust", error: "The budget is spent" })).toBe("exhausted");
  expect(stopped({ type: "fail", error: "Refused" })).toBe("error");
});

it("counts each node where it is", () => {
  const lines = ["a -> b", "fork:true -> c", "d", "e"];
  const state = settle(graph(...lines), { a: "boom", b: skipped, fork: {}, c: skipped });
  expect(apply(state, { type: "start", nodeId: "d", inputs: {} }).counts).toEqual({
    executing: 1,
    completed: 1,
    failed: 1,
    skippedByFailure: 1,
    skippedByBranch: 1,
  });
});
