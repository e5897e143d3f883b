/**
 * A town of organizations whose runs live at once over one CreditService: they take turns at random, their processes die and
 * begin again or never come back, plans change, a watchdog makes its rounds, and what was asked is asked once more. Whatever
 * the service answers is compared with the model on the spot.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { CreditPlan } from "#core/credits";
import type { WorkflowExecution } from "#core/report";
import { memoryServices } from "#runtime/default-services";
import { executeWorkflow } from "#runtime/execute-workflow";
import { releaseReservations } from "#runtime/release-reservations";
import { wakeRuns } from "#runtime/wake-runs";
import { CreditService } from "#services/credit-service";
import { DurableStep } from "#services/durable-step";
import { WorkflowInstances } from "#services/workflow-instances";
import type { HeldServices } from "../test/support/held-services.ts";
import { holdServices } from "../test/support/held-services.ts";
import * as modelled from "./credit-model.ts";
import type { Happening } from "./credit-office.ts";
import { askedBy, openOffice } from "./credit-office.ts";
import type { Fate } from "./keeper.ts";
import { cancelLater, keepRun } from "./keeper.ts";
import type { PricedScenario } from "./prices.ts";
import { pricedNodes } from "./prices.ts";
import { makeTurns } from "./turns.ts";
import type { RunKey, World } from "./world.ts";
import { newWorld, sendEvent } from "./world.ts";

/** Amounts are compute credits. */
export interface RunPlan extends Fate {
  readonly key: RunKey;
  readonly played: PricedScenario;
  readonly limit: number;
  readonly order: number;
  /** The run that it goes on with. */
  readonly redrive?: string;
}

export interface TownPlan {
  readonly plans: readonly {
    readonly organizationId: string;
    readonly plan: CreditPlan;
    /** Turns until the organization is given it. */
    readonly after: number;
  }[];
  readonly runs: readonly RunPlan[];
  readonly order: number;
}

export interface TownRun extends RunPlan {
  readonly world: World;
  /** Undefined for one that was lost. */
  readonly execution: WorkflowExecution | undefined;
  readonly died: number;
  /** Whether it held no reservation any more when it had ended. */
  readonly isSettled: boolean;
}

export interface Town {
  readonly credits: CreditService["Service"];
  readonly held: HeldServices;
  readonly model: modelled.CreditModel;
  readonly log: readonly Happening[];
  /** Where service and model part, in words. */
  readonly differences: readonly string[];
  readonly runs: readonly TownRun[];
}

const turnsBetweenRounds = 10;

export const liveInTown = async (
  plan: TownPlan,
  /** Whose services it goes on with. */
  earlier?: Town,
): Promise<Town> => {
  const turns = makeTurns(plan.order);
  const held = earlier?.held ?? holdServices();
  const credits =
    earlier?.credits ?? Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
  const model = earlier?.model ?? modelled.newCreditModel();
  const office = openOffice(credits, model, turns);
  const worlds = new Map(plan.runs.map((run) => [run, newWorld(run.key, held)]));
  const gone = new Set<string>();
  const instances: WorkflowInstances["Service"] = {
    canCreate: false,
    create: () => Effect.succeed("exists"),
    send: (id, eventType) =>
      Effect.sync(() => {
        const run = plan.runs.find(({ key }) => key.executionId === id);
        if (run !== undefined) sendEvent(worlds.get(run)!, eventType);
        return run !== undefined;
      }),
    stop: () => Effect.void,
    endOf: (id) => Effect.sync(() => (gone.has(id) ? "it was terminated" : undefined)),
  };

  const keep = async (run: RunPlan): Promise<TownRun> => {
    const { key, played, limit, redrive, order } = run;
    const world = worlds.get(run)!;
    const reported = new Map<string, number>();
    const { workflow, overrides } = played;
    const params = {
      workflow,
      userId: "user",
      organizationId: key.organizationId,
      computeCredits: limit,
      inputOverrides: overrides,
      ...(redrive === undefined ? {} : { redrive: { executionId: redrive } }),
    };
    const called = (): void => office.noteNode(key);
    const kept = await keepRun(turns, world, run, (process, at) => {
      const nodes = pricedNodes(played, order + at, { effect: process.effect, called }, reported);
      const services = Layer.mergeAll(
        memoryServices(nodes),
        Layer.succeed(DurableStep, process.steps),
        Layer.succeed(CreditService, askedBy(process, office.service)),
        held.layer,
      );
      const running = executeWorkflow(params, key.executionId);
      return Effect.runPromise(running.pipe(Effect.provide(services)));
    });
    if (kept.execution === undefined) gone.add(key.executionId);
    const isSettled = modelled.runOf(model, key)?.usage !== undefined;
    return { ...run, ...kept, world, isSettled };
  };
  const changePlans = async (): Promise<void> => {
    const change = async ({ organizationId, plan: next, after }: TownPlan["plans"][number]) => {
      for (let turn = 0; turn < after; turn++) await turns.take();
      Effect.runSync(office.service.setPlan(organizationId, next));
    };
    await Promise.all(plan.plans.map(change));
  };
  const watching = Layer.mergeAll(
    held.layer,
    Layer.succeed(CreditService, office.service),
    Layer.succeed(WorkflowInstances, instances),
  );
  const round = (): Promise<unknown> => {
    const facts = { now: Date.now(), before: undefined, patience: 0 };
    const rounds = Effect.andThen(wakeRuns(facts), releaseReservations(facts));
    return turns.hold(() => Effect.runPromise(rounds.pipe(Effect.provide(watching))));
  };
  let isOver = false;
  const watch = async (): Promise<void> => {
    while (!isOver) {
      for (let turn = 0; turn < turnsBetweenRounds && !isOver; turn++) await turns.take();
      await round();
    }
  };
  const live = async (): Promise<readonly TownRun[]> => {
    const watched = watch();
    const [runs] = await Promise.all([
      Promise.all(plan.runs.map(keep)),
      Promise.all(plan.runs.map((run) => cancelLater(turns, worlds.get(run)!, run))),
      changePlans(),
    ]);
    isOver = true;
    await watched;
    await round();
    return runs;
  };
  const runs = await turns.giveUntil(live);
  const { log, differences } = office;
  return { credits, held, model, log, differences, runs };
};
