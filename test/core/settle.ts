/** States for example tests: `settle(graph("a -> b"), { a: { out: 1 }, b: "boom" })` is a run in which these nodes have ended. */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { ExecutionState } from "#core/execution-state";
import { initialState } from "#core/execution-state";
import type { GraphNode, WorkflowGraph } from "#core/graph";
import { buildGraph } from "#core/graph";
import { collectNodeInputs } from "#core/inputs";
import { decideSkip } from "#core/skip";
import type { TransitionEvent } from "#core/transition";
import type { NodeRuntimeValues } from "#core/value";
import type { Workflow } from "#core/workflow";
import { transition } from "#machines/index";

export const graphOf = (workflow: Workflow): WorkflowGraph =>
  Result.getOrThrow(buildGraph(workflow));

export const nodeNamed = (state: ExecutionState, id: string): GraphNode =>
  state.graph.nodesById.get(id)!;

/** Ends a node as a skip, for the reason that the core gives. */
export const skipped = Symbol("skipped");

/** Outputs complete a node, a text fails it with that error. */
export type End = NodeRuntimeValues | string | typeof skipped;

export const apply = (
  state: ExecutionState,
  ...events: readonly TransitionEvent[]
): ExecutionState => events.reduce((at, event) => Effect.runSync(transition(at, event)), state);

/** What the refused event says of itself. */
export const refusalOf = (state: ExecutionState, event: TransitionEvent): string =>
  Effect.runSync(Effect.flip(transition(state, event))).message;

export const started = (workflow: Workflow): ExecutionState =>
  apply(initialState(graphOf(workflow)), { type: "start" });

/** Nodes end one after the other, as they stand; each takes from second n to second n + 1. */
export const settle = (workflow: Workflow, ends: Readonly<Record<string, End>>): ExecutionState => {
  let state = started(workflow);
  for (const [index, [nodeId, end]] of Object.entries(ends).entries()) {
    const node = nodeNamed(state, nodeId);
    if (end === skipped) {
      state = apply(state, { type: "skip", nodeId, ...decideSkip(state, node)! });
      continue;
    }
    const times = { startedAt: index * 1000, endedAt: (index + 1) * 1000 };
    const inputs = collectNodeInputs(state, node);
    state = apply(
      state,
      { type: "start", nodeId, inputs },
      typeof end === "string"
        ? { type: "fail", nodeId, error: end, attempts: [{ ...times, error: end }] }
        : { type: "complete", nodeId, outputs: end, usage: 1, attempts: [times] },
    );
  }
  return state;
};
