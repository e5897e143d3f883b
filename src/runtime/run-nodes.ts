/**
 * The loop: start what is ready, perform it, fold its transition, see what became ready. A node starts when its own
 * upstreams are final and a place is free; nothing else holds it back (NODE-2). Each settled node costs its own edges
 * (SPEED-2). Computes on step results alone, so a replay goes the same way (STEP-2).
 */
import * as Effect from "effect/Effect";
import type { ExecutionState } from "#core/execution-state";
import type { GraphNode } from "#core/graph";
import { carriedJsonTexts, collectNodeInputs, type InputOverrides } from "#core/inputs";
import { longestExecution } from "#core/retry";
import { decideSkip } from "#core/skip";
import { nodeStepName } from "#core/step-name";
import type { NodeStepResult } from "#core/step-result";
import { stepResultToEvent } from "#core/step-result";
import { frozen } from "#core/value";
import type { Policy } from "#core/workflow";
import { start, transition } from "#machines/index";
import type { NodeDefinition } from "#services/node-definition";
import type { StepOptions } from "#services/durable-step";
import { StepTimedOut } from "#services/durable-step";
import { executeMultiStepNode } from "./execute-multi-step-node.ts";
import type { NodeCall } from "./attempt-node.ts";
import { executeNode, failedAtOnce } from "./execute-node.ts";
import type { NodeEnvironment } from "./node-environment.ts";
import { makeReadyQueue } from "./ready-queue.ts";

const defaultConcurrency = 16;

/** Runs the node in its step; a multi-step node brings its own. */
const performNode = (env: NodeEnvironment, call: NodeCall): Promise<NodeStepResult> => {
  const { id, node } = call.graphNode;
  const definition = node && env.registry.get(node.type);
  if (definition?.multiStep === true) return executeMultiStepNode(env, call, definition);
  const options = nodeStepOptions(definition, node?.policy ?? definition?.policy);
  return env.steps.do(nodeStepName(id), options, async () => {
    if (node === undefined) return failedAtOnce(env, id, `Node not found: ${id}`);
    if (definition === undefined) {
      return failedAtOnce(env, id, `Node type not implemented: ${node.type}`);
    }
    return executeNode(env, call, definition);
  });
};

/** For a node that has no time limit of its own, or that its signal does not stop. */
const timedOut = (nodeId: string): NodeStepResult => ({
  nodeId,
  status: "failed",
  error: "Took longer than its step may take",
  attempts: [],
});

/** What only computes may run again; all else is the engine's own to try again. */
const nodeStepOptions = (
  definition: NodeDefinition | undefined,
  policy: Policy | undefined,
): StepOptions => ({
  retry: definition?.pure ?? true,
  ...(policy === undefined ? {} : { timeout: longestExecution(policy) }),
});

/** Where the nodes have come to, and what of the platform's kept them from going on. */
export interface NodesRun {
  readonly state: ExecutionState;
  readonly failure?: { readonly reason: unknown };
}

/** Runs until every node is final, or until the platform itself fails and all that runs has ended. Never rejects. */
export const runNodes = (
  env: NodeEnvironment,
  started: ExecutionState,
  overrides: InputOverrides | undefined,
): Promise<NodesRun> => {
  const { nodes, workflow } = started.graph;
  const limit = workflow.settings?.maxConcurrency ?? defaultConcurrency;
  const ready = makeReadyQueue();
  const pendingUpstreams = nodes.map(({ upstreamCount }) => upstreamCount);
  let state = started;
  /** Nodes that have begun and not settled, and those of them that take a place. */
  let open = 0;
  let running = 0;
  let failure: NodesRun["failure"];
  let finish: (run: NodesRun) => void = () => {};

  const parked: NodeCall["parked"] = async (wait) => {
    running--;
    proceed();
    try {
      return await wait();
    } finally {
      running++;
    }
  };

  const begin = (graphNode: GraphNode): Promise<NodeStepResult> => {
    const nodeId = graphNode.id;
    const skip = decideSkip(state, graphNode);
    if (skip !== undefined) {
      return env.steps.do(nodeStepName(nodeId), { retry: true }, async () => {
        env.publish(nodeId, { status: "skipped", ...skip });
        return { nodeId, status: "skipped", ...skip };
      });
    }
    const before = state;
    const inputs = collectNodeInputs(before, graphNode, overrides);
    state = Effect.runSync(start(state, { nodeId, inputs }));
    const carriedTexts = carriedJsonTexts(before, graphNode, inputs);
    return performNode(env, { graphNode, inputs, carriedTexts, parked });
  };

  const settle = (graphNode: GraphNode, result: NodeStepResult): void => {
    if (result.status === "completed") frozen(result.outputs);
    state = Effect.runSync(transition(state, stepResultToEvent(result)));
    for (const dependent of graphNode.dependents) {
      if (--pendingUpstreams[dependent]! === 0) ready.push(dependent);
    }
  };

  const after = (change: () => void): void => {
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
      begin(graphNode).then((result) => after(() => settle(graphNode, result)), rejected);
    } catch (reason) {
      rejected(reason);
    }
  };

  const proceed = (): void => {
    while (running < limit && failure === undefined) {
      const index = ready.pop();
      if (index === undefined) break;
      perform(nodes[index]!);
    }
    if (open === 0) finish(failure === undefined ? { state } : { state, failure });
  };

  return new Promise((resolve) => {
    finish = resolve;
    for (const { index, upstreamCount } of nodes) if (upstreamCount === 0) ready.push(index);
    proceed();
  });
};
