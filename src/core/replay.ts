/**
 * Replaying is folding: what stands on record, in any order that the edges allow, gives back the state (REPLAY-1). A start
 * is on no record, so that a node starts with the first thing that is.
 */
import * as Effect from "effect/Effect";
import type { IllegalTransition } from "./errors.ts";
import type { ExecutionState } from "./execution-state.ts";
import { nodeStateOf } from "./execution-state.ts";
import type { InputOverrides } from "./inputs.ts";
import { collectNodeInputs } from "./inputs.ts";
import type { RecordedTransition } from "./step-result.ts";
import { recordedEvent } from "./step-result.ts";
import type { Transition, TransitionEvent } from "./transition.ts";

/** The nodes that must have started by then, unless they have. */
const startedBy = (recorded: RecordedTransition): readonly string[] => {
  if (recorded.status === "skipped") return [];
  if (recorded.status === "cancelled") return recorded.started;
  return "nodeId" in recorded ? [recorded.nodeId] : [];
};

/** A node whose first record comes in a paused run has started before the pause. */
const startOf = (
  state: ExecutionState,
  nodeId: string,
  overrides: InputOverrides | undefined,
): readonly TransitionEvent[] => {
  const node = state.graph.nodesById.get(nodeId);
  if (node === undefined || nodeStateOf(state, nodeId).lifecycle !== "idle") return [];
  const inputs = collectNodeInputs(state, node, overrides);
  const start = { type: "start", nodeId, inputs } as const;
  return state.lifecycle === "executing.paused"
    ? [{ type: "resume" }, start, { type: "pause" }]
    : [start];
};

export const replay = Effect.fnUntraced(function* (
  transition: Transition<TransitionEvent>,
  started: ExecutionState,
  records: Iterable<RecordedTransition>,
  overrides?: InputOverrides,
): Effect.fn.Return<ExecutionState, IllegalTransition> {
  let state = started;
  for (const recorded of records) {
    const starts = startedBy(recorded).flatMap((nodeId) => startOf(state, nodeId, overrides));
    for (const event of [...starts, recordedEvent(recorded)]) {
      state = yield* transition(state, event);
    }
  }
  return state;
});
