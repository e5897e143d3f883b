import { expect, it } from "vitest";
import { carriedJsonTexts, collectNodeInputs } from "#core/inputs";
import { graph } from "../support/graph.ts";
import { nodeNamed, settle } from "./settle.ts";

it("takes the document's values, and leaves out what has none", () => {
  const inputs = { "a:x": { value: 1 }, "a:y": { value: null }, "a:z": {} };
  const state = settle(graph("a", { inputs }), {});
  expect(collectNodeInputs(state, nodeNamed(state, "a"))).toEqual({ x: 1 });
});

it("replaces a value by an override of a declared input, and ignores any other", () => {
  const state = settle(graph("a", { inputs: { "a:x": { value: 1 }, "a:y": {} } }), {});
  const overrides = { a: { x: 2, y: [3], z: 4 }, b: { x: 5 } };
  expect(collectNodeInputs(state, nodeNamed(state, "a"), overrides)).toEqual({ x: 2, y: [3] });
});

it("keeps the document's value under an override of null", () => {
  const state = settle(graph("a", { inputs: { "a:x": { value: 1 } } }), {});
  expect(collectNodeInputs(state, nodeNamed(state, "a"), { a: { x: null } })).toEqual({ x: 1 });
});

it("replaces both by an edge that carries a value, and by no other edge", () => {
  const workflow = graph("a -> b", "c:x -> b:y", {
    inputs: { "b:in": { value: 1 }, "b:y": { value: 2 } },
  });
  const state = settle(workflow, { a: { out: 3 }, c: {} });
  const overrides = { b: { in: 4 } };
  expect(collectNodeInputs(state, nodeNamed(state, "b"), overrides)).toEqual({ in: 3, y: 2 });
});

it("lets the last edge in document order win that carries a value", () => {
  const workflow = graph("a -> d", "b -> d", "c -> d");
  const state = settle(workflow, { a: { out: 1 }, b: { out: 2 }, c: {} });
  expect(collectNodeInputs(state, nodeNamed(state, "d"))).toEqual({ in: 2 });
});

it("gathers edges into a repeated input in edge order, flattened by one level", () => {
  const workflow = graph("b -> d", "a -> d", "c -> d", {
    inputs: { "d:in": { repeated: true, value: ["replaced"] } },
  });
  const state = settle(workflow, { a: { out: 1 }, b: { out: [2, [3]] }, c: { out: [] } });
  expect(collectNodeInputs(state, nodeNamed(state, "d"))).toEqual({ in: [2, [3], 1] });
});

it("gives an array to an input that is not repeated as it is", () => {
  const state = settle(graph("a -> b"), { a: { out: [1, 2] } });
  expect(collectNodeInputs(state, nodeNamed(state, "b"))).toEqual({ in: [1, 2] });
});

it("keeps ports called like properties of every object", () => {
  const workflow = graph("a:__proto__ -> b:constructor", "c:toString -> b:__proto__");
  const state = settle(workflow, { a: JSON.parse('{ "__proto__": 1 }'), c: {} });
  expect(collectNodeInputs(state, nodeNamed(state, "b"))).toEqual({ constructor: 1 });
  const full = settle(workflow, { a: {}, c: { toString: 2 } });
  expect(Object.entries(collectNodeInputs(full, nodeNamed(full, "b")))).toEqual([["__proto__", 2]]);
});

it("gives a missing node nothing", () => {
  const state = settle(graph("a -> gone", { missing: ["gone"] }), { a: { out: 1 } });
  expect(collectNodeInputs(state, nodeNamed(state, "gone"))).toEqual({});
});

it("names the json inputs whose text an edge brought, and no others", () => {
  const json = { type: "json" } as const;
  const workflow = graph("a -> c:x", "b -> c:y", "a -> c:list", "a:n -> c:plain", {
    inputs: {
      "c:x": json,
      "c:y": { ...json, value: "1" },
      "c:list": { ...json, repeated: true },
      "c:free": { ...json, value: "2" },
    },
  });
  const state = settle(workflow, { a: { out: "{}", n: "text" }, b: {} });
  const node = nodeNamed(state, "c");
  expect(carriedJsonTexts(state, node, collectNodeInputs(state, node))).toEqual(["x"]);
});
