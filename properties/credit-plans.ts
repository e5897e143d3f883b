/** Random towns: who has which plan and when, which runs live at once, how far the credits go, and which processes die. */
import * as fc from "fast-check";
import type { CreditPlan } from "#core/credits";
import { settleOrder } from "./arbitraries.ts";
import { millionths } from "./credit-model.ts";
import type { RunPlan, TownPlan } from "./credit-town.ts";
import { estimateOf, pricedScenario, withBudget } from "./prices.ts";
import type { RunKey } from "./world.ts";

const ids = ["run 1", "__proto__", "run 2", "🚀", "constructor", "a/b", "run 3", "2"] as const;
const organizationIds = ["org", "toString", "other org"] as const;

/** Of all that the organization's runs are expected to cost. */
const share = fc.constantFrom(0, 0.1, 0.3, 0.6, 0.6, 1, 1, 1.5);

const planDraft = fc.record({
  organization: fc.nat(2),
  type: fc.constantFrom(
    "fixed" as const,
    "fixed" as const,
    "overage" as const,
    "unlimited" as const,
  ),
  allowance: share,
  overage: fc.option(share, { nil: undefined }),
  after: fc.constantFrom(0, 0, 5, 40, 200),
});

const planOf = (
  { type, allowance, overage }: typeof planDraft extends fc.Arbitrary<infer Draft> ? Draft : never,
  whole: number,
): CreditPlan => {
  const of = (part: number): number => Math.round(part * whole * 1_000_000) / 1_000_000;
  switch (type) {
    case "fixed":
      return { type, allowance: of(allowance) };
    case "overage": {
      const most = overage === undefined ? {} : { overage: of(overage) };
      return { type, allowance: of(allowance), ...most };
    }
    case "unlimited":
      return { type };
  }
};

/** Moments of processes at which they die. */
export const deaths = fc.array(fc.oneof(fc.nat(12), fc.nat(50), fc.nat(150)), {
  maxLength: 4,
  size: "max",
});

const run = fc.record({
  organization: fc.nat(2),
  played: pricedScenario({ goesBeyond: true, isFickle: true }),
  limit: fc.option(share, { nil: undefined }),
  budget: fc.option(fc.constantFrom(0.2, 0.5, 0.8, 1.2), { nil: undefined, freq: 2 }),
  deaths,
  isLost: fc.constantFrom(false, false, false, true),
  cancelledAfter: fc.option(fc.nat(300), { nil: undefined, freq: 2 }),
  order: settleOrder,
});

const most = 1_000_000;

export const town: fc.Arbitrary<TownPlan> = fc
  .record({
    organizations: fc.integer({ min: 2, max: 3 }),
    plans: fc.array(planDraft, { maxLength: 6, size: "max" }),
    runs: fc.array(run, { minLength: 2, maxLength: 4, size: "max" }),
    order: settleOrder,
  })
  .map(({ organizations, plans, runs, order }) => {
    const idOf = (organization: number): string => organizationIds[organization % organizations]!;
    const wholeOf = (organizationId: string): number =>
      runs
        .filter(({ organization }) => idOf(organization) === organizationId)
        .reduce((sum, { played }) => sum + estimateOf(played), 0);
    return {
      order,
      plans: plans.map((draft) => {
        const organizationId = idOf(draft.organization);
        return { organizationId, plan: planOf(draft, wholeOf(organizationId)), after: draft.after };
      }),
      runs: runs.map(
        ({ organization, played, limit, budget, cancelledAfter, ...facts }, at): RunPlan => {
          const organizationId = idOf(organization);
          return {
            ...facts,
            key: { organizationId, executionId: ids[at]! },
            played: budget === undefined ? played : withBudget(played, budget * estimateOf(played)),
            limit: limit === undefined ? most : limit * wholeOf(organizationId),
            ...(cancelledAfter === undefined ? {} : { cancelledAfter }),
          };
        },
      ),
    };
  });

/** One call of the service. */
export type Asked = RunKey &
  (
    | { readonly does: "reserve"; readonly estimate: number; readonly limit: number }
    | {
        readonly does: "extend";
        readonly nodeId: string;
        readonly excess: number;
        readonly saved: number;
        readonly most: number;
        readonly limit: number;
      }
    | { readonly does: "settle"; readonly usage: number }
    | {
        readonly does: "allot";
        readonly nodeId: string;
        readonly cost: number;
        readonly budget: number;
        readonly carried: number;
      }
    | { readonly does: "correct"; readonly nodeId: string; readonly usage: number }
    | { readonly does: "set a plan"; readonly plan: CreditPlan }
  );

/** Few, so that many sums are met exactly; some are no whole millionths. */
const amount = fc.constantFrom(0, 0.1, 0.2, 0.3, 1, 2.5, 10, 0.000_001, 0.000_000_4, 1 / 3);

const key = fc.record({
  organizationId: fc.constantFrom(...organizationIds),
  executionId: fc.constantFrom(...ids),
});
/** As a plan is told: in whole millionths. */
const millionth = (one: fc.Arbitrary<number>): fc.Arbitrary<number> =>
  one.map((credits) => millionths(credits) / 1_000_000);
const nodeId = fc.constantFrom("a", "b", "__proto__");

const plan: fc.Arbitrary<CreditPlan> = fc.oneof(
  fc.record({ type: fc.constant("fixed" as const), allowance: millionth(amount) }),
  fc.record({ type: fc.constant("overage" as const), allowance: millionth(amount) }),
  fc.record({
    type: fc.constant("overage" as const),
    allowance: millionth(amount),
    overage: millionth(amount),
  }),
  fc.constant({ type: "unlimited" as const }),
);

const asked: fc.Arbitrary<Asked> = fc
  .oneof(
    {
      arbitrary: fc.record({
        does: fc.constant("reserve" as const),
        estimate: amount,
        limit: fc.oneof(amount, fc.constantFrom(20, most)),
      }),
      weight: 4,
    },
    {
      arbitrary: fc.record({
        does: fc.constant("extend" as const),
        nodeId,
        excess: amount,
        saved: fc.oneof(fc.constant(0), amount),
        most: fc.oneof(fc.constant(Infinity), amount),
        limit: fc.oneof(amount, fc.constantFrom(20, most)),
      }),
      weight: 4,
    },
    { arbitrary: fc.record({ does: fc.constant("settle" as const), usage: amount }), weight: 3 },
    {
      arbitrary: fc.record({
        does: fc.constant("allot" as const),
        nodeId,
        cost: amount,
        budget: amount,
        carried: fc.constantFrom(0, 0, 0.1, 0.000_001),
      }),
      weight: 4,
    },
    {
      arbitrary: fc.record({ does: fc.constant("correct" as const), nodeId, usage: amount }),
      weight: 2,
    },
    { arbitrary: fc.record({ does: fc.constant("set a plan" as const), plan }), weight: 1 },
  )
  .chain((one) => key.map((own): Asked => ({ ...own, ...one })));

/** Each batch at once. */
export const askedBatches: fc.Arbitrary<Asked[][]> = fc.array(
  fc.array(asked, { minLength: 1, maxLength: 5 }),
  { maxLength: 20, size: "max" },
);
