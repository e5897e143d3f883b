/**
 * Parks a node until somebody answers: a step opens the wait in the store, the platform waits for the event, a step reads what
 * stands in the store. The answer is there before its event, so an event that is lost, early or delivered twice does no harm.
 */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { GraphNode } from "#core/graph";
import { waitEventType, waitStepNames } from "#core/step-name";
import type { JsonValue } from "#core/value";
import { plainJson } from "#core/value";
import { durationMillis } from "#core/workflow";
import { year } from "#core/year";
import type { WaitAnswer, WaitOptions } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { questionText } from "#services/wait-store";
import type { NodeEnvironment } from "./node-environment.ts";

export interface AnsweredWait {
  readonly answer: WaitAnswer;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
  readonly endedAt: number;
}

const day = 24 * 60 * 60 * 1000;

/** Milliseconds. Longer from round to round, so that clocks which differ do not make it look again and again. */
const leastWait = (round: number): number => Math.min(2 ** round, 1_000);

interface CheckedWait {
  readonly millis: number;
  readonly question: JsonValue;
}

/** What is wrong with what a node asks is the node's failure, before anything is opened. */
export const checkWait = (
  name: string,
  { timeout = day, question = {} }: WaitOptions,
): CheckedWait => {
  const millis = durationMillis(timeout);
  if (millis === undefined || !(millis >= 0 && millis <= year)) {
    throw new NodeFailure({
      message: `Wait '${name}' takes a time of at most a year, such as "2 days", not ${timeout}`,
    });
  }
  const plain = plainJson(question);
  if (plain === undefined) {
    throw new NodeFailure({ message: `The question of wait '${name}' is not JSON` });
  }
  const text = Effect.runSync(Effect.result(questionText({ question: plain })));
  if (Result.isFailure(text)) {
    throw new NodeFailure({ message: `Wait '${name}': ${text.failure.message}` });
  }
  return { millis, question: plain };
};

export const waitForAnswer = async (
  env: NodeEnvironment,
  graphNode: GraphNode,
  name: string,
  { millis, question }: CheckedWait,
): Promise<AnsweredWait> => {
  const { organizationId, executionId } = env.context;
  const nodeId = graphNode.id;
  const key = { organizationId, executionId, nodeId, name };
  const eventType = waitEventType(nodeId, name);
  env.asked.hasWaits = true;
  const first = waitStepNames(nodeId, name, 1);
  const opened = await env.steps.do(first.ask, { retry: true }, async () => {
    const openedAt = env.now();
    const deadline = openedAt + millis;
    const instance = env.instanceId === undefined ? {} : { instanceId: env.instanceId };
    const asked = (await env.mask()).json(question);
    const wait = { ...key, eventType, ...instance, openedAt, deadline, question: asked };
    const standing = await env.perform(env.waits.open(wait));
    env.publish(nodeId, { status: "waiting", name, until: standing.deadline });
    // It may stand like this for days, and people look at what it waits for.
    await env.saveProgress("soon");
    return { openedAt: standing.openedAt };
  });
  const { openedAt } = opened;
  return env.parked(graphNode, { type: "wait" }, async () => {
    let left = millis;
    for (let round = 1; ; round++) {
      const names = waitStepNames(nodeId, name, round);
      await env.steps.waitForEvent(names.wait, { type: eventType, timeout: left });
      const read = await env.steps.do(names.answer, { retry: true }, async () => {
        const now = env.now();
        return { now, outcome: await env.perform(env.waits.settle(key, now)) };
      });
      const { outcome, now: endedAt } = read;
      if (outcome.status === "answered") {
        const { data, answeredAt } = outcome;
        return { answer: { status: "answered", data, answeredAt }, openedAt, endedAt };
      }
      if (outcome.status !== "open") {
        return { answer: { status: "timedOut" }, openedAt, endedAt };
      }
      // Woken by something that was no answer, or a little early: the wait goes on to its deadline.
      left = Math.max(leastWait(round), openedAt + millis - endedAt);
    }
  });
};
