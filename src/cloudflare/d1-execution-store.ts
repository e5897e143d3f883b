/**
 * Runs in D1, a row each, and in R2, a record each. A final record is written before its row, so that what is listed is found.
 *
 * Final records are under `<organization>/executions/<id>.json` and written only where none is: R2 decides which final status
 * stands (STATUS-2), and the row follows. The record of a live run stands in its row, which spares a short run two round trips
 * to R2; one that is too large for that has a key of its own in R2, `live-executions`. Either way an old save that comes late
 * cannot touch a final record. A run in which nothing has happened yet has no record at all: its definition says it.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import type { SavedExecution } from "#services/execution-store";
import { ExecutionStore, isMereStart, otherInstance } from "#services/execution-store";
import { initialRecord, isInitialRecord } from "#services/run-start";
import { longestRowText, readDocument, readStart, storeStart } from "./d1-definitions.ts";
import type { RowTexts } from "./d1-execution-rows.ts";
import {
  acknowledgeRow,
  commandRow,
  listLiveRows,
  listRows,
  readCommandRow,
  upsertStatement,
} from "./d1-execution-rows.ts";
import { storeFailureOf } from "./d1-failure.ts";
import { idToText, textToId } from "./d1-text.ts";
import { jsonObject, onlyIfAbsent, readText } from "./r2-json.ts";
import { keySegment } from "./r2-key.ts";

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
  const text = await readText(bucket, key);
  return text === undefined ? undefined : (JSON.parse(text) as WorkflowExecution);
};

/** In one round trip and one transaction with what comes before it. False when what stands already stays. */
const writeRow = async (
  db: D1Database,
  before: readonly D1PreparedStatement[],
  saved: SavedExecution,
  texts: RowTexts,
): Promise<boolean> => {
  const upsert = upsertStatement(db, saved, texts);
  const written =
    before.length === 0 ? await upsert.run() : (await db.batch([...before, upsert])).at(-1);
  return (written?.meta.changes ?? 0) > 0;
};

/** A row that was not written, or not yet, may be that of another instance. */
const checkInstance = async (db: D1Database, saved: SavedExecution): Promise<void> => {
  const standing = await readCommandRow(db, saved.organizationId, saved.execution.id);
  if (standing !== undefined && standing.instanceId !== saved.instanceId) {
    throw otherInstance(saved);
  }
};

/** A run's instance is that of its first save for good, so that it need not be asked for again. */
interface LastOwned {
  key: string | undefined;
}

const ownedKeyOf = ({ organizationId, execution, instanceId }: SavedExecution): string =>
  JSON.stringify([organizationId, execution.id, instanceId]);

/** Gives the record that stands. */
type Save = (
  db: D1Database,
  bucket: R2Bucket,
  keys: RecordKeys,
  saved: SavedExecution,
  owned: LastOwned,
) => Promise<WorkflowExecution>;

const saveLive: Save = async (db, bucket, keys, saved, owned) => {
  const start = await storeStart(db, bucket, saved);
  const isInitial =
    start !== undefined &&
    (saved.isInitial === true || isInitialRecord(saved.execution, start.given));
  const text = isInitial ? null : JSON.stringify(saved.execution);
  const isLarge = text !== null && text.length > longestRowText;
  if (isLarge) await bucket.put(keys.live, text, jsonObject);
  const isWritten = await writeRow(db, start?.statements ?? [], saved, {
    liveRecord: isLarge ? null : text,
    params: start?.params ?? null,
    isInitial,
  });
  if (isWritten) {
    owned.key = ownedKeyOf(saved);
    return saved.execution;
  }
  if (!isMereStart(saved)) await checkInstance(db, saved);
  if (isLarge) await bucket.delete(keys.live);
  const { organizationId, execution } = saved;
  return (
    (await readRecord(bucket, keys.final)) ??
    (await readLive(db, bucket, keys, organizationId, execution.id)) ??
    execution
  );
};

const saveFinal: Save = async (db, bucket, keys, saved, owned) => {
  // The record comes before the row, which could tell no sooner. Whoever has saved the run before knows; one that ran nothing,
  // or goes on in another process, has not.
  if (owned.key !== ownedKeyOf(saved)) await checkInstance(db, saved);
  const text = JSON.stringify(saved.execution);
  const [written, start] = await Promise.all([
    bucket.put(keys.final, text, onlyIfAbsent),
    storeStart(db, bucket, saved),
  ]);
  // The save that wrote the record may have died before the row: the row is that record's all the same.
  const earlier = written === null ? await readRecord(bucket, keys.final) : undefined;
  const execution = earlier ?? saved.execution;
  await Promise.all([
    writeRow(
      db,
      start?.statements ?? [],
      { ...saved, execution },
      { liveRecord: null, params: start?.params ?? null, isInitial: false },
    ),
    // A final record is no shorter than the live ones before it, so a short one had none in R2.
    text.length > longestRowText ? bucket.delete(keys.live) : undefined,
  ]);
  return execution;
};

const liveRecordSql = `
  SELECT run.status, run.workflow_id AS workflowId, run.definition_hash AS hash, run.started_at AS startedAt,
    run.live_record AS record, run.is_initial AS isInitial, definition.document
  FROM executions AS run LEFT JOIN definitions AS definition
    ON run.is_initial AND definition.organization_id = run.organization_id
      AND definition.hash = run.definition_hash
  WHERE run.organization_id = ?1 AND run.id = ?2`;

interface LiveRecordRow {
  readonly status: WorkflowExecutionStatus;
  readonly workflowId: string;
  readonly hash: string;
  readonly startedAt: string;
  readonly record: string | null;
  readonly isInitial: 0 | 1;
  readonly document: string | null;
}

const readLive = async (
  db: D1Database,
  bucket: R2Bucket,
  keys: RecordKeys,
  organizationId: string,
  id: string,
): Promise<WorkflowExecution | undefined> => {
  const row = await db
    .prepare(liveRecordSql)
    .bind(idToText(organizationId), idToText(id))
    .first<LiveRecordRow>();
  if (row === null) return undefined;
  if (row.record !== null) return JSON.parse(row.record) as WorkflowExecution;
  if (row.isInitial === 0) return readRecord(bucket, keys.live);
  const { status, startedAt } = row;
  const workflowId = textToId(row.workflowId);
  const empty = { id, workflowId, status, nodeExecutions: [], startedAt, endedAt: null };
  const document = await readDocument(bucket, organizationId, row.hash, row.document);
  return document === undefined ? empty : initialRecord(JSON.parse(document) as Workflow, empty);
};

export const d1ExecutionStoreLayer = (
  db: D1Database,
  bucket: R2Bucket,
): Layer.Layer<ExecutionStore> => {
  const attempt = <A>(
    method: keyof ExecutionStore["Service"],
    perform: () => Promise<A>,
  ): Effect.Effect<A, ReturnType<ReturnType<typeof storeFailureOf>>> =>
    Effect.tryPromise({ try: perform, catch: storeFailureOf(`ExecutionStore.${method}`) });
  const owned: LastOwned = { key: undefined };
  return Layer.succeed(ExecutionStore, {
    save: (saved) =>
      attempt("save", async () => {
        const { id, status } = saved.execution;
        const keys = await recordKeysOf(saved.organizationId, id);
        return (isFinalStatus(status) ? saveFinal : saveLive)(db, bucket, keys, saved, owned);
      }),
    get: (organizationId, executionId) =>
      attempt("get", async () => {
        const keys = await recordKeysOf(organizationId, executionId);
        // The last read is for a run that ended between the first two.
        return (
          (await readRecord(bucket, keys.final)) ??
          (await readLive(db, bucket, keys, organizationId, executionId)) ??
          (await readRecord(bucket, keys.final))
        );
      }),
    list: (organizationId, options = {}) =>
      attempt("list", () => listRows(db, organizationId, options)),
    readStart: (organizationId, executionId) =>
      attempt("readStart", () => readStart(db, bucket, organizationId, executionId)),
    command: (organizationId, executionId, command) =>
      attempt("command", () => commandRow(db, organizationId, executionId, command)),
    readCommand: (organizationId, executionId) =>
      attempt("readCommand", () => readCommandRow(db, organizationId, executionId)),
    acknowledge: (organizationId, executionId, number) =>
      attempt("acknowledge", () => acknowledgeRow(db, organizationId, executionId, number)),
    listLive: (options) => attempt("listLive", () => listLiveRows(db, options)),
  });
};
