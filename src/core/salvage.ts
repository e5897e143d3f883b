/**
 * What can still be checked of a document whose shape is wrong (GRAPH-4): its sound nodes and edges, at their own places. What
 * is broken is replaced by stand-ins, so that places do not shift, and whatever is found at a stand-in is not told.
 */
import type { Problem } from "./problem.ts";
import { isJsonObject } from "./value.ts";
import type { Edge, Node, Workflow } from "./workflow.ts";
import { isEdge, isNode } from "./workflow.ts";

export interface Salvage {
  readonly workflow: Workflow;
  /** Whether a problem is the document's own, and not a stand-in's. */
  readonly isReal: (problem: Problem) => boolean;
}

const standInNode = (id: string): Node => ({ id, name: "", type: "", inputs: [], outputs: [] });

/** A broken node keeps its id, so that edges to it do not look as if they led nowhere. */
const idOf = (node: unknown): string | undefined =>
  isJsonObject(node) && typeof node["id"] === "string" ? node["id"] : undefined;

/** Undefined when there is no list of nodes or of edges to look at. */
export const salvageWorkflow = (document: unknown): Salvage | undefined => {
  if (!isJsonObject(document)) return undefined;
  const { nodes, edges = [] } = document;
  if (!Array.isArray(nodes) || !Array.isArray(edges)) return undefined;
  const taken = new Set(nodes.map(idOf));
  let count = 0;
  const freeId = (): string => {
    let id: string;
    do id = `stand-in ${count++}`;
    while (taken.has(id));
    return id;
  };
  const brokenIds = new Set<string>();
  let hasNameless = false;
  const keptNodes = nodes.map((node: unknown): Node => {
    if (isNode(node)) return node;
    const id = idOf(node) ?? "";
    if (id === "") hasNameless = true;
    else brokenIds.add(id);
    return standInNode(id === "" ? freeId() : id);
  });
  // Ports of a broken node are not known, so its edges are not looked at. Two free ids: the stand-in leads in no circle.
  const [source, target] = [freeId(), freeId()];
  const standInEdge: Edge = { source, sourceOutput: "-", target, targetInput: "-" };
  const fedIds = new Set<string>();
  const keptEdges = edges.map((edge: unknown): Edge => {
    if (!isEdge(edge)) return standInEdge;
    if (!brokenIds.has(edge.source) && !brokenIds.has(edge.target)) return edge;
    fedIds.add(edge.target);
    return standInEdge;
  });
  return {
    workflow: { id: "", name: "", trigger: "manual", nodes: keptNodes, edges: keptEdges },
    isReal: ({ code, path: [list, index] }) => {
      if (typeof index !== "number") return true;
      // A broken node without an id may be the one that an edge means.
      if (code === "MISSING_NODE" && hasNameless) return false;
      if (list === "edges") return keptEdges[index] === edges[index];
      // A node that a broken one feeds lacks nothing.
      const isFed = code === "MISSING_REQUIRED_INPUT" && fedIds.has(keptNodes[index]?.id ?? "");
      return keptNodes[index] === nodes[index] && !isFed;
    },
  };
};
