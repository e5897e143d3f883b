/**
 * The immutable state of a run and the only functions that make a new one. Each keeps the counters beside the node it
 * changes, so that status costs O(1) (STATUS-3). They do not ask whether a change may happen: `transition.ts` does.
 */
import type { WorkflowGraph } from "./graph.ts";
import type { NodeLifecycle, WorkflowLifecycle } from "./lifecycle.ts";
import type { NodeRuntimeValues } from "./value.ts";
import { recordOf } from "./value.ts";
import type { Vector } from "./vector.ts";
import { emptyVector, valueAt, withValueAt } from "./vector.ts";

export type SkipReason = "upstream_failure" | "conditional_branch";
export type SkipCause = "failure" | "branch";

export interface SkipDetails {
  /** What blocked the node directly. */
  readonly skipReason: SkipReason;
  /** The sources that give the reason, in edge order, each once. */
  readonly blockedBy: readonly string[];
  /** Why in the end: `failure` when any chain of blockers reaches a failed node. */
  readonly cause: SkipCause;
}

/** One try at a node. Times are milliseconds since 1970, taken inside a step. */
export interface Attempt {
  readonly startedAt: number;
  readonly endedAt: number;
  /** Why this try did not succeed. */
  readonly error?: string;
}

export interface NodeState {
  readonly lifecycle: NodeLifecycle;
  readonly inputs: NodeRuntimeValues;
  readonly outputs?: NodeRuntimeValues;
  /** Compute credits this node cost. */
  readonly usage: number;
  readonly error?: string;
  readonly skip?: SkipDetails;
  readonly attempts: readonly Attempt[];
  /** The earlier execution in which the node ran, and whose outputs a redrive took over. */
  readonly reusedFrom?: string;
  /** What it cost there, in compute credits: it costs this run nothing, but counts in its budget. */
  readonly reusedUsage?: number;
}

export interface NodeCounts {
  readonly executing: number;
  readonly completed: number;
  readonly failed: number;
  readonly skippedByFailure: number;
  readonly skippedByBranch: number;
}

export interface ExecutionState {
  readonly graph: WorkflowGraph;
  readonly lifecycle: WorkflowLifecycle;
  /** Nodes that left idle, by their place in the order. */
  readonly nodes: Vector<NodeState>;
  readonly counts: NodeCounts;
  /** Why the run as a whole stopped: refused, exhausted or cancelled. */
  readonly error?: string;
}

const idleNode: NodeState = { lifecycle: "idle", inputs: {}, usage: 0, attempts: [] };

export const initialState = (graph: WorkflowGraph): ExecutionState => ({
  graph,
  lifecycle: "submitted",
  nodes: emptyVector(graph.nodes.length),
  counts: { executing: 0, completed: 0, failed: 0, skippedByFailure: 0, skippedByBranch: 0 },
});

export const nodeStateAt = (state: ExecutionState, index: number): NodeState =>
  valueAt(state.nodes, index) ?? idleNode;

/** A node that the graph lacks is idle for ever. */
export const nodeStateOf = (state: ExecutionState, nodeId: string): NodeState => {
  const index = state.graph.nodesById.get(nodeId)?.index;
  return index === undefined ? idleNode : nodeStateAt(state, index);
};

const countedAs = (node: NodeState): keyof NodeCounts | undefined => {
  switch (node.lifecycle) {
    case "idle":
      return undefined;
    case "completed":
    case "failed":
      return node.lifecycle;
    case "skipped":
      return node.skip?.cause === "branch" ? "skippedByBranch" : "skippedByFailure";
    case "executing.running":
    case "executing.retrying":
    case "executing.waiting":
    case "executing.sleeping":
      return "executing";
  }
};

export const withNode = (
  state: ExecutionState,
  index: number,
  before: NodeState,
  after: NodeState,
): ExecutionState => {
  const left = countedAs(before);
  const entered = countedAs(after);
  const counts: { -readonly [K in keyof NodeCounts]: number } = { ...state.counts };
  if (left !== undefined) counts[left]--;
  if (entered !== undefined) counts[entered]++;
  return { ...state, nodes: withValueAt(state.nodes, index, after), counts };
};

export const withLifecycle = (
  state: ExecutionState,
  lifecycle: WorkflowLifecycle,
  error?: string,
): ExecutionState => ({ ...state, lifecycle, ...(error === undefined ? {} : { error }) });

/** The JSON form: the field names of the seed, nodes in topological order whatever order they settled in. */
export interface ExecutionStateJson {
  readonly nodeInputs: Readonly<Record<string, NodeRuntimeValues>>;
  readonly nodeOutputs: Readonly<Record<string, NodeRuntimeValues>>;
  readonly nodeUsage: Readonly<Record<string, number>>;
  readonly executedNodes: readonly string[];
  readonly skippedNodes: readonly string[];
  readonly nodeErrors: Readonly<Record<string, string>>;
  readonly skipDetails: Readonly<Record<string, SkipDetails>>;
}

export const executionStateToJson = (state: ExecutionState): ExecutionStateJson => {
  const visited = state.graph.nodes.map(
    ({ id, index }) => [id, nodeStateAt(state, index)] as const,
  );
  const pick = <A>(value: (node: NodeState) => A | undefined): Readonly<Record<string, A>> =>
    recordOf(
      visited.flatMap(([id, node]): (readonly [string, A])[] => {
        const picked = value(node);
        return picked === undefined ? [] : [[id, picked]];
      }),
    );
  const idsIn = (lifecycle: NodeLifecycle): readonly string[] =>
    visited.filter(([, node]) => node.lifecycle === lifecycle).map(([id]) => id);
  return {
    nodeInputs: pick((node) =>
      node.lifecycle === "idle" || node.lifecycle === "skipped" ? undefined : node.inputs,
    ),
    nodeOutputs: pick((node) => node.outputs),
    nodeUsage: pick((node) => (node.lifecycle === "completed" ? node.usage : undefined)),
    executedNodes: idsIn("completed"),
    skippedNodes: idsIn("skipped"),
    nodeErrors: pick((node) => node.error),
    skipDetails: pick((node) => node.skip),
  };
};
