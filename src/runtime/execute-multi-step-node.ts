/**
 * A node that does several durable things: its function runs between steps, again at every replay, and each thing it does
 * is a step of its own under the node's name. A last step stores its outputs and records the transition. Its files stay
 * references, since reading them here would be I/O outside a step.
 */
import * as Result from "effect/Result";
import type { Attempt } from "#core/execution-state";
import type { AttemptFailure } from "#core/retry";
import { nextAttemptDelay } from "#core/retry";
import type { NodeStepResult } from "#core/step-result";
import { nodeStepName, subStepName } from "#core/step-name";
import type { JsonValue } from "#core/value";
import { cloneSize, plainJson } from "#core/value";
import { durationMillis } from "#core/workflow";
import type { NodeDefinition, SubStep } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import type { Checked } from "./eventually.ts";
import type { Answer, MultiStepTools, NodeCall, Success } from "./attempt-node.ts";
import { answerOf, attemptMessage, failureFrom, storeAnswer, withTimeout } from "./attempt-node.ts";
import { withAttempt } from "./execute-node.ts";
import type { NodeEnvironment } from "./node-environment.ts";

/** What a sub-step leaves on record: a failure too, since an exception would lose its fields. */
type SubStepRecord = { readonly startedAt: number; readonly endedAt: number } & (
  | { readonly status: "completed"; readonly value: JsonValue }
  | ({ readonly status: "failed" } & AttemptFailure)
);

type Perform = (step: SubStep) => JsonValue | Promise<JsonValue>;

const checkedValue = async (
  env: NodeEnvironment,
  name: string,
  value: JsonValue | Promise<JsonValue>,
): Promise<Checked<JsonValue>> => {
  const plain = plainJson(await value);
  const limit = env.steps.resultLimit;
  if (plain === undefined) {
    const message = `Step '${name}' returned something that is not JSON`;
    return Result.fail({ message, retryable: false });
  }
  const size = limit === undefined ? 0 : cloneSize(plain);
  return limit === undefined || size <= limit
    ? Result.succeed(plain)
    : Result.fail({
        message: `Step '${name}' returned about ${size} bytes, and a step keeps ${limit}`,
        retryable: false,
      });
};

/** What one attempt has done so far, as its steps have recorded it. */
interface Progress {
  readonly open: Set<Promise<unknown>>;
  readonly names: Set<string>;
  /** The function has answered: what it left running may begin nothing more. */
  isOver: boolean;
  startedAt?: number;
  endedAt?: number;
  /** The platform's own rejection of a step, which is no failure of the node. */
  platformFailure?: { readonly reason: unknown };
}

const toolsFor = (
  env: NodeEnvironment,
  call: NodeCall,
  attempt: number,
  timeout: number | undefined,
  progress: Progress,
): MultiStepTools => {
  const { id } = call.graphNode;
  /** Two steps of one name would swap their results on replay. */
  const claim = (name: string): string => {
    if (progress.isOver) {
      throw new NodeFailure({ message: `Step '${name}' came after node '${id}' had answered` });
    }
    if (/^retry \d+$|\(attempt \d+\)$/.test(name)) {
      throw new NodeFailure({ message: `Step '${name}' has a name that retries are given` });
    }
    if (progress.names.has(name)) {
      throw new NodeFailure({ message: `Step '${name}' stands twice in node '${id}'` });
    }
    progress.names.add(name);
    return subStepName(id, attempt === 1 ? name : `${name} (attempt ${attempt})`);
  };
  const perform = async (name: string, work: Perform): Promise<SubStepRecord> => {
    if (progress.startedAt === undefined) env.publish(id, { status: "executing", attempt });
    const startedAt = env.clock.currentTimeMillisUnsafe();
    const idempotencyKey = `${env.keyPrefix}${id}/${name}`;
    const checked = async (): Promise<Checked<JsonValue>> => {
      try {
        return await checkedValue(env, name, work({ idempotencyKey }));
      } catch (thrown) {
        return Result.fail(failureFrom(thrown));
      }
    };
    const outcome = await (timeout === undefined ? checked() : withTimeout(env, timeout, checked));
    const times = { startedAt, endedAt: env.clock.currentTimeMillisUnsafe() };
    return Result.isSuccess(outcome)
      ? { ...times, status: "completed", value: outcome.success }
      : { ...times, status: "failed", ...outcome.failure };
  };
  /** The node may forget to wait for a step; the engine does not. */
  const kept = <A>(step: Promise<A>): Promise<A> => {
    const known = step.catch((reason: unknown): never => {
      progress.platformFailure ??= { reason };
      throw reason;
    });
    const settled = known.then(
      () => {},
      () => {},
    );
    progress.open.add(settled);
    return known;
  };
  const doStep: MultiStepTools["doStep"] = async (name, work) => {
    const step = claim(name);
    const record = await kept(env.steps.do(step, { retry: false }, () => perform(name, work)));
    progress.startedAt ??= record.startedAt;
    progress.endedAt = record.endedAt;
    if (record.status === "failed") {
      const { message, retryable, retryAfter } = record;
      throw new NodeFailure({
        message,
        retryable,
        ...(retryAfter === undefined ? {} : { retryAfter }),
      });
    }
    return record.value as Awaited<ReturnType<typeof work>>;
  };
  const sleep: MultiStepTools["sleep"] = async (name, duration) => {
    const millis = durationMillis(duration);
    if (millis === undefined) {
      throw new NodeFailure({ message: `Sleep '${name}' has no duration: ${duration}` });
    }
    const step = claim(name);
    await kept(call.parked(() => env.steps.sleep(step, millis)));
  };
  /** A promise that nobody waits for must not end the process when it rejects. */
  const heard = <A>(promise: Promise<A>): Promise<A> => {
    promise.catch(() => {});
    return promise;
  };
  return {
    doStep: (name, work) => heard(doStep(name, work)),
    sleep: (name, duration) => heard(sleep(name, duration)),
  };
};

/** One attempt, with all the steps it began ended. Rejects with the platform's own failure alone. */
const attemptSteps = async (
  env: NodeEnvironment,
  call: NodeCall,
  definition: NodeDefinition,
  attempt: number,
  timeout: number | undefined,
  progress: Progress,
): Promise<Checked<Answer>> => {
  const tools = toolsFor(env, call, attempt, timeout, progress);
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
  return answer;
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
  { startedAt }: Progress,
): Promise<NodeStepResult> =>
  env.steps.do(nodeStepName(graphNode.id), { retry: false }, async () => {
    const nodeId = graphNode.id;
    const stored = Result.isSuccess(outcome)
      ? await storeSafely(env, graphNode, outcome.success)
      : Result.fail(outcome.failure);
    const endedAt = env.clock.currentTimeMillisUnsafe();
    const times = { startedAt: startedAt ?? endedAt, endedAt };
    if (Result.isSuccess(stored)) {
      env.publish(nodeId, { status: "completed", ...stored.success });
      return { nodeId, status: "completed", ...stored.success, attempts: [...earlier, times] };
    }
    const error = stored.failure.message;
    env.publish(nodeId, { status: "failed", error });
    const last = { ...times, error: attemptMessage(error) };
    return { nodeId, status: "failed", error, attempts: [...earlier, last] };
  });

export const executeMultiStepNode = async (
  env: NodeEnvironment,
  call: NodeCall,
  definition: NodeDefinition,
): Promise<NodeStepResult> => {
  const { id, node } = call.graphNode;
  const policy = node?.policy ?? definition.policy;
  const timeout = policy?.timeout === undefined ? undefined : durationMillis(policy.timeout);
  let earlier: readonly Attempt[] = [];
  for (let attempt = 1; ; attempt++) {
    const progress: Progress = { open: new Set(), names: new Set(), isOver: false };
    const outcome = await attemptSteps(env, call, definition, attempt, timeout, progress);
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
    earlier = withAttempt(earlier, {
      startedAt,
      endedAt,
      error: attemptMessage(outcome.failure.message),
    });
    await call.parked(() => env.steps.sleep(subStepName(id, `retry ${attempt}`), delay));
  }
};
