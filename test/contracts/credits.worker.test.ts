/** The contract of credits against D1, and what is D1's alone. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { d1CreditServiceLayer } from "#cloudflare/d1-credit-service";
import { d1ExecutionStoreLayer } from "#cloudflare/d1-execution-store";
import { CreditService } from "#services/credit-service";
import { ServiceFailure } from "#services/errors";
import { ExecutionStore } from "#services/execution-store";
import { failing, queriesOf, withMethods } from "../support/d1-queries.ts";
import { creditBudgetContract } from "./credit-budget.contract.ts";
import { creditExtensionContract } from "./credit-extension.contract.ts";
import { creditServiceContract, creditsOf } from "./credit-service.contract.ts";
import { savedRun } from "./execution-store.contract.ts";

const { DB, CACHE } = env;
const run = Effect.runPromise;
const { plansOf, tripsOf } = queriesOf(DB);

creditServiceContract("D1", () => d1CreditServiceLayer(DB, CACHE));
creditBudgetContract("D1", () => d1CreditServiceLayer(DB, CACHE));
creditExtensionContract("D1", () => d1CreditServiceLayer(DB, CACHE));

const creditService = (db = DB, cache = CACHE): CreditService["Service"] =>
  Effect.runSync(Effect.provide(CreditService, d1CreditServiceLayer(db, cache)));

/** The account's sums as they stand, and as the ledger says they should, in millionths. */
const sumsOf = async (organizationId: string): Promise<unknown> => {
  const sql = `
    SELECT account.reserved, account.spent, COUNT(*) AS entries,
      SUM(entry.status = 'reserved') AS open,
      SUM(iif(entry.status = 'reserved', entry.estimate + entry.extended, 0)) AS estimates, SUM(entry.usage) AS usages
    FROM credit_accounts AS account JOIN credit_entries AS entry USING (organization_id)
    WHERE organization_id = ?1`;
  return DB.prepare(sql).bind(organizationId).first();
};

const key = { organizationId: "counted", executionId: "run" };
const asked: readonly ((credits: CreditService["Service"]) => Effect.Effect<unknown, unknown>)[] = [
  (credits) => credits.setPlan("counted", { type: "fixed", allowance: 100 }),
  (credits) => credits.reserve({ ...key, estimate: 1, limit: 100, now: 1 }),
  (credits) => credits.extend({ ...key, nodeId: "node", excess: 1, saved: 0, most: 9, limit: 100 }),
  (credits) => credits.allot({ ...key, nodeId: "node", cost: 1, budget: 1, carried: 0 }),
  (credits) => credits.correct({ ...key, nodeId: "node", usage: 0.5 }),
  (credits) => credits.settle({ ...key, usage: 1, now: 2 }),
  (credits) => credits.account("counted"),
  (credits) => credits.listEntries("counted", { limit: 10, after: "a" }),
  (credits) => credits.listOpen({ limit: 10, after: key }),
  (credits) => credits.listUnpublished({ limit: 10, after: "a" }),
];

describe("d1CreditServiceLayer", () => {
  it("reserves 100 of 1,000 runs that ask at once for an allowance of 100, and settles each once", async () => {
    const organizationId = "crowd";
    const { reserve, settle, setPlan, account } = creditsOf(creditService(), organizationId);
    const plan = { type: "fixed", allowance: 100 } as const;
    await setPlan(plan);
    const ids = Array.from({ length: 1_000 }, (_, index) => `run ${index}`);
    const answers = await Promise.all(ids.map((id) => reserve(id, 1, 1_000_000)));
    expect(answers.filter(Boolean)).toHaveLength(100);
    expect(await account()).toEqual({ plan, reserved: 100, spent: 0 });
    const sums = { entries: 100, reserved: 100_000_000, spent: 0, estimates: 100_000_000 };
    expect(await sumsOf(organizationId)).toEqual({ ...sums, open: 100, usages: 0 });
    const granted = ids.filter((_, index) => answers[index]);
    // Steps that are performed twice say it twice.
    const usages = granted.map((_, index) => index / 100);
    await Promise.all([0, 1].flatMap(() => granted.map((id, index) => settle(id, usages[index]!))));
    const spent = 49.5;
    expect(await account()).toEqual({ plan, reserved: 0, spent });
    const settled = { entries: 100, reserved: 0, spent: 49_500_000, estimates: 0 };
    expect(await sumsOf(organizationId)).toEqual({ ...settled, open: 0, usages: 49_500_000 });
  }, 60_000);

  it("refuses in the database what a faulty writer would reserve beyond the plan", async () => {
    const { reserve, settle, setPlan } = creditsOf(creditService(), "guarded");
    await setPlan({ type: "overage", allowance: 8, overage: 2 });
    await reserve("a", 5);
    await reserve("b", 5);
    await settle("b", 4);
    const insert = (executionId: string, estimate: number): Promise<unknown> =>
      DB.prepare(
        `INSERT INTO credit_entries (organization_id, execution_id, status, estimate, reserved_at)
         VALUES ('guarded', ?1, 'reserved', ?2, 0)`,
      )
        .bind(executionId, estimate)
        .run();
    await expect(insert("c", 1_000_001)).rejects.toThrow(
      "The reservation does not fit the plan of the organization",
    );
    const sums = { entries: 2, reserved: 5_000_000, spent: 4_000_000, open: 1 };
    const before = { ...sums, estimates: 5_000_000, usages: 4_000_000 };
    expect(await sumsOf("guarded")).toEqual(before);
    await insert("c", 1_000_000);
    expect(await sumsOf("guarded")).toEqual({
      ...before,
      entries: 3,
      open: 2,
      reserved: 6_000_000,
      estimates: 6_000_000,
    });
  });

  it("refuses in the database what a faulty writer would extend beyond the plan, or less", async () => {
    const { reserve, settle, setPlan } = creditsOf(creditService(), "extended");
    await setPlan({ type: "fixed", allowance: 10 });
    await reserve("a", 5);
    await reserve("b", 4);
    await settle("b", 3);
    const extend = (executionId: string, extended: number): Promise<unknown> =>
      DB.prepare(
        "UPDATE credit_entries SET extended = ?2 WHERE organization_id = 'extended' AND execution_id = ?1",
      )
        .bind(executionId, extended)
        .run();
    await expect(extend("a", 2_000_001)).rejects.toThrow(
      "The reservation does not fit the plan of the organization",
    );
    await extend("a", 2_000_000);
    const sums = { entries: 2, open: 1, spent: 3_000_000, usages: 3_000_000 };
    const extended = { ...sums, reserved: 7_000_000, estimates: 7_000_000 };
    expect(await sumsOf("extended")).toEqual(extended);
    const changesOnce = "An entry of the ledger changes once, when it is settled";
    await expect(extend("a", 1_999_999)).rejects.toThrow(changesOnce);
    await expect(extend("b", 1)).rejects.toThrow(changesOnce);
    expect(await sumsOf("extended")).toEqual(extended);
  });

  it("lets nothing change the ledger but a settlement, while there is an account", async () => {
    const { reserve, settle } = creditsOf(creditService(), "kept");
    await reserve("open", 5);
    await reserve("settled", 5);
    await settle("settled", 4);
    const before = await sumsOf("kept");
    const ofEntry = "WHERE organization_id = 'kept' AND execution_id";
    const changesOnce = "An entry of the ledger changes once, when it is settled";
    for (const [sql, message] of [
      [`UPDATE credit_entries SET estimate = 0 ${ofEntry} = 'open'`, changesOnce],
      [`UPDATE credit_entries SET execution_id = 'x' ${ofEntry} = 'open'`, changesOnce],
      [`UPDATE credit_entries SET organization_id = 'x' ${ofEntry} = 'open'`, changesOnce],
      [`UPDATE credit_entries SET usage = 0 ${ofEntry} = 'settled'`, changesOnce],
      [
        `UPDATE credit_entries SET status = 'reserved', settled_at = NULL, usage = 0 ${ofEntry} = 'settled'`,
        changesOnce,
      ],
      [`UPDATE credit_entries SET usage = 1 ${ofEntry} = 'open'`, "CHECK constraint failed"],
      [
        `DELETE FROM credit_entries ${ofEntry} = 'open'`,
        "The ledger keeps its entries while there is an account",
      ],
    ] as const) {
      await expect(DB.prepare(sql).run()).rejects.toThrow(message);
    }
    expect(await sumsOf("kept")).toEqual(before);
    await DB.batch(
      ["credit_accounts", "credit_entries"].map((table) =>
        DB.prepare(`DELETE FROM ${table} WHERE organization_id = 'kept'`),
      ),
    );
    expect(await run(creditService().listEntries("kept", { limit: 10 }))).toEqual([]);
  });

  it("asks D1 once for whatever is asked of it", async () => {
    const trips: number[] = [];
    for (const ask of asked) trips.push(await tripsOf(ask(creditService())));
    expect(trips).toEqual(asked.map(() => 1));
  });

  it("reads rows by their keys alone, and does not sort", async () => {
    const plans: (readonly string[])[] = [];
    for (const ask of asked) plans.push(await plansOf((db) => ask(creditService(db))));
    const account = "SEARCH credit_accounts USING PRIMARY KEY (organization_id=?)";
    const entry = "SEARCH credit_entries USING PRIMARY KEY (organization_id=? AND execution_id=?)";
    const allotment =
      "SEARCH credit_allotments USING PRIMARY KEY (organization_id=? AND execution_id=? AND node_id=?)";
    expect(plans).toEqual([
      [],
      ["SCAN CONSTANT ROW", "SCALAR SUBQUERY 1", entry, "SCALAR SUBQUERY 2", account, entry],
      [entry, entry, "CORRELATED SCALAR SUBQUERY 1", account, entry],
      [entry, entry, "SCALAR SUBQUERY 1", allotment, allotment],
      [allotment],
      ["SCAN CONSTANT ROW", "SCALAR SUBQUERY 1", entry],
      [account],
      ["SEARCH credit_entries USING PRIMARY KEY (organization_id=? AND execution_id>?)"],
      [
        "SEARCH entry USING INDEX credit_entries_open ((organization_id,execution_id)>(?,?))",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH executions USING INDEX executions_live (organization_id=? AND id=?)",
      ],
      ["SEARCH credit_accounts USING INDEX credit_accounts_unpublished (organization_id>?)"],
    ]);
  });

  it("fails with a ServiceFailure when D1 is away", async () => {
    const broken = creditService(withMethods(DB, { prepare: failing }));
    const failures = await run(Effect.forEach(asked, (ask) => Effect.flip(ask(broken))));
    const methods =
      "setPlan reserve extend allot correct settle account listEntries listOpen listUnpublished";
    expect(failures).toEqual(
      methods.split(" ").map(
        (method) =>
          new ServiceFailure({
            operation: `CreditService.${method}`,
            message: `CreditService.${method} failed: The platform is away`,
            cause: new Error("The platform is away"),
          }),
      ),
    );
  });

  it("settles a run by its record in the transaction that makes the record final, once", async () => {
    const store = Effect.runSync(
      Effect.provide(ExecutionStore, d1ExecutionStoreLayer(DB, env.OBJECTS)),
    );
    const { reserve, settle, list, sums } = creditsOf(creditService(), "recorded");
    const live = { status: "executing", endedAt: null } as const;
    const node = savedRun("recorded", "any").execution.nodeExecutions[0]!;
    const costing = (usage: number) => ({ nodeExecutions: [{ ...node, usage }] });
    await reserve("live before", 5);
    await run(store.save(savedRun("recorded", "live before", live)));
    expect(await sums()).toEqual([5, 0]);
    await run(store.save(savedRun("recorded", "live before", costing(0.1 + 0.2))));
    expect(await sums()).toEqual([0, 0.3]);
    // Neither a record that comes again nor a settlement changes what stands.
    await run(store.save(savedRun("recorded", "live before", costing(9))));
    await settle("live before", 9);
    expect(await sums()).toEqual([0, 0.3]);
    await reserve("at once", 5);
    await run(store.save(savedRun("recorded", "at once", costing(2))));
    await run(store.save(savedRun("recorded", "without a reservation", costing(0))));
    const entries = await list(10);
    expect(entries.map(({ executionId, status, usage }) => [executionId, status, usage])).toEqual([
      ["at once", "settled", 2],
      ["live before", "settled", 0.3],
    ]);
    expect(entries.every(({ settledAt }) => settledAt !== null && settledAt > 0)).toBe(true);
  });

  it("lists the reservations of runs that have ended unsettled or left no row, and of no live ones", async () => {
    const store = Effect.runSync(
      Effect.provide(ExecutionStore, d1ExecutionStoreLayer(DB, env.OBJECTS)),
    );
    const credits = creditService();
    const { reserve } = creditsOf(credits, "dead");
    for (const id of ["ended", "live", "none", "theirs"]) await reserve(id, 1);
    const live = { status: "executing", endedAt: null } as const;
    await run(store.save(savedRun("dead", "live", live)));
    await run(store.save(savedRun("dead", "ended")));
    await run(store.save(savedRun("dead and gone", "theirs", live)));
    const listed = async (): Promise<readonly string[]> => {
      const open = await run(credits.listOpen({ limit: 100_000 }));
      return open
        .filter(({ organizationId }) => organizationId === "dead")
        .map(({ executionId }) => executionId);
    };
    expect(await listed()).toEqual(["none", "theirs"]);
    // Whose record another store holds, or whose trigger was not there yet.
    await DB.prepare("DROP TRIGGER credit_entries_settled_by_update").run();
    await run(store.save(savedRun("dead", "live")));
    expect(await listed()).toEqual(["live", "none", "theirs"]);
  });
});
