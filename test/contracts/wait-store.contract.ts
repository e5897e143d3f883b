/** What every WaitStore promises. Storage may be shared between tests, so each has organizations of its own. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import type { JsonValue } from "#core/value";
import type { AnswerResult, Wait, WaitAnswer, WaitOutcome } from "#services/wait-store";
import { WaitStore } from "#services/wait-store";
import { asText, likeOrganizations, nastyIds, unpairedIds } from "./nasty-ids.ts";

const run = Effect.runPromise;

/** A wait without a deadline, opened at 1,000. */
const waitOf = (organizationId: string, changes: Partial<Wait> = {}): Wait => ({
  organizationId,
  executionId: "run",
  nodeId: "node",
  name: "event",
  eventType: "w_1",
  openedAt: 1_000,
  deadline: null,
  question: {},
  ...changes,
});

/** An answer at 1,500 to whatever wait of the node is open. */
const answerTo = (
  { organizationId, executionId, nodeId }: Wait,
  changes: Partial<WaitAnswer> = {},
): WaitAnswer => ({ organizationId, executionId, nodeId, data: "yes", now: 1_500, ...changes });

const answered = (data: JsonValue, answeredAt: number): WaitOutcome => ({
  status: "answered",
  data,
  answeredAt,
});
const expired: WaitOutcome = { status: "expired" };
const late: AnswerResult = { status: "late" };
const unknown: AnswerResult = { status: "unknown" };

const oddData: readonly JsonValue[] = [
  null,
  false,
  0,
  -1.5e300,
  "",
  "猫 \u0000 \n \" ' \\",
  [],
  {},
  [[null]],
  { constructor: { toString: [1, "é", null] }, "": "" },
];

export const waitStoreContract = (name: string, makeLayer: () => Layer.Layer<WaitStore>): void => {
  const open = (): WaitStore["Service"] => Effect.runSync(Effect.provide(WaitStore, makeLayer()));
  let opened = 0;
  const newOrganization = (): string => `${name} ${++opened}`;

  describe(`WaitStore: ${name}`, () => {
    it("gives a wait as it was opened, and as the first time when it is opened again", async () => {
      const store = open();
      const first = waitOf(newOrganization(), { deadline: 2_000.5, question: { text: "Well?" } });
      expect(await run(store.open(first))).toEqual(first);
      const again = { ...first, openedAt: 5_000, deadline: 6_000, eventType: "w_2", question: 1 };
      expect(await run(store.open(again))).toEqual(first);
      expect(await run(store.list(first.organizationId, "run"))).toEqual([
        { ...first, status: "open" },
      ]);
    });

    it("gives a wait that is over as it was opened, and does not open it again", async () => {
      const store = open();
      const wait = waitOf(newOrganization());
      await run(store.open(wait));
      await run(store.answer(answerTo(wait)));
      expect(await run(store.open({ ...wait, openedAt: 9_000 }))).toEqual(wait);
      expect(await run(store.settle(wait, 9_000))).toEqual(answered("yes", 1_500));
    });

    it("is open until it is answered, and then answered for good", async () => {
      const store = open();
      const wait = waitOf(newOrganization());
      await run(store.open(wait));
      expect(await run(store.settle(wait, 9e15))).toEqual({ status: "open" });
      expect(await run(store.answer(answerTo(wait)))).toEqual({ status: "accepted", wait });
      for (const now of [0, 1_500, 9e15]) {
        expect(await run(store.settle(wait, now))).toEqual(answered("yes", 1_500));
      }
    });

    it("keeps questions and answers of every kind", async () => {
      const store = open();
      const organization = newOrganization();
      for (const [index, data] of oddData.entries()) {
        const wait = waitOf(organization, { nodeId: `node ${index}`, question: data });
        await run(store.open(wait));
        expect(await run(store.answer(answerTo(wait, { data })))).toEqual({
          status: "accepted",
          wait,
        });
        expect(await run(store.settle(wait, 2_000))).toEqual(answered(data, 1_500));
      }
      const listed = await run(store.list(organization, "run"));
      expect(listed.map(({ question }) => question)).toEqual(oddData);
    });

    it("expires at its deadline, not before, and for good", async () => {
      const store = open();
      const wait = waitOf(newOrganization(), { deadline: 2_000 });
      await run(store.open(wait));
      expect(await run(store.settle(wait, 1_999))).toEqual({ status: "open" });
      expect(await run(store.settle(wait, 2_000))).toEqual(expired);
      expect(await run(store.settle(wait, 0))).toEqual(expired);
      expect(await run(store.answer(answerTo(wait, { now: 1_000 })))).toEqual(late);
      expect(await run(store.settle(wait, 3_000))).toEqual(expired);
    });

    it("takes an answer up to its deadline, settled or not", async () => {
      const store = open();
      const organization = newOrganization();
      const inTime = waitOf(organization, { nodeId: "in time", deadline: 2_000 });
      const tooLate = waitOf(organization, { nodeId: "too late", deadline: 2_000 });
      await run(store.open(inTime));
      await run(store.open(tooLate));
      expect(await run(store.answer(answerTo(inTime, { now: 1_999 })))).toEqual({
        status: "accepted",
        wait: inTime,
      });
      expect(await run(store.answer(answerTo(tooLate, { now: 2_000 })))).toEqual(late);
      expect(await run(store.settle(inTime, 3_000))).toEqual(answered("yes", 1_999));
      expect(await run(store.settle(tooLate, 1_999))).toEqual({ status: "open" });
      expect(await run(store.settle(tooLate, 2_001))).toEqual(expired);
    });

    it("takes one answer, and tells the next when that was", async () => {
      const store = open();
      const wait = waitOf(newOrganization(), { deadline: 2_000 });
      await run(store.open(wait));
      await run(store.answer(answerTo(wait)));
      for (const now of [1_400, 1_600, 5_000]) {
        for (const name of [undefined, "event"]) {
          const second = answerTo(wait, {
            data: "no",
            now,
            ...(name === undefined ? {} : { name }),
          });
          expect(await run(store.answer(second))).toEqual({
            status: "duplicate",
            answeredAt: 1_500,
          });
        }
      }
      expect(await run(store.settle(wait, 9_000))).toEqual(answered("yes", 1_500));
    });

    it("knows no wait of another node, name, run or organization", async () => {
      const store = open();
      const organization = newOrganization();
      const wait = waitOf(organization);
      await run(store.open(wait));
      const strangers = [
        answerTo(wait, { organizationId: newOrganization() }),
        answerTo(wait, { executionId: "other" }),
        answerTo(wait, { nodeId: "other" }),
        answerTo(wait, { nodeId: "" }),
        answerTo(wait, { nodeId: "%" }),
        answerTo(wait, { name: "other" }),
        answerTo(wait, { name: "" }),
      ];
      for (const answer of strangers) expect(await run(store.answer(answer))).toEqual(unknown);
      const theirs = newOrganization();
      await run(store.close(theirs, "run"));
      await run(store.close(organization, "other"));
      expect(await run(store.list(theirs, "run"))).toEqual([]);
      expect(await run(store.list(organization, "other"))).toEqual([]);
      expect(await run(store.list(organization, "run"))).toEqual([{ ...wait, status: "open" }]);
    });

    it("fails for good when a wait is settled that nobody opened", async () => {
      const failure = await run(Effect.flip(open().settle(waitOf(newOrganization()), 1)));
      expect({ ...failure }).toMatchObject({ operation: "WaitStore.settle", isFinal: true });
      expect(failure.message).toBe("Run 'run' has no wait 'event' of node 'node'. Open it first.");
    });

    it("wants a name when several waits of a node are open", async () => {
      const store = open();
      const organization = newOrganization();
      const late1 = waitOf(organization, { name: "b", openedAt: 1_001, deadline: 2_000 });
      const waits = [
        late1,
        waitOf(organization, { name: "c" }),
        waitOf(organization, { name: "a" }),
      ];
      for (const wait of waits) await run(store.open(wait));
      await run(store.open(waitOf(organization, { nodeId: "other", name: "d" })));
      expect(await run(store.answer(answerTo(late1)))).toEqual({
        status: "ambiguous",
        names: ["a", "c", "b"],
      });
      expect(await run(store.answer(answerTo(late1, { name: "c" })))).toEqual({
        status: "accepted",
        wait: waits[1],
      });
      expect(await run(store.answer(answerTo(late1)))).toEqual({
        status: "ambiguous",
        names: ["a", "b"],
      });
      // The deadline of `b` has passed, though nobody has settled it: `a` is alone in being open.
      expect(await run(store.answer(answerTo(late1, { now: 2_000 })))).toEqual({
        status: "accepted",
        wait: waits[2],
      });
      expect(await run(store.answer(answerTo(late1, { name: "b" })))).toEqual({
        status: "accepted",
        wait: late1,
      });
    });

    it("speaks for the newest wait when none is open", async () => {
      const store = open();
      const organization = newOrganization();
      const older = waitOf(organization, { name: "z", deadline: 1_100 });
      const newer = waitOf(organization, { name: "a", openedAt: 1_200 });
      await run(store.open(older));
      await run(store.settle(older, 1_100));
      expect(await run(store.answer(answerTo(older)))).toEqual(late);
      await run(store.open(newer));
      expect(await run(store.answer(answerTo(older)))).toEqual({ status: "accepted", wait: newer });
      expect(await run(store.answer(answerTo(older)))).toEqual({
        status: "duplicate",
        answeredAt: 1_500,
      });
      expect(await run(store.answer(answerTo(older, { name: "z" })))).toEqual(late);
    });

    it("closes what is open at the end of a run, and nothing else", async () => {
      const store = open();
      const organization = newOrganization();
      const first = waitOf(organization, { name: "answered" });
      const second = waitOf(organization, { name: "expired", deadline: 1_100 });
      const third = waitOf(organization, { name: "open" });
      const other = waitOf(organization, { executionId: "other" });
      for (const wait of [first, second, third, other]) await run(store.open(wait));
      await run(store.answer(answerTo(first, { name: "answered" })));
      await run(store.settle(second, 1_100));
      await run(store.close(organization, "run"));
      await run(store.close(organization, "run"));
      expect(await run(store.list(organization, "run"))).toEqual([
        { ...first, ...answered("yes", 1_500) },
        { ...second, status: "expired" },
        { ...third, status: "closed" },
      ]);
      expect(await run(store.list(organization, "other"))).toEqual([{ ...other, status: "open" }]);
      expect(await run(store.answer(answerTo(third, { name: "open" })))).toEqual(late);
      expect(await run(store.settle(third, 9_000))).toEqual({ status: "closed" });
    });

    it("tells what a run may have to be woken for, without the answers, until it has read them", async () => {
      const store = open();
      const organization = newOrganization();
      const first = waitOf(organization, { nodeId: "z", openedAt: 1, question: { text: "?" } });
      const second = waitOf(organization, { nodeId: "b", deadline: 2_000 });
      const third = waitOf(organization, { nodeId: "a", openedAt: 3_000, instanceId: "part" });
      const unsettled = () => run(store.listUnsettled(organization, "run"));
      expect(await unsettled()).toEqual([]);
      for (const wait of [third, first, second]) await run(store.open(wait));
      await run(store.open(waitOf(organization, { executionId: "other" })));
      await run(store.open(waitOf(newOrganization())));
      const isOpen = [first, second, third].map((wait) => ({ ...wait, status: "open" }));
      expect(await unsettled()).toEqual(isOpen);
      for (const wait of [first, third]) await run(store.settle(wait, 4_000));
      expect(await unsettled()).toEqual(isOpen);
      await run(store.answer(answerTo(first)));
      await run(store.answer(answerTo(third)));
      const isAnswered = [
        { ...first, status: "answered" },
        { ...second, status: "open" },
        { ...third, status: "answered" },
      ];
      expect(await unsettled()).toEqual(isAnswered);
      await run(store.list(organization, "run"));
      await run(store.answer(answerTo(first)));
      await run(store.settle(second, 1_999));
      expect(await unsettled()).toEqual(isAnswered);
      await run(store.settle(first, 4_000));
      await run(store.settle(second, 2_000));
      expect(await unsettled()).toEqual([{ ...third, status: "answered" }]);
      await run(store.close(organization, "run"));
      expect(await unsettled()).toEqual([{ ...third, status: "answered" }]);
      await run(store.settle(third, 4_000));
      await run(store.settle(third, 4_000));
      expect(await unsettled()).toEqual([]);
      expect(await run(store.listUnsettled(organization, "other"))).toHaveLength(1);
      await run(store.close(organization, "other"));
      expect(await run(store.listUnsettled(organization, "other"))).toEqual([]);
    });

    it("lists waits as they were opened, of one moment by node and name", async () => {
      const store = open();
      const organization = newOrganization();
      const waits = [
        waitOf(organization, { openedAt: 999.5, nodeId: "z", name: "z" }),
        waitOf(organization, { openedAt: 1_000, nodeId: "A", name: "b" }),
        waitOf(organization, { openedAt: 1_000, nodeId: "a", name: "a" }),
        waitOf(organization, { openedAt: 1_000, nodeId: "a", name: "b" }),
        waitOf(organization, { openedAt: 10_000, nodeId: "a", name: "c" }),
      ];
      for (const index of [3, 0, 4, 2, 1]) await run(store.open(waits[index]!));
      expect(await run(store.list(organization, "run"))).toEqual(
        waits.map((wait) => ({ ...wait, status: "open" })),
      );
    });

    it("accepts exactly one of many answers that come at once", async () => {
      const store = open();
      const organization = newOrganization();
      for (const name of [undefined, "event"]) {
        const wait = waitOf(organization, { nodeId: `node ${name}` });
        await run(store.open(wait));
        const answers = Array.from({ length: 12 }, (_, index) =>
          store.answer(
            answerTo(wait, {
              data: index,
              now: 2_000 + index,
              ...(name === undefined ? {} : { name }),
            }),
          ),
        );
        const results = await run(Effect.all(answers, { concurrency: "unbounded" }));
        const winner = results.findIndex(({ status }) => status === "accepted");
        expect(results).toEqual(
          results.map((_, index) =>
            index === winner
              ? { status: "accepted", wait }
              : { status: "duplicate", answeredAt: 2_000 + winner },
          ),
        );
        expect(await run(store.settle(wait, 1))).toEqual(answered(winner, 2_000 + winner));
      }
    });

    it("lets either the answer or the deadline win, and tells both sides the same", async () => {
      const store = open();
      const organization = newOrganization();
      const waits = Array.from({ length: 20 }, (_, index) =>
        waitOf(organization, { nodeId: `node ${index}`, deadline: 2_000 }),
      );
      await run(Effect.forEach(waits, store.open, { discard: true }));
      const races = waits.map((wait, index) => {
        const answer = store.answer(answerTo(wait, { now: 1_999 }));
        const settle = store.settle(wait, 2_000);
        return index % 2 === 0
          ? Effect.all({ answer, settle }, { concurrency: "unbounded" })
          : Effect.all({ settle, answer }, { concurrency: "unbounded" });
      });
      const results = await run(Effect.all(races, { concurrency: "unbounded" }));
      for (const [index, { answer, settle }] of results.entries()) {
        const wait = waits[index]!;
        const isAccepted = answer.status === "accepted";
        expect(answer).toEqual(isAccepted ? { status: "accepted", wait } : late);
        expect(settle).toEqual(isAccepted ? answered("yes", 1_999) : expired);
        expect(await run(store.settle(wait, 1))).toEqual(settle);
      }
    });

    it("opens a wait once for many steps that open it at once", async () => {
      const store = open();
      const organization = newOrganization();
      const opens = Array.from({ length: 12 }, (_, index) =>
        store.open(waitOf(organization, { openedAt: 1_000 + index })),
      );
      const waits = await run(Effect.all(opens, { concurrency: "unbounded" }));
      expect(new Set(waits.map(({ openedAt }) => openedAt)).size).toBe(1);
      expect(await run(store.list(organization, "run"))).toEqual([{ ...waits[0], status: "open" }]);
    });

    it("keeps ids apart and gives them back as they were, whatever they are", async () => {
      const store = open();
      const organization = newOrganization();
      const ids = [...nastyIds, ...unpairedIds];
      const waits = ids.flatMap((id) => [
        waitOf(organization, { nodeId: id, name: id, eventType: id }),
        waitOf(organization, { executionId: id, nodeId: "node", name: id }),
        waitOf(`${organization} ${id}`, { executionId: id, nodeId: id, name: id }),
      ]);
      for (const wait of waits) expect(asText(await run(store.open(wait)))).toBe(asText(wait));
      for (const [index, wait] of waits.entries()) {
        const data = { index };
        const result = await run(store.answer(answerTo(wait, { data, name: wait.name })));
        expect(asText(result)).toBe(asText({ status: "accepted", wait }));
      }
      for (const [index, wait] of waits.entries()) {
        expect(await run(store.settle(wait, 1))).toEqual(answered({ index }, 1_500));
      }
      const listed = await run(store.list(organization, "run"));
      expect(
        listed.map(({ nodeId, name, eventType }) => asText([nodeId, name, eventType])).sort(),
      ).toEqual(ids.map((id) => asText([id, id, id])).sort());
    });

    it("keeps organizations apart whatever they are called", async () => {
      const store = open();
      const organizations = [...nastyIds, ...likeOrganizations, ...unpairedIds];
      const waits = organizations.map((organizationId, index) =>
        waitOf(organizationId, { question: index }),
      );
      for (const wait of waits) await run(store.open(wait));
      for (const [index, wait] of waits.entries()) {
        const listed = await run(store.list(wait.organizationId, "run"));
        expect(listed.map(({ question, status }) => [question, status])).toEqual([[index, "open"]]);
        await run(store.close(wait.organizationId, "run"));
      }
    });

    it("keeps an answer of 512 KiB beside a long question", async () => {
      const store = open();
      const id = "猫".repeat(10_000);
      const wait = waitOf(newOrganization(), {
        executionId: id,
        nodeId: id,
        question: "猫".repeat(65_000),
      });
      const data = "猫".repeat((512 * 1_024 - 2) / 3);
      expect(Buffer.byteLength(JSON.stringify(data))).toBe(512 * 1_024);
      await run(store.open(wait));
      expect((await run(store.answer(answerTo(wait, { data })))).status).toBe("accepted");
      const outcome = await run(store.settle(wait, 1));
      // Not `toEqual`: a failure would say half a megabyte.
      expect(JSON.stringify(outcome) === JSON.stringify(answered(data, 1_500))).toBe(true);
    });

    it("refuses what no row can hold, and says the size and the limit", async () => {
      const store = open();
      const wait = waitOf(newOrganization());
      const question = "é".repeat(100_000);
      const refusedOpen = await run(Effect.flip(store.open({ ...wait, question })));
      await run(store.open(wait));
      const data = "x".repeat(512 * 1_024 - 1);
      const refusedAnswer = await run(Effect.flip(store.answer(answerTo(wait, { data }))));
      expect([refusedOpen, refusedAnswer].map((failure) => ({ ...failure }))).toMatchObject([
        { operation: "WaitStore.open", isFinal: true },
        { operation: "WaitStore.answer", isFinal: true },
      ]);
      const advice = "Put what is large into the ObjectStore and give a reference.";
      expect([refusedOpen.message, refusedAnswer.message]).toEqual([
        `The question of a wait is 200002 bytes of JSON, and 200000 are allowed. ${advice}`,
        `The answer to a wait is 524289 bytes of JSON, and 524288 are allowed. ${advice}`,
      ]);
      expect(await run(store.settle(wait, 1))).toEqual({ status: "open" });
    });
  });
};
