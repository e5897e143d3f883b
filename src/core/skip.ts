/**
 * Whether a node runs, decided from its own inbound edges and what its sources stored (SKIP-1..3). The cause of a skip is
 * read off the blockers, which stored theirs when they were skipped; nothing walks further up.
 */
import type { ExecutionState, NodeState, SkipDetails } from "./execution-state.ts";
import { nodeStateAt } from "./execution-state.ts";
import type { GraphNode } from "./graph.ts";
import type { Edge } from "./workflow.ts";

const isBlocked = (source: NodeState, edge: Edge): boolean =>
  source.lifecycle === "failed" ||
  source.lifecycle === "skipped" ||
  (source.lifecycle === "completed" && !Object.hasOwn(source.outputs ?? {}, edge.sourceOutput));

/** Characters of ids: a step keeps what a skip returns, and ids may be as long as one likes. */
const longestBlockedBy = 100_000;

const toldOf = (ids: ReadonlySet<string>): readonly string[] => {
  let length = 0;
  return [...ids].filter((id) => (length += id.length) <= longestBlockedBy);
};

/** Of blocked edges alone. */
const detailsOf = (state: ExecutionState, { inbound, sources }: GraphNode): SkipDetails => {
  const broken = new Set<string>();
  const untaken = new Set<string>();
  let isFailure = false;
  for (const [at, edge] of inbound.entries()) {
    const source = nodeStateAt(state, sources[at]!);
    (source.lifecycle === "completed" ? untaken : broken).add(edge.source);
    isFailure ||= source.lifecycle === "failed" || source.skip?.cause === "failure";
  }
  return {
    skipReason: broken.size > 0 ? "upstream_failure" : "conditional_branch",
    blockedBy: toldOf(broken.size > 0 ? broken : untaken),
    cause: isFailure ? "failure" : "branch",
  };
};

/** Why the node is to be skipped, or undefined when it runs. Every upstream node must be final (NODE-2). */
export const decideSkip = (state: ExecutionState, node: GraphNode): SkipDetails | undefined => {
  const { inbound, sources } = node;
  if (inbound.length === 0) return undefined;
  // Most nodes run, and their first edge says so.
  for (let at = 0; at < inbound.length; at++) {
    if (!isBlocked(nodeStateAt(state, sources[at]!), inbound[at]!)) return undefined;
  }
  return detailsOf(state, node);
};

/** The seed's question, as a yes or no. */
export const shouldSkipNode = (state: ExecutionState, node: GraphNode): boolean =>
  decideSkip(state, node) !== undefined;
