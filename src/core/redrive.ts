/**
 * The plan of a redrive: which nodes of a new run are taken over from an earlier one, and which run again and why. Keeps
 * REDRIVE-1, REDRIVE-2 and REDRIVE-3. Decides nothing about how the new run goes: what runs again may fail or be skipped
 * once more.
 */
import type { GraphNode, WorkflowGraph } from "./graph.ts";
import type { InputOverrides } from "./inputs.ts";
import { isSameDefinition, isSameSupply } from "./redrive-node.ts";
import type { NodeExecution, WorkflowExecution } from "./report.ts";
import type { NodeRuntimeValues } from "./value.ts";
import type { Edge } from "./workflow.ts";

/** What a redrive starts from: a run that is over. A live one goes on changing, so the caller refuses it. */
export interface RedriveSource {
  /** Of the document that the earlier run was given, built as the target's is; undefined when there is none to be had. */
  readonly graph: WorkflowGraph | undefined;
  readonly execution: WorkflowExecution;
  readonly overrides: InputOverrides | undefined;
}

export interface RedriveTarget {
  /** Of the document to run now: the same or a corrected one. */
  readonly graph: WorkflowGraph;
  readonly overrides: InputOverrides | undefined;
  /** Runs again with all its descendants, beside what must anyway. An id that the graph lacks chooses nothing. */
  readonly from?: string;
}

/** Why a node runs again by itself, whatever its upstreams do. */
type OwnReason = "failed" | "skipped" | "unfinished" | "chosen" | "new" | "definition" | "inputs";

type RunReason =
  | { readonly reason: OwnReason }
  /** `because` is the first direct upstream, in the order of edges, that runs again. */
  | { readonly reason: "upstream"; readonly because: string };

interface Reuse {
  readonly action: "reuse";
  readonly inputs: NodeRuntimeValues;
  readonly outputs: NodeRuntimeValues;
  /** The run in which the node really ran, however many redrives have taken it over since. */
  readonly reusedFrom: string;
  /** What it cost there, in compute credits. */
  readonly reusedUsage: number;
}

export type RedriveDecision = { readonly nodeId: string } & (
  | Reuse
  | ({ readonly action: "run" } & RunReason)
);

/** Why a node that did not complete did not. The record of a refused document lacks its missing nodes. */
const shortfallOf = (
  entry: NodeExecution | undefined,
  earlier: GraphNode | undefined,
): OwnReason => {
  switch (entry?.status) {
    case undefined:
      return earlier === undefined ? "new" : "unfinished";
    case "failed":
    case "skipped":
      return entry.status;
    case "idle":
    case "executing":
    case "completed":
      return "unfinished";
  }
};

/** One decision for each node of the target, missing ones too, in topological order. */
export const planRedrive = (
  source: RedriveSource,
  target: RedriveTarget,
): readonly RedriveDecision[] => {
  const entries = new Map(source.execution.nodeExecutions.map((entry) => [entry.nodeId, entry]));
  /** Nodes that run again. In topological order, every upstream of the node at hand has been decided. */
  const again = new Set<string>();
  const carries = (edge: Edge): boolean =>
    Object.hasOwn(entries.get(edge.source)?.outputs ?? {}, edge.sourceOutput);

  /** Of a completed node. What it says of the node itself comes first, since that tells people most. */
  const changeOf = (node: GraphNode): RunReason | undefined => {
    const { graph, overrides } = source;
    const earlier = graph?.nodesById.get(node.id);
    if (graph === undefined || earlier === undefined || !isSameDefinition(earlier, node)) {
      return { reason: "definition" };
    }
    const upstream = node.inbound.find((edge) => again.has(edge.source));
    if (upstream !== undefined) return { reason: "upstream", because: upstream.source };
    const before = { node: earlier, graph, overrides };
    const now = { node, graph: target.graph, overrides: target.overrides };
    return isSameSupply(before, now, carries) ? undefined : { reason: "inputs" };
  };

  const decisionOf = (node: GraphNode): Reuse | ({ readonly action: "run" } & RunReason) => {
    const entry = entries.get(node.id);
    if (node.id === target.from) return { action: "run", reason: "chosen" };
    if (entry?.status !== "completed" || entry.outputs === null) {
      const earlier = source.graph?.nodesById.get(node.id);
      return { action: "run", reason: shortfallOf(entry, earlier) };
    }
    const change = changeOf(node);
    if (change !== undefined) return { action: "run", ...change };
    const { inputs, outputs, reusedFrom = source.execution.id, reusedUsage = entry.usage } = entry;
    return { action: "reuse", inputs, outputs, reusedFrom, reusedUsage };
  };

  return target.graph.nodes.map((node) => {
    const decision = { nodeId: node.id, ...decisionOf(node) };
    if (decision.action === "run") again.add(node.id);
    return decision;
  });
};

/** One plain phrase for people. Ids stand in it as they are, however long. */
export const redriveReasonText = (decision: RedriveDecision): string => {
  if (decision.action === "reuse") return `taken over from run '${decision.reusedFrom}'`;
  switch (decision.reason) {
    case "failed":
      return "failed in the earlier run";
    case "skipped":
      return "was skipped in the earlier run";
    case "unfinished":
      return "did not end in the earlier run";
    case "chosen":
      return "was chosen to run again";
    case "new":
      return "was not in the earlier run";
    case "definition":
      return "its definition has changed";
    case "inputs":
      return "its inputs have changed";
    case "upstream":
      return `'${decision.because}' upstream of it runs again`;
  }
};
