/**
 * Runs in D1, a row each, and in R2, a record each. A record is written before its row, so that what is listed is found.
 *
 * Final records are under `<organization>/executions/<id>.json` and written only where none is: R2 decides which final status
 * stands (STATUS-2), and the row follows. Records of live runs have a key of their own, `live-executions`. An old save that
 * comes late cannot touch a final record, and a short run does not meet R2's limit of one write a second on one key.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import { failureOf } from "#services/errors";
import type { ExecutionRow, ListOptions, SavedExecution } from "#services/execution-store";
import { ExecutionStore, rowOf } from "#services/execution-store";
import { keySegment } from "./r2-key.ts";

/** Does nothing to a row whose status is final. */
const upsertSql = `
  INSERT INTO executions (organization_id, id, user_id, workflow_id, workflow_name, definition_hash,
    status, is_final, error, usage, started_at, ended_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
  ON CONFLICT (organization_id, id) DO UPDATE SET
    user_id = excluded.user_id, workflow_id = excluded.workflow_id, workflow_name = excluded.workflow_name,
    definition_hash = excluded.definition_hash, status = excluded.status, is_final = excluded.is_final,
    error = excluded.error, usage = excluded.usage, started_at = excluded.started_at, ended_at = excluded.ended_at
  WHERE NOT executions.is_final`;

const listSql = (condition: string): string => `
  SELECT id, organization_id AS organizationId, user_id AS userId, workflow_id AS workflowId,
    workflow_name AS workflowName, definition_hash AS definitionHash, status, error, usage,
    started_at AS startedAt, ended_at AS endedAt
  FROM executions WHERE organization_id = ?1 ${condition}
  ORDER BY started_at DESC, id DESC LIMIT ?2`;

/** False when a final status stands already. */
const upsertRow = async (db: D1Database, row: ExecutionRow): Promise<boolean> => {
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

/** Gives the record that stands. */
type Save = (
  db: D1Database,
  bucket: R2Bucket,
  keys: RecordKeys,
  saved: SavedExecution,
) => Promise<WorkflowExecution>;

const saveLive: Save = async (db, bucket, keys, saved) => {
  await bucket.put(keys.live, JSON.stringify(saved.execution), json);
  if (await upsertRow(db, rowOf(saved))) return saved.execution;
  await bucket.delete(keys.live);
  return (await readRecord(bucket, keys.final)) ?? saved.execution;
};

const saveFinal: Save = async (db, bucket, keys, saved) => {
  const onlyIfAbsent = { ...json, onlyIf: { etagDoesNotMatch: "*" } };
  const written = await bucket.put(keys.final, JSON.stringify(saved.execution), onlyIfAbsent);
  // The save that wrote the record may have died before the row: the row is that record's all the same.
  const earlier = written === null ? await readRecord(bucket, keys.final) : undefined;
  const execution = earlier ?? saved.execution;
  await Promise.all([upsertRow(db, rowOf({ ...saved, execution })), bucket.delete(keys.live)]);
  return execution;
};

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
        catch: failureOf("ExecutionStore.save"),
      }),
    get: (organizationId, executionId) =>
      Effect.tryPromise({
        try: async () => {
          const keys = await recordKeysOf(organizationId, executionId);
          // The last read is for a run that ended between the first two.
          return (
            (await readRecord(bucket, keys.final)) ??
            (await readRecord(bucket, keys.live)) ??
            (await readRecord(bucket, keys.final))
          );
        },
        catch: failureOf("ExecutionStore.get"),
      }),
    list: (organizationId, options = {}) =>
      Effect.tryPromise({
        try: () => listRows(db, organizationId, options),
        catch: failureOf("ExecutionStore.list"),
      }),
  });
