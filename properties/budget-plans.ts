/** Random runs with budgets: one whose order is known beforehand, with what it comes to, and one that is redriven as its budget grows. */
import * as fc from "fast-check";
import { settleOrder } from "./arbitraries.ts";
import { allowed, millionths, sumOf } from "./credit-model.ts";
import { deaths } from "./credit-plans.ts";
import type { TownPlan } from "./credit-town.ts";
import type { Life } from "./lives.ts";
import type { Outcome, Outcomes } from "./model.ts";
import { orderOf, skipOf, upstreamsOf } from "./model.ts";
import type { PricedScenario } from "./prices.ts";
import { estimateOf, pricedOutcomes, pricedScenario, withBudget } from "./prices.ts";

const executionIds = ["first", "second", "third", "last"] as const;

/** The only run in town, undisturbed by anything but deaths. */
export const loneRun = (
  played: PricedScenario,
  order: number,
  deaths: readonly number[],
  at = 0,
): TownPlan => ({
  plans: [],
  order,
  runs: [
    {
      key: { organizationId: "org", executionId: executionIds[at]! },
      played,
      limit: 1_000_000,
      deaths,
      isLost: false,
      order,
      ...(at === 0 ? {} : { redrive: executionIds[at - 1]! }),
    },
  ],
});

const stepsAlone = (life: Life): Life =>
  life.kind === "steps"
    ? { ...life, turns: life.turns.filter(({ does }) => does === "step") }
    : life;

/** One node at a time, none of which makes way for another. */
const inOrder = (played: PricedScenario): PricedScenario => {
  const { workflow, lives } = played;
  return {
    ...played,
    lives: new Map(Array.from(lives, ([id, life]) => [id, stepsAlone(life)])),
    workflow: {
      ...workflow,
      settings: { ...workflow.settings, maxConcurrency: 1 },
      nodes: workflow.nodes.map(({ policy, ...node }) =>
        policy?.timeout === undefined ? node : { ...node, policy: { timeout: policy.timeout } },
      ),
    },
  };
};

const manner = { goesBeyond: true, isFickle: false };

/** Of the estimate: nodes that report less may all fit into less than all of it. */
const share = fc.constantFrom(0, 0.1, 0.3, 0.5, 0.7, 0.9, 1);

export const orderedRun = fc
  .record({ played: pricedScenario(manner), share, order: settleOrder, later: settleOrder, deaths })
  .map(({ played, share, ...facts }) => {
    const budget = share * estimateOf(played);
    return { ...facts, budget, played: withBudget(inOrder(played), budget) };
  });

/** How the nodes end that run one after another, until the first one that does not fit. The others stay idle. */
export const outcomesWithin = (
  played: PricedScenario,
  budget: number,
): { readonly outcomes: Outcomes; readonly refused: string | undefined } => {
  const { workflow, prices } = played;
  const whole = pricedOutcomes(played);
  const outcomes = new Map<string, Outcome>();
  let spent = 0;
  let refused: string | undefined;
  for (const id of orderOf(workflow)!) {
    if (!upstreamsOf(workflow, id).every((source) => outcomes.has(source))) continue;
    const isSkipped = skipOf(workflow, outcomes, id) !== undefined;
    if (!isSkipped && refused === undefined) {
      // What cannot run costs nothing.
      const cost = millionths(prices.get(id)?.cost ?? 0);
      if (spent + cost > allowed(budget)) refused = id;
    }
    if (!isSkipped && refused !== undefined) continue;
    const outcome = whole.get(id)!;
    outcomes.set(id, outcome);
    if (outcome.status === "completed") spent += millionths(outcome.usage);
  }
  return { outcomes, refused };
};

/** In compute credits: enough for all nodes, whatever each of them takes. */
const ampleBudget = (played: PricedScenario): number => {
  const outcomes = pricedOutcomes(played);
  const amounts = Array.from(played.prices, ([id, { cost }]) => {
    const outcome = outcomes.get(id);
    const usage = outcome?.status === "completed" ? outcome.usage : 0;
    return millionths(Math.max(cost, usage));
  });
  return sumOf(amounts) / 1_000_000;
};

/** Budgets that grow, the last of which is enough. */
export const raisedBudgets = fc
  .record({
    played: pricedScenario(manner),
    shares: fc.array(share, { minLength: 1, maxLength: 3, size: "max" }),
    deaths: fc.array(deaths, { minLength: 4, maxLength: 4 }),
    order: settleOrder,
  })
  .map(({ played, shares, ...facts }) => {
    const ample = ampleBudget(played);
    const grown = shares.toSorted((a, b) => a - b).map((one) => one * ample);
    return { ...facts, played, budgets: [...grown, ample] };
  });
