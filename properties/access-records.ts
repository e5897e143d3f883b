/** Calls that organizations make of the stores of runs: records, waits, objects and credits. `id` gives ids of any kind. */
import * as fc from "fast-check";
import * as Effect from "effect/Effect";
import type { CreditPlan } from "#core/credits";
import { emptyRecord } from "#core/report";
import { runInstanceId } from "#runtime/instance-id";
import type { ListOptions, SavedExecution } from "#services/execution-store";
import { graph } from "../test/support/graph.ts";
import type { Calls, Services } from "./access-question.ts";
import { all, asked, mark, nothing, own, time } from "./access-question.ts";

type Id = fc.Arbitrary<string>;

const status = fc.constantFrom("submitted", "executing", "executing", "completed");
const command = fc.constantFrom("pause", "resume", "cancel");
/** At times nothing is said, and any will do. */
const maybe = <A>(one: fc.Arbitrary<A>) => fc.option(one, { nil: undefined });

export const executionCalls = (id: Id): Calls<Services["ExecutionStore"]> => {
  const run = fc.record({ run: id });
  const draft = fc.record({
    run: id,
    workflow: id,
    userId: mark,
    definitionHash: mark,
    status,
    startedAt: time,
    isInitial: fc.boolean(),
    isOwnInstance: fc.constantFrom(true, true, false),
  });
  type Draft = typeof draft extends fc.Arbitrary<infer One> ? One : never;
  const savedOf = (organizationId: string, one: Draft, instanceId: string): SavedExecution => ({
    organizationId,
    instanceId,
    userId: one.userId,
    workflowName: one.userId,
    definitionHash: one.definitionHash,
    execution: emptyRecord(one.workflow, one.run, one.status, one.startedAt),
    start: {
      organizationId,
      userId: one.userId,
      workflow: { ...graph(one.userId), id: one.workflow },
      computeCredits: 10,
    },
    isInitial: one.isInitial,
  });
  const position = fc.record({ startedAt: time.map((at) => new Date(at).toISOString()), id });
  const options: fc.Arbitrary<ListOptions> = fc.oneof(
    nothing,
    fc.record({ status }),
    fc.record({ workflowId: id }),
    fc.record({ before: position }),
    fc.record({ limit: fc.constantFrom(1, 2) }),
  );
  return {
    save: asked(draft, (store, organizationId, one) =>
      Effect.flatMap(
        Effect.promise(() => runInstanceId(organizationId, one.run)),
        (instanceId) =>
          store.save(savedOf(organizationId, one, one.isOwnInstance ? instanceId : "another")),
      ),
    ),
    get: asked(run, (store, organizationId, one) => store.get(organizationId, one.run)),
    list: asked(options, (store, organizationId, one) => store.list(organizationId, one)),
    readStart: asked(run, (store, organizationId, one) => store.readStart(organizationId, one.run)),
    command: asked(fc.record({ run: id, command }), (store, organizationId, one) =>
      store.command(organizationId, one.run, one.command),
    ),
    readCommand: asked(run, (store, organizationId, one) =>
      store.readCommand(organizationId, one.run),
    ),
    acknowledge: asked(
      fc.record({ run: id, number: fc.nat(2) }),
      (store, organizationId, { run, number }) => store.acknowledge(organizationId, run, number),
    ),
    listLive: asked(nothing, (store, organizationId) => own(store.listLive(all), organizationId)),
  };
};

export const waitCalls = (id: Id): Calls<Services["WaitStore"]> => {
  const run = fc.record({ executionId: id });
  const key = fc.record({ executionId: id, nodeId: id, name: id });
  const opening = fc.record({
    executionId: id,
    nodeId: id,
    name: id,
    eventType: mark,
    openedAt: time,
    deadline: fc.constantFrom(null, 2_000, 9_000),
    question: mark,
  });
  const answer = fc.record(
    { executionId: id, nodeId: id, name: id, data: mark, now: time },
    { requiredKeys: ["executionId", "nodeId", "data", "now"] },
  );
  return {
    open: asked(opening, (store, organizationId, one) => store.open({ organizationId, ...one })),
    settle: asked(fc.record({ key, now: time }), (store, organizationId, one) =>
      store.settle({ organizationId, ...one.key }, one.now),
    ),
    answer: asked(answer, (store, organizationId, one) => store.answer({ organizationId, ...one })),
    list: asked(run, (store, organizationId, one) => store.list(organizationId, one.executionId)),
    listUnsettled: asked(run, (store, organizationId, one) =>
      store.listUnsettled(organizationId, one.executionId),
    ),
    close: asked(run, (store, organizationId, one) => store.close(organizationId, one.executionId)),
  };
};

export const objectCalls = (id: Id): Calls<Services["ObjectStore"]> => {
  const place = fc.record({ executionId: id, name: id });
  const file = (text: string) => ({ data: new TextEncoder().encode(text), mimeType: text });
  type Store = Services["ObjectStore"];
  /** The id of an object is no secret: whoever has seen it may write it into a document. */
  const withId = (
    store: Store,
    organizationId: string,
    { executionId, name }: { readonly executionId: string; readonly name: string },
    use: (objectId: string) => Effect.Effect<unknown, unknown>,
  ) => Effect.flatMap(store.idOf({ organizationId, executionId }, name), use);
  return {
    write: asked(fc.record({ place, text: mark }), (store, organizationId, { place, text }) =>
      store.write({ organizationId, executionId: place.executionId }, place.name, file(text)),
    ),
    idOf: asked(place, (store, organizationId, { executionId, name }) =>
      store.idOf({ organizationId, executionId }, name),
    ),
    read: asked(place, (store, organizationId, one) =>
      withId(store, organizationId, one, (objectId) => store.read(organizationId, objectId)),
    ),
    remove: asked(place, (store, organizationId, one) =>
      withId(store, organizationId, one, (objectId) => store.remove(organizationId, objectId)),
    ),
    list: asked(fc.record({ executionId: id }), (store, organizationId, { executionId }) =>
      store.list({ organizationId, executionId }),
    ),
  };
};

const amount = fc.constantFrom(1, 3, 6);
const plan: fc.Arbitrary<CreditPlan> = fc.oneof(
  fc.record({ type: fc.constant("fixed"), allowance: fc.constantFrom(6, 12) }),
  fc.constant({ type: "unlimited" }),
);

export const creditCalls = (id: Id): Calls<Services["CreditService"]> => {
  const limit = fc.constantFrom(6, 12);
  const reservation = { executionId: id, estimate: amount, limit };
  const saved = fc.constantFrom(0, 1);
  const extension = { executionId: id, nodeId: id, excess: amount, saved, most: limit, limit };
  const allotment = { executionId: id, nodeId: id, cost: amount, budget: fc.constantFrom(3, 6) };
  const page = fc.record({ after: maybe(id), limit: fc.constantFrom(1, 100) });
  return {
    reserve: asked(fc.record({ ...reservation, now: time }), (credits, organizationId, one) =>
      credits.reserve({ organizationId, ...one }),
    ),
    extend: asked(fc.record(extension), (credits, organizationId, one) =>
      credits.extend({ organizationId, ...one }),
    ),
    settle: asked(
      fc.record({ executionId: id, usage: amount, now: time }),
      (credits, organizationId, one) => credits.settle({ organizationId, ...one }),
    ),
    allot: asked(fc.record(allotment), (credits, organizationId, one) =>
      credits.allot({ organizationId, carried: 0, ...one }),
    ),
    correct: asked(
      fc.record({ executionId: id, nodeId: id, usage: amount }),
      (credits, organizationId, one) => credits.correct({ organizationId, ...one }),
    ),
    account: asked(nothing, (credits, organizationId) => credits.account(organizationId)),
    setPlan: asked(plan, (credits, organizationId, one) => credits.setPlan(organizationId, one)),
    listEntries: asked(page, (credits, organizationId, { limit, after }) =>
      credits.listEntries(organizationId, { limit, ...(after === undefined ? {} : { after }) }),
    ),
    publishUsage: asked(nothing, (credits, organizationId) => credits.publishUsage(organizationId)),
    listUnpublished: asked(nothing, (credits, organizationId) =>
      Effect.map(credits.listUnpublished(all), (ids) => ids.includes(organizationId)),
    ),
    listOpen: asked(nothing, (credits, organizationId) =>
      own(credits.listOpen(all), organizationId),
    ),
  };
};
