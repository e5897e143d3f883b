/** Which nodes may start: a node is ready once its own upstreams are final, and each final node costs its own edges (SPEED-2). */
import type { ExecutionState } from "#core/execution-state";
import { nodeStateAt } from "#core/execution-state";
import type { GraphNode } from "#core/graph";
import { isFinalNode } from "#core/lifecycle";
import type { ReadyQueue } from "./ready-queue.ts";
import { makeReadyQueue } from "./ready-queue.ts";

export interface ReadyNodes extends ReadyQueue {
  /** Those that are ready when the run begins; a redrive begins with some that are final themselves. */
  readonly queueFirst: () => void;
  /** The node is final. */
  readonly settle: (node: GraphNode) => void;
}

/** Of the places in the order from `from`, `to` not among them. Nothing is ready behind a node that is `blocked`. */
export const readyNodesOf = (
  started: ExecutionState,
  from: number,
  to: number,
  blocked: readonly string[] = [],
): ReadyNodes => {
  const { nodes } = started.graph;
  const queue = makeReadyQueue();
  const pending = nodes.map(({ upstreamCount }) => upstreamCount);
  const isOwn = (index: number): boolean => index >= from && index < to;
  const isDone = ({ index }: GraphNode): boolean =>
    isFinalNode(nodeStateAt(started, index).lifecycle);
  return {
    ...queue,
    queueFirst: () => {
      const isBlocked = new Set(blocked);
      for (const { id, dependents } of nodes.filter(isDone)) {
        if (isBlocked.has(id)) continue;
        for (const dependent of dependents) pending[dependent]!--;
      }
      for (const node of nodes) {
        const { index } = node;
        if (isOwn(index) && pending[index] === 0 && !isDone(node)) queue.push(index);
      }
    },
    settle: ({ dependents }) => {
      for (const dependent of dependents) {
        if (--pending[dependent]! === 0 && isOwn(dependent)) queue.push(dependent);
      }
    },
  };
};
