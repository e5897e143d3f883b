/**
 * Nodes that wait: for time to pass, for an event from outside, for a person's decision. While they wait the run costs
 * nothing and they hold no place. A wait that nobody answers is a failure, unless an edge leaves from 'timeout'.
 */
import type { JsonObject, JsonValue, RuntimeValue } from "#core/value";
import { describeValue, isJsonObject } from "#core/value";
import { durationMillis } from "#core/workflow";
import { year } from "#core/year";
import type { MultiStepContext, NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { defineNode } from "./define-node.ts";

type Duration = number | string;

const durationOf = (input: string, value: RuntimeValue): Duration => {
  if (typeof value === "number" || typeof value === "string") {
    const millis = durationMillis(value);
    if (millis !== undefined && millis >= 0 && millis <= year) return value;
  }
  const got =
    typeof value === "number" || typeof value === "string"
      ? JSON.stringify(value)
      : describeValue(value);
  throw new NodeFailure({
    message: `Input '${input}' expects milliseconds or words such as "2 hours", at most a year, got ${got}`,
  });
};

const wordsOf = (duration: Duration): string =>
  typeof duration === "number" ? `${duration} ms` : duration.trim();

/** What is asked, without the parts that are not there. */
const questionOf = (parts: Readonly<Record<string, JsonValue | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(parts).filter((part): part is [string, JsonValue] => part[1] !== undefined),
  );

/** The branch for a wait that nobody answered, where the document has one. */
const nobodyAnswered = (
  { isConnected }: MultiStepContext,
  timeout: Duration,
): { readonly timeout: true } | NodeFailure =>
  isConnected("timeout")
    ? { timeout: true }
    : new NodeFailure({ message: `Nobody answered within ${wordsOf(timeout)}` });

interface Decision {
  readonly approved: boolean;
  readonly comment?: string;
}

/** Undefined for what is no decision. */
const decisionOf = (answer: JsonValue): Decision | undefined => {
  if (typeof answer === "boolean") return { approved: answer };
  if (!isJsonObject(answer)) return undefined;
  const { approved, comment } = answer;
  if (typeof approved !== "boolean") return undefined;
  if (comment === undefined) return { approved };
  return typeof comment === "string" ? { approved, comment } : undefined;
};

const expected = 'true, false or { "approved": true or false, "comment": some text or left out }';

/** A form that sends the wrong thing every time must not ask for ever. */
const mostQuestions = 20;

type Verdict =
  | { readonly status: "decided"; readonly decision: Decision }
  | { readonly status: "timedOut" }
  | { readonly status: "misunderstood" };

/**
 * An answer uses its wait up, and the store takes any JSON: what is no decision is asked again, in a wait of its own that
 * has all its time, so that a mistake loses no approval.
 */
const decide = async (
  { waitForEvent }: MultiStepContext,
  timeout: Duration,
  question: JsonObject,
): Promise<Verdict> => {
  let problem: string | undefined;
  for (let round = 1; round <= mostQuestions; round++) {
    const name = round === 1 ? "approval" : `approval ${round}`;
    const asked = questionOf({ ...question, problem });
    const answer = await waitForEvent(name, { timeout, question: asked });
    if (answer.status === "timedOut") return answer;
    const decision = decisionOf(answer.data);
    if (decision !== undefined) return { status: "decided", decision };
    problem = `The last answer, ${describeValue(answer.data)}, decided nothing. Expected ${expected}`;
  }
  return { status: "misunderstood" };
};

const waits = { category: "logic", multiStep: true, computeCost: 0 } as const;

const timeoutInput = { name: "timeout", type: "any", value: "24 hours" } as const;
const timeoutOutput = { name: "timeout", type: "boolean" } as const;

export const waitingNodes: readonly NodeDefinition[] = [
  defineNode({
    ...waits,
    type: "delay",
    name: "Delay",
    description:
      'Gives the value on after a time: milliseconds or words such as "2 hours", at most a year.',
    inputs: [
      { name: "duration", type: "any", required: true },
      { name: "value", type: "any" },
    ],
    outputs: [{ name: "value", type: "any" }],
    run: async ({ duration, value }, { sleep }) => {
      await sleep("delay", durationOf("duration", duration));
      return { value: value ?? true };
    },
  }),
  defineNode({
    ...waits,
    type: "wait-for-event",
    name: "Wait for Event",
    description:
      "Waits until something is sent to it and gives that on. Fails when its time is over, or takes 'timeout'.",
    inputs: [
      timeoutInput,
      { name: "question", type: "json" },
      { name: "value", type: "any", description: "Goes into the question." },
    ],
    outputs: [{ name: "data", type: "any" }, timeoutOutput],
    run: async ({ timeout, question, value }, context) => {
      const time = durationOf("timeout", timeout);
      const asked = questionOf({ question, value } as JsonObject);
      const answer = await context.waitForEvent("event", { timeout: time, question: asked });
      // An answer that says nothing has still come.
      return answer.status === "answered"
        ? { data: answer.data ?? true }
        : nobodyAnswered(context, time);
    },
  }),
  defineNode({
    ...waits,
    type: "wait-for-approval",
    name: "Wait for Approval",
    description:
      "Waits for a yes or a no and takes that branch with the details. Fails when its time is over, or takes 'timeout'.",
    inputs: [{ name: "question", type: "string" }, { name: "details", type: "any" }, timeoutInput],
    outputs: [
      { name: "approved", type: "any" },
      { name: "rejected", type: "any" },
      { name: "comment", type: "string" },
      timeoutOutput,
    ],
    run: async ({ question, details, timeout }, context) => {
      const time = durationOf("timeout", timeout);
      const verdict = await decide(context, time, questionOf({ question, details } as JsonObject));
      if (verdict.status === "timedOut") return nobodyAnswered(context, time);
      if (verdict.status === "misunderstood") {
        const message = `None of ${mostQuestions} answers decided anything. Expected ${expected}`;
        return new NodeFailure({ message });
      }
      const { approved, comment } = verdict.decision;
      return { [approved ? "approved" : "rejected"]: details ?? true, comment };
    },
  }),
];
