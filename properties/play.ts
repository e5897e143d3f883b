/**
 * Plays a scenario on the core alone, in a random valid order: at each turn one of the moves that may happen now is picked.
 * Nodes also retry, wait and sleep on the way, and the run pauses, so that every state turns up.
 */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { ExecutionState, NodeState } from "#core/execution-state";
import { executionStateToJson, initialState, nodeStateOf } from "#core/execution-state";
import type { GraphNode, WorkflowGraph } from "#core/graph";
import { buildGraph } from "#core/graph";
import { collectNodeInputs } from "#core/inputs";
import { decideSkip } from "#core/skip";
import type { NodeStepResult, RecordedTransition } from "#core/step-result";
import type { TransitionEvent } from "#core/transition";
import type { Workflow } from "#core/workflow";
import { transition } from "#machines/index";
import type { Scenario } from "./arbitraries.ts";
import { performanceOf } from "./model.ts";

export const graphOf = (workflow: Workflow): WorkflowGraph =>
  Result.getOrThrow(buildGraph(workflow));

export const startedState = (workflow: Workflow): ExecutionState =>
  Effect.runSync(transition(initialState(graphOf(workflow)), { type: "start" }));

/** What the record says has happened, said once more beside the core's own words. */
const eventOf = (recorded: RecordedTransition): TransitionEvent => {
  const type = (
    {
      completed: "complete",
      failed: "fail",
      skipped: "skip",
      retrying: "retry",
      waiting: "wait",
      sleeping: "sleep",
      resumed: "resume",
      paused: "pause",
      exhausted: "exhaust",
      cancelled: "cancel",
    } as const
  )[recorded.status];
  const { status: _status, ...facts } = recorded;
  return { type, ...facts } as TransitionEvent;
};

interface Play {
  /** Every state, from submitted to the end. */
  readonly states: readonly ExecutionState[];
  readonly events: readonly TransitionEvent[];
  /** What a durable run would have on record, in the order it happened. */
  readonly records: readonly RecordedTransition[];
  /** Those of them that nodes end with. */
  readonly results: readonly NodeStepResult[];
  readonly end: ExecutionState;
}

/** Small, seeded, good enough to mix turns; 0 always gives 0, the order that is easiest to follow. */
const pickerOf = (order: number): ((among: number) => number) => {
  let seed = order;
  return (among) => {
    if (order === 0) return 0;
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % among;
  };
};

const isFinal = ({ lifecycle }: NodeState): boolean =>
  lifecycle === "completed" || lifecycle === "failed" || lifecycle === "skipped";

/** What the node's step records when it runs. */
const resultOf = ({ workflow, behaviours }: Scenario, nodeId: string): NodeStepResult => {
  const outcome = performanceOf(workflow, behaviours, nodeId);
  const attempt = { startedAt: 1, endedAt: 2 };
  switch (outcome.status) {
    case "completed":
      return { nodeId, ...outcome, attempts: [attempt] };
    case "failed":
      return { nodeId, ...outcome, attempts: [{ ...attempt, error: outcome.error }] };
    case "skipped":
      return { nodeId, ...outcome };
  }
};

/** A start is on no record. */
type Move =
  | { readonly event: TransitionEvent; readonly recorded?: undefined }
  | { readonly recorded: RecordedTransition };

/** The moves of one node that its upstreams and its own state allow. */
const movesOf = (
  scenario: Scenario,
  state: ExecutionState,
  node: GraphNode,
): { readonly onward?: Move; readonly detours: readonly RecordedTransition[] } => {
  const { id: nodeId } = node;
  switch (nodeStateOf(state, nodeId).lifecycle) {
    case "idle": {
      const isReady = node.inbound.every((edge) => isFinal(nodeStateOf(state, edge.source)));
      if (!isReady) return { detours: [] };
      const skip = decideSkip(state, node);
      if (skip === undefined) {
        if (state.lifecycle !== "executing.active") return { detours: [] };
        const inputs = collectNodeInputs(state, node, scenario.overrides);
        return { onward: { event: { type: "start", nodeId, inputs } }, detours: [] };
      }
      return { onward: { recorded: { nodeId, status: "skipped", ...skip } }, detours: [] };
    }
    case "executing.running":
      return {
        onward: { recorded: resultOf(scenario, nodeId) },
        detours: [
          { nodeId, status: "retrying", attempts: [{ startedAt: 0, endedAt: 0, error: "again" }] },
          { nodeId, status: "waiting" },
          { nodeId, status: "sleeping" },
        ],
      };
    case "executing.retrying":
    case "executing.waiting":
    case "executing.sleeping":
      return { onward: { recorded: { nodeId, status: "resumed" } }, detours: [] };
    case "completed":
    case "failed":
    case "skipped":
      return { detours: [] };
  }
};

/** One turn in eight leaves the straight way. */
const detourOdds = 8;

const nextMove = (
  scenario: Scenario,
  state: ExecutionState,
  pick: (among: number) => number,
): Move | undefined => {
  const moves = state.graph.nodes.map((node) => movesOf(scenario, state, node));
  const onward = moves.flatMap((move) => move.onward ?? []);
  const isPaused = state.lifecycle === "executing.paused";
  const turn: RecordedTransition = { status: isPaused ? "resumed" : "paused" };
  const detours = [...moves.flatMap((move) => move.detours), turn];
  if (onward.length === 0) return isPaused ? { recorded: turn } : undefined;
  if (pick(detourOdds) === 1) return { recorded: detours[pick(detours.length)]! };
  return onward[pick(onward.length)];
};

const cancellation = (
  state: ExecutionState,
  records: readonly RecordedTransition[],
): RecordedTransition => {
  const told = new Set(records.map((recorded) => "nodeId" in recorded && recorded.nodeId));
  const started = state.graph.nodes
    .map(({ id }) => id)
    .filter((id) => nodeStateOf(state, id).lifecycle.startsWith("executing.") && !told.has(id));
  return { status: "cancelled", started, error: "enough" };
};

const isResult = (recorded: RecordedTransition): recorded is NodeStepResult =>
  recorded.status === "completed" || recorded.status === "failed" || recorded.status === "skipped";

/** Goes on from a state until no move is left, or until the run is cancelled after so many moves. */
export const playOn = (
  scenario: Scenario,
  from: ExecutionState,
  order: number,
  moves = Number.POSITIVE_INFINITY,
): Play => {
  const pick = pickerOf(order);
  const states: ExecutionState[] = [from];
  const events: TransitionEvent[] = [];
  const records: RecordedTransition[] = [];
  let state = from;
  const isLive = (): boolean => state.lifecycle.startsWith("executing.");
  while (isLive()) {
    const move: Move | undefined =
      events.length < moves
        ? nextMove(scenario, state, pick)
        : { recorded: cancellation(state, records) };
    if (move === undefined) break;
    const event = move.recorded === undefined ? move.event : eventOf(move.recorded);
    state = Effect.runSync(transition(state, event));
    states.push(state);
    events.push(event);
    if (move.recorded !== undefined) records.push(move.recorded);
  }
  return { states, events, records, results: records.filter(isResult), end: state };
};

export const play = (scenario: Scenario, order: number, moves?: number): Play => {
  const submitted = initialState(graphOf(scenario.workflow));
  const played = playOn(scenario, startedState(scenario.workflow), order, moves);
  return { ...played, states: [submitted, ...played.states] };
};

/** All that a state says, in a form that can be compared: the order in which nodes settled leaves no trace. */
export const contentOf = (state: ExecutionState): object => ({
  lifecycle: state.lifecycle,
  error: state.error,
  counts: state.counts,
  nodes: state.graph.nodes.map(({ id }) => [id, nodeStateOf(state, id)]),
  json: executionStateToJson(state),
});
