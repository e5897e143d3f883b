import * as Result from "effect/Result";
import { describe, expect, it } from "vitest";
import { buildGraph } from "#core/graph";
import { validateWorkflow } from "#core/validate";
import type { Edge, Node, Workflow } from "#core/workflow";
import { graph } from "../support/graph.ts";
import { graphOf } from "./settle.ts";

const orderOf = (workflow: Workflow): readonly string[] =>
  graphOf(workflow).nodes.map(({ id }) => id);

const cycleOf = (workflow: Workflow): string | undefined => {
  const built = buildGraph(workflow);
  return Result.isFailure(built) ? built.failure.message : undefined;
};

describe("the order", () => {
  it("takes nodes without upstreams as they are declared", () => {
    expect(orderOf(graph("c", "a", "b"))).toEqual(["c", "a", "b"]);
  });

  it("drains a node's dependents in the order of its edges", () => {
    expect(orderOf(graph("b", "c", "a -> c", "a -> b", "a -> d"))).toEqual(["a", "c", "b", "d"]);
  });

  it("waits for every upstream of a join", () => {
    expect(orderOf(graph("a -> d", "a -> b -> c -> d"))).toEqual(["a", "b", "c", "d"]);
  });

  it("puts a missing node where its edges put it", () => {
    expect(orderOf(graph("a -> gone -> b", { missing: ["gone"] }))).toEqual(["a", "gone", "b"]);
    expect(orderOf(graph("gone -> b", "c", { missing: ["gone"] }))).toEqual(["c", "gone", "b"]);
  });

  it("is empty for an empty workflow", () => {
    expect(graphOf(graph())).toEqual({ workflow: graph(), nodes: [], nodesById: new Map() });
  });
});

describe("the index", () => {
  it("holds each node's own edges and counts upstreams once, however many edges they send", () => {
    const workflow = graph("a:x -> b:one", "a:y -> b:two", "c -> b:three");
    const [a, c, b] = graphOf(workflow).nodes;
    expect(a).toEqual({
      id: "a",
      index: 0,
      node: workflow.nodes[0],
      ports: workflow.nodes[0],
      inbound: [],
      sources: [],
      upstreamCount: 0,
      dependents: [2],
    });
    expect(c?.dependents).toEqual([2]);
    expect(b).toEqual({
      id: "b",
      index: 2,
      node: workflow.nodes[1],
      ports: workflow.nodes[1],
      inbound: workflow.edges,
      sources: [0, 0, 1],
      upstreamCount: 2,
      dependents: [],
    });
  });

  it("finds nodes called like properties of every object", () => {
    const { nodesById } = graphOf(graph("__proto__ -> constructor", "hasOwnProperty"));
    expect([...nodesById.keys()]).toEqual(["__proto__", "hasOwnProperty", "constructor"]);
    expect(nodesById.get("toString")).toBeUndefined();
  });
});

describe("a cycle", () => {
  it("is named by one actual cycle", () => {
    expect(cycleOf(graph("a -> b -> a"))).toBe("Workflow contains a cycle: b -> a -> b");
    expect(cycleOf(graph("a -> a"))).toBe("Workflow contains a cycle: a -> a");
  });

  it("is named without the nodes that only lead to it or follow from it", () => {
    expect(cycleOf(graph("end", "a -> b -> a", "b -> end"))).toBe(
      "Workflow contains a cycle: a -> b -> a",
    );
    expect(cycleOf(graph("start -> a -> b -> c -> a", "c -> end"))).toBe(
      "Workflow contains a cycle: b -> c -> a -> b",
    );
  });

  it("may lead through a missing node", () => {
    expect(cycleOf(graph("a -> gone -> a", { missing: ["gone"] }))).toBe(
      "Workflow contains a cycle: gone -> a -> gone",
    );
  });
});

const nodeAt = (index: number): Node => ({
  id: `n${index}`,
  name: "",
  type: "test",
  inputs: [{ name: "in", type: "any", repeated: true }],
  outputs: [{ name: "out", type: "any" }],
});

/** Widths and sources by arithmetic alone, so that making the document is not what is measured. */
const large = (size: number, sourcesOf: (index: number) => readonly number[]): Workflow => ({
  id: "large",
  name: "Large",
  trigger: "manual",
  nodes: Array.from({ length: size }, (_, index) => nodeAt(index)),
  edges: Array.from({ length: size }, (_, index) =>
    sourcesOf(index).map((source): Edge => ({
      source: `n${source}`,
      sourceOutput: "out",
      target: `n${index}`,
      targetInput: "in",
    })),
  ).flat(),
});

const shapes: Readonly<Record<string, (size: number) => Workflow>> = {
  "a chain": (size) => large(size, (index) => (index === 0 ? [] : [index - 1])),
  "a fan": (size) =>
    large(size, (index) => {
      if (index === 0) return [];
      return index < size - 1 ? [0] : Array.from({ length: size - 2 }, (_, leaf) => leaf + 1);
    }),
  layers: (size) =>
    large(size, (index) => {
      const layer = Math.floor(index / 100) * 100;
      return layer === 0 ? [] : [0, 7, 42].map((step) => layer - 100 + ((index + step) % 100));
    }),
};

const millisOf = (work: () => unknown): number => {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
};

describe.each(Object.entries(shapes))("100,000 nodes in %s", (_shape, workflowOf) => {
  it(
    "are indexed and validated without recursion, in time that grows with the document",
    { timeout: 60_000 },
    () => {
      const work = (workflow: Workflow) => () => {
        expect(graphOf(workflow).nodes.length).toBe(workflow.nodes.length);
        expect(validateWorkflow(workflow).problems).toEqual([]);
      };
      const small = workflowOf(10_000);
      work(small)();
      const small10 = 10 * Math.min(millisOf(work(small)), millisOf(work(small)));
      const whole = millisOf(work(workflowOf(100_000)));
      // Quadratic work would cost ten times that of ten small ones.
      expect(whole).toBeLessThan(4 * small10 + 500);
    },
  );
});
