/** A thousand runs that ask for credits at once, on one database. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { expect, test, vi } from "vitest";
import { cloudflareServices } from "#cloudflare/layers";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import { usageOf } from "#core/report";
import { startRun } from "#runtime/start-run";
import { CreditService } from "#services/credit-service";
import { ExecutionStore } from "#services/execution-store";
import { graph } from "../support/graph.ts";

const organizationId = "crowd";
const services = Layer.merge(cloudflareServices(env), workflowInstancesLayer(env.EXECUTE));

const perform = <A>(
  effect: Effect.Effect<A, unknown, Layer.Success<typeof services>>,
): Promise<A> => Effect.runPromise(effect.pipe(Effect.provide(services)));

const ids = Array.from({ length: 1_000 }, (_, index) => `run-${String(index).padStart(4, "0")}`);
const costOfOne = 3;

const one = { value: 1 };
const workflow = graph("a:result -> b:a", "b:result -> c:a", {
  types: { a: "addition", b: "addition", c: "addition" },
  inputs: { "a:a": one, "a:b": one, "b:b": one, "c:b": one },
});

const statusCounts = async (): Promise<Readonly<Record<string, number>>> => {
  const counting =
    "SELECT status, COUNT(*) AS runs FROM executions WHERE organization_id = ? GROUP BY status";
  const { results } = await env.DB.prepare(counting)
    .bind(organizationId)
    .all<{ readonly status: string; readonly runs: number }>();
  return Object.fromEntries(results.map(({ status, runs }) => [status, runs]));
};

test("1,000 runs started at once against an allowance for 100: 100 run, 900 are exhausted, and the ledger is the sum of the records", async () => {
  const allowance = 100 * costOfOne;
  await perform(
    CreditService.use((credits) => credits.setPlan(organizationId, { type: "fixed", allowance })),
  );
  const params = { workflow, userId: "ada", organizationId, computeCredits: 1_000_000 };
  const started = await perform(
    Effect.forEach(ids, (id) => startRun(params, id), { concurrency: "unbounded" }),
  );
  expect(started).toEqual(ids.map(() => ({ status: "started" })));
  await vi.waitFor(
    async () => expect(await statusCounts()).toEqual({ completed: 100, exhausted: 900 }),
    { timeout: 300_000, interval: 500 },
  );

  const records = await perform(
    ExecutionStore.use((store) =>
      Effect.forEach(ids, (id) => store.get(organizationId, id), { concurrency: 20 }),
    ),
  );
  const exhausted = records.filter((record) => record?.status === "exhausted");
  expect(new Set(exhausted.map((record) => record?.error))).toEqual(
    new Set(["Insufficient compute credits"]),
  );
  const isIdle = (record: (typeof records)[number]): boolean =>
    record?.nodeExecutions.length === 3 &&
    record.nodeExecutions.every(({ status, usage }) => status === "idle" && usage === 0);
  expect(exhausted.every(isIdle)).toBe(true);
  const usages = new Map(records.map((record) => [record!.id, usageOf(record!)]));
  expect([...usages.values()].reduce((sum, usage) => sum + usage, 0)).toBe(allowance);

  const [account, entries] = await perform(
    CreditService.use((credits) =>
      Effect.all([
        credits.account(organizationId),
        credits.listEntries(organizationId, { limit: 2_000 }),
      ]),
    ),
  );
  expect(account).toMatchObject({ reserved: 0, spent: allowance });
  expect(entries.filter(({ usage, executionId }) => usage !== usages.get(executionId))).toEqual([]);
  expect(entries).toHaveLength(100);
  // Runs that end within a second of the last copy leave it to the watchdog's next rounds.
  const copy = (): Promise<unknown> => env.CACHE.get(`${organizationId}:compute-usage`, "json");
  await vi.waitFor(async () => expect(await copy()).toMatchObject({ spent: allowance }), {
    timeout: 60_000,
    interval: 500,
  });
});
