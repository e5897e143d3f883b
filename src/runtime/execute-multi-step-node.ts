/**
 * A node that does several durable things: its function runs between steps, again at every replay, and each thing it does
 * is a step of its own under the node's name. A last step stores its outputs and records the transition. Its files stay
 * references, since reading them here would be I/O outside a step.
 */
import * as Result from "effect/Result";
import type { Attempt } from "#core/execution-state";
import { nextAttemptDelay } from "#core/retry";
import type { NodeStepResult } from "#core/step-result";
import { nodeStepName, retryStepName } from "#core/step-name";
import type { Policy } from "#core/workflow";
import type { NodeDefinition } from "#services/node-definition";
import type { Checked } from "./eventually.ts";
import type { Answer, NodeCall, Success } from "./attempt-node.ts";
import { answerOf, failureFrom, storeAnswer } from "./attempt-node.ts";
import { outcomeToResult, withAttempt } from "./execute-node.ts";
import { attemptMessage, toldOutcome } from "./masking.ts";
import type { NodeEnvironment } from "./node-environment.ts";
import type { Progress } from "./sub-steps.ts";
import { newProgress, subStepTools } from "./sub-steps.ts";

/** One attempt, with all the steps it began ended. Rejects with the platform's own failure alone. */
const attemptSteps = async (
  env: NodeEnvironment,
  call: NodeCall,
  definition: NodeDefinition,
  attempt: number,
  policy: Policy | undefined,
  progress: Progress,
): Promise<Checked<Answer>> => {
  const tools = subStepTools(env, call, attempt, policy, progress);
  const answer = await answerOf(
    env,
    call,
    definition,
    attempt,
    env.signal,
    tools,
    Result.succeed<Answer>,
  );
  progress.isOver = true;
  await Promise.all(progress.open);
  if (progress.platformFailure !== undefined) throw progress.platformFailure.reason;
  // Only now: a step that the node did not wait for may have told what it used.
  const usage = progress.usage.last?.credits ?? definition.computeCost;
  return Result.map(answer, ({ outputs }) => ({ outputs, usage }));
};

/** Reading outputs runs the node's own code, by getters and proxies. */
const storeSafely = async (
  env: NodeEnvironment,
  graphNode: NodeCall["graphNode"],
  answer: Answer,
): Promise<Checked<Success>> => {
  try {
    return await storeAnswer(env, graphNode, answer);
  } catch (thrown) {
    return Result.fail(failureFrom(thrown));
  }
};

/** The last step: stores the outputs and says how it all ended. */
const record = (
  env: NodeEnvironment,
  { graphNode }: NodeCall,
  outcome: Checked<Answer>,
  earlier: readonly Attempt[],
  progress: Progress,
): Promise<NodeStepResult> =>
  env.steps.do(nodeStepName(graphNode.id), { retry: false }, async () => {
    const stored = Result.isSuccess(outcome)
      ? await storeSafely(env, graphNode, outcome.success)
      : Result.fail(outcome.failure);
    const mask = await env.mask();
    const told = toldOutcome(mask, stored);
    const endedAt = env.now();
    const slept = progress.hasSlept ? progress.readyAt : endedAt;
    const times = { startedAt: progress.startedAt ?? slept, endedAt };
    const ended = Result.isSuccess(told)
      ? ({ ...times, status: "completed", ...told.success } as const)
      : ({ ...times, status: "failed", ...told.failure } as const);
    // What failed between steps was told without a look into the store.
    const attempts = earlier.map((attempt) =>
      attempt.error === undefined ? attempt : { ...attempt, error: mask.text(attempt.error) },
    );
    return outcomeToResult(env, graphNode.id, ended, attempts);
  });

export const executeMultiStepNode = async (
  env: NodeEnvironment,
  call: NodeCall,
  definition: NodeDefinition,
  policy: Policy | undefined,
  /** When the node could begin, by what is on record. */
  readyAt: number,
): Promise<NodeStepResult> => {
  const { graphNode } = call;
  let earlier: readonly Attempt[] = [];
  for (let attempt = 1; ; attempt++) {
    const progress = newProgress(earlier.at(-1)?.endedAt ?? readyAt);
    const outcome = await attemptSteps(env, call, definition, attempt, policy, progress);
    const delay = Result.isFailure(outcome)
      ? nextAttemptDelay(policy, attempt, outcome.failure)
      : undefined;
    // An attempt without a single step has no time of its own, and would fail in the same way again.
    const { startedAt, endedAt } = progress;
    if (
      Result.isSuccess(outcome) ||
      delay === undefined ||
      startedAt === undefined ||
      endedAt === undefined
    ) {
      return record(env, call, outcome, earlier, progress);
    }
    const error = attemptMessage(env.maskAtHand().text(outcome.failure.message));
    earlier = withAttempt(earlier, { startedAt, endedAt, error });
    await env.parked(graphNode, { type: "retry", attempts: earlier }, () =>
      env.steps.sleep(retryStepName(graphNode.id, attempt), delay),
    );
  }
};
