import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import { isDue, wakeRuns } from "#runtime/wake-runs";
import { CreditService } from "#services/credit-service";
import { WorkflowInstances } from "#services/workflow-instances";
import { savedRun } from "../contracts/execution-store.contract.ts";
import { holdServices } from "../support/held-services.ts";

const minute = 60_000;
const hour = 60 * minute;

/** Minutes of stillness at which a run is woken, by rounds a minute apart. */
const wokenAt = (minutes: number): readonly number[] =>
  Array.from({ length: minutes }, (_, at) => at + 1).filter((at) =>
    isDue({ updatedAt: 0 }, { now: at * minute, before: (at - 1) * minute, patience: minute }),
  );

describe("a run that stands still", () => {
  test("is woken more and more rarely, and every hour in the end", () => {
    expect(wokenAt(5 * 60)).toEqual([1, 2, 4, 8, 16, 32, 60, 120, 180, 240, 300]);
  });

  test("is left alone while it has been stored a moment ago", () => {
    const round = { now: 10 * hour, before: 10 * hour - minute, patience: minute };
    expect(isDue({ updatedAt: 10 * hour - 1 }, round)).toBe(false);
    expect(isDue({ updatedAt: 10 * hour - minute }, round)).toBe(true);
  });

  test("is woken once though rounds come late or close together", () => {
    expect(isDue({ updatedAt: 0 }, { now: 9 * minute, before: 0, patience: minute })).toBe(true);
    const close = { now: 9 * minute + 100, before: 9 * minute, patience: minute };
    expect(isDue({ updatedAt: 0 }, close)).toBe(false);
  });

  test("is woken at once when every process may have died", () => {
    expect(isDue({ updatedAt: 99 }, { now: 100, before: undefined, patience: minute })).toBe(true);
  });
});

describe("a run whose instance the platform has lost", () => {
  test("ends when nobody knows what it was started with, and gives back what it had reserved", async () => {
    const held = holdServices();
    const credits = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
    const created: string[] = [];
    const services = Layer.mergeAll(
      held.layer,
      Layer.succeed(CreditService, credits),
      Layer.mock(WorkflowInstances, {
        canCreate: true,
        endOf: () => Effect.succeed("lost"),
        create: (id) => Effect.sync(() => (created.push(id), "created" as const)),
      }),
    );
    const key = { organizationId: "org", executionId: "run" };
    await Effect.runPromise(credits.reserve({ ...key, estimate: 7, limit: 100, now: 0 }));
    const live = savedRun("org", "run", { status: "executing", endedAt: null });
    await Effect.runPromise(held.executions.save(live));
    const round = { now: 9 * minute, before: undefined, patience: minute };
    expect(await Effect.runPromise(Effect.provide(wakeRuns(round), services))).toEqual({
      live: 1,
      failed: 0,
    });
    expect(await Effect.runPromise(held.executions.get("org", "run"))).toMatchObject({
      status: "error",
      error:
        "The platform has lost the run, and what it was started with is not kept. Start a new run.",
    });
    expect(await Effect.runPromise(credits.account("org"))).toMatchObject({
      reserved: 0,
      spent: 2.5,
    });
    expect(created).toEqual([]);
  });
});
