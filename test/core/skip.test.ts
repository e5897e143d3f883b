import { expect, it } from "vitest";
import { decideSkip, shouldSkipNode } from "#core/skip";
import { graph } from "../support/graph.ts";
import type { End } from "./settle.ts";
import { nodeNamed, settle, skipped } from "./settle.ts";

/** The skip of `join`, the last node of each graph here. */
const skipAfter = (lines: readonly string[], ends: Readonly<Record<string, End>>) => {
  const state = settle(graph(...lines), ends);
  const join = nodeNamed(state, "join");
  const skip = decideSkip(state, join);
  expect(shouldSkipNode(state, join)).toBe(skip !== undefined);
  return skip;
};

it("runs a node without inbound edges", () => {
  expect(skipAfter(["join"], {})).toBeUndefined();
});

it("skips a node when every inbound edge is blocked", () => {
  expect(skipAfter(["a -> join", "b -> join"], { a: "boom", b: {} })).toEqual({
    skipReason: "upstream_failure",
    blockedBy: ["a"],
    cause: "failure",
  });
});

it("runs a node when one edge of many is live", () => {
  expect(skipAfter(["a -> join", "b -> join"], { a: "boom", b: { out: 1 } })).toBeUndefined();
});

it("takes an edge from an output that is not populated for a branch not taken", () => {
  const lines = ["fork:true -> join"];
  expect(skipAfter(lines, { fork: { false: 1 } })).toEqual({
    skipReason: "conditional_branch",
    blockedBy: ["fork"],
    cause: "branch",
  });
  expect(skipAfter(lines, { fork: { true: 1 } })).toBeUndefined();
});

it("takes any populated output of the same source for a live edge", () => {
  expect(skipAfter(["fork:a -> join", "fork:b -> join"], { fork: { b: 1 } })).toBeUndefined();
});

it("passes a failure on through skips, and names the skip next to it", () => {
  const lines = ["a -> b -> c -> join"];
  expect(skipAfter(lines, { a: "boom", b: skipped, c: skipped })).toEqual({
    skipReason: "upstream_failure",
    blockedBy: ["c"],
    cause: "failure",
  });
});

it("keeps a branch the cause of skips behind a skip", () => {
  expect(skipAfter(["fork:true -> b -> join"], { fork: {}, b: skipped })).toEqual({
    skipReason: "upstream_failure",
    blockedBy: ["b"],
    cause: "branch",
  });
});

it("takes a failure for the cause when one chain of several reaches it", () => {
  const lines = ["a -> b -> join", "fork:true -> c -> join"];
  expect(skipAfter(lines, { a: "boom", fork: {}, b: skipped, c: skipped })).toEqual({
    skipReason: "upstream_failure",
    blockedBy: ["b", "c"],
    cause: "failure",
  });
});

it("lists each blocking source once, in edge order", () => {
  const lines = ["b:x -> join:one", "a:x -> join:two", "b:y -> join:three"];
  expect(skipAfter(lines, { a: "boom", b: "boom" })?.blockedBy).toEqual(["b", "a"]);
});

it("does not take inherited names for populated outputs", () => {
  expect(skipAfter(["fork:toString -> join"], { fork: {} })?.skipReason).toBe("conditional_branch");
  expect(skipAfter(["fork:__proto__ -> join"], { fork: {} })?.skipReason).toBe(
    "conditional_branch",
  );
});
