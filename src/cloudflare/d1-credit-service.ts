/**
 * Credits in D1: the ledger, the accounts whose sums its triggers keep, and what nodes of runs with a budget were allotted.
 * Whether something fits is decided by the statement that stores it. KV carries a copy of what was spent (usage-copy.ts).
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { CountedPlan } from "#core/credits";
import { creditsOfMicro, microCredits, microLimit, planOfCounted } from "#core/credits";
import type {
  Allotment,
  CreditAccount,
  CreditEntry,
  EntryPage,
  Extension,
  NodeCost,
  OpenReservation,
  Reservation,
  RunKey,
  Settlement,
} from "#services/credit-service";
import { countedLimit, countedPlan } from "#services/credit-limits";
import { CreditService } from "#services/credit-service";
import type { ServiceFailure } from "#services/errors";
import { storeFailureOf } from "./d1-failure.ts";
import { idToText, textToId } from "./d1-text.ts";
import { listUnpublished, publishUsage } from "./usage-copy.ts";

const ofRun = "organization_id = ?1 AND execution_id = ?2";
const ofNode = `${ofRun} AND node_id = ?3`;

const runTexts = ({ organizationId, executionId }: RunKey): readonly [string, string] => [
  idToText(organizationId),
  idToText(executionId),
];

/** A sum beyond the limit of the start and that of the plan, whichever is less. Null is no limit, and nothing is beyond that. */
const passes = (sum: string, limit: string): string =>
  `${sum} > MIN(COALESCE(${limit}, plan_limit), COALESCE(plan_limit, ${limit}))`;

/** An entry that stands already is no conflict but a reservation that was asked for before. */
const reserveSql = `
  INSERT INTO credit_entries (organization_id, execution_id, status, estimate, reserved_at)
  SELECT ?1, ?2, 'reserved', ?3, ?5
  WHERE COALESCE(?3 <= ?4, TRUE)
    AND NOT EXISTS (SELECT 1 FROM credit_entries WHERE ${ofRun})
    AND NOT EXISTS (
      SELECT 1 FROM credit_accounts
      WHERE organization_id = ?1 AND ${passes("reserved + spent + ?3", "?4")})`;

const reserve = async (db: D1Database, reservation: Reservation): Promise<boolean> => {
  const texts = runTexts(reservation);
  const estimate = microCredits(reservation.estimate);
  const limit = countedLimit(reservation.limit);
  const [, read] = await db.batch([
    db.prepare(reserveSql).bind(...texts, estimate, limit, reservation.now),
    db.prepare(`SELECT 1 FROM credit_entries WHERE ${ofRun}`).bind(...texts),
  ]);
  return read!.results.length > 0;
};

const excessSql = `
  INSERT INTO credit_excesses (organization_id, execution_id, node_id, amount)
  SELECT ?1, ?2, ?3, ?4 FROM credit_entries WHERE ${ofRun} AND status = 'reserved'
  ON CONFLICT (organization_id, execution_id, node_id) DO UPDATE SET amount = excluded.amount`;

/** What the run may cost by now beyond its estimate: ?3 was saved, and ?4 is the most. */
const beyond = "(MIN(estimate + excess - ?3, ?4) - estimate)";

const extendSql = `
  UPDATE credit_entries SET extended = ${beyond}
  WHERE ${ofRun} AND status = 'reserved' AND ${beyond} > extended AND NOT EXISTS (
    SELECT 1 FROM credit_accounts
    WHERE organization_id = ?1 AND ${passes(`reserved + spent + ${beyond} - extended`, "?5")})`;

const extendedSql = `
  SELECT 1 FROM credit_entries WHERE ${ofRun} AND status = 'reserved' AND ${beyond} <= extended`;

const extend = async (db: D1Database, extension: Extension): Promise<boolean> => {
  const texts = runTexts(extension);
  const { nodeId, excess, saved, most, limit } = extension;
  const amounts = [microCredits(saved), microLimit(most)];
  const [, , read] = await db.batch([
    db.prepare(excessSql).bind(...texts, idToText(nodeId), microCredits(excess)),
    db.prepare(extendSql).bind(...texts, ...amounts, countedLimit(limit)),
    db.prepare(extendedSql).bind(...texts, ...amounts),
  ]);
  return read!.results.length > 0;
};

const settleSql = `
  INSERT INTO credit_entries (organization_id, execution_id, status, estimate, usage, reserved_at, settled_at)
  SELECT ?1, ?2, 'settled', 0, ?3, ?4, ?4
  WHERE ?3 > 0 OR EXISTS (SELECT 1 FROM credit_entries WHERE ${ofRun})
  ON CONFLICT (organization_id, execution_id) DO UPDATE SET
    status = excluded.status, usage = excluded.usage, settled_at = excluded.settled_at
  WHERE status = 'reserved'`;

const settle = async (db: D1Database, settlement: Settlement): Promise<void> => {
  const { usage, now } = settlement;
  await db
    .prepare(settleSql)
    .bind(...runTexts(settlement), microCredits(usage), now)
    .run();
};

const allotSql = `
  INSERT INTO credit_allotments (organization_id, execution_id, node_id, amount)
  SELECT ?1, ?2, ?3, ?4 FROM credit_entries
  WHERE ${ofRun} AND status = 'reserved' AND NOT is_over_budget AND ?5 + allotted + ?4 <= ?6
  ON CONFLICT (organization_id, execution_id, node_id) DO NOTHING`;

const allottedSql = `SELECT 1 FROM credit_allotments WHERE ${ofNode}`;

const refuseSql = `
  UPDATE credit_entries SET is_over_budget = 1
  WHERE ${ofRun} AND status = 'reserved' AND NOT is_over_budget AND NOT EXISTS (${allottedSql})`;

const allot = async (db: D1Database, allotment: Allotment): Promise<boolean> => {
  const node = [...runTexts(allotment), idToText(allotment.nodeId)];
  const { cost, carried, budget } = allotment;
  const amounts = [microCredits(cost), microCredits(carried), microLimit(budget)];
  const [, , read] = await db.batch([
    db.prepare(allotSql).bind(...node, ...amounts),
    db.prepare(refuseSql).bind(...node),
    db.prepare(allottedSql).bind(...node),
  ]);
  return read!.results.length > 0;
};

const correct = async (db: D1Database, cost: NodeCost): Promise<void> => {
  await db
    .prepare(`UPDATE credit_allotments SET amount = ?4 WHERE ${ofNode}`)
    .bind(...runTexts(cost), idToText(cost.nodeId), microCredits(cost.usage))
    .run();
};

const accountSql = `
  SELECT plan AS type, allowance, overage, reserved, spent FROM credit_accounts WHERE organization_id = ?1`;

type AccountRow = Pick<CreditAccount, "reserved" | "spent"> &
  Omit<CountedPlan, "type"> & { readonly type: CountedPlan["type"] | null };

const readAccount = async (db: D1Database, organizationId: string): Promise<CreditAccount> => {
  const row = await db.prepare(accountSql).bind(idToText(organizationId)).first<AccountRow>();
  if (row === null) return { plan: undefined, reserved: 0, spent: 0 };
  const { type, allowance, overage, reserved, spent } = row;
  return {
    plan: type === null ? undefined : planOfCounted({ type, allowance, overage }),
    reserved: creditsOfMicro(reserved),
    spent: creditsOfMicro(spent),
  };
};

const planSql = `
  INSERT INTO credit_accounts (organization_id, plan, allowance, overage) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT (organization_id) DO UPDATE SET
    plan = excluded.plan, allowance = excluded.allowance, overage = excluded.overage`;

const entriesSql = `
  SELECT execution_id AS executionId, status, estimate + extended AS estimate, usage, reserved_at AS reservedAt, settled_at AS settledAt
  FROM credit_entries WHERE organization_id = ?1 AND execution_id > ?2 ORDER BY execution_id LIMIT ?3`;

const listEntries = async (
  db: D1Database,
  organizationId: string,
  { limit, after }: EntryPage<string>,
): Promise<readonly CreditEntry[]> => {
  const { results } = await db
    .prepare(entriesSql)
    // Ids are not empty, so that every row comes after this one.
    .bind(idToText(organizationId), idToText(after ?? ""), limit)
    .all<CreditEntry>();
  return results.map((row) => ({
    ...row,
    executionId: textToId(row.executionId),
    estimate: creditsOfMicro(row.estimate),
    usage: creditsOfMicro(row.usage),
  }));
};

/** Named, so that it is an error and no full scan when an index should not fit. */
const openSql = `
  SELECT organization_id AS organizationId, execution_id AS executionId, reserved_at AS reservedAt
  FROM credit_entries AS entry INDEXED BY credit_entries_open
  WHERE status = 'reserved' AND (organization_id, execution_id) > (?1, ?2) AND NOT EXISTS (
    SELECT 1 FROM executions INDEXED BY executions_live
    WHERE organization_id = entry.organization_id AND id = entry.execution_id AND NOT is_final)
  ORDER BY organization_id, execution_id LIMIT ?3`;

const listOpen = async (
  db: D1Database,
  { limit, after }: EntryPage<RunKey>,
): Promise<readonly OpenReservation[]> => {
  const { results } = await db
    .prepare(openSql)
    .bind(...runTexts(after ?? { organizationId: "", executionId: "" }), limit)
    .all<OpenReservation>();
  return results.map(({ organizationId, executionId, reservedAt }) => ({
    organizationId: textToId(organizationId),
    executionId: textToId(executionId),
    reservedAt,
  }));
};

/** A copy is not worth waiting for longer: the watchdog writes it. */
const patience = "1 second";

export const d1CreditServiceLayer = (
  db: D1Database,
  cache: KVNamespace,
): Layer.Layer<CreditService> => {
  const attempt = <A>(
    method: keyof CreditService["Service"],
    perform: () => Promise<A>,
  ): Effect.Effect<A, ServiceFailure> =>
    Effect.tryPromise({ try: perform, catch: storeFailureOf(`CreditService.${method}`) });
  return Layer.succeed(CreditService, {
    // By triggers on the rows of d1ExecutionStoreLayer. Where another store is used, the watchdog settles by its records.
    isSettledWithRecord: true,
    reserve: (reservation) => attempt("reserve", () => reserve(db, reservation)),
    extend: (extension) => attempt("extend", () => extend(db, extension)),
    settle: (settlement) => attempt("settle", () => settle(db, settlement)),
    publishUsage: (organizationId) =>
      Effect.tryPromise(() => publishUsage(db, cache, organizationId)).pipe(
        Effect.timeoutOption(patience),
        Effect.ignore,
      ),
    listUnpublished: (page) => attempt("listUnpublished", () => listUnpublished(db, page)),
    allot: (allotment) => attempt("allot", () => allot(db, allotment)),
    correct: (cost) => attempt("correct", () => correct(db, cost)),
    account: (organizationId) => attempt("account", () => readAccount(db, organizationId)),
    setPlan: (organizationId, plan) =>
      Effect.flatMap(countedPlan(plan), ({ type, allowance, overage }) =>
        attempt("setPlan", async () => {
          await db.prepare(planSql).bind(idToText(organizationId), type, allowance, overage).run();
        }),
      ),
    listEntries: (organizationId, page) =>
      attempt("listEntries", () => listEntries(db, organizationId, page)),
    listOpen: (page) => attempt("listOpen", () => listOpen(db, page)),
  });
};
