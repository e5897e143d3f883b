/** Documents to measure with: the shapes that engines trip over. */
import type { Node, Parameter, Workflow } from "#core/workflow";

export type Shape = "chain" | "fan" | "layered";

const number = (name: string, value?: number): Parameter => ({
  name,
  type: "number",
  ...(value === undefined ? {} : { value }),
});

export const benchNode = (id: string, type: string, value: number): Node => ({
  id,
  name: id,
  type,
  inputs: [number("value", value)],
  outputs: [number("result")],
});

export const benchEdge = (source: number, target: number): Workflow["edges"][number] => ({
  source: `n${source}`,
  sourceOutput: "result",
  target: `n${target}`,
  targetInput: "value",
});

/** Where the edges of a graph of `count` nodes come from, node by node. */
const sourcesIn: Readonly<Record<Shape, (index: number) => readonly number[]>> = {
  chain: (index) => (index === 0 ? [] : [index - 1]),
  fan: (index) => (index === 0 ? [] : [0]),
  // Layers of 50; every node has three edges from the layer above.
  layered: (index) =>
    index < 50
      ? []
      : [0, 7, 31].map((step) => (Math.floor(index / 50) - 1) * 50 + ((index + step) % 50)),
};

export const benchWorkflow = (
  shape: Shape,
  count: number,
  type: string,
  settings: Workflow["settings"] = {},
): Workflow => ({
  id: `${shape}-${count}`,
  name: shape,
  trigger: "manual",
  nodes: Array.from({ length: count }, (_, index) => benchNode(`n${index}`, type, index)),
  edges: Array.from({ length: count }, (_, index) =>
    sourcesIn[shape](index).map((source) => benchEdge(source, index)),
  ).flat(),
  settings,
});

/** A node that can fail above `rungs` diamonds, one below the other: every path of it would be 2^rungs walks. */
export const diamondLadder = (rungs: number, headType: string, type: string): Workflow => {
  const nodes = [benchNode("n0", headType, 0)];
  const edges: Workflow["edges"][number][] = [];
  for (let rung = 0; rung < rungs; rung++) {
    const top = rung * 3;
    nodes.push(...[1, 2, 3].map((step) => benchNode(`n${top + step}`, type, 0)));
    edges.push(
      benchEdge(top, top + 1),
      benchEdge(top, top + 2),
      benchEdge(top + 1, top + 3),
      benchEdge(top + 2, top + 3),
    );
  }
  return { id: "ladder", name: "ladder", trigger: "manual", nodes, edges };
};
