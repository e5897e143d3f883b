/**
 * What a multi-step node may do between its steps: something once, a pause, a wait for somebody's answer. Each is a durable
 * step, or a few, under the node's name.
 */
import * as Result from "effect/Result";
import { isReservedSubStep, keyPart, subStepName } from "#core/step-name";
import type { AttemptFailure } from "#core/retry";
import { attemptTimeout, stepTimeout } from "#core/retry";
import type { JsonValue } from "#core/value";
import { cloneSize, plainJson } from "#core/value";
import type { Policy } from "#core/workflow";
import { durationMillis } from "#core/workflow";
import { year } from "#core/year";
import type { StepContext } from "#services/durable-step";
import type { ResourceAccess, SubStep } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import type { MultiStepTools, NodeCall } from "./attempt-node.ts";
import { contextOfAttempt, failureFrom, withTimeout } from "./attempt-node.ts";
import type { Checked } from "./eventually.ts";
import { isPromise } from "./eventually.ts";
import { mostBegins, poisoned } from "./execute-node.ts";
import { missingMask, toldOutcome } from "./masking.ts";
import type { NodeEnvironment } from "./node-environment.ts";
import type { AttemptUsage, StepUsage, Told } from "./usage-told.ts";
import { newUsage, noteUsage, tellInside, tellUsage, unbillable } from "./usage-told.ts";
import { checkWait, waitForAnswer } from "./wait-for-answer.ts";

/** What a sub-step leaves on record: a failure too, since an exception would lose its fields. */
type SubStepRecord = { readonly startedAt: number; readonly endedAt: number } & (
  | { readonly status: "completed"; readonly value: JsonValue }
  | ({ readonly status: "failed" } & AttemptFailure)
) & { readonly told?: Told };

type Perform = (step: SubStep) => JsonValue | Promise<JsonValue>;

/** What one attempt has done so far, as its steps have recorded it. */
export interface Progress {
  readonly open: Set<Promise<unknown>>;
  readonly names: Set<string>;
  /** The function has answered: what it left running may begin nothing more. */
  isOver: boolean;
  /** When it could begin, for one that sleeps before its first step. */
  readonly readyAt: number;
  hasSlept: boolean;
  readonly usage: AttemptUsage;
  startedAt?: number;
  endedAt?: number;
  /** The platform's own rejection of a step, which is no failure of the node. */
  platformFailure?: { readonly reason: unknown };
}

export const newProgress = (readyAt: number): Progress => ({
  open: new Set(),
  names: new Set(),
  isOver: false,
  readyAt,
  hasSlept: false,
  usage: newUsage(),
});

/** Times come from steps alone. */
const noteTimes = (progress: Progress, startedAt: number, endedAt: number): void => {
  progress.startedAt ??= progress.hasSlept ? progress.readyAt : startedAt;
  progress.endedAt = endedAt;
};

const checkedValue = async (
  env: NodeEnvironment,
  name: string,
  value: JsonValue | Promise<JsonValue>,
): Promise<Checked<JsonValue>> => {
  const given = plainJson(await value);
  const limit = env.steps.resultLimit;
  if (given === undefined) {
    const message = `Step '${name}' returned something that is not JSON`;
    return Result.fail({ message, retryable: false });
  }
  const plain = (await env.mask()).json(given);
  const size = limit === undefined ? 0 : cloneSize(plain);
  return limit === undefined || size <= limit
    ? Result.succeed(plain)
    : Result.fail({
        message: `Step '${name}' returned about ${size} bytes, and a step keeps ${limit}`,
        retryable: false,
      });
};

/** As long as the step performs, what is told belongs to it. */
const performed = async (
  { performing }: AttemptUsage,
  step: StepUsage,
  name: string,
  perform: () => Promise<Checked<JsonValue>>,
): Promise<Checked<JsonValue>> => {
  performing.add(step);
  const ended = await perform();
  performing.delete(step);
  const problem = step.told && unbillable(`Step '${name}'`, step.told.credits);
  if (problem === undefined) return ended;
  delete step.told;
  return Result.isFailure(ended) ? ended : Result.fail(problem);
};

const performStep = async (
  env: NodeEnvironment,
  nodeId: string,
  name: string,
  access: ResourceAccess,
  timeout: number | undefined,
  usage: AttemptUsage,
  work: Perform,
): Promise<SubStepRecord> => {
  const startedAt = env.now();
  const idempotencyKey = `${env.keyPrefix}${keyPart(nodeId)}/${keyPart(name)}`;
  const step: StepUsage = {};
  const reportUsage = (credits: number): void => {
    if (usage.performing.has(step)) tellInside(usage, [step], credits);
  };
  const checked = async (): Promise<Checked<JsonValue>> => {
    try {
      return await checkedValue(env, name, work({ idempotencyKey, reportUsage, ...access }));
    } catch (thrown) {
      return Result.fail(failureFrom(thrown));
    }
  };
  const mask = env.mask();
  const missing = isPromise(mask) ? await missingMask(env, mask) : undefined;
  const ended = await (missing !== undefined
    ? Result.fail(missing)
    : performed(usage, step, name, () =>
        timeout === undefined ? checked() : withTimeout(env, timeout, checked),
      ));
  const outcome = missing === undefined ? toldOutcome(await env.mask(), ended) : ended;
  await env.saveProgress();
  const facts = { startedAt, endedAt: env.now(), ...step };
  return Result.isSuccess(outcome)
    ? { ...facts, status: "completed", value: outcome.success }
    : { ...facts, status: "failed", ...outcome.failure };
};

/** A promise that nobody waits for must not end the process when it rejects. */
const heard = <A>(promise: Promise<A>): Promise<A> => {
  promise.catch(() => {});
  return promise;
};

export const subStepTools = (
  env: NodeEnvironment,
  { graphNode }: NodeCall,
  attempt: number,
  policy: Policy | undefined,
  progress: Progress,
): MultiStepTools => {
  const { id } = graphNode;
  const timeout = attemptTimeout(policy);
  const options = { retry: false, ...stepTimeout(policy) };
  /** Two steps of one name would swap their results on replay. */
  const claim = (name: string): string => {
    if (progress.isOver) {
      throw new NodeFailure({ message: `Step '${name}' came after node '${id}' had answered` });
    }
    if (isReservedSubStep(name)) {
      throw new NodeFailure({ message: `Step '${name}' has a name that Pawl gives itself` });
    }
    if (progress.names.has(name)) {
      throw new NodeFailure({ message: `Step '${name}' stands twice in node '${id}'` });
    }
    progress.names.add(name);
    return attempt === 1 ? name : `${name} (attempt ${attempt})`;
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
  const tell = (): void => {
    if (progress.startedAt === undefined) env.publish(id, { status: "executing", attempt });
  };
  const perform = async (
    name: string,
    work: Perform,
    step: StepContext,
  ): Promise<SubStepRecord> => {
    const now = env.now();
    const times = { startedAt: now, endedAt: now, status: "failed" } as const;
    // The node's function goes on after the run was cancelled, and must do nothing more.
    if (env.signal.aborted) return { ...times, ...failureFrom(env.signal.reason) };
    tell();
    if (step.attempt <= mostBegins) {
      const { getSecret, getIntegration } = contextOfAttempt(
        env,
        id,
        attempt,
        env.signal,
        () => {},
      );
      const access = { getSecret, getIntegration };
      return performStep(env, id, name, access, timeout, progress.usage, work);
    }
    return { ...times, ...poisoned };
  };
  const doStep: MultiStepTools["doStep"] = async (name, work) => {
    const step = subStepName(id, claim(name));
    const record = await kept(
      env.steps.do(step, options, (context) => perform(name, work, context)),
    );
    noteTimes(progress, record.startedAt, record.endedAt);
    noteUsage(progress.usage, record.told);
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
    if (millis === undefined || !(millis >= 0 && millis <= year)) {
      throw new NodeFailure({ message: `Sleep '${name}' has no duration: ${duration}` });
    }
    const step = subStepName(id, claim(name));
    progress.hasSlept ||= progress.startedAt === undefined;
    await kept(env.parked(graphNode, { type: "sleep" }, () => env.steps.sleep(step, millis)));
  };
  const waitForEvent: MultiStepTools["waitForEvent"] = async (name, options = {}) => {
    // Outside of what is kept: a wait that cannot be asked for is the node's failure, not the platform's.
    const wait = checkWait(name, options);
    const { answer, openedAt, endedAt } = await kept(
      waitForAnswer(env, graphNode, claim(name), wait),
    );
    noteTimes(progress, openedAt, endedAt);
    return answer;
  };
  return {
    doStep: (name, work) => heard(doStep(name, work)),
    sleep: (name, duration) => heard(sleep(name, duration)),
    waitForEvent: (name, wait) => heard(waitForEvent(name, wait)),
    reportUsage: (credits) => tellUsage(progress.usage, credits),
    isConnected: (output) =>
      graphNode.dependents.some((dependent) =>
        env.nodes[dependent]!.inbound.some(
          ({ source, sourceOutput }) => source === id && sourceOutput === output,
        ),
      ),
  };
};
