/**
 * Runs in D1, a row each, and in R2, a record each. A final record is written before its row, so that what is listed is found.
 *
 * Final records are under `<organization>/executions/<id>.json` and written only where none is: R2 decides which final status
 * stands (STATUS-2), and the row follows. The record of a live run stands in its row, which spares a short run two round trips
 * to R2; one that is too large for that has a key of its own in R2, `live-executions`. Either way an old save that comes late
 * cannot touch a final record.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import { failureOf, ServiceFailure } from "#services/errors";
import type { ExecutionRow, ListOptions, SavedExecution } from "#services/execution-store";
import { ExecutionStore, rowOf } from "#services/execution-store";
import { keySegment } from "./r2-key.ts";

/** Does nothing to a row whose status is final. */
const upsertSql = `
  INSERT INTO executions (organization_id, id, user_id, workflow_id, workflow_name, definition_hash,
    status, is_final, error, usage, started_at, ended_at, live_record)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
  ON CONFLICT (organization_id, id) DO UPDATE SET
    user_id = excluded.user_id, workflow_id = excluded.workflow_id, workflow_name = excluded.workflow_name,
    definition_hash = excluded.definition_hash, status = excluded.status, is_final = excluded.is_final,
    error = excluded.error, usage = excluded.usage, started_at = excluded.started_at, ended_at = excluded.ended_at,
    live_record = excluded.live_record
  WHERE NOT executions.is_final`;

const listSql = (condition: string): string => `
  SELECT id, organization_id AS organizationId, user_id AS userId, workflow_id AS workflowId,
    workflow_name AS workflowName, definition_hash AS definitionHash, status, error, usage,
    started_at AS startedAt, ended_at AS endedAt
  FROM executions WHERE organization_id = ?1 ${condition}
  ORDER BY started_at DESC, id DESC LIMIT ?2`;

/** False when a final status stands already. */
const upsertRow = async (
  db: D1Database,
  row: ExecutionRow,
  liveRecord: string | null,
): Promise<boolean> => {
  const { meta } = await db
    .prepare(upsertSql)
    .bind(
      row.organizationId,
      row.id,
      row.userId,
      row.workflowId,
      row.workflowName,
      row.definitionHash,
      row.status,
      isFinalStatus(row.status) ? 1 : 0,
      row.error,
      row.usage,
      row.startedAt,
      row.endedAt,
      liveRecord,
    )
    .run();
  return meta.changes > 0;
};

const listRows = async (
  db: D1Database,
  organizationId: string,
  { status, limit = 50 }: ListOptions,
): Promise<readonly ExecutionRow[]> => {
  const statement =
    status === undefined
      ? db.prepare(listSql("")).bind(organizationId, limit)
      : db.prepare(listSql("AND status = ?3")).bind(organizationId, limit, status);
  return (await statement.all<ExecutionRow>()).results;
};

interface RecordKeys {
  readonly final: string;
  readonly live: string;
}

const recordKeysOf = async (organizationId: string, executionId: string): Promise<RecordKeys> => {
  const organization = await keySegment(organizationId);
  const execution = await keySegment(executionId);
  return {
    final: `${organization}/executions/${execution}.json`,
    live: `${organization}/live-executions/${execution}.json`,
  };
};

const readRecord = async (
  bucket: R2Bucket,
  key: string,
): Promise<WorkflowExecution | undefined> => {
  const object = await bucket.get(key);
  return object === null ? undefined : object.json<WorkflowExecution>();
};

const json: R2PutOptions = { httpMetadata: { contentType: "application/json" } };

/** Characters of JSON. Well below D1's 2 MB for a row, whatever the characters are. */
const longestLiveRecord = 250_000;

/** Gives the record that stands. */
type Save = (
  db: D1Database,
  bucket: R2Bucket,
  keys: RecordKeys,
  saved: SavedExecution,
) => Promise<WorkflowExecution>;

const saveLive: Save = async (db, bucket, keys, saved) => {
  const text = JSON.stringify(saved.execution);
  const isLarge = text.length > longestLiveRecord;
  if (isLarge) await bucket.put(keys.live, text, json);
  if (await upsertRow(db, rowOf(saved), isLarge ? null : text)) return saved.execution;
  if (isLarge) await bucket.delete(keys.live);
  return (await readRecord(bucket, keys.final)) ?? saved.execution;
};

const saveFinal: Save = async (db, bucket, keys, saved) => {
  const text = JSON.stringify(saved.execution);
  const onlyIfAbsent = { ...json, onlyIf: { etagDoesNotMatch: "*" } };
  const written = await bucket.put(keys.final, text, onlyIfAbsent);
  // The save that wrote the record may have died before the row: the row is that record's all the same.
  const earlier = written === null ? await readRecord(bucket, keys.final) : undefined;
  const execution = earlier ?? saved.execution;
  const row = upsertRow(db, rowOf({ ...saved, execution }), null);
  // A final record is no shorter than the live ones before it, so a short one had none in R2.
  await Promise.all([row, text.length > longestLiveRecord ? bucket.delete(keys.live) : undefined]);
  return execution;
};

const liveRecordSql = `SELECT live_record AS record FROM executions WHERE organization_id = ?1 AND id = ?2`;

const readLive = async (
  db: D1Database,
  bucket: R2Bucket,
  keys: RecordKeys,
  organizationId: string,
  executionId: string,
): Promise<WorkflowExecution | undefined> => {
  const row = await db
    .prepare(liveRecordSql)
    .bind(organizationId, executionId)
    .first<{ readonly record: string | null }>();
  if (row === null) return undefined;
  return row.record === null
    ? readRecord(bucket, keys.live)
    : (JSON.parse(row.record) as WorkflowExecution);
};

/** A database without its tables is the one failure that no second try mends. D1 tells it in words alone. */
const storeFailureOf =
  (operation: string) =>
  (cause: unknown): ServiceFailure =>
    cause instanceof Error && cause.message.includes("no such table")
      ? new ServiceFailure({
          operation,
          message:
            "The database has no tables. Apply Pawl's migrations: wrangler d1 migrations apply DATABASE --local (or --remote)",
          cause,
          isFinal: true,
        })
      : failureOf(operation)(cause);

export const d1ExecutionStoreLayer = (
  db: D1Database,
  bucket: R2Bucket,
): Layer.Layer<ExecutionStore> =>
  Layer.succeed(ExecutionStore, {
    save: (saved) =>
      Effect.tryPromise({
        try: async () => {
          const { id, status } = saved.execution;
          const keys = await recordKeysOf(saved.organizationId, id);
          return (isFinalStatus(status) ? saveFinal : saveLive)(db, bucket, keys, saved);
        },
        catch: storeFailureOf("ExecutionStore.save"),
      }),
    get: (organizationId, executionId) =>
      Effect.tryPromise({
        try: async () => {
          const keys = await recordKeysOf(organizationId, executionId);
          // The last read is for a run that ended between the first two.
          return (
            (await readRecord(bucket, keys.final)) ??
            (await readLive(db, bucket, keys, organizationId, executionId)) ??
            (await readRecord(bucket, keys.final))
          );
        },
        catch: storeFailureOf("ExecutionStore.get"),
      }),
    list: (organizationId, options = {}) =>
      Effect.tryPromise({
        try: () => listRows(db, organizationId, options),
        catch: storeFailureOf("ExecutionStore.list"),
      }),
  });
