/** The laws of credits: whatever lives at once, dies, comes back or never does, what is reserved fits and what is spent adds up. */
import * as fc from "fast-check";
import * as Effect from "effect/Effect";
import { expect, it } from "vitest";
import type { WorkflowExecution } from "#core/report";
import { nodeStepName } from "#core/step-name";
import type { CompletedNode } from "#core/step-result";
import type { CreditEntry } from "#services/credit-service";
import { CreditService } from "#services/credit-service";
import type { ServiceFailure } from "#services/errors";
import * as modelled from "./credit-model.ts";
import { allowed, millionths, sumOf } from "./credit-model.ts";
import type { Asked } from "./credit-plans.ts";
import { askedBatches, town } from "./credit-plans.ts";
import type { Happening } from "./credit-office.ts";
import type { Town, TownRun } from "./credit-town.ts";
import { liveInTown } from "./credit-town.ts";
import { downstreamOf, idsOf } from "./model.ts";
import { costOf, estimateOf, possibleSpending, pricedOutcomes } from "./prices.ts";
import { holds, holdsAsync } from "./runs.ts";
import type { RunKey } from "./world.ts";

/** In whatever the town did, service and model agreed. */
const holdsInTowns = (check: (lived: Town) => void): Promise<void> =>
  holdsAsync(
    fc.asyncProperty(town, async (plan) => {
      const lived = await liveInTown(plan);
      expect(lived.differences).toEqual([]);
      check(lived);
    }),
  );

const isOf =
  (key: RunKey) =>
  ({ key: other }: { readonly key: RunKey }): boolean =>
    other.organizationId === key.organizationId && other.executionId === key.executionId;

/** The answer that the run went by: of the last process that asked. */
const answerTo = ({ log }: Town, run: TownRun): (Happening & { does: "reserve" }) | undefined =>
  log.filter(isOf(run.key)).findLast((one) => one.does === "reserve");

const recordOf = ({ held }: Town, { key }: TownRun): WorkflowExecution | undefined =>
  Effect.runSync(held.executions.get(key.organizationId, key.executionId));

/** In millionths. */
const billed = (execution: WorkflowExecution | undefined): number =>
  sumOf((execution?.nodeExecutions ?? []).map(({ usage }) => millionths(usage)));

/** In millionths. */
const expectedEstimate = ({ played }: TownRun): number =>
  Math.min(millionths(estimateOf(played)), allowed(played.workflow.settings?.budget ?? Infinity));

/** An estimate that fits is reserved before the first node, and such a run has credits. */
const expectReservedFirst = (lived: Town, run: TownRun): void => {
  const own = lived.log.filter(isOf(run.key));
  const granted = own.findIndex((one) => one.does === "reserve" && one.isGranted);
  const first = own.findIndex(({ does }) => does === "run a node");
  if (first >= 0) expect([granted >= 0, granted < first]).toEqual([true, true]);
  const answer = answerTo(lived, run);
  if (answer === undefined) return;
  expect(millionths(answer.asked.estimate)).toBe(expectedEstimate(run));
  if (answer.isGranted) expect(run.execution?.error).not.toBe("Insufficient compute credits");
};

it("CREDIT-1 an estimate is reserved before the first node, or the run is exhausted, did nothing and is billed nothing", () =>
  holdsInTowns((lived) => {
    for (const run of lived.runs) {
      expectReservedFirst(lived, run);
      const answer = answerTo(lived, run);
      if (answer === undefined || answer.isGranted || run.execution === undefined) continue;
      const { status, error, nodeExecutions } = run.execution;
      expect([status, error]).toEqual(["exhausted", "Insufficient compute credits"]);
      const traces = nodeExecutions.map(({ nodeId: _id, ...entry }) => entry);
      const idle = { status: "idle", inputs: {}, outputs: null, usage: 0, attempts: [] };
      const untouched = { ...idle, startedAt: null, endedAt: null };
      expect(traces).toEqual(nodeExecutions.map(() => untouched));
      expect(run.world.effects.size).toBe(0);
      expect(lived.log.filter(isOf(run.key)).filter(({ does }) => does === "run a node")).toEqual(
        [],
      );
      expect(modelled.runOf(lived.model, run.key)).toBeUndefined();
    }
  }));

/** A completed node costs its type's price or what it reported, another one nothing. The run itself says so at its end. */
const expectPrices = (lived: Town, run: TownRun): void => {
  const { execution, played, cancelledAfter, isSettled } = run;
  if (execution !== undefined && answerTo(lived, run)?.isGranted) expect(isSettled).toBe(true);
  for (const { nodeId, status, usage } of recordOf(lived, run)?.nodeExecutions ?? []) {
    const possible = status === "completed" ? possibleSpending(played, nodeId) : [0];
    expect(possible).toContain(millionths(usage));
  }
  if (execution === undefined || execution.status === "exhausted") return;
  if (cancelledAfter !== undefined) return;
  const outcomes = pricedOutcomes(played);
  expect(execution.nodeExecutions.map(({ nodeId, status }) => [nodeId, status])).toEqual(
    execution.nodeExecutions.map(({ nodeId }) => [nodeId, outcomes.get(nodeId)!.status]),
  );
};

it("CREDIT-2 the ledger has each run once, at what the nodes of its record cost, however often it died", () =>
  holdsInTowns((lived) => {
    const { credits, runs } = lived;
    for (const run of runs) expectPrices(lived, run);
    for (const organizationId of new Set(runs.map(({ key }) => key.organizationId))) {
      const own = runs.filter(({ key }) => key.organizationId === organizationId);
      const reserved = own.filter(({ key }) => modelled.runOf(lived.model, key) !== undefined);
      const entries = Effect.runSync(credits.listEntries(organizationId, { limit: 100 }));
      const told = ({ executionId, status, estimate, usage }: CreditEntry) =>
        [executionId, status, millionths(estimate), millionths(usage)] as const;
      const expected = reserved.map((run) => {
        const cost = billed(recordOf(lived, run));
        const { extended } = modelled.runOf(lived.model, run.key)!;
        return [run.key.executionId, "settled", expectedEstimate(run) + extended, cost] as const;
      });
      expect(entries.map(told)).toEqual(expected.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    }
  }));

/** In millionths. */
const total = ({ reserved, spent }: Happening["before"]): number => reserved + spent;

/** In the end nothing is reserved, and what is spent is the sum of all records. */
const expectSums = (lived: Town): void => {
  const { credits, runs } = lived;
  for (const organizationId of new Set(runs.map(({ key }) => key.organizationId))) {
    const own = runs.filter(({ key }) => key.organizationId === organizationId);
    const { reserved, spent } = Effect.runSync(credits.account(organizationId));
    expect(reserved).toBe(0);
    expect(millionths(spent)).toBe(sumOf(own.map((run) => billed(recordOf(lived, run)))));
  }
};

/** What the run's ledger was told last of each node that reported more than its type costs. */
const lastExtensions = ({ log }: Town, { key }: TownRun) =>
  new Map(
    log
      .filter(isOf(key))
      .flatMap((one) => (one.does === "extend" ? [[one.asked.nodeId, one] as const] : [])),
  );

/** In millionths: what the run may cost beyond what it has reserved. */
const beyondReserved = (lived: Town, run: TownRun): number => {
  const refused = [...lastExtensions(lived, run).values()].filter(({ isGranted }) => !isGranted);
  const budget = allowed(run.played.workflow.settings?.budget ?? Infinity);
  const overBudget = Math.max(0, billed(recordOf(lived, run)) - budget);
  return sumOf(refused.map(({ asked }) => millionths(asked.excess))) + overBudget;
};

const inJournal = ({ world }: TownRun, nodeId: string): Partial<CompletedNode> =>
  JSON.parse(world.journal.get(nodeStepName(nodeId)) ?? "{}") as Partial<CompletedNode>;

it("CREDIT-3 where a node reports more than the limits have room for, nothing that hangs on it starts, and all else does", () =>
  holdsInTowns((lived) => {
    for (const run of lived.runs) {
      const { played, execution, world } = run;
      const extensions = lastExtensions(lived, run);
      const ids = idsOf(played.workflow);
      const beyond = ids.filter((id) => inJournal(run, id).isBeyondLimit === true);
      for (const id of ids) {
        const { status, usage = 0 } = inJournal(run, id);
        const hasPassed = millionths(usage) > millionths(costOf(played, id));
        if (status !== "completed" || !hasPassed) continue;
        expect(beyond.includes(id)).toBe(!extensions.get(id)!.isGranted);
      }
      const behind = downstreamOf(played.workflow, beyond);
      const done = [...world.effects.values()].flatMap(({ places }) => [...places]);
      expect(done.filter((place) => behind.has((JSON.parse(place) as [string])[0]))).toEqual([]);
      for (const { nodeId, status } of execution?.nodeExecutions ?? []) {
        if (behind.has(nodeId)) expect(status).toBe("idle");
      }
      if (execution === undefined || execution.status === "cancelled") continue;
      const isStopped = execution.error?.startsWith("Insufficient compute credits: ") === true;
      const { budget } = played.workflow.settings ?? {};
      if (budget === undefined) expect(isStopped).toBe(behind.size > 0);
      if (!isStopped || budget !== undefined) continue;
      const outcomes = pricedOutcomes(played);
      expect(execution.nodeExecutions.map(({ nodeId, status }) => [nodeId, status])).toEqual(
        execution.nodeExecutions.map(({ nodeId }) => [
          nodeId,
          behind.has(nodeId) ? "idle" : outcomes.get(nodeId)!.status,
        ]),
      );
    }
  }));

it("CREDIT-3 no reservation takes an organization past its limit, whatever lives at once, and in the end the sums are those of the records", () =>
  holdsInTowns((lived) => {
    expectSums(lived);
    const { log } = lived;
    for (const one of log) {
      const growth = total(one.after) - total(one.before);
      switch (one.does) {
        case "reserve": {
          const most = Math.min(allowed(one.asked.limit), one.most);
          if (growth > 0) expect(total(one.after)).toBeLessThanOrEqual(most);
          expect(growth).toBe(one.isGranted && growth > 0 ? millionths(one.asked.estimate) : 0);
          break;
        }
        // What was asked with, of what was saved, may be less than is known by then.
        case "extend again":
        case "extend": {
          const most = Math.min(allowed(one.asked.limit), one.most);
          if (growth > 0) expect(total(one.after)).toBeLessThanOrEqual(most);
          if (!one.isGranted) expect(growth).toBe(0);
          break;
        }
        case "settle": {
          const run = lived.runs.find(isOf(one.key))!;
          expect(growth).toBeLessThanOrEqual(beyondReserved(lived, run));
          break;
        }
        case "plan":
        case "run a node":
        case "ask again":
          expect(growth).toBe(0);
      }
    }
  }));

const newCredits = (): CreditService["Service"] =>
  Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));

const askReal = (
  credits: CreditService["Service"],
  asked: Asked,
): Effect.Effect<unknown, ServiceFailure> => {
  switch (asked.does) {
    case "reserve":
      return credits.reserve({ ...asked, now: 1 });
    case "extend":
      return credits.extend(asked);
    case "settle":
      return credits.settle({ ...asked, now: 2 });
    case "allot":
      return credits.allot(asked);
    case "correct":
      return credits.correct(asked);
    case "set a plan":
      return credits.setPlan(asked.organizationId, asked.plan);
  }
};

const askModel = (model: modelled.CreditModel, asked: Asked): unknown => {
  switch (asked.does) {
    case "reserve":
      return modelled.reserve(model, asked);
    case "extend":
      return modelled.extend(model, asked);
    case "settle":
      return modelled.settle(model, asked);
    case "allot":
      return modelled.allot(model, asked);
    case "correct":
      return modelled.correct(model, asked);
    case "set a plan":
      return void model.plans.push(asked);
  }
};

it("CREDIT-3 whatever is asked of the service, alone or at once, it answers and counts like a list of all runs", () => {
  holds(
    fc.property(askedBatches, (batches) => {
      const [credits, model] = [newCredits(), modelled.newCreditModel()];
      for (const batch of batches) {
        const answers = Effect.runSync(
          Effect.all(
            batch.map((asked) => askReal(credits, asked)),
            { concurrency: "unbounded" },
          ).pipe(Effect.orDie),
        );
        expect(answers).toEqual(batch.map((asked) => askModel(model, asked)));
        for (const organizationId of new Set(batch.map((asked) => asked.organizationId))) {
          const { plan, reserved, spent } = Effect.runSync(credits.account(organizationId));
          const counted = { plan, reserved: millionths(reserved), spent: millionths(spent) };
          expect(counted).toEqual(modelled.accountOf(model, organizationId));
        }
      }
    }),
  );
});
