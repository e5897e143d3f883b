/** What every CreditService promises. Storage may be shared between tests, so each has organizations of its own. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import type { CreditPlan } from "#core/credits";
import { mostCredits } from "#core/credits";
import type { CreditEntry } from "#services/credit-service";
import { CreditService } from "#services/credit-service";
import { asText, likeOrganizations, nastyIds, unpairedIds } from "./nasty-ids.ts";

const run = Effect.runPromise;

/** An organization's credits: out of 100 unless told, at 1,000 when reserved and at 2,000 when settled. */
export const creditsOf = (credits: CreditService["Service"], organizationId: string) => ({
  organizationId,
  reserve: (executionId: string, estimate: number, limit = 100, now = 1_000): Promise<boolean> =>
    run(credits.reserve({ organizationId, executionId, estimate, limit, now })),
  settle: (executionId: string, usage: number, now = 2_000): Promise<void> =>
    run(credits.settle({ organizationId, executionId, usage, now })),
  setPlan: (plan: CreditPlan): Promise<void> => run(credits.setPlan(organizationId, plan)),
  account: () => run(credits.account(organizationId)),
  /** Reserved and spent. */
  sums: async (): Promise<readonly [reserved: number, spent: number]> => {
    const { reserved, spent } = await run(credits.account(organizationId));
    return [reserved, spent];
  },
  list: (limit: number, after?: string): Promise<readonly CreditEntry[]> =>
    run(credits.listEntries(organizationId, { limit, ...(after === undefined ? {} : { after }) })),
});

const reservedEntry = (executionId: string, estimate: number, reservedAt = 1_000): CreditEntry => ({
  executionId,
  status: "reserved",
  estimate,
  usage: 0,
  reservedAt,
  settledAt: null,
});

const settledEntry = (
  executionId: string,
  estimate: number,
  usage: number,
  reservedAt = 1_000,
): CreditEntry => ({
  ...reservedEntry(executionId, estimate, reservedAt),
  status: "settled",
  usage,
  settledAt: 2_000,
});

export const creditServiceContract = (
  name: string,
  makeLayer: () => Layer.Layer<CreditService>,
): void => {
  const service = (): CreditService["Service"] =>
    Effect.runSync(Effect.provide(CreditService, makeLayer()));
  let opened = 0;
  const newOrganization = (): string => `${name} ${++opened}`;
  const open = () => creditsOf(service(), newOrganization());

  describe(`CreditService: ${name}`, () => {
    it("begins with no plan, nothing reserved, nothing spent and no entries", async () => {
      const { account, list } = open();
      expect(await account()).toEqual({ plan: undefined, reserved: 0, spent: 0 });
      expect(await list(10)).toEqual([]);
    });

    it("reserves up to the limit exactly, and not a millionth beyond", async () => {
      const { reserve, sums } = open();
      expect(await reserve("a", 60)).toBe(true);
      expect(await reserve("b", 41)).toBe(false);
      expect(await reserve("c", 40.000_001)).toBe(false);
      expect(await reserve("d", 40)).toBe(true);
      expect(await reserve("e", 0.000_001)).toBe(false);
      expect(await reserve("free", 0)).toBe(true);
      expect(await sums()).toEqual([100, 0]);
    });

    it("counts a reservation once, however often it is asked for, also at the limit", async () => {
      const { reserve, list } = open();
      expect(await reserve("a", 60)).toBe(true);
      expect(await reserve("b", 40)).toBe(true);
      expect(await reserve("a", 60)).toBe(true);
      expect(await reserve("a", 90, 1, 5_000)).toBe(true);
      expect(await list(10)).toEqual([reservedEntry("a", 60), reservedEntry("b", 40)]);
    });

    it("lets a run that was refused ask again, and keeps nothing of the refusal", async () => {
      const { reserve, settle, list } = open();
      expect(await reserve("a", 60)).toBe(true);
      expect(await reserve("b", 60)).toBe(false);
      expect(await list(10)).toEqual([reservedEntry("a", 60)]);
      await settle("a", 40);
      expect(await reserve("b", 60)).toBe(true);
      expect(await list(10)).toEqual([settledEntry("a", 60, 40), reservedEntry("b", 60)]);
    });

    it("puts the cost in the reservation's place", async () => {
      const { reserve, settle, sums } = open();
      await reserve("a", 80);
      expect(await sums()).toEqual([80, 0]);
      await settle("a", 30);
      expect(await sums()).toEqual([0, 30]);
      expect(await reserve("b", 71)).toBe(false);
      expect(await reserve("c", 70)).toBe(true);
      expect(await sums()).toEqual([70, 30]);
    });

    it("settles an execution once, whatever is said later", async () => {
      const { reserve, settle, sums, list } = open();
      await reserve("a", 10);
      for (const usage of [7, 7, 9]) {
        await settle("a", usage, 2_000 + (usage - 7));
        expect(await sums()).toEqual([0, 7]);
      }
      expect(await list(10)).toEqual([settledEntry("a", 10, 7)]);
    });

    it("reserves nothing more for an execution that is settled", async () => {
      const { reserve, settle, sums } = open();
      await reserve("a", 90);
      await settle("a", 1);
      expect(await reserve("a", 90)).toBe(true);
      expect(await sums()).toEqual([0, 1]);
      expect(await reserve("b", 99)).toBe(true);
      expect(await reserve("a", 90)).toBe(true);
      expect(await sums()).toEqual([99, 1]);
    });

    it("records a cost beyond the reservation, and one without, also beyond the plan", async () => {
      const { reserve, settle, setPlan, sums, list } = open();
      await setPlan({ type: "fixed", allowance: 50 });
      await reserve("a", 1);
      await settle("a", 60);
      await settle("b", 60);
      expect(await sums()).toEqual([0, 120]);
      expect(await list(10)).toEqual([settledEntry("a", 1, 60), settledEntry("b", 0, 60, 2_000)]);
      expect(await reserve("c", 1, 1_000)).toBe(false);
      expect(await reserve("free", 0, 1_000)).toBe(false);
    });

    it("enters nothing for a run that reserved nothing and cost nothing", async () => {
      const { settle, list } = open();
      await settle("a", 0);
      expect(await list(10)).toEqual([]);
    });

    it("publishes what nobody has spent, and fails nobody", async () => {
      const credits = service();
      const organizationId = "spends nothing";
      await run(credits.publishUsage(organizationId));
      expect(await run(credits.listUnpublished({ limit: 1_000 }))).not.toContain(organizationId);
    });

    it("gives a failed run's reservation back", async () => {
      const { reserve, settle } = open();
      await reserve("a", 100);
      await settle("a", 0);
      expect(await reserve("b", 100)).toBe(true);
    });

    it("counts amounts that are no numbers as nothing, and endless ones as the most", async () => {
      const { reserve, settle, sums } = open();
      expect(await reserve("a", 1, Number.NaN)).toBe(false);
      expect(await reserve("a", 1, -1)).toBe(false);
      expect(await reserve("b", Number.POSITIVE_INFINITY, 100)).toBe(false);
      expect(await reserve("c", Number.NaN)).toBe(true);
      expect(await reserve("d", -5)).toBe(true);
      expect(await reserve("e", 7, Number.POSITIVE_INFINITY)).toBe(true);
      expect(await sums()).toEqual([7, 0]);
      await settle("c", Number.NaN);
      await settle("d", -5);
      expect(await reserve("nothing told", 1)).toBe(true);
      await settle("nothing told", undefined as unknown as number);
      expect(await sums()).toEqual([7, 0]);
      await settle("e", Number.POSITIVE_INFINITY);
      await settle("f", Number.POSITIVE_INFINITY);
      expect(await sums()).toEqual([0, mostCredits]);
    });

    it("adds fractions without an error", async () => {
      const { reserve, settle, sums } = open();
      for (let index = 0; index < 30; index++) {
        expect(await reserve(`run ${index}`, 0.1, 3)).toBe(true);
      }
      expect(await sums()).toEqual([3, 0]);
      expect(await reserve("one more", 0.000_001, 3)).toBe(false);
      for (let index = 0; index < 30; index++) await settle(`run ${index}`, 0.1);
      expect(await sums()).toEqual([0, 3]);
    });

    it("counts large amounts to the millionth", async () => {
      const { reserve, settle, sums } = open();
      const large = 4_000_000_000.123_457;
      expect(await reserve("a", large, large)).toBe(true);
      expect(await sums()).toEqual([large, 0]);
      expect(await reserve("b", 0.000_001, large)).toBe(false);
      await settle("a", large);
      expect(await sums()).toEqual([0, large]);
      expect(await reserve("b", 0.000_001, large + 0.000_001)).toBe(true);
    });

    it("never reserves more than the limit for 20 runs that ask at once", async () => {
      const { reserve, settle, sums } = open();
      const ids = Array.from({ length: 20 }, (_, index) => `run ${index}`);
      const answers = await Promise.all(ids.map((id) => reserve(id, 9)));
      expect(answers.filter(Boolean)).toHaveLength(11);
      expect(await sums()).toEqual([99, 0]);
      const granted = ids.filter((_, index) => answers[index]);
      await Promise.all([...granted, ...granted].map((id) => settle(id, 9)));
      expect(await sums()).toEqual([0, 99]);
    });

    describe("plans", () => {
      const plans: readonly (readonly [plan: CreditPlan, limit: number | undefined])[] = [
        [{ type: "fixed", allowance: 50 }, 50],
        [{ type: "fixed", allowance: 0 }, 0],
        [{ type: "overage", allowance: 50, overage: 10.5 }, 60.5],
        [{ type: "overage", allowance: 0.1, overage: 0.2 }, 0.3],
        [{ type: "overage", allowance: 50, overage: 0 }, 50],
        [{ type: "overage", allowance: 50 }, undefined],
        [{ type: "unlimited" }, undefined],
      ];

      it.each(plans)("%j holds, and so does the start's limit", async (plan, limit) => {
        const { reserve, setPlan, account } = open();
        await setPlan(plan);
        expect(await account()).toEqual({ plan, reserved: 0, spent: 0 });
        // The plan allows less, or has no limit of its own.
        const most = limit ?? 1_000;
        expect(await reserve("a", most + 0.000_001, 1_000)).toBe(false);
        expect(await reserve("b", most, 1_000)).toBe(true);
        expect(await reserve("c", 0.000_001, 1_000)).toBe(false);
        expect(await account()).toEqual({ plan, reserved: most, spent: 0 });
      });

      it.each(plans)("%j allows no more than the start's limit", async (plan, limit) => {
        const { reserve, setPlan, sums } = open();
        await setPlan(plan);
        const less = (limit ?? 1_000) / 2;
        expect(await reserve("a", less + 0.000_001, less)).toBe(false);
        expect(await reserve("b", less, less)).toBe(true);
        expect(await reserve("c", 0.000_001, less)).toBe(false);
        expect(await sums()).toEqual([less, 0]);
      });

      it("change at any time, and leave what is spent and reserved", async () => {
        const { reserve, settle, setPlan, account, list } = open();
        await reserve("a", 30);
        await reserve("b", 40);
        await settle("a", 20);
        for (const plan of [
          { type: "fixed", allowance: 10 },
          { type: "overage", allowance: 10 },
          { type: "overage", allowance: 50, overage: 9 },
          { type: "unlimited" },
          { type: "fixed", allowance: 60 },
        ] as const) {
          await setPlan(plan);
          expect(await account()).toEqual({ plan, reserved: 40, spent: 20 });
        }
        expect(await reserve("c", 1)).toBe(false);
        expect(await reserve("b", 40)).toBe(true);
        await settle("b", 39);
        expect(await reserve("c", 1)).toBe(true);
        expect(await list(10)).toEqual([
          settledEntry("a", 30, 20),
          settledEntry("b", 40, 39),
          reservedEntry("c", 1),
        ]);
      });

      it("without a limit are without one, also when all that can be counted is spent", async () => {
        const { reserve, settle, setPlan, sums } = open();
        await settle("large", mostCredits);
        expect(await reserve("a", 1, Infinity)).toBe(true);
        for (const plan of [{ type: "unlimited" }, { type: "overage", allowance: 5 }] as const) {
          await setPlan(plan);
          expect(await reserve(plan.type, 1, Infinity)).toBe(true);
          expect(await reserve("limited", 1, 1_000)).toBe(false);
        }
        expect(await sums()).toEqual([3, mostCredits]);
        await setPlan({ type: "fixed", allowance: Infinity });
        expect(await reserve("b", 1, Infinity)).toBe(false);
      });

      it.each([
        [{ type: "fixed" }, "The allowance of a plan is a number of compute credits."],
        [{ type: "fixed", allowance: -5 }, "The allowance of a plan is"],
        [{ type: "fixed", allowance: "5" }, "The allowance of a plan is"],
        [{ type: "overage", allowance: Number.NaN }, "The allowance of a plan is"],
        [{ type: "overage", allowance: 5, overage: -1 }, "The overage of a plan is"],
        [{ type: "overage", allowance: 5, overage: Number.NaN }, "The overage of a plan is"],
        [{ type: "overage", allowance: 5, overage: null }, "The overage of a plan is"],
        [{ type: "free" }, "A plan is 'fixed', 'overage' or 'unlimited'."],
        [{}, "A plan is"],
        [null, "A plan is"],
      ])("%j is none: refused for good, and the old one stays", async (given, message) => {
        const credits = service();
        const { organizationId, setPlan, account } = creditsOf(credits, newOrganization());
        const plan = { type: "fixed", allowance: 50 } as const;
        await setPlan(plan);
        const refused = credits.setPlan(organizationId, given as unknown as CreditPlan);
        const failure = await run(Effect.flip(refused));
        expect(failure).toMatchObject({ operation: "CreditService.setPlan", isFinal: true });
        expect(failure.message).toContain(message);
        expect(await account()).toEqual({ plan, reserved: 0, spent: 0 });
      });

      it("are kept in millionths", async () => {
        const { setPlan, account } = open();
        const kept: readonly (readonly [given: CreditPlan, kept: CreditPlan])[] = [
          [
            { type: "fixed", allowance: 1.234_567_8 },
            { type: "fixed", allowance: 1.234_567 },
          ],
          [
            { type: "fixed", allowance: Number.POSITIVE_INFINITY },
            { type: "fixed", allowance: mostCredits },
          ],
        ];
        for (const [given, plan] of kept) {
          await setPlan(given);
          expect(await account()).toEqual({ plan, reserved: 0, spent: 0 });
        }
      });
    });

    it("lists entries by the ids of their executions, page by page", async () => {
      const { reserve, settle, list } = open();
      for (const [index, id] of ["c", "a", "B", "b"].entries()) {
        await reserve(id, index + 0.5, 100, index + 0.25);
      }
      await settle("b", 2.25);
      const entries = [
        reservedEntry("B", 2.5, 2.25),
        reservedEntry("a", 1.5, 1.25),
        settledEntry("b", 3.5, 2.25, 3.25),
        reservedEntry("c", 0.5, 0.25),
      ];
      expect(await list(10)).toEqual(entries);
      expect(await list(4)).toEqual(entries);
      expect(await list(2)).toEqual(entries.slice(0, 2));
      expect(await list(2, "a")).toEqual(entries.slice(2));
      expect(await list(2, "bb")).toEqual(entries.slice(3));
      expect(await list(2, "c")).toEqual([]);
    });

    it("lists the reservations of all organizations, page by page", async () => {
      const credits = service();
      const organizations = [newOrganization(), newOrganization()];
      const after = { organizationId: newOrganization(), executionId: "" };
      const rest = [`${after.organizationId} b`, `${after.organizationId} a`];
      for (const organizationId of [...rest, ...organizations]) {
        const { reserve, settle } = creditsOf(credits, organizationId);
        for (const [index, id] of ["y", "x", "z"].entries()) await reserve(id, 0, 0, index);
        await settle("z", 0);
        await settle("w", 0);
      }
      const [b, a] = rest;
      const open = [
        { organizationId: a, executionId: "x", reservedAt: 1 },
        { organizationId: a, executionId: "y", reservedAt: 0 },
        { organizationId: b, executionId: "x", reservedAt: 1 },
        { organizationId: b, executionId: "y", reservedAt: 0 },
      ];
      // Others may come after ours.
      const first = await run(credits.listOpen({ limit: 3, after }));
      expect(first).toEqual(open.slice(0, 3));
      const second = await run(credits.listOpen({ limit: 1, after: first.at(-1)! }));
      expect(second).toEqual(open.slice(3));
      const all = await run(credits.listOpen({ limit: 100_000 }));
      const ours = new Set(organizations);
      expect(all.filter(({ organizationId }) => ours.has(organizationId))).toHaveLength(4);
    });

    it("keeps organizations apart whatever they are called, with the same executions in each", async () => {
      const credits = service();
      const ids = [...new Set([...nastyIds, ...likeOrganizations, ...unpairedIds])];
      const organizations = ids.map((id) => creditsOf(credits, id));
      for (const [index, { reserve, settle, setPlan }] of organizations.entries()) {
        await setPlan({ type: "fixed", allowance: 100 - index });
        expect(await reserve("run", 99 - index)).toBe(true);
        expect(await reserve("open", 1)).toBe(true);
        expect(await reserve("none", 0.5)).toBe(false);
        await settle("run", index);
      }
      for (const [index, { account, list }] of organizations.entries()) {
        const plan = { type: "fixed", allowance: 100 - index };
        expect(await account()).toEqual({ plan, reserved: 1, spent: index });
        expect(await list(10)).toEqual([
          reservedEntry("open", 1),
          settledEntry("run", 99 - index, index),
        ]);
      }
      const open = await run(credits.listOpen({ limit: 100_000 }));
      const listed = open.filter(({ executionId }) => executionId === "open");
      expect(listed.map(({ organizationId }) => asText(organizationId)).toSorted()).toEqual(
        ids.map(asText).toSorted(),
      );
    });

    it("keeps executions apart whatever they are called, and pages through them", async () => {
      const { reserve, settle, sums, list } = open();
      const ids = [...nastyIds, ...unpairedIds];
      for (const [index, id] of ids.entries()) {
        expect(await reserve(id, 1)).toBe(true);
        if (index % 2 === 0) await settle(id, 2);
      }
      const settled = Math.ceil(ids.length / 2);
      expect(await sums()).toEqual([ids.length - settled, 2 * settled]);
      const entries: CreditEntry[] = [];
      for (;;) {
        const page = await list(7, entries.at(-1)?.executionId);
        entries.push(...page);
        if (page.length < 7) break;
      }
      expect(entries.map(asText).toSorted()).toEqual(
        ids
          .map((id, index) =>
            asText(index % 2 === 0 ? settledEntry(id, 1, 2) : reservedEntry(id, 1)),
          )
          .toSorted(),
      );
    });
  });
};
