/**
 * Credits in D1: the ledger, the accounts whose sums its triggers keep, and what nodes of runs with a budget were allotted.
 * Whether something fits is decided by the statement that stores it. KV carries a copy of what was spent (CREDIT-3), which takes
 * one write a second for a key: the account notes that it is missing, and one writer at a time claims it.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { CountedPlan } from "#core/credits";
import { countPlan, creditsOfMicro, microCredits, planOfCounted } from "#core/credits";
import type {
  Allotment,
  CreditAccount,
  CreditEntry,
  EntryPage,
  NodeCost,
  OpenReservation,
  Reservation,
  Settlement,
} from "#services/credit-service";
import { CreditService } from "#services/credit-service";
import type { ServiceFailure } from "#services/errors";
import { storeFailureOf } from "./d1-failure.ts";
import { idToText, textToId } from "./d1-text.ts";
import { keySegment } from "./r2-key.ts";

type RunKey = Pick<OpenReservation, "organizationId" | "executionId">;

const ofRun = "organization_id = ?1 AND execution_id = ?2";
const ofNode = `${ofRun} AND node_id = ?3`;

const runTexts = ({ organizationId, executionId }: RunKey): readonly [string, string] => [
  idToText(organizationId),
  idToText(executionId),
];

/** An entry that stands already is no conflict but a reservation that was asked for before. */
const reserveSql = `
  INSERT INTO credit_entries (organization_id, execution_id, status, estimate, reserved_at)
  SELECT ?1, ?2, 'reserved', ?3, ?5
  WHERE ?3 <= ?4
    AND NOT EXISTS (SELECT 1 FROM credit_entries WHERE ${ofRun})
    AND NOT EXISTS (
      SELECT 1 FROM credit_accounts
      WHERE organization_id = ?1 AND reserved + spent + ?3 > MIN(?4, COALESCE(plan_limit, ?4)))`;

const reserve = async (db: D1Database, reservation: Reservation): Promise<boolean> => {
  const texts = runTexts(reservation);
  const estimate = microCredits(reservation.estimate);
  const limit = microCredits(reservation.limit);
  const [, read] = await db.batch([
    db.prepare(reserveSql).bind(...texts, estimate, limit, reservation.now),
    db.prepare(`SELECT 1 FROM credit_entries WHERE ${ofRun}`).bind(...texts),
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

/** What KV holds under `usageKeyOf`: compute credits, and milliseconds since 1970 by the database's clock. */
export interface UsageCopy {
  readonly spent: number;
  readonly updatedAt: number;
}

/** Between copies, since KV takes a write a second for a key; in milliseconds, as the next one. */
const copyGap = 1_000;
/** That whoever writes a copy has for it before another may: a late copy in the place of a newer one would stand for good. */
const copyTime = 30_000;
const clock = "(SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now)";

/** Lets one at a time write a copy. A time that is further off was set by another clock, and counts for nothing. */
const claimSql = `
  UPDATE credit_accounts SET publish_after = now + ${copyTime} FROM ${clock}
  WHERE organization_id = ?1 AND is_unpublished
    AND publish_after NOT BETWEEN now + 1 AND now + ${copyTime}
  RETURNING spent, publish_after - ${copyTime} AS updatedAt`;

/**
 * Something is missing still when the copy could not be written, or more was spent meanwhile: also when another has written that,
 * since of two copies nobody knows which one stands.
 */
const copiedSql = `
  UPDATE credit_accounts SET
    is_unpublished = ?2 IS NOT spent,
    publish_after = iif(publish_after = ?3 + ${copyTime}, now + ${copyGap}, publish_after)
  FROM ${clock} WHERE organization_id = ?1`;

/** Ids that KV takes as they are, and that fit its keys. */
const plainId = /^(?!~)[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,100}$/u;

/** Under which key of KV the copy of an organization's account is. An unusual id is escaped behind a `~`. */
export const usageKeyOf = async (organizationId: string): Promise<string> =>
  `${plainId.test(organizationId) ? organizationId : `~${await keySegment(organizationId)}`}:compute-usage`;

const publish = async (
  db: D1Database,
  cache: KVNamespace,
  organizationId: string,
): Promise<void> => {
  const id = idToText(organizationId);
  const claimed = await db.prepare(claimSql).bind(id).first<UsageCopy>();
  if (claimed === null) return;
  const { spent, updatedAt } = claimed;
  const copy: UsageCopy = { spent: creditsOfMicro(spent), updatedAt };
  let copied: number | null = null;
  try {
    await cache.put(await usageKeyOf(organizationId), JSON.stringify(copy));
    copied = spent;
  } finally {
    await db.prepare(copiedSql).bind(id, copied, updatedAt).run();
  }
};

const unpublishedSql = `
  SELECT organization_id AS organizationId FROM credit_accounts INDEXED BY credit_accounts_unpublished
  WHERE is_unpublished AND organization_id > ?1 ORDER BY organization_id LIMIT ?2`;

const listUnpublished = async (
  db: D1Database,
  { limit, after }: EntryPage<string>,
): Promise<readonly string[]> => {
  const { results } = await db
    .prepare(unpublishedSql)
    .bind(idToText(after ?? ""), limit)
    .all<{ readonly organizationId: string }>();
  return results.map(({ organizationId }) => textToId(organizationId));
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
  const amounts = [allotment.cost, allotment.carried, allotment.budget].map(microCredits);
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
  SELECT execution_id AS executionId, status, estimate, usage, reserved_at AS reservedAt, settled_at AS settledAt
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
    settle: (settlement) => attempt("settle", () => settle(db, settlement)),
    publishUsage: (organizationId) =>
      Effect.tryPromise(() => publish(db, cache, organizationId)).pipe(
        Effect.timeoutOption(patience),
        Effect.ignore,
      ),
    listUnpublished: (page) => attempt("listUnpublished", () => listUnpublished(db, page)),
    allot: (allotment) => attempt("allot", () => allot(db, allotment)),
    correct: (cost) => attempt("correct", () => correct(db, cost)),
    account: (organizationId) => attempt("account", () => readAccount(db, organizationId)),
    setPlan: (organizationId, plan) =>
      attempt("setPlan", async () => {
        const { type, allowance, overage } = countPlan(plan);
        await db.prepare(planSql).bind(idToText(organizationId), type, allowance, overage).run();
      }),
    listEntries: (organizationId, page) =>
      attempt("listEntries", () => listEntries(db, organizationId, page)),
    listOpen: (page) => attempt("listOpen", () => listOpen(db, page)),
  });
};
