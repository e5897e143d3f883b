/** Which steps a node takes: one of its own, several when its policy allows several attempts, its own choice when it is multi-step. */
import type { ExecutionState } from "#core/execution-state";
import type { NodeStepResult } from "#core/step-result";
import { nodeStepName } from "#core/step-name";
import { retryLimit, stepTimeout } from "#core/retry";
import type { NodeCall } from "./attempt-node.ts";
import { executeMultiStepNode } from "./execute-multi-step-node.ts";
import { attemptOnce, executeWithRetries, failedAtOnce, outcomeToResult } from "./execute-node.ts";
import type { NodeEnvironment } from "./node-environment.ts";
import { readyAt } from "./ready-at.ts";

/** For a node that there is nothing to run of. */
const failInStep = (
  env: NodeEnvironment,
  nodeId: string,
  message: string,
): Promise<NodeStepResult> =>
  env.steps.do(nodeStepName(nodeId), { retry: true }, async () =>
    failedAtOnce(env, nodeId, message),
  );

/** Runs the node in its steps. The last one is named after it and gives its transition (STEP-1). */
export const performNode = (
  env: NodeEnvironment,
  call: NodeCall,
  before: ExecutionState,
): Promise<NodeStepResult> => {
  const { id, node } = call.graphNode;
  if (node === undefined) return failInStep(env, id, `Node not found: ${id}`);
  const definition = env.registry.get(node.type);
  if (definition === undefined) {
    return failInStep(env, id, `Node type not implemented: ${node.type}`);
  }
  const policy = node.policy ?? definition.policy;
  if (definition.multiStep) {
    const from = readyAt(env, before, call.graphNode);
    return executeMultiStepNode(env, call, definition, policy, from);
  }
  if (retryLimit(policy) > 0) return executeWithRetries(env, call, definition, policy);
  // What only computes may run again; for all else the platform is not asked to try again.
  const options = { retry: definition.pure, ...stepTimeout(policy) };
  return env.steps.do(nodeStepName(id), options, (step) =>
    attemptOnce(env, call, definition, policy, 1, step, outcomeToResult),
  );
};
