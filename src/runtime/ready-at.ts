/** When a node could begin, by what is on record: for nodes that begin without a step of their own to say so. */
import type { ExecutionState } from "#core/execution-state";
import { nodeStateAt } from "#core/execution-state";
import type { GraphNode } from "#core/graph";
import type { NodeEnvironment } from "./node-environment.ts";

/** The end of its latest upstream, or the run's start, in milliseconds since 1970. */
export const readyAt = (
  env: NodeEnvironment,
  state: ExecutionState,
  { sources }: GraphNode,
): number =>
  sources.reduce(
    (latest, source) => Math.max(latest, nodeStateAt(state, source).attempts.at(-1)?.endedAt ?? 0),
    env.startedAt,
  );
