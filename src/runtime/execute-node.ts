/**
 * A node that is one thing to do, to its end: one attempt in its step, or as many as its policy allows, each in a step of
 * its own with its time and error. Attempts are counted here, so that a crash of the process eats none of them (NODE-3,
 * NODE-4, ERROR-2).
 */
import * as Result from "effect/Result";
import type { Attempt } from "#core/execution-state";
import type { AttemptFailure } from "#core/retry";
import { attemptTimeout, nextAttemptDelay, stepTimeout } from "#core/retry";
import { attemptStepName, nodeStepName, retryStepName } from "#core/step-name";
import type { NodeStepResult } from "#core/step-result";
import type { NodeRuntimeValues } from "#core/value";
import type { Policy } from "#core/workflow";
import type { StepContext } from "#services/durable-step";
import type { NodeDefinition } from "#services/node-definition";
import type { NodeCall, Success } from "./attempt-node.ts";
import { attemptNode, failureFrom, withTimeout } from "./attempt-node.ts";
import type { Checked, Eventually } from "./eventually.ts";
import { isPromise } from "./eventually.ts";
import { attemptMessage, missingMask, toldOutcome } from "./masking.ts";
import type { NodeEnvironment } from "./node-environment.ts";

/** How one attempt ended, as plain data that a step can keep. */
export type AttemptOutcome = { readonly startedAt: number; readonly endedAt: number } & (
  | {
      readonly status: "completed";
      readonly outputs: NodeRuntimeValues;
      readonly usage: number;
    }
  | ({ readonly status: "failed" } & AttemptFailure)
);

/** A failure before there was anything to run. */
export const failedAtOnce = (
  env: NodeEnvironment,
  nodeId: string,
  error: string,
): NodeStepResult => {
  const now = env.now();
  env.publish(nodeId, { status: "failed", error });
  const attempt = { startedAt: now, endedAt: now, error };
  return { nodeId, status: "failed", error, attempts: [attempt] };
};

/** For a node that has no time limit of its own, or that its signal does not stop. */
export const timedOut = (nodeId: string): NodeStepResult => ({
  nodeId,
  status: "failed",
  error: "Took longer than its step may take",
  attempts: [],
});

/** A step keeps so many attempts, the first and the last half of them: ten thousand would not fit into its result. */
const keptAttempts = 100;

export const withAttempt = (done: readonly Attempt[], attempt: Attempt): readonly Attempt[] =>
  done.length < keptAttempts
    ? [...done, attempt]
    : [...done.slice(0, keptAttempts / 2), ...done.slice(keptAttempts / 2 + 1), attempt];

/** How often a step may begin before what it does is taken for what brings the process down. */
export const mostBegins = 10;

export const poisoned: AttemptFailure = {
  message: `The process died ${mostBegins} times while this node ran. It is not tried again.`,
  retryable: false,
};

const attempted = (
  env: NodeEnvironment,
  startedAt: number,
  checked: Checked<Success>,
): AttemptOutcome =>
  Result.isSuccess(checked)
    ? { startedAt, endedAt: env.now(), status: "completed", ...checked.success }
    : { startedAt, endedAt: env.now(), status: "failed", ...checked.failure };

const startAttempt = (
  env: NodeEnvironment,
  call: NodeCall,
  definition: NodeDefinition,
  policy: Policy | undefined,
  attempt: number,
): Eventually<Checked<Success>> => {
  // A step that was asked for just before the run was cancelled may begin after it.
  if (env.signal.aborted) return Result.fail(failureFrom(env.signal.reason));
  env.publish(call.graphNode.id, { status: "executing", attempt });
  const timeout = attemptTimeout(policy);
  return timeout === undefined
    ? attemptNode(env, call, definition, attempt, env.signal)
    : withTimeout(env, timeout, (signal) => attemptNode(env, call, definition, attempt, signal));
};

/**
 * One attempt, inside a step. A step that has begun too often gives the node up: the process dies with it every time. One
 * frame for all of it, since thousands of nodes may wait at once.
 */
export const attemptOnce = async <A>(
  env: NodeEnvironment,
  call: NodeCall,
  definition: NodeDefinition,
  policy: Policy | undefined,
  attempt: number,
  step: StepContext,
  use: (env: NodeEnvironment, nodeId: string, outcome: AttemptOutcome) => Eventually<A>,
): Promise<A> => {
  const { id } = call.graphNode;
  const startedAt = env.now();
  if (step.attempt > mostBegins) {
    return use(env, id, attempted(env, startedAt, Result.fail(poisoned)));
  }
  let mask = env.mask();
  if (isPromise(mask)) {
    const missing = await missingMask(env, mask);
    if (missing !== undefined) return use(env, id, attempted(env, startedAt, Result.fail(missing)));
  }
  const checked = startAttempt(env, call, definition, policy, attempt);
  const ended = isPromise(checked) ? await checked : checked;
  mask = env.mask();
  if (isPromise(mask)) mask = await mask;
  const outcome = attempted(env, startedAt, toldOutcome(mask, ended));
  if (ended === checked) return use(env, id, outcome);
  // What takes its time is worth a look at whether to store how far the run has come.
  const saving = env.saveProgress();
  if (saving !== undefined) await saving;
  return use(env, id, outcome);
};

const noAttempts: readonly Attempt[] = [];

/** The node's transition, told to whoever watches. Inside its last step. */
export const outcomeToResult = (
  env: NodeEnvironment,
  nodeId: string,
  outcome: AttemptOutcome,
  earlier: readonly Attempt[] = noAttempts,
): Eventually<NodeStepResult> => {
  const { startedAt, endedAt } = outcome;
  if (outcome.status === "completed") {
    const { outputs, usage } = outcome;
    env.publish(nodeId, { status: "completed", outputs, usage });
    const attempts = withAttempt(earlier, { startedAt, endedAt });
    return env.reserved({ nodeId, status: "completed", outputs, usage, attempts });
  }
  const { message: error } = outcome;
  env.publish(nodeId, { status: "failed", error });
  const attempts = withAttempt(earlier, { startedAt, endedAt, error: attemptMessage(error) });
  return { nodeId, status: "failed", error, attempts };
};

/** Attempts with the platform's own sleep between them, and a last step that records how it ended. */
export const executeWithRetries = async (
  env: NodeEnvironment,
  call: NodeCall,
  definition: NodeDefinition,
  policy: Policy | undefined,
): Promise<NodeStepResult> => {
  const nodeId = call.graphNode.id;
  const options = { retry: false, ...stepTimeout(policy) };
  let earlier: readonly Attempt[] = [];
  for (let attempt = 1; ; attempt++) {
    const name = attemptStepName(nodeId, attempt);
    const outcome = await env.steps.do(name, options, (step) =>
      attemptOnce(env, call, definition, policy, attempt, step, (_env, _id, ended) => {
        if (ended.status === "failed" && nextAttemptDelay(policy, attempt, ended) !== undefined) {
          env.publish(nodeId, { status: "retrying", attempt, error: ended.message });
        }
        return ended;
      }),
    );
    const delay =
      outcome.status === "failed" ? nextAttemptDelay(policy, attempt, outcome) : undefined;
    if (outcome.status === "completed" || delay === undefined) {
      return env.steps.do(nodeStepName(nodeId), { retry: true }, async () =>
        outcomeToResult(env, nodeId, outcome, earlier),
      );
    }
    const { startedAt, endedAt, message } = outcome;
    earlier = withAttempt(earlier, { startedAt, endedAt, error: attemptMessage(message) });
    await env.parked(call.graphNode, { type: "retry", attempts: earlier }, () =>
      env.steps.sleep(retryStepName(nodeId, attempt), delay),
    );
  }
};
