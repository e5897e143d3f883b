/**
 * The thrifty plan (STEP-3): a node that only computes takes no step, since a replay computes it again. Its times are those
 * of what it was computed from, and nobody is told of it, or a replay would tell it again.
 */
import * as Effect from "effect/Effect";
import { roundedCredits } from "#core/credits";
import type { ExecutionState } from "#core/execution-state";
import { noMask } from "#core/mask";
import { isBinaryType } from "#core/parameter";
import { retryLimit } from "#core/retry";
import type { NodeStepResult } from "#core/step-result";
import { holdsStoredInput } from "#core/stored-value";
import { silent } from "#services/monitoring-service";
import { ServiceFailure } from "#services/errors";
import type { NodeCall } from "./attempt-node.ts";
import { attemptOnce, outcomeToResult } from "./execute-node.ts";
import type { NodeEnvironment } from "./node-environment.ts";
import { performNode } from "./perform-node.ts";
import { readyAt } from "./ready-at.ts";

/** Whether the node only computes, on values that are at hand. Several attempts and a time limit take steps of their own. */
export const isComputed = (env: NodeEnvironment, { graphNode, inputs }: NodeCall): boolean => {
  const definition =
    graphNode.node === undefined ? undefined : env.registry.get(graphNode.node.type);
  if (definition === undefined || !definition.pure || definition.multiStep) return false;
  const policy = graphNode.node?.policy ?? definition.policy;
  if (retryLimit(policy) > 0 || policy?.timeout !== undefined) return false;
  const { ports } = graphNode;
  return (
    ![...ports.inputs, ...ports.outputs].some(({ type }) => isBinaryType(type)) &&
    !holdsStoredInput(ports.inputs, inputs)
  );
};

const noFiles = Effect.fail(
  new ServiceFailure({
    operation: "ObjectStore.write",
    message: "A node that only computes stores nothing",
    isFinal: true,
  }),
);

export const computeNode = async (
  env: NodeEnvironment,
  call: NodeCall,
  state: ExecutionState,
): Promise<NodeStepResult> => {
  const { graphNode } = call;
  const definition = env.registry.get(graphNode.node!.type)!;
  const now = readyAt(env, state, graphNode);
  /** Bytes, or a value that is too large to travel: both go to the store, which takes a step. */
  let hasFiles = false;
  const computing: NodeEnvironment = {
    ...env,
    publish: silent,
    reserved: (completed) => completed,
    now: () => now,
    // What comes in has left a step already, what triggered the run too, and a node that only computes is given nothing more.
    mask: () => noMask,
    maskAtHand: () => noMask,
    objects: {
      ...env.objects,
      write: () => {
        hasFiles = true;
        return noFiles;
      },
    },
  };
  const result = await attemptOnce(
    computing,
    call,
    definition,
    undefined,
    1,
    { attempt: 1 },
    outcomeToResult,
  );
  const isBeyond =
    result.status === "completed" && result.usage > roundedCredits(definition.computeCost);
  // A port of any type does not say beforehand that bytes come out of it, nor a node what it reports.
  return hasFiles || isBeyond ? performNode(env, call, state) : result;
};
