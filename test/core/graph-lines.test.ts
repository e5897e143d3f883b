import { expect, it } from "vitest";
import { graph } from "../support/graph.ts";

const port = (name: string) => ({ name, type: "any" });

it("makes nodes and ports by naming them, in the order they are named", () => {
  expect(graph("a -> b -> c", "fork:true -> b:x", "alone")).toEqual({
    id: "workflow",
    name: "Workflow",
    trigger: "manual",
    nodes: [
      { id: "a", name: "a", type: "test", inputs: [], outputs: [port("out")] },
      { id: "b", name: "b", type: "test", inputs: [port("in"), port("x")], outputs: [port("out")] },
      { id: "c", name: "c", type: "test", inputs: [port("in")], outputs: [] },
      { id: "fork", name: "fork", type: "test", inputs: [], outputs: [port("true")] },
      { id: "alone", name: "alone", type: "test", inputs: [], outputs: [] },
    ],
    edges: [
      { source: "a", sourceOutput: "out", target: "b", targetInput: "in" },
      { source: "b", sourceOutput: "out", target: "c", targetInput: "in" },
      { source: "fork", sourceOutput: "true", target: "b", targetInput: "x" },
    ],
  });
});

it("takes what a line cannot say as options", () => {
  const policy = { timeout: 5 };
  const settings = { maxConcurrency: 1 };
  expect(
    graph("a -> b", "gone -> b", {
      missing: ["gone"],
      types: { a: "addition" },
      inputs: { "b:in": { type: "number", repeated: true }, "a:x": { value: 1 } },
      outputs: { "a:out": { type: "number" } },
      policies: { b: policy },
      settings,
    }),
  ).toEqual({
    id: "workflow",
    name: "Workflow",
    trigger: "manual",
    nodes: [
      {
        id: "a",
        name: "a",
        type: "addition",
        inputs: [{ name: "x", type: "any", value: 1 }],
        outputs: [{ name: "out", type: "number" }],
      },
      {
        id: "b",
        name: "b",
        type: "test",
        inputs: [{ name: "in", type: "number", repeated: true }],
        outputs: [],
        policy,
      },
    ],
    edges: [
      { source: "a", sourceOutput: "out", target: "b", targetInput: "in" },
      { source: "gone", sourceOutput: "out", target: "b", targetInput: "in" },
    ],
    settings,
  });
});

it("asks for two lines where a port could be either", () => {
  expect(() => graph("a -> b:x -> c")).toThrow("Is 'b:x' an input or an output? Write two lines.");
});
