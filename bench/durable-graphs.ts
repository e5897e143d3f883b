/** Documents to run durably: a gate at the end to be paused at, and every way that a node can go. */
import type { Workflow } from "#core/workflow";
import { benchTypes } from "./durable-nodes.ts";
import { gateId } from "./durable-types.ts";
import { benchEdge, benchNode, benchWorkflow } from "./graphs.ts";

/** A last node waits for all others and holds the run long enough to be paused. */
const gated = ({ nodes, edges, ...workflow }: Workflow): Workflow => ({
  ...workflow,
  nodes: [...nodes, benchNode(gateId, benchTypes.gate, 0)],
  edges: [...edges, ...nodes.map((_, from) => ({ ...benchEdge(from, from), target: gateId }))],
});

export const gatedWorkflow = (count: number): Workflow =>
  gated(benchWorkflow("layered", count, benchTypes.trivial));

/** A layered graph that fails in its last node, so that a redrive has that one to run. */
export const failingWorkflow = (count: number): Workflow => {
  const whole = benchWorkflow("layered", count, benchTypes.trivial);
  const last = benchNode(`n${count - 1}`, benchTypes.failing, 0);
  return { ...whole, nodes: [...whole.nodes.slice(0, -1), last] };
};

/**
 * Ten nodes with every way to go among them, each with the place in the ten that its edge comes from: what hangs on the
 * failing one is skipped.
 */
const everyKind: readonly { readonly type: string; readonly from?: number }[] = [
  { type: benchTypes.trivial },
  { type: benchTypes.trivial, from: 0 },
  { type: benchTypes.failing, from: 0 },
  { type: benchTypes.trivial, from: 2 },
  { type: benchTypes.trivial, from: 3 },
  { type: benchTypes.retried, from: 0 },
  { type: benchTypes.slept, from: 0 },
  { type: benchTypes.waited, from: 0 },
  { type: benchTypes.trivial, from: 5 },
  { type: benchTypes.trivial, from: 7 },
];

/** `groups` times all kinds of nodes, with a gate below them. */
export const everyKindWorkflow = (groups: number): Workflow => {
  const places = Array.from({ length: groups }, (_, group) => group * everyKind.length);
  return gated({
    id: `every-kind-${groups}`,
    name: "every kind",
    trigger: "manual",
    nodes: places.flatMap((first) =>
      everyKind.map(({ type }, place) => benchNode(`n${first + place}`, type, 0)),
    ),
    edges: places.flatMap((first) =>
      everyKind.flatMap(({ from }, place) =>
        from === undefined ? [] : [benchEdge(first + from, first + place)],
      ),
    ),
  });
};
