/** What a run is expected to cost, in compute credits. */
import type { WorkflowGraph } from "./graph.ts";

/** The sum over the nodes that are to run; a type whose cost is not known, and a missing node, count 1. */
export const estimateCredits = (
  graph: WorkflowGraph,
  costOf: (type: string) => number | undefined,
  reused: ReadonlySet<string> = new Set(),
): number =>
  graph.nodes.reduce((sum, { id, node }) => {
    if (reused.has(id)) return sum;
    return sum + (node === undefined ? 1 : (costOf(node.type) ?? 1));
  }, 0);
