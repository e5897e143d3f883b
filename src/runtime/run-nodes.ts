/**
 * The loop: start what is ready, perform it, fold its transition, see what became ready. A node starts when its own
 * upstreams are final and a place is free; nothing else holds it back (NODE-2). Each settled node costs its own edges
 * (SPEED-2). Computes on step results alone, so a replay goes the same way (STEP-2).
 */
import * as Effect from "effect/Effect";
import type { ExecutionState } from "#core/execution-state";
import { nodeStateAt } from "#core/execution-state";
import type { GraphNode } from "#core/graph";
import { carriedJsonTexts, collectNodeInputs, type InputOverrides } from "#core/inputs";
import { isFinalStatus, nodeStatusOf } from "#core/lifecycle";
import { decideSkip } from "#core/skip";
import { getExecutionStatus } from "#core/status";
import { nodeStepName } from "#core/step-name";
import type { NodeStepResult } from "#core/step-result";
import { stepResultToEvent } from "#core/step-result";
import { frozen } from "#core/value";
import { pause, transition } from "#machines/index";
import { StepTimedOut } from "#services/durable-step";
import { NodeFailure } from "#services/node-definition";
import { computeNode, isComputed } from "./compute-node.ts";
import { timedOut } from "./execute-node.ts";
import type { BudgetGate } from "./budget.ts";
import { gateOf } from "./budget.ts";
import { excessError, excessOf } from "./excess.ts";
import type { NodeEnvironment } from "./node-environment.ts";
import type { LoopEnvironment, NodesRun, NodesScope } from "./nodes-run.ts";
import { parkingOf } from "./parking.ts";
import { performNode } from "./perform-node.ts";
import { placesOf } from "./places.ts";
import { readyNodesOf } from "./ready-nodes.ts";
import type { Commands, TakenCommand } from "./run-commands.ts";
import { stepsOfResumedRun } from "./resumed-steps.ts";
import { makeStillness } from "./stillness.ts";

/**
 * Runs until every node is final, the run is cancelled, or the platform itself fails and all that runs has ended. Never
 * rejects.
 */
export const runNodes = (
  loop: LoopEnvironment,
  started: ExecutionState,
  overrides: InputOverrides | undefined,
  commands: Commands,
  scope?: NodesScope,
): Promise<NodesRun> => {
  const { nodes, workflow } = started.graph;
  const { from, to } = scope ?? { from: 0, to: nodes.length };
  const limit = scope?.places ?? placesOf(workflow);
  const { budget } = loop;
  const isThrifty = workflow.settings?.steps === "effects" && budget === undefined;
  const ready = readyNodesOf(started, from, to, scope?.beyondLimit);
  const excess = excessOf(loop, started.graph, budget?.left ?? Number.POSITIVE_INFINITY);
  const cancellation = new AbortController();
  const stillness = makeStillness();
  let state = scope?.isPaused === true ? Effect.runSync(pause(started, {})) : started;
  /** Nodes that have begun and not settled, those of them that take a place, and those that are parked. */
  let open = 0;
  let running = 0;
  let parkedNodes = 0;
  let isCancelling = false;
  let isListening = false;
  let seenCommand = scope?.seenCommand ?? 0;
  /** The command that has to be seen before a node starts. Not known yet when the process died before. */
  let firstCommand: number | undefined = commands.isResumed ? undefined : 0;
  let isOver = false;
  let failure: NodesRun["failure"];
  let interrupted: readonly string[] = [];
  let finish: (run: NodesRun) => void = () => {};

  const moveOn = (event: Parameters<typeof transition>[1]): void => {
    state = Effect.runSync(transition(state, event));
  };

  const parked = parkingOf({
    isOver: () => isOver,
    leave: (nodeId, park) => {
      running--;
      parkedNodes++;
      moveOn({ ...park, nodeId });
      proceed();
    },
    takePlace: (nodeId) => {
      running++;
      parkedNodes--;
      moveOn({ type: "resume", nodeId });
    },
  });

  /** What was performed before the process died is on record; only what is new asks whether it may still be done. */
  const resumed = commands.isResumed
    ? stepsOfResumedRun(loop.steps, commands.standing, {
        isCancelling: () => isCancelling,
        cancel: () => cancel(),
        held: () => {
          running--;
          proceed();
        },
      })
    : undefined;

  const env: NodeEnvironment = {
    ...loop,
    steps: resumed?.steps ?? loop.steps,
    signal: cancellation.signal,
    saveProgress: (when) => loop.saveProgress(() => state, when),
    reserved: excess.reserved,
    parked,
  };

  const gate = budget && gateOf(budget, env.steps, resumed !== undefined);

  const startNode = (graphNode: GraphNode, own: NodeEnvironment): Promise<NodeStepResult> => {
    const nodeId = graphNode.id;
    const before = state;
    const inputs = collectNodeInputs(before, graphNode, overrides);
    moveOn({ type: "start", nodeId, inputs });
    const call = { graphNode, inputs, carriedTexts: carriedJsonTexts(before, graphNode, inputs) };
    return isThrifty && isComputed(own, call)
      ? computeNode(own, call, before)
      : performNode(own, call, before);
  };

  /** Starts the node if the budget allows; undefined for a node that stays idle. */
  const startWithin = async (
    { admits, corrected }: BudgetGate,
    graphNode: GraphNode,
  ): Promise<NodeStepResult | undefined> => {
    if (!(await admits(graphNode)) || (isCancelling && resumed === undefined)) return undefined;
    if (state.lifecycle !== "executing.active") {
      // Paused while it was asked.
      ready.push(graphNode.index);
      return undefined;
    }
    return startNode(graphNode, { ...env, steps: corrected(graphNode) });
  };

  const begin = (graphNode: GraphNode): Promise<NodeStepResult | undefined> => {
    const nodeId = graphNode.id;
    const skip = decideSkip(state, graphNode);
    if (skip === undefined) {
      return gate === undefined ? startNode(graphNode, env) : startWithin(gate, graphNode);
    }
    if (isThrifty) return Promise.resolve({ nodeId, status: "skipped", ...skip });
    return env.steps.do(nodeStepName(nodeId), { retry: true }, async () => {
      env.publish(nodeId, { status: "skipped", ...skip });
      return { nodeId, status: "skipped", ...skip };
    });
  };

  const settle = (graphNode: GraphNode, result: NodeStepResult): void => {
    if (result.status === "completed") frozen(result.outputs);
    moveOn(stepResultToEvent(result));
    if (excess.settle(graphNode, result)) ready.settle(graphNode);
    void loop.saveProgress(() => state, "later");
  };

  const after = (change: () => void): void => {
    if (isOver) return;
    open--;
    running--;
    try {
      change();
    } catch (reason) {
      failure ??= { reason };
    }
    proceed();
  };

  const perform = (graphNode: GraphNode): void => {
    open++;
    running++;
    const rejected = (reason: unknown): void =>
      after(() => {
        if (!(reason instanceof StepTimedOut)) throw reason;
        settle(graphNode, timedOut(graphNode.id));
      });
    try {
      begin(graphNode).then(
        (result) =>
          after(() => {
            if (result !== undefined) settle(graphNode, result);
          }),
        rejected,
      );
    } catch (reason) {
      rejected(reason);
    }
  };

  const end = (): void => {
    isOver = true;
    stillness.forget();
    commands.close();
    finish({ state, interrupted, beyondLimit: excess.beyondLimit, ...(failure && { failure }) });
  };

  const cancel = (): void => {
    if (isOver || isCancelling) return;
    isCancelling = true;
    cancellation.abort(new NodeFailure({ message: "Cancelled" }));
    // What is on record has to be folded before the end, or the record would lack what had been done.
    if (state.lifecycle === "executing.paused") moveOn({ type: "resume" });
    proceed();
  };

  /** A run that has not been replayed holds nothing back that is on record; a replay is through once nothing moves. */
  const isCancellable = (): boolean =>
    isCancelling &&
    (resumed === undefined ||
      (firstCommand !== undefined && open - parkedNodes <= resumed.performing()));

  const mayStart = (): boolean =>
    running < limit &&
    failure === undefined &&
    firstCommand !== undefined &&
    (isCancelling ? resumed !== undefined : seenCommand >= firstCommand) &&
    state.lifecycle === "executing.active";

  const endCancelled = (): void => {
    if (isOver || !isCancellable()) return;
    // A replay may find that every node had ended before the command came.
    if (!isFinalStatus(getExecutionStatus(state))) {
      interrupted = nodes
        .slice(from, to)
        .filter(({ index }) => nodeStatusOf(nodeStateAt(state, index).lifecycle) === "executing")
        .map(({ id }) => id);
      moveOn({ type: "cancel" });
    }
    end();
  };

  function proceed(): void {
    if (isOver) return;
    while (mayStart()) {
      const index = ready.pop();
      if (index === undefined) break;
      perform(nodes[index]!);
    }
    if (isCancellable()) {
      // A wait that is on record ends after a moment, one that is not goes on: no other sign tells them apart.
      if (resumed === undefined || parkedNodes === 0) endCancelled();
      else stillness.whenStill(endCancelled);
    } else if (failure === undefined ? open === 0 && ready.isEmpty() : open === parkedNodes) {
      // In a part, what waits for another part may still come.
      const beyond = scope === undefined ? excessError(state, excess.beyondLimit) : undefined;
      const error = gate?.isSpent() === true ? gate.error : beyond;
      if (failure === undefined && error !== undefined) moveOn({ type: "exhaust", error });
      // What the platform failed has nothing to wait for, not even for what is parked.
      end();
    } else if (open === parkedNodes) {
      // Nothing runs in this process, so that only an event can tell it anything. It may stand like this for days, and a
      // replay asks nobody again: whoever looks at it must see it as it is.
      listen();
      if (open > 0) void loop.saveProgress(() => state, "soon");
    }
  }

  const obey = (taken: TakenCommand): void => {
    if (isOver) return;
    isListening = false;
    seenCommand = taken.number;
    const { command } = taken;
    if (command === "cancel") return cancel();
    // A command that came twice, or to a run whose nodes have all ended, changes nothing.
    if (command === "pause" && state.lifecycle === "executing.active") moveOn({ type: "pause" });
    if (command === "resume" && state.lifecycle === "executing.paused") moveOn({ type: "resume" });
    listen();
    proceed();
  };

  function listen(): void {
    if (isListening || isOver || isCancelling) return;
    isListening = true;
    commands
      .next(seenCommand, () => state)
      .then(obey, (reason: unknown) => {
        failure ??= { reason };
        proceed();
      });
  }

  return new Promise((resolve) => {
    finish = resolve;
    commands.signal?.addEventListener("abort", cancel, { once: true });
    if (commands.signal?.aborted === true) cancel();
    ready.queueFirst();
    if (!commands.isResumed) {
      void commands.isWorthListening.then(listen);
      proceed();
      return;
    }
    listen();
    // A pause is on record or under way, and comes later than what a replay finds ready: none of that may start before it.
    void commands.standingPause().then((number) => {
      firstCommand = number;
      proceed();
    });
  });
};
