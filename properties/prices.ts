/**
 * What the nodes of a random workflow cost: each type has its price, and a node may report that it took more or less than that,
 * another amount each time that it runs, or an amount that is no whole millionth.
 */
import * as fc from "fast-check";
import type {
  MultiStepContext,
  NodeContext,
  NodeDefinition,
  NodeInputs,
} from "#services/node-definition";
import type { Witness } from "./durable-run.ts";
import { durableNodes } from "./durable-run.ts";
import type { DurableScenario } from "./lives.ts";
import { durable } from "./lives.ts";
import type { Outcomes } from "./model.ts";
import { idsOf, outcomesOf, performanceOf } from "./model.ts";
import { allowed, millionths, sumOf } from "./credit-model.ts";

/** Amounts are compute credits. */
export interface Price {
  readonly cost: number;
  /** What it reports the first time that it completes, the second time and so on, the last one from then on. Undefined: nothing. */
  readonly reports: readonly (number | undefined)[];
}

export interface PricedScenario extends DurableScenario {
  /** By id, for every node of the document whose type exists. */
  readonly prices: ReadonlyMap<string, Price>;
}

const costs = [0, 1, 2, 3.5, 0.1, 0.2, 0.000_001] as const;

const steady = fc.constantFrom<((cost: number) => number | undefined)[]>(
  () => undefined,
  () => undefined,
  () => undefined,
  (cost) => cost,
  () => 0,
  (cost) => cost / 2,
  (cost) => cost / 3,
  () => 0.000_000_4,
  () => 0.000_001_5,
);
const beyond = fc.constantFrom<((cost: number) => number)[]>(
  (cost) => cost + 1.25,
  (cost) => cost + 0.000_001,
  (cost) => cost * 3 + 0.7,
);

/** How nodes take what they report: as their types cost or less, sometimes more, another amount each time. */
interface Manner {
  readonly goesBeyond: boolean;
  readonly isFickle: boolean;
}

const price = ({ goesBeyond, isFickle }: Manner): fc.Arbitrary<Price> => {
  const report = goesBeyond
    ? fc.oneof({ arbitrary: steady, weight: 5 }, { arbitrary: beyond, weight: 1 })
    : steady;
  const reports = isFickle ? fc.array(report, { minLength: 1, maxLength: 3 }) : fc.tuple(report);
  return fc
    .record({ cost: fc.constantFrom(...costs), reports })
    .map(({ cost, reports }) => ({ cost, reports: reports.map((make) => make(cost)) }));
};

const typeAt = (type: string, cost: number): string => `${type} for ${cost}`;

/** What only computes, or runs again between its steps, tells the same each time. */
const steadied = (played: DurableScenario, id: string, { cost, reports }: Price): Price =>
  played.lives.get(id)?.kind === "once" ? { cost, reports } : { cost, reports: [reports[0]] };

export const pricedScenario = (
  manner: Manner,
  scenario: fc.Arbitrary<DurableScenario> = durable,
): fc.Arbitrary<PricedScenario> =>
  scenario.chain((played) => {
    const { nodes } = played.workflow;
    return fc
      .array(price(manner), { minLength: nodes.length, maxLength: nodes.length })
      .map((drawn) => {
        const prices = new Map(
          nodes.flatMap(({ id }, at): [string, Price][] =>
            played.lives.has(id) ? [[id, steadied(played, id, drawn[at]!)]] : [],
          ),
        );
        const priced = nodes.map((node) => {
          const own = prices.get(node.id);
          return own === undefined ? node : { ...node, type: typeAt(node.type, own.cost) };
        });
        return { ...played, prices, workflow: { ...played.workflow, nodes: priced } };
      });
  });

/** Compute credits. A type that does not exist, and a missing node, count 1. */
export const costOf = ({ prices }: PricedScenario, id: string): number => prices.get(id)?.cost ?? 1;

/** What is reserved for the run, without a budget. */
export const estimateOf = (played: PricedScenario): number =>
  idsOf(played.workflow).reduce((sum, id) => sum + costOf(played, id), 0);

/** In millionths, if it completes: the same each time, unless it is fickle. */
const spendingOf = (played: PricedScenario, id: string): number => {
  const { cost, reports } = played.prices.get(id)!;
  return millionths(reports[0] ?? cost);
};

/** All that a completed node may be billed, in millionths. */
export const possibleSpending = (played: PricedScenario, id: string): readonly number[] => {
  const { cost, reports } = played.prices.get(id)!;
  return reports.map((report) => millionths(report ?? cost));
};

/** How the nodes end that run at all, at what they report the first time. */
export const pricedOutcomes = (played: PricedScenario): Outcomes =>
  outcomesOf(played, (id) => {
    const outcome = performanceOf(played.workflow, played.behaviours, id);
    return outcome.status === "completed"
      ? { ...outcome, usage: spendingOf(played, id) / 1_000_000 }
      : outcome;
  });

/** What an undisturbed run costs, in millionths. */
export const wholeCost = (outcomes: Outcomes): number =>
  sumOf(
    Array.from(outcomes.values(), (outcome) =>
      outcome.status === "completed" ? millionths(outcome.usage) : 0,
    ),
  );

/** `reported` counts what each node has reported so far, in all processes of the run. */
export const pricedNodes = (
  played: PricedScenario,
  order: number,
  witness: Witness,
  reported: Map<string, number>,
): readonly NodeDefinition[] => {
  const told = (nodeId: string, reportUsage: (credits: number) => void) => (): void => {
    const { reports } = played.prices.get(nodeId)!;
    const before = reported.get(nodeId) ?? 0;
    reported.set(nodeId, before + 1);
    const report = reports[Math.min(before, reports.length - 1)];
    if (report !== undefined) reportUsage(report);
  };
  const telling = <C extends NodeContext | MultiStepContext>(context: C): C => ({
    ...context,
    reportUsage: told(context.nodeId, context.reportUsage),
  });
  return durableNodes(played, order, witness).flatMap((plain) =>
    costs.map((computeCost): NodeDefinition => {
      const facts = { type: typeAt(plain.type, computeCost), computeCost };
      return plain.multiStep
        ? {
            ...plain,
            ...facts,
            run: (inputs: NodeInputs, context: MultiStepContext) =>
              plain.run(inputs, telling(context)),
          }
        : {
            ...plain,
            ...facts,
            run: (inputs: NodeInputs, context: NodeContext) => plain.run(inputs, telling(context)),
          };
    }),
  );
};

/** The same with a budget. One that is too small to be counted would be refused. */
export const withBudget = (played: PricedScenario, budget: number): PricedScenario => {
  const { workflow } = played;
  const counted = allowed(budget) === 0 ? 0 : budget;
  return {
    ...played,
    workflow: { ...workflow, settings: { ...workflow.settings, budget: counted } },
  };
};
