/** The laws of budgets: what one run may spend, where it stops, and how it goes on. */
import * as fc from "fast-check";
import * as Effect from "effect/Effect";
import { expect, it } from "vitest";
import type { WorkflowExecution } from "#core/report";
import { allotStepName } from "#core/step-name";
import { loneRun, orderedRun, outcomesWithin, raisedBudgets } from "./budget-plans.ts";
import { allowed, millionths, runOf, sumOf } from "./credit-model.ts";
import { town } from "./credit-plans.ts";
import type { Town, TownRun } from "./credit-town.ts";
import { liveInTown } from "./credit-town.ts";
import { downstreamOf, idsOf } from "./model.ts";
import type { PricedScenario } from "./prices.ts";
import { costOf, pricedOutcomes, wholeCost, withBudget } from "./prices.ts";
import { holdsAsync } from "./runs.ts";
import type { World } from "./world.ts";

const isSpentOf = ({ status, error }: WorkflowExecution): boolean =>
  status === "exhausted" && error?.startsWith("Insufficient compute credits") !== true;

/** Nodes that the run was told not to start, as it stands on record. */
const refusedIn = ({ played, world: { journal } }: TownRun): readonly string[] =>
  idsOf(played.workflow).filter((id) => {
    const answer = journal.get(allotStepName(id));
    return answer !== undefined && !(JSON.parse(answer) as { isAllotted: boolean }).isAllotted;
  });

/** In millionths: by how much completed nodes passed what their types cost. */
const beyondCosts = ({ nodeExecutions }: WorkflowExecution, { played }: TownRun): number =>
  sumOf(
    nodeExecutions.map(({ nodeId, usage }) =>
      Math.max(0, millionths(usage) - millionths(costOf(played, nodeId))),
    ),
  );

it("CREDIT-4 a run spends no more than its budget but for nodes that report more, and is exhausted exactly when one was refused", async () => {
  await holdsAsync(
    fc.asyncProperty(town, async (plan) => {
      const { runs, model, differences } = await liveInTown(plan);
      expect(differences).toEqual([]);
      for (const run of runs) {
        const { execution, played, key } = run;
        const budget = played.workflow.settings?.budget;
        if (execution === undefined || budget === undefined) continue;
        const spent = sumOf(execution.nodeExecutions.map(({ usage }) => millionths(usage)));
        expect(spent).toBeLessThanOrEqual(millionths(budget) + beyondCosts(execution, run));
        if (execution.status === "cancelled") continue;
        expect(isSpentOf(execution)).toBe(refusedIn(run).length > 0);
        const allotted = new Map(
          runOf(model, key)?.allotted.map(({ nodeId, amount }) => [nodeId, amount]),
        );
        const ended = execution.nodeExecutions.filter(
          ({ status }) => status === "completed" || status === "failed",
        );
        // It counts against the budget as it is billed.
        expect(ended.map(({ nodeId }) => [nodeId, allotted.get(nodeId)])).toEqual(
          ended.map(({ nodeId, usage }) => [nodeId, millionths(usage)]),
        );
      }
    }),
  );
});

const endsOf = ({ nodeExecutions }: WorkflowExecution) =>
  nodeExecutions.map(({ nodeId, status, usage }) => [nodeId, status, millionths(usage)]);

const nodesIn = ({ effects }: World): ReadonlySet<string> =>
  new Set(
    [...effects.values()].flatMap(({ places }) =>
      Array.from(places, (place) => (JSON.parse(place) as [string])[0]),
    ),
  );

const liveAlone = async (plan: ReturnType<typeof loneRun>, earlier?: Town) => {
  const lived = await liveInTown(plan, earlier);
  expect(lived.differences).toEqual([]);
  const [run] = lived.runs;
  return { lived, world: run!.world, execution: run!.execution! };
};

it("CREDIT-4 where one node runs at a time it stops at the first that does not fit, however often the run dies", async () => {
  await holdsAsync(
    fc.asyncProperty(orderedRun, async ({ played, budget, order, later, deaths }) => {
      const { outcomes, refused } = outcomesWithin(played, budget);
      const expectIt = ({ world, execution }: Awaited<ReturnType<typeof liveAlone>>): void => {
        expect(isSpentOf(execution)).toBe(refused !== undefined);
        expect(endsOf(execution)).toEqual(
          execution.nodeExecutions.map(({ nodeId }) => {
            const outcome = outcomes.get(nodeId);
            const usage = outcome?.status === "completed" ? millionths(outcome.usage) : 0;
            return [nodeId, outcome?.status ?? "idle", usage];
          }),
        );
        expect([...nodesIn(world)].filter((id) => !outcomes.has(id))).toEqual([]);
      };
      expectIt(await liveAlone(loneRun(played, order, [])));
      expectIt(await liveAlone(loneRun(played, later, deaths)));
    }),
  );
});

/** What a redrive of the run does again by its own laws: all behind what ended otherwise (REDRIVE-1). */
const behindOthers = (
  { workflow }: PricedScenario,
  { nodeExecutions }: WorkflowExecution,
): ReadonlySet<string> => {
  const ended = nodeExecutions.filter(({ status }) => status === "failed" || status === "skipped");
  return downstreamOf(
    workflow,
    ended.map(({ nodeId }) => nodeId),
  );
};

/** What was taken over counts against the budget, and is not reserved again. */
const expectWithin = ({ log, runs: [run] }: Town, budget: number): void => {
  const { nodeExecutions } = run!.execution!;
  const costs = nodeExecutions.map(({ nodeId, usage, reusedUsage = usage }) => [
    millionths(reusedUsage),
    millionths(costOf(run!.played, nodeId)),
  ]);
  const beyond = sumOf(costs.map(([usage = 0, cost = 0]) => Math.max(0, usage - cost)));
  expect(sumOf(costs.map(([usage = 0]) => usage))).toBeLessThanOrEqual(millionths(budget) + beyond);
  const carried = sumOf(nodeExecutions.map(({ reusedUsage = 0 }) => millionths(reusedUsage)));
  const anew = nodeExecutions.filter(({ reusedFrom }) => reusedFrom === undefined);
  const estimate = sumOf(anew.map(({ nodeId }) => millionths(costOf(run!.played, nodeId))));
  const left = Math.max(0, allowed(budget) - carried);
  const asked = log.flatMap((one) => (one.does === "reserve" ? [one.asked.estimate] : []));
  expect(asked.map(millionths)).toEqual(asked.map(() => Math.min(estimate, left)));
};

it("CREDIT-4 redriven with a raised budget it does what is left, at the price of one run and of what it does again", async () => {
  await holdsAsync(
    fc.asyncProperty(raisedBudgets, async ({ played, budgets, deaths, order }) => {
      let earlier: Town | undefined;
      const completed = new Set<string>();
      const mayRunAgain = new Set<string>();
      let repeated = 0;
      for (const [at, budget] of budgets.entries()) {
        const plan = loneRun(withBudget(played, budget), order + at, deaths[at]!, at);
        const { lived, world, execution } = await liveAlone(plan, earlier);
        expectWithin(lived, budget);
        for (const { nodeId, status, usage, reusedFrom } of execution.nodeExecutions) {
          if (reusedFrom !== undefined) expect(nodesIn(world)).not.toContain(nodeId);
          if (reusedFrom !== undefined || status !== "completed") continue;
          if (completed.has(nodeId)) {
            expect(mayRunAgain).toContain(nodeId);
            repeated += millionths(usage);
          }
          completed.add(nodeId);
        }
        for (const nodeId of behindOthers(played, execution)) mayRunAgain.add(nodeId);
        earlier = lived;
      }
      const outcomes = pricedOutcomes(played);
      const { nodeExecutions } = earlier!.runs[0]!.execution!;
      expect(
        nodeExecutions.map(({ nodeId, status, usage, reusedUsage = usage }) => [
          nodeId,
          status,
          millionths(reusedUsage),
        ]),
      ).toEqual(
        nodeExecutions.map(({ nodeId }) => {
          const outcome = outcomes.get(nodeId)!;
          const usage = outcome.status === "completed" ? millionths(outcome.usage) : 0;
          return [nodeId, outcome.status, usage];
        }),
      );
      const { reserved, spent } = Effect.runSync(earlier!.credits.account("org"));
      expect([reserved, millionths(spent)]).toEqual([0, wholeCost(outcomes) + repeated]);
    }),
  );
});
