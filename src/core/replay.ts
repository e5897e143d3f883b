/** Replaying is folding: recorded step results, in any order that their edges allow, give back the state (REPLAY-1). */
import * as Effect from "effect/Effect";
import type { IllegalTransition } from "./errors.ts";
import type { ExecutionState } from "./execution-state.ts";
import type { InputOverrides } from "./inputs.ts";
import { collectNodeInputs } from "./inputs.ts";
import type { NodeStepResult } from "./step-result.ts";
import { stepResultToEvent } from "./step-result.ts";
import type { NodeEvent, Transition } from "./transition.ts";

/** Both events of a node's life that its recorded result stands for. */
const eventsOf = (
  state: ExecutionState,
  result: NodeStepResult,
  overrides: InputOverrides | undefined,
): readonly NodeEvent[] => {
  const settled = stepResultToEvent(result);
  const node = state.graph.nodesById.get(result.nodeId);
  if (settled.type === "skip" || node === undefined) return [settled];
  const inputs = collectNodeInputs(state, node, overrides);
  return [{ type: "start", nodeId: result.nodeId, inputs }, settled];
};

export const replay = Effect.fnUntraced(function* (
  transition: Transition<NodeEvent>,
  started: ExecutionState,
  results: Iterable<NodeStepResult>,
  overrides?: InputOverrides,
): Effect.fn.Return<ExecutionState, IllegalTransition> {
  let state = started;
  for (const result of results) {
    for (const event of eventsOf(state, result, overrides)) {
      state = yield* transition(state, event);
    }
  }
  return state;
});
