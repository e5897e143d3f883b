/**
 * One attempt at a node: its inputs converted, its function called within its time limit, its outputs converted and stored.
 * Whatever the node does becomes data, never an exception (NODE-4).
 */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Option from "effect/Option";
import * as Result from "effect/Result";
import { roundedCredits } from "#core/credits";
import type { GraphNode } from "#core/graph";
import type { AttemptFailure } from "#core/retry";
import { keyPart } from "#core/step-name";
import type { NodeRuntimeValues } from "#core/value";
import type {
  MultiStepContext,
  NodeContext,
  NodeDefinition,
  NodeInputs,
  NodeOutputs,
  NodeResult,
  ResourceAccess,
} from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import type { Checked, Eventually } from "./eventually.ts";
import { andThen, andThenChecked, isPromise } from "./eventually.ts";
import type { NodeEnvironment } from "./node-environment.ts";
import { decodeInputs, encodeOutputs } from "./node-parameters.ts";
import { storeLargeOutputs } from "./stored-outputs.ts";
import { unbillable } from "./usage-told.ts";

/** A node that is about to run, with what its edges brought. */
export interface NodeCall {
  readonly graphNode: GraphNode;
  readonly inputs: NodeRuntimeValues;
  /** Json inputs whose text came over an edge, and is not to be parsed. */
  readonly carriedTexts: readonly string[];
}

export interface Success {
  readonly outputs: NodeRuntimeValues;
  readonly usage: number;
}

const wordsOf = (thrown: unknown): AttemptFailure => {
  if (thrown instanceof NodeFailure) {
    const { message, retryable, retryAfter } = thrown;
    // All of it stands in the step's result: a text in the wrong place might be a secret.
    return {
      message: String(message),
      retryable: Boolean(retryable),
      ...(typeof retryAfter === "number" ? { retryAfter } : {}),
    };
  }
  const message = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return { message: String(message), retryable: true };
};

/**
 * What a node threw, in plain words; secrets may still be in them. Only a NodeFailure knows that trying again is useless.
 */
export const failureFrom = (thrown: unknown): AttemptFailure => {
  try {
    return wordsOf(thrown);
  } catch {
    // Anything can be thrown, also what throws when it is read.
    return { message: "The node threw something that cannot be read", retryable: true };
  }
};

const failed = (thrown: unknown): Checked<never> => Result.fail(failureFrom(thrown));

const outcomeOf = (result: NodeResult<NodeOutputs>): Checked<NodeOutputs> => {
  if (result instanceof NodeFailure) return Result.fail(failureFrom(result));
  return typeof result === "object" && result !== null && !Array.isArray(result)
    ? Result.succeed(result)
    : Result.fail({ message: "The node returned no outputs", retryable: false });
};

const outcomeOfExit = (
  exit: Exit.Exit<NodeResult<NodeOutputs>, NodeFailure>,
): Checked<NodeOutputs> => {
  if (Exit.isSuccess(exit)) return outcomeOf(exit.value);
  const failure = Cause.findErrorOption(exit.cause);
  return Result.fail(
    failureFrom(Option.isSome(failure) ? failure.value : Cause.squash(exit.cause)),
  );
};

/** The node's answer, or a failure once the time is over. A late answer is ignored. */
export const withTimeout = async <A>(
  env: NodeEnvironment,
  millis: number,
  attempt: (signal: AbortSignal) => Eventually<Checked<A>>,
): Promise<Checked<A>> => {
  const controller = new AbortController();
  const failure: AttemptFailure = { message: `Timed out after ${millis} ms`, retryable: true };
  const timer = Effect.map(Effect.sleep(millis), (): Checked<A> => {
    controller.abort(new NodeFailure(failure));
    return Result.fail(failure);
  });
  const answer = Effect.promise<Checked<A>>(async () =>
    attempt(AbortSignal.any([env.signal, controller.signal])),
  );
  const exit = await env.runExit(Effect.raceFirst(answer, timer));
  return Exit.isSuccess(exit) ? exit.value : Result.fail(failureFrom(Cause.squash(exit.cause)));
};

/** A pure node gives the same whenever it runs, and a multi-step one runs between steps, where nothing may be read. */
const noAccess = (definition: NodeDefinition): ResourceAccess => {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new NodeFailure({
        message: definition.multiStep
          ? "A multi-step node reads secrets and integrations inside its steps: doStep(name, ({ getSecret }) => ...)"
          : "A pure node reads no secrets and no integrations. Define it without 'pure'.",
      }),
    );
  return { getSecret: refuse, getIntegration: refuse };
};

export const contextOfAttempt = (
  env: NodeEnvironment,
  nodeId: string,
  attempt: number,
  signal: AbortSignal,
  reportUsage: (credits: number) => void,
): NodeContext => {
  const { workflowId, organizationId, executionId, trigger } = env.context;
  return env.resources.createNodeContext({
    nodeId,
    workflowId,
    organizationId,
    executionId,
    attempt,
    idempotencyKey: env.keyPrefix + keyPart(nodeId),
    signal,
    trigger,
    reportUsage,
  });
};

/** What a multi-step node may do between its steps. */
export type MultiStepTools = Pick<
  MultiStepContext,
  "doStep" | "isConnected" | "reportUsage" | "sleep" | "waitForEvent"
>;

/** What a node's function gave, before it is stored. */
export interface Answer {
  readonly outputs: NodeOutputs;
  readonly usage: number;
}

/** Goes on once the node's promise has settled. One frame for all of it, since thousands of nodes may wait at once. */
const answerLater = async <B>(
  result: Promise<NodeResult<NodeOutputs>>,
  use: (outputs: NodeOutputs) => Eventually<Checked<B>>,
): Promise<Checked<B>> => {
  try {
    const outcome = outcomeOf(await result);
    return Result.isSuccess(outcome) ? await use(outcome.success) : Result.fail(outcome.failure);
  } catch (thrown) {
    return failed(thrown);
  }
};

const decodedLater = async <B>(
  decoding: Promise<Checked<NodeInputs>>,
  call: (decoded: NodeInputs) => Eventually<Checked<B>>,
): Promise<Checked<B>> => {
  try {
    return await andThenChecked(await decoding, call);
  } catch (thrown) {
    return failed(thrown);
  }
};

/**
 * Converts the inputs, calls the node's function once, whichever of the three ways it answers, and uses the answer. The
 * node's own code also runs wherever its outputs are read, by getters and proxies: whatever is thrown is the node's failure.
 */
export const answerOf = <B>(
  env: NodeEnvironment,
  { graphNode, inputs, carriedTexts }: NodeCall,
  definition: NodeDefinition,
  attempt: number,
  signal: AbortSignal,
  tools: MultiStepTools,
  use: (answer: Answer) => Eventually<Checked<B>>,
): Eventually<Checked<B>> => {
  let usage = definition.computeCost;
  const reportUsage = (credits: number): void => {
    usage = credits;
  };
  const used = (outputs: NodeOutputs): Eventually<Checked<B>> => use({ outputs, usage });
  const call = (decoded: NodeInputs): Eventually<Checked<B>> => {
    const facts = contextOfAttempt(env, graphNode.id, attempt, signal, reportUsage);
    const hasAccess = !definition.multiStep && !definition.pure;
    const context = hasAccess ? facts : { ...facts, ...noAccess(definition) };
    const result = definition.multiStep
      ? definition.run(decoded, { ...context, ...tools })
      : definition.run(decoded, context);
    if (Effect.isEffect(result)) {
      return env
        .runExit(result)
        .then((exit) => andThenChecked(outcomeOfExit(exit), used))
        .catch(failed);
    }
    if (isPromise(result)) return answerLater(result, used);
    const answered = andThenChecked(outcomeOf(result), used);
    // What is stored is read later, and may throw then.
    return isPromise(answered) ? answered.catch(failed) : answered;
  };
  try {
    const decoding = decodeInputs(env, graphNode, definition, { inputs, carriedTexts });
    return isPromise(decoding) ? decodedLater(decoding, call) : andThenChecked(decoding, call);
  } catch (thrown) {
    return failed(thrown);
  }
};

/**
 * Converts, masks and stores what the node gave. Inside a step, since bytes and large values go to the object store.
 */
export const storeAnswer = (
  env: NodeEnvironment,
  { id, ports }: GraphNode,
  { outputs, usage }: Answer,
): Eventually<Checked<Success>> => {
  const problem = unbillable("The node", usage);
  if (problem !== undefined) return Result.fail(problem);
  return andThen(env.mask(), (mask) =>
    andThenChecked(encodeOutputs(env, mask, id, ports.outputs, outputs), (encoded) =>
      andThenChecked(storeLargeOutputs(env, id, encoded), (kept) =>
        Result.succeed({ outputs: kept, usage: roundedCredits(usage) }),
      ),
    ),
  );
};

/** A whole attempt of a node of one step. One that was aborted stores nothing: the next may have stored already. */
export const attemptNode = (
  env: NodeEnvironment,
  call: NodeCall,
  definition: NodeDefinition,
  attempt: number,
  signal: AbortSignal,
): Eventually<Checked<Success>> =>
  answerOf(env, call, definition, attempt, signal, noTools, (answer) =>
    signal.aborted ? failed(signal.reason) : storeAnswer(env, call.graphNode, answer),
  );

const onlyMultiStep = (): Promise<never> =>
  Promise.reject(
    new NodeFailure({ message: "Only a multi-step node has steps, sleeps or waits for an event" }),
  );

const noTools: MultiStepTools = {
  doStep: onlyMultiStep,
  isConnected: () => false,
  reportUsage: () => {},
  sleep: onlyMultiStep,
  waitForEvent: onlyMultiStep,
};
