/** What every CreditService promises of runs with a budget (CREDIT-4). Each test has organizations of its own. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import type { Allotment } from "#services/credit-service";
import { CreditService } from "#services/credit-service";
import { nastyIds, unpairedIds } from "./nasty-ids.ts";

const run = Effect.runPromise;

export const creditBudgetContract = (
  name: string,
  makeLayer: () => Layer.Layer<CreditService>,
): void => {
  let opened = 0;

  /** A run with a reservation and a budget of 10. */
  const open = async (organizationId = `${name} budget ${++opened}`, executionId = "run") => {
    const credits = Effect.runSync(Effect.provide(CreditService, makeLayer()));
    const key = { organizationId, executionId };
    await run(credits.reserve({ ...key, estimate: 5, limit: 100, now: 1_000 }));
    return {
      allot: (nodeId: string, cost: number, changes: Partial<Allotment> = {}): Promise<boolean> =>
        run(credits.allot({ ...key, nodeId, cost, budget: 10, carried: 0, ...changes })),
      correct: (nodeId: string, usage: number): Promise<void> =>
        run(credits.correct({ ...key, nodeId, usage })),
      settle: (usage: number): Promise<void> => run(credits.settle({ ...key, usage, now: 2_000 })),
      account: () => run(credits.account(organizationId)),
    };
  };

  describe(`CreditService: budgets: ${name}`, () => {
    it("allots up to the budget exactly, and not a millionth beyond", async () => {
      const { allot } = await open();
      expect(await allot("a", 6)).toBe(true);
      expect(await allot("b", 4)).toBe(true);
      expect(await allot("free", 0)).toBe(true);
      expect(await allot("c", 0.000_001)).toBe(false);
    });

    it("refuses every later node after the first refusal, also one that would fit", async () => {
      const { allot, correct } = await open();
      expect(await allot("a", 6)).toBe(true);
      expect(await allot("b", 5)).toBe(false);
      expect(await allot("c", 1)).toBe(false);
      expect(await allot("free", 0)).toBe(false);
      await correct("a", 0);
      expect(await allot("b", 5)).toBe(false);
      expect(await allot("d", 1, { budget: 1_000 })).toBe(false);
    });

    it("gives the same answer again, whatever has come between", async () => {
      const { allot, correct } = await open();
      expect(await allot("a", 6)).toBe(true);
      expect(await allot("a", 6)).toBe(true);
      expect(await allot("b", 4)).toBe(true);
      expect(await allot("a", 60)).toBe(true);
      expect(await allot("c", 1)).toBe(false);
      await correct("b", 100);
      for (const [nodeId, answer] of [
        ["a", true],
        ["b", true],
        ["c", false],
      ] as const) {
        expect(await allot(nodeId, 1)).toBe(answer);
      }
    });

    it("frees what a node did not spend, and adds what it spent beyond its cost", async () => {
      const { allot, correct } = await open();
      expect(await allot("a", 9)).toBe(true);
      await correct("a", 2.5);
      await correct("a", 2.5);
      expect(await allot("b", 7)).toBe(true);
      await correct("b", 7.4);
      expect(await allot("c", 0.1)).toBe(true);
      expect(await allot("d", 0.000_001)).toBe(false);
    });

    it("frees all of a node that failed", async () => {
      const { allot, correct } = await open();
      for (const nodeId of ["a", "b", "c"]) {
        expect(await allot(nodeId, 10)).toBe(true);
        await correct(nodeId, 0);
      }
      expect(await allot("d", 10)).toBe(true);
      expect(await allot("e", 10)).toBe(false);
    });

    it("corrects nothing for a node that was not allotted anything", async () => {
      const { allot, correct } = await open();
      await correct("a", 9);
      expect(await allot("a", 10)).toBe(true);
      expect(await allot("b", 1)).toBe(false);
      await correct("b", 0);
      expect(await allot("b", 0)).toBe(false);
    });

    it("counts what was carried over from an earlier run", async () => {
      const { allot } = await open();
      expect(await allot("a", 3, { carried: 6.5 })).toBe(true);
      expect(await allot("b", 0.5, { carried: 6.5 })).toBe(true);
      expect(await allot("c", 0.000_001, { carried: 6.5 })).toBe(false);
    });

    it("adds fractions without an error", async () => {
      const { allot } = await open();
      for (let index = 0; index < 30; index++) {
        expect(await allot(`node ${index}`, 0.1, { budget: 3 })).toBe(true);
      }
      expect(await allot("one more", 0.000_001, { budget: 3 })).toBe(false);
    });

    it("allots nothing without a reservation, nor to a new node of a run that is settled", async () => {
      const { allot, settle, account } = await open();
      expect(await allot("a", 1)).toBe(true);
      expect(await allot("a", 1, { executionId: "another" })).toBe(false);
      expect(await allot("a", 1, { organizationId: `${name} budget ${++opened}` })).toBe(false);
      await settle(1);
      expect(await allot("b", 1)).toBe(false);
      expect(await allot("a", 1)).toBe(true);
      expect(await account()).toEqual({ plan: undefined, reserved: 0, spent: 1 });
    });

    it("leaves the account alone: allotments are within a run's reservation or beyond it", async () => {
      const { allot, correct, account } = await open();
      const before = await account();
      await allot("a", 9);
      await correct("a", 50);
      expect(before).toEqual({ plan: undefined, reserved: 5, spent: 0 });
      expect(await account()).toEqual(before);
    });

    it("never allots more than the budget to 20 nodes that ask at once", async () => {
      const { allot } = await open();
      const ids = Array.from({ length: 20 }, (_, index) => `node ${index}`);
      const answers = await Promise.all(ids.map((id) => allot(id, 3)));
      expect(answers.filter(Boolean)).toHaveLength(3);
      expect(await Promise.all(ids.map((id) => allot(id, 3)))).toEqual(answers);
    });

    it("keeps organizations, runs and nodes apart whatever they are called", async () => {
      const ids = [...nastyIds, ...unpairedIds];
      const budget = ids.length;
      const organizationId = `${name} budget ${++opened}`;
      const runs = [
        await open(organizationId, "one"),
        await open(organizationId, "two"),
        await open(`${organizationId} other`, "one"),
      ];
      for (const { allot } of runs) {
        for (const id of ids) expect(await allot(id, 1, { budget })).toBe(true);
      }
      for (const [index, { allot, correct }] of runs.entries()) {
        await correct(ids[index]!, 0);
        expect(await allot("last", 1, { budget })).toBe(true);
        expect(await allot("none", 0.5, { budget })).toBe(false);
      }
      for (const id of ids) {
        const { allot } = await open(`${organizationId} ${id}`, id);
        expect(await allot("a", 10)).toBe(true);
      }
    });
  });
};
