/**
 * The checked index of a document: its nodes in topological order, each with its edges. Built once per definition, so
 * that no transition ever scans the document (SPEED-2). Keeps GRAPH-1, GRAPH-2, GRAPH-3.
 */
import * as Data from "effect/Data";
import * as Result from "effect/Result";
import type { Ports } from "./parameter.ts";
import type { Edge, Node, Workflow } from "./workflow.ts";

export interface GraphNode {
  readonly id: string;
  /** Place in the topological order. */
  readonly index: number;
  /** Undefined for a missing node: an id that edges name and `nodes` lacks. */
  readonly node: Node | undefined;
  /** What the document and the node's type state together. None for a missing node. */
  readonly ports: Ports;
  /** Edges that end here, in document order. */
  readonly inbound: readonly Edge[];
  /** Where each of those comes from, by index. */
  readonly sources: readonly number[];
  /** How many distinct nodes those edges come from. */
  readonly upstreamCount: number;
  /** Distinct nodes that edges from here lead to, by index. */
  readonly dependents: readonly number[];
}

export interface WorkflowGraph {
  readonly workflow: Workflow;
  /** In topological order: `nodes[i].index === i`. */
  readonly nodes: readonly GraphNode[];
  readonly nodesById: ReadonlyMap<string, GraphNode>;
}

export class CycleDetected extends Data.TaggedError("CycleDetected")<{
  /** One actual cycle; the first id stands again at the end. */
  readonly cycle: readonly string[];
}> {
  override get message(): string {
    const ids = this.cycle.map((id) =>
      id.length > 60 ? `${id.slice(0, 57).toWellFormed()}...` : id,
    );
    const told = ids.length > 20 ? [...ids.slice(0, 10), "...", ...ids.slice(-9)] : ids;
    return `Workflow contains a cycle: ${told.join(" -> ")}`;
  }
}

/** What edges say of an id while the order is not yet known. */
interface Draft {
  readonly id: string;
  readonly node: Node | undefined;
  readonly inbound: Edge[];
  /** Where each of `inbound` comes from, with an index once they are many. */
  readonly sources: Draft[];
  sourceIndex: Set<Draft> | undefined;
  /** How many of them are distinct. */
  upstreamCount: number;
  readonly dependents: Draft[];
  pending: number;
  index: number;
}

/** Most nodes have a few upstreams, which a look at each tells apart; a hub gets an index. */
const longestScan = 16;

/** False when an edge from there was added already. */
const addSource = (draft: Draft, source: Draft): boolean => {
  const { sources, sourceIndex } = draft;
  const isKnown = sourceIndex?.has(source) ?? sources.includes(source);
  sources.push(source);
  if (sourceIndex !== undefined) sourceIndex.add(source);
  else if (sources.length > longestScan) draft.sourceIndex = new Set(sources);
  if (!isKnown) draft.upstreamCount++;
  return !isKnown;
};

const draftOf = (id: string, node: Node | undefined): Draft => ({
  id,
  node,
  inbound: [],
  sources: [],
  sourceIndex: undefined,
  upstreamCount: 0,
  dependents: [],
  pending: 0,
  index: -1,
});

/** Declared nodes first, then missing ones as edges name them. The first of two nodes with one id counts. */
const draftsOf = (workflow: Workflow): ReadonlyMap<string, Draft> => {
  const drafts = new Map<string, Draft>();
  for (const node of workflow.nodes) {
    if (!drafts.has(node.id)) drafts.set(node.id, draftOf(node.id, node));
  }
  const draft = (id: string): Draft => {
    const known = drafts.get(id);
    if (known !== undefined) return known;
    const missing = draftOf(id, undefined);
    drafts.set(id, missing);
    return missing;
  };
  for (const edge of workflow.edges) {
    const source = draft(edge.source);
    const target = draft(edge.target);
    target.inbound.push(edge);
    if (addSource(target, source)) source.dependents.push(target);
  }
  return drafts;
};

/** Walks upstream among nodes that Kahn could not place; each has such an upstream, so the walk must meet itself. */
const cycleAmong = (unplaced: Draft): readonly string[] => {
  const path: Draft[] = [];
  const seenAt = new Map<Draft, number>();
  let at = unplaced;
  while (!seenAt.has(at)) {
    seenAt.set(at, path.length);
    path.push(at);
    for (const source of at.sources) {
      if (source.index < 0) {
        at = source;
        break;
      }
    }
  }
  const cycle = path
    .slice(seenAt.get(at))
    .map((draft) => draft.id)
    .reverse();
  return [...cycle, ...cycle.slice(0, 1)];
};

const noPorts: Ports = { inputs: [], outputs: [] };
const noEdges: readonly Edge[] = [];
const noIndexes: readonly number[] = [];

const indexesOf = (drafts: readonly Draft[]): readonly number[] =>
  drafts.length === 0 ? noIndexes : drafts.map(({ index }) => index);

/**
 * Kahn's order, seeded and drained in declaration order (GRAPH-1). Fails with one actual cycle (GRAPH-2). `portsOf` adds
 * what node types state; without it a node has the ports of its document.
 */
export const buildGraph = (
  workflow: Workflow,
  portsOf: (node: Node) => Ports = (node) => node,
): Result.Result<WorkflowGraph, CycleDetected> => {
  const drafts = draftsOf(workflow);
  const order: Draft[] = [];
  for (const draft of drafts.values()) {
    draft.pending = draft.upstreamCount;
    if (draft.pending === 0) order.push(draft);
  }
  for (let index = 0; index < order.length; index++) {
    const placed = order[index]!;
    placed.index = index;
    for (const dependent of placed.dependents) {
      if (--dependent.pending === 0) order.push(dependent);
    }
  }
  if (order.length < drafts.size) {
    for (const draft of drafts.values()) {
      if (draft.index < 0) return Result.fail(new CycleDetected({ cycle: cycleAmong(draft) }));
    }
  }
  const nodes = order.map(({ id, index, node, inbound, sources, upstreamCount, dependents }) => ({
    id,
    index,
    node,
    ports: node === undefined ? noPorts : portsOf(node),
    // One empty list for all: in a wide graph most nodes have none.
    inbound: inbound.length === 0 ? noEdges : inbound,
    sources: indexesOf(sources),
    upstreamCount,
    dependents: indexesOf(dependents),
  }));
  return Result.succeed({ workflow, nodes, nodesById: new Map(nodes.map((n) => [n.id, n])) });
};
