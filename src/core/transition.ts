/**
 * Every transition of a run: pure functions `(state, event) => Effect<ExecutionState, IllegalTransition>`. The charts
 * decide whether an event may happen and where it leads; this file says what it does to the data. Bound to the charts in
 * `machines/index.ts`, since the core imports nothing.
 */
import * as Effect from "effect/Effect";
import { IllegalTransition } from "./errors.ts";
import type { Attempt, ExecutionState, NodeState, SkipDetails } from "./execution-state.ts";
import { nodeStateAt, withLifecycle, withNode } from "./execution-state.ts";
import type { Charts, NodeEventType, NodeLifecycle, WorkflowEventType } from "./lifecycle.ts";
import { settledStatus } from "./status.ts";
import type { NodeRuntimeValues } from "./value.ts";

export type NodeEvent =
  | { readonly type: "start"; readonly nodeId: string; readonly inputs: NodeRuntimeValues }
  | {
      readonly type: "complete";
      readonly nodeId: string;
      readonly outputs: NodeRuntimeValues;
      readonly usage: number;
      readonly attempts: readonly Attempt[];
      readonly reusedFrom?: string;
      readonly reusedUsage?: number;
    }
  | {
      readonly type: "fail";
      readonly nodeId: string;
      readonly error: string;
      readonly attempts: readonly Attempt[];
    }
  | ({ readonly type: "skip"; readonly nodeId: string } & SkipDetails)
  | {
      readonly type: "retry";
      readonly nodeId: string;
      readonly attempts: readonly Attempt[];
    }
  | { readonly type: "wait"; readonly nodeId: string }
  | { readonly type: "sleep"; readonly nodeId: string }
  | { readonly type: "resume"; readonly nodeId: string }
  | { readonly type: "cancel"; readonly nodeId: string };

export type WorkflowEvent =
  | { readonly type: "start" }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "fail"; readonly error: string }
  | { readonly type: "exhaust"; readonly error: string }
  | { readonly type: "cancel"; readonly error?: string };

export type TransitionEvent = NodeEvent | WorkflowEvent;

export type Transition<E> = (
  state: ExecutionState,
  event: E,
) => Effect.Effect<ExecutionState, IllegalTransition>;

/** The named transitions take their event without its type. A `nodeId` makes it the node's, else it is the run's. */
export type Payload<T extends TransitionEvent["type"]> =
  Extract<TransitionEvent, { readonly type: T }> extends infer E
    ? E extends TransitionEvent
      ? Omit<E, "type">
      : never
    : never;

export interface Transitions {
  readonly transition: Transition<TransitionEvent>;
  readonly start: Transition<Payload<"start">>;
  readonly complete: Transition<Payload<"complete">>;
  readonly fail: Transition<Payload<"fail">>;
  readonly skip: Transition<Payload<"skip">>;
  readonly retry: Transition<Payload<"retry">>;
  readonly wait: Transition<Payload<"wait">>;
  readonly sleep: Transition<Payload<"sleep">>;
  readonly resume: Transition<Payload<"resume">>;
  readonly exhaust: Transition<Payload<"exhaust">>;
  readonly pause: Transition<Payload<"pause">>;
  readonly cancel: Transition<Payload<"cancel">>;
}

/** What the node holds after the event; `lifecycle` is the chart's word. */
const evolveNode = (node: NodeState, event: NodeEvent, lifecycle: NodeLifecycle): NodeState => {
  switch (event.type) {
    case "start":
      return { ...node, lifecycle, inputs: event.inputs };
    case "complete":
      return {
        ...node,
        lifecycle,
        outputs: event.outputs,
        usage: event.usage,
        attempts: event.attempts,
        ...(event.reusedFrom === undefined ? {} : { reusedFrom: event.reusedFrom }),
        ...(event.reusedUsage === undefined ? {} : { reusedUsage: event.reusedUsage }),
      };
    case "fail":
      return { ...node, lifecycle, error: event.error, attempts: event.attempts };
    case "skip": {
      const { skipReason, blockedBy, cause } = event;
      return { ...node, lifecycle, skip: { skipReason, blockedBy, cause } };
    }
    case "retry":
      return { ...node, lifecycle, attempts: event.attempts };
    case "cancel":
      return { ...node, lifecycle, error: "Cancelled" };
    case "wait":
    case "sleep":
    case "resume":
      return { ...node, lifecycle };
  }
};

/**
 * A node starts only in an active run. All else happens in a paused run too, a skip as well: its step may have been under way
 * when the pause came.
 */
const askedOfRun = (type: NodeEventType): WorkflowEventType =>
  type === "start" ? "startNode" : "moveNode";

export const transitionsOf = (charts: Charts): Transitions => {
  const refuse = (
    from: IllegalTransition["from"],
    event: IllegalTransition["event"],
    nodeId?: string,
  ): Effect.Effect<never, IllegalTransition> =>
    Effect.fail(
      new IllegalTransition({ ...(nodeId === undefined ? {} : { nodeId }), from, event }),
    );

  /** The run ends by itself once every node is final; the chart confirms. */
  const settle = (state: ExecutionState): Effect.Effect<ExecutionState, IllegalTransition> => {
    const status = settledStatus(state);
    if (status === undefined) return Effect.succeed(state);
    const type = status === "completed" ? "complete" : "fail";
    const lifecycle = charts.workflow(state.lifecycle, type);
    return lifecycle === undefined
      ? refuse(state.lifecycle, type)
      : Effect.succeed(withLifecycle(state, lifecycle));
  };

  const moveNode = (
    state: ExecutionState,
    event: NodeEvent,
  ): Effect.Effect<ExecutionState, IllegalTransition> => {
    const { nodeId, type } = event;
    const index = state.graph.nodesById.get(nodeId)?.index;
    if (index === undefined) return refuse("unknown", type, nodeId);
    const node = nodeStateAt(state, index);
    const lifecycle = charts.node(node.lifecycle, type);
    if (lifecycle === undefined) return refuse(node.lifecycle, type, nodeId);
    const question = askedOfRun(type);
    if (charts.workflow(state.lifecycle, question) === undefined) {
      return refuse(state.lifecycle, question, nodeId);
    }
    return settle(withNode(state, index, node, evolveNode(node, event, lifecycle)));
  };

  /** Cancelling takes the nodes under way along. They are found by a walk, once, at the end of the run. */
  const cancelNodes = (state: ExecutionState): ExecutionState => {
    let cancelled = state;
    for (const { id: nodeId, index } of state.graph.nodes) {
      const node = nodeStateAt(state, index);
      const lifecycle = charts.node(node.lifecycle, "cancel");
      if (lifecycle === undefined) continue;
      const after = evolveNode(node, { type: "cancel", nodeId }, lifecycle);
      cancelled = withNode(cancelled, index, node, after);
    }
    return cancelled;
  };

  const moveWorkflow = (
    state: ExecutionState,
    event: WorkflowEvent,
  ): Effect.Effect<ExecutionState, IllegalTransition> => {
    const lifecycle = charts.workflow(state.lifecycle, event.type);
    if (lifecycle === undefined) return refuse(state.lifecycle, event.type);
    switch (event.type) {
      case "start":
        return settle(withLifecycle(state, lifecycle));
      case "pause":
      case "resume":
        return Effect.succeed(withLifecycle(state, lifecycle));
      case "fail":
      case "exhaust":
        return Effect.succeed(withLifecycle(state, lifecycle, event.error));
      case "cancel":
        return Effect.succeed(withLifecycle(cancelNodes(state), lifecycle, event.error));
    }
  };

  const transition: Transition<TransitionEvent> = (state, event) =>
    "nodeId" in event ? moveNode(state, event) : moveWorkflow(state, event);

  const named =
    <T extends TransitionEvent["type"]>(type: T): Transition<Payload<T>> =>
    (state, payload) =>
      transition(state, { type, ...(payload as object) } as TransitionEvent);

  return {
    transition,
    start: named("start"),
    complete: named("complete"),
    fail: named("fail"),
    skip: named("skip"),
    retry: named("retry"),
    wait: named("wait"),
    sleep: named("sleep"),
    resume: named("resume"),
    exhaust: named("exhaust"),
    pause: named("pause"),
    cancel: named("cancel"),
  };
};
