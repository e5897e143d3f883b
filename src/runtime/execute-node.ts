/**
 * A node of one step, to its end: as many attempts as its policy allows, each with its time and error. What comes out is the
 * step's result (NODE-3, NODE-4, ERROR-2). Runs inside the node's step.
 */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { Attempt } from "#core/execution-state";
import { nextAttemptDelay } from "#core/retry";
import type { NodeStepResult } from "#core/step-result";
import type { Policy } from "#core/workflow";
import { durationMillis } from "#core/workflow";
import type { NodeDefinition } from "#services/node-definition";
import type { NodeCall, Success } from "./attempt-node.ts";
import { attemptMessage, attemptNode, withTimeout } from "./attempt-node.ts";
import type { Checked, Eventually } from "./eventually.ts";
import { andThen } from "./eventually.ts";
import type { NodeEnvironment } from "./node-environment.ts";

/** A failure before there was anything to run. */
export const failedAtOnce = (
  env: NodeEnvironment,
  nodeId: string,
  error: string,
): NodeStepResult => {
  const now = env.clock.currentTimeMillisUnsafe();
  env.publish(nodeId, { status: "failed", error });
  const attempt = { startedAt: now, endedAt: now, error };
  return { nodeId, status: "failed", error, attempts: [attempt] };
};

/** A step keeps so many attempts, the first and the last half of them: ten thousand would not fit into its result. */
const keptAttempts = 100;

export const withAttempt = (done: readonly Attempt[], attempt: Attempt): readonly Attempt[] =>
  done.length < keptAttempts
    ? [...done, attempt]
    : [...done.slice(0, keptAttempts / 2), ...done.slice(keptAttempts / 2 + 1), attempt];

const noAttempts: readonly Attempt[] = [];

/** What the attempts of one node have in common. */
interface Attempts {
  readonly env: NodeEnvironment;
  readonly call: NodeCall;
  readonly definition: NodeDefinition;
  readonly policy: Policy | undefined;
}

const settleAttempt = (
  attempts: Attempts,
  done: readonly Attempt[],
  attempt: number,
  startedAt: number,
  checked: Checked<Success>,
): Eventually<NodeStepResult> => {
  const { env, call, policy } = attempts;
  const nodeId = call.graphNode.id;
  const endedAt = env.clock.currentTimeMillisUnsafe();
  if (Result.isSuccess(checked)) {
    env.publish(nodeId, { status: "completed", ...checked.success });
    const all = withAttempt(done, { startedAt, endedAt });
    return { nodeId, status: "completed", ...checked.success, attempts: all };
  }
  const error = checked.failure.message;
  const all = withAttempt(done, { startedAt, endedAt, error: attemptMessage(error) });
  const delay = nextAttemptDelay(policy, attempt, checked.failure);
  if (delay === undefined) {
    env.publish(nodeId, { status: "failed", error });
    return { nodeId, status: "failed", error, attempts: all };
  }
  env.publish(nodeId, { status: "retrying", attempt, error });
  return env.runExit(Effect.sleep(delay)).then(() => tryNode(attempts, all, attempt + 1));
};

const tryNode = (
  attempts: Attempts,
  done: readonly Attempt[],
  attempt: number,
): Eventually<NodeStepResult> => {
  const { env, call, definition, policy } = attempts;
  env.publish(call.graphNode.id, { status: "executing", attempt });
  const startedAt = env.clock.currentTimeMillisUnsafe();
  const timeout = policy?.timeout === undefined ? undefined : durationMillis(policy.timeout);
  const outcome =
    timeout === undefined
      ? attemptNode(env, call, definition, attempt, env.signal)
      : timedAttempt(attempts, attempt, timeout);
  return andThen(outcome, (checked) => settleAttempt(attempts, done, attempt, startedAt, checked));
};

const timedAttempt = (
  { env, call, definition }: Attempts,
  attempt: number,
  timeout: number,
): Promise<Checked<Success>> =>
  withTimeout(env, timeout, (signal) => attemptNode(env, call, definition, attempt, signal));

/** Runs a node of a single step, with as many attempts as its policy allows. */
export const executeNode = (
  env: NodeEnvironment,
  call: NodeCall,
  definition: NodeDefinition,
): Eventually<NodeStepResult> => {
  const policy = call.graphNode.node?.policy ?? definition.policy;
  return tryNode({ env, call, definition, policy }, noAttempts, 1);
};
