/** What a run is expected to cost, in compute credits. */
import type { WorkflowGraph } from "./graph.ts";

/** The sum over its nodes; a type whose cost is not known, and a missing node, count 1. */
export const estimateCredits = (
  graph: WorkflowGraph,
  costOf: (type: string) => number | undefined,
): number =>
  graph.nodes.reduce(
    (sum, { node }) => sum + (node === undefined ? 1 : (costOf(node.type) ?? 1)),
    0,
  );
