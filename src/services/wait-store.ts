/**
 * Where a node that waits and whoever answers it meet. The answer is stored here first, by compare-and-set, and the event that
 * follows only wakes the run. A wait leaves `open` once: answered, expired or closed. Every method takes the organization and
 * sees nothing of another's (ACCESS-1). The store has no clock: times are milliseconds since 1970 and arguments.
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { eventLimit } from "#core/platform-limits";
import { quoted } from "#core/problem";
import type { JsonValue } from "#core/value";
import { ServiceFailure } from "./errors.ts";

export interface WaitKey {
  readonly organizationId: string;
  readonly executionId: string;
  readonly nodeId: string;
  /** Of the wait within its node. */
  readonly name: string;
}

export interface Wait extends WaitKey {
  /** Of the event that wakes the run. */
  readonly eventType: string;
  /** The instance to wake, when it is a part of the run; the run's own unless told. */
  readonly instanceId?: string;
  readonly openedAt: number;
  /** From this moment on the wait is over. Null when it never is. */
  readonly deadline: number | null;
  /** What the person or the system is asked; `{}` when nothing. */
  readonly question: JsonValue;
}

export type WaitOutcome =
  | { readonly status: "open" }
  | { readonly status: "answered"; readonly data: JsonValue; readonly answeredAt: number }
  | { readonly status: "expired" }
  /** The run ended first. */
  | { readonly status: "closed" };

export type StandingWait = Wait & WaitOutcome;

/** One that its run has not heard the last of: open, or answered and not read yet. The answer may be large, and is left out. */
export type UnsettledWait = Wait & { readonly status: "open" | "answered" };

export interface WaitAnswer {
  readonly organizationId: string;
  readonly executionId: string;
  readonly nodeId: string;
  /** Needed only when several waits of the node are open. */
  readonly name?: string;
  readonly data: JsonValue;
  readonly now: number;
}

export type AnswerRefusal =
  | { readonly status: "duplicate"; readonly answeredAt: number }
  /** The wait has expired or was closed, or its deadline has passed. */
  | { readonly status: "late" }
  /** The node has no such wait. */
  | { readonly status: "unknown" }
  /** No name was given, and each of these is open. */
  | { readonly status: "ambiguous"; readonly names: readonly string[] }
  /** What is wrong with the data. */
  | { readonly status: "refused"; readonly message: string };

export type AnswerResult = { readonly status: "accepted"; readonly wait: Wait } | AnswerRefusal;

/** What decides about an answer. */
export type WaitFacts = Pick<Wait, "nodeId" | "name" | "openedAt" | "deadline"> &
  (
    | { readonly status: "answered"; readonly answeredAt: number }
    | { readonly status: "open" | "expired" | "closed" }
  );

const order = <A extends number | string>(a: A, b: A): number => (a < b ? -1 : a > b ? 1 : 0);

/** Those of one run, in the order that people see. */
export const inOrder = <A extends Pick<Wait, "openedAt" | "nodeId" | "name">>(
  waits: readonly A[],
): readonly A[] =>
  waits.toSorted(
    (a, b) => order(a.openedAt, b.openedAt) || order(a.nodeId, b.nodeId) || order(a.name, b.name),
  );

const isOver = ({ deadline }: Pick<Wait, "deadline">, now: number): boolean =>
  deadline !== null && deadline <= now;

/** Waits that an answer may be for; `waits` are those of one node. */
const answerable = <A extends WaitFacts>(
  waits: readonly A[],
  { name, now }: WaitAnswer,
): readonly A[] =>
  waits.filter(
    (wait) =>
      wait.status === "open" && !isOver(wait, now) && (name === undefined || wait.name === name),
  );

/** Why an answer has no place among the waits of its node. The newest speaks for those that are over. */
export const refusalOf = (waits: readonly WaitFacts[], answer: WaitAnswer): AnswerRefusal => {
  const meant = inOrder(
    answer.name === undefined ? waits : waits.filter(({ name }) => name === answer.name),
  );
  const open = answerable(meant, answer);
  if (open.length > 1) return { status: "ambiguous", names: open.map(({ name }) => name) };
  const newest = meant.at(-1);
  if (newest === undefined) return { status: "unknown" };
  return newest.status === "answered"
    ? { status: "duplicate", answeredAt: newest.answeredAt }
    : { status: "late" };
};

/** Bytes of JSON. Both stand in one row, and a row of D1 holds 2 MB; an answer becomes the result of a step, too. */
const longestQuestion = 200_000;
const longestAnswer = eventLimit;

const textOf = (
  operation: string,
  what: string,
  value: JsonValue,
  most: number,
): Effect.Effect<string, ServiceFailure> => {
  const text = JSON.stringify(value);
  const size = new TextEncoder().encode(text).byteLength;
  return size <= most
    ? Effect.succeed(text)
    : Effect.fail(
        new ServiceFailure({
          operation,
          message: `The ${what} is ${size} bytes of JSON, and ${most} are allowed. Put what is large into the ObjectStore and give a reference.`,
          isFinal: true,
        }),
      );
};

export const questionText = ({
  question,
}: Pick<Wait, "question">): Effect.Effect<string, ServiceFailure> =>
  textOf("WaitStore.open", "question of a wait", question, longestQuestion);

export const answerText = ({ data }: WaitAnswer): Effect.Effect<string, ServiceFailure> =>
  textOf("WaitStore.answer", "answer to a wait", data, longestAnswer);

/** Nobody settles what was not opened but by mistake. */
export const noSuchWait = ({ executionId, nodeId, name }: WaitKey): ServiceFailure =>
  new ServiceFailure({
    operation: "WaitStore.settle",
    message: `Run ${quoted(executionId)} has no wait ${quoted(name)} of node ${quoted(nodeId)}. Open it first.`,
    isFinal: true,
  });

export class WaitStore extends Context.Service<
  WaitStore,
  {
    /** Gives the wait that stands: a step that runs twice finds the times of its first. */
    readonly open: (wait: Wait) => Effect.Effect<Wait, ServiceFailure>;
    /**
     * What has become of the wait, for the run that waits: an answer is taken with it. An open one whose deadline has come
     * expires; an answer that came just before stands.
     */
    readonly settle: (key: WaitKey, now: number) => Effect.Effect<WaitOutcome, ServiceFailure>;
    /** One of many answers to a wait is accepted. The caller then sends the wait's event. */
    readonly answer: (answer: WaitAnswer) => Effect.Effect<AnswerResult, ServiceFailure>;
    /** The waits of a run, as they were opened; of one moment by node and name. */
    readonly list: (
      organizationId: string,
      executionId: string,
    ) => Effect.Effect<readonly StandingWait[], ServiceFailure>;
    /** Those of a run that it may have to be woken for, in the same order. */
    readonly listUnsettled: (
      organizationId: string,
      executionId: string,
    ) => Effect.Effect<readonly UnsettledWait[], ServiceFailure>;
    /** At the end of a run: nobody waits any more. */
    readonly close: (
      organizationId: string,
      executionId: string,
    ) => Effect.Effect<void, ServiceFailure>;
  }
>()("pawl/WaitStore") {
  static readonly layerMemory: Layer.Layer<WaitStore> = Layer.sync(WaitStore, memory);
}

function memory(): WaitStore["Service"] {
  const runs = new Map<string, Map<string, StandingWait>>();
  const waitsOf = (organizationId: string, executionId: string): Map<string, StandingWait> => {
    const run = JSON.stringify([organizationId, executionId]);
    const waits = runs.get(run) ?? new Map<string, StandingWait>();
    runs.set(run, waits);
    return waits;
  };
  /** Whose answers have been read. */
  const taken = new WeakSet<StandingWait>();
  const keyOf = ({ nodeId, name }: WaitKey): string => JSON.stringify([nodeId, name]);
  const put = (wait: Wait, outcome: WaitOutcome): void => {
    waitsOf(wait.organizationId, wait.executionId).set(keyOf(wait), {
      ...asOpened(wait),
      ...outcome,
    });
  };
  return {
    open: (wait) =>
      Effect.map(questionText(wait), (text) => {
        const standing = waitsOf(wait.organizationId, wait.executionId).get(keyOf(wait));
        if (standing !== undefined) return asOpened(standing);
        const opened = { ...wait, question: JSON.parse(text) as JsonValue };
        put(opened, { status: "open" });
        return opened;
      }),
    settle: (key, now) =>
      Effect.suspend((): Effect.Effect<WaitOutcome, ServiceFailure> => {
        const wait = waitsOf(key.organizationId, key.executionId).get(keyOf(key));
        if (wait === undefined) return Effect.fail(noSuchWait(key));
        if (wait.status === "answered") {
          taken.add(wait);
          const { status, data, answeredAt } = wait;
          return Effect.succeed({ status, data, answeredAt });
        }
        const status = wait.status === "open" && isOver(wait, now) ? "expired" : wait.status;
        put(wait, { status });
        return Effect.succeed({ status });
      }),
    answer: (answer) =>
      Effect.map(answerText(answer), (text): AnswerResult => {
        const waits = Array.from(
          waitsOf(answer.organizationId, answer.executionId).values(),
        ).filter(({ nodeId }) => nodeId === answer.nodeId);
        const [wait, ...others] = answerable(waits, answer);
        if (wait === undefined || others.length > 0) return refusalOf(waits, answer);
        const data = JSON.parse(text) as JsonValue;
        put(wait, { status: "answered", data, answeredAt: answer.now });
        return { status: "accepted", wait: asOpened(wait) };
      }),
    list: (organizationId, executionId) =>
      Effect.sync(() => inOrder([...waitsOf(organizationId, executionId).values()])),
    listUnsettled: (organizationId, executionId) =>
      Effect.sync(() =>
        inOrder([...waitsOf(organizationId, executionId).values()]).flatMap((wait) =>
          wait.status === "open" || (wait.status === "answered" && !taken.has(wait))
            ? [{ ...asOpened(wait), status: wait.status }]
            : [],
        ),
      ),
    close: (organizationId, executionId) =>
      Effect.sync(() => {
        for (const wait of waitsOf(organizationId, executionId).values()) {
          if (wait.status === "open") put(wait, { status: "closed" });
        }
      }),
  };
}

const asOpened = (wait: Wait): Wait => ({
  organizationId: wait.organizationId,
  executionId: wait.executionId,
  nodeId: wait.nodeId,
  name: wait.name,
  eventType: wait.eventType,
  ...(wait.instanceId === undefined ? {} : { instanceId: wait.instanceId }),
  openedAt: wait.openedAt,
  deadline: wait.deadline,
  question: wait.question,
});
