/** What the real watchdog does by itself, alarm after alarm, with what runs that have died left behind. */
import { env, runInDurableObject } from "cloudflare:test";
import * as Effect from "effect/Effect";
import { expect, test, vi } from "vitest";
import { d1CreditServiceLayer } from "#cloudflare/d1-credit-service";
import { d1ExecutionStoreLayer } from "#cloudflare/d1-execution-store";
import { usageKeyOf } from "#cloudflare/usage-copy";
import { CreditService } from "#services/credit-service";
import { ExecutionStore } from "#services/execution-store";
import { savedRun } from "../contracts/execution-store.contract.ts";

const credits = Effect.runSync(
  Effect.provide(CreditService, d1CreditServiceLayer(env.DB, env.CACHE)),
);
const executions = Effect.runSync(
  Effect.provide(ExecutionStore, d1ExecutionStoreLayer(env.DB, env.OBJECTS)),
);
const run = Effect.runPromise;
const watchdog = env.WATCHDOG.getByName("watchdog");
const patient = { timeout: 10_000, interval: 50 };

const alarm = (): Promise<number | null> =>
  runInDurableObject(watchdog, (_, state) => state.storage.getAlarm());

/** Of 7 credits. */
const reserve = (organizationId: string, executionId: string, now: number): Promise<boolean> =>
  run(credits.reserve({ organizationId, executionId, estimate: 7, limit: 1_000, now }));

const account = (organizationId: string) => run(credits.account(organizationId));
const untilAccountIs = (organizationId: string, sums: object): Promise<void> =>
  vi.waitFor(async () => expect(await account(organizationId)).toMatchObject(sums), patient);

/** The alarm is never null between two rounds, but while one is on its way. */
const untilQuiet = (): Promise<void> =>
  vi.waitFor(async () => {
    expect(await alarm()).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await alarm()).toBeNull();
  }, patient);

test("a reservation of a run that died without a trace is given back by an alarm, and the alarms stop", async () => {
  await reserve("died", "run", Date.now());
  await watchdog.begin();
  expect(await alarm()).not.toBeNull();
  await untilAccountIs("died", { reserved: 0, spent: 0 });
  await untilQuiet();
});

test("one of a run that ended and did not settle is settled by its record, and the copy in KV is written", async () => {
  await reserve("unsettled", "run", Date.now());
  await run(executions.save(savedRun("unsettled", "run")));
  await watchdog.begin();
  await untilAccountIs("unsettled", { reserved: 0, spent: 2.5 });
  const key = await usageKeyOf("unsettled");
  await vi.waitFor(
    async () => expect(await env.CACHE.get(key, "json")).toMatchObject({ spent: 2.5 }),
    patient,
  );
  await untilQuiet();
});

test("the alarms go on while a reservation is too young to be given back", async () => {
  await reserve("young", "run", Date.now() + 1_000);
  await watchdog.begin();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await account("young")).toMatchObject({ reserved: 7 });
  await untilAccountIs("young", { reserved: 0, spent: 0 });
  await untilQuiet();
});

test("a copy that a run's end left to the watchdog is written by an alarm, a second after the last", async () => {
  const end = (executionId: string): Promise<void> =>
    run(
      credits
        .settle({ organizationId: "copied", executionId, usage: 1, now: 1 })
        .pipe(Effect.andThen(credits.publishUsage("copied"))),
    );
  const copy = () => env.CACHE.get<{ readonly spent: number }>("copied:compute-usage", "json");
  for (const id of ["a", "b", "c"]) await end(id);
  expect(await copy()).toMatchObject({ spent: 1 });
  await watchdog.begin();
  await vi.waitFor(async () => expect(await copy()).toMatchObject({ spent: 3 }), patient);
  await untilQuiet();
  expect(await run(credits.listUnpublished({ limit: 100 }))).toEqual([]);
});
