/**
 * The rows of runs in D1: writing one, listing them, and the commands that stand in them. Ids go in and come out through
 * `d1-text.ts`. Every statement but the watchdog's names the organization first (ACCESS-1).
 */
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import { isFinalStatus } from "#core/lifecycle";
import type {
  ExecutionRow,
  ListOptions,
  LiveOptions,
  LiveRow,
  SavedExecution,
} from "#services/execution-store";
import { rowOf, savedAtOf } from "#services/execution-store";
import type {
  RunCommand,
  RunInstance,
  StandingCommand,
  StoredCommand,
} from "#services/run-command";
import { addressed, answerToOldNews, newsAfter } from "#services/run-command";
import { idToText, textToId } from "./d1-text.ts";

/** Does nothing to a final row, to one that another instance has begun, nor to any when all it says is `submitted`. Leaves commands alone, and the params of the first save that had some. */
const upsertSql = `
  INSERT INTO executions (organization_id, id, user_id, workflow_id, workflow_name, definition_hash,
    status, is_final, error, usage, started_at, ended_at, live_record, params, is_initial, updated_at, instance_id)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
  ON CONFLICT (organization_id, id) DO UPDATE SET
    user_id = excluded.user_id, workflow_id = excluded.workflow_id, workflow_name = excluded.workflow_name,
    definition_hash = excluded.definition_hash, status = excluded.status, is_final = excluded.is_final,
    error = excluded.error, usage = excluded.usage, started_at = excluded.started_at, ended_at = excluded.ended_at,
    live_record = excluded.live_record, params = COALESCE(executions.params, excluded.params),
    is_initial = excluded.is_initial, updated_at = MAX(executions.updated_at, excluded.updated_at)
  WHERE NOT executions.is_final AND executions.instance_id IS excluded.instance_id
    AND NOT (excluded.is_initial AND excluded.status = 'submitted')`;

/** What of a run's JSON stands in its row. */
export interface RowTexts {
  readonly liveRecord: string | null;
  readonly params: string | null;
  readonly isInitial: boolean;
}

export const upsertStatement = (
  db: D1Database,
  saved: SavedExecution,
  { liveRecord, params, isInitial }: RowTexts,
): D1PreparedStatement => {
  const row = rowOf(saved);
  return db
    .prepare(upsertSql)
    .bind(
      idToText(row.organizationId),
      idToText(row.id),
      idToText(row.userId),
      idToText(row.workflowId),
      idToText(row.workflowName),
      row.definitionHash,
      row.status,
      isFinalStatus(row.status) ? 1 : 0,
      row.error,
      row.usage,
      row.startedAt,
      row.endedAt,
      liveRecord,
      params,
      isInitial ? 1 : 0,
      savedAtOf(saved),
      saved.instanceId === undefined ? null : idToText(saved.instanceId),
    );
};

interface InstanceRow {
  readonly instanceId: string | null;
}

const instanceOf = ({ instanceId }: InstanceRow): RunInstance =>
  instanceId === null ? {} : { instanceId: textToId(instanceId) };

const listSql = (conditions: string): string => `
  SELECT id, organization_id AS organizationId, user_id AS userId, workflow_id AS workflowId,
    workflow_name AS workflowName, definition_hash AS definitionHash, status, error, usage,
    started_at AS startedAt, ended_at AS endedAt
  FROM executions WHERE organization_id = ? ${conditions}
  ORDER BY started_at DESC, id DESC LIMIT ?`;

export const listRows = async (
  db: D1Database,
  organizationId: string,
  { status, workflowId, before, limit = 50 }: ListOptions,
): Promise<readonly ExecutionRow[]> => {
  const conditions: string[] = [];
  const values: string[] = [];
  const where = (condition: string, ...bound: readonly string[]): void => {
    conditions.push(`AND ${condition}`);
    values.push(...bound);
  };
  if (status !== undefined) where("status = ?", status);
  if (workflowId !== undefined) where("workflow_id = ?", idToText(workflowId));
  if (before !== undefined) {
    where("(started_at, id) < (?, ?)", before.startedAt, idToText(before.id));
  }
  const { results } = await db
    .prepare(listSql(conditions.join(" ")))
    .bind(idToText(organizationId), ...values, limit)
    .all<ExecutionRow>();
  return results.map((row) => ({
    ...row,
    id: textToId(row.id),
    organizationId,
    userId: textToId(row.userId),
    workflowId: textToId(row.workflowId),
    workflowName: textToId(row.workflowName),
  }));
};

/** Named, so that it is an error and no full scan when the index should not fit. */
const listLiveSql = `
  SELECT organization_id AS organizationId, id, status, started_at AS startedAt, updated_at AS updatedAt,
    command, command_number AS commandNumber, acknowledged_number AS acknowledgedNumber,
    instance_id AS instanceId
  FROM executions INDEXED BY executions_live
  WHERE NOT is_final AND (organization_id, id) > (?1, ?2)
  ORDER BY organization_id, id LIMIT ?3`;

export const listLiveRows = async (
  db: D1Database,
  { limit, after }: LiveOptions,
): Promise<readonly LiveRow[]> => {
  // Ids are not empty, so that every row comes after this one.
  const { organizationId, id } = after ?? { organizationId: "", id: "" };
  const { results } = await db
    .prepare(listLiveSql)
    .bind(idToText(organizationId), idToText(id), limit)
    .all<Omit<LiveRow, "instanceId"> & InstanceRow>();
  return results.map(({ instanceId, ...row }) => ({
    ...row,
    organizationId: textToId(row.organizationId),
    id: textToId(row.id),
    ...instanceOf({ instanceId }),
  }));
};

const commandSql = `
  UPDATE executions SET command = ?3, command_number = command_number + 1
  WHERE organization_id = ?1 AND id = ?2 AND NOT is_final
    AND COALESCE(command, 'none') IN (SELECT value FROM json_each(?4))`;

const standingSql = `
  SELECT status, is_final AS isFinal, command, command_number AS number, instance_id AS instanceId
  FROM executions WHERE organization_id = ?1 AND id = ?2`;

interface StandingRow extends StandingCommand, InstanceRow {
  readonly status: WorkflowExecutionStatus;
  readonly isFinal: 0 | 1;
}

/** One transaction: what is read is what the update left. */
export const commandRow = async (
  db: D1Database,
  organizationId: string,
  executionId: string,
  command: RunCommand,
): Promise<StoredCommand> => {
  const key = [idToText(organizationId), idToText(executionId)];
  const [update, read] = await db.batch<StandingRow>([
    db.prepare(commandSql).bind(...key, command, JSON.stringify(newsAfter[command])),
    db.prepare(standingSql).bind(...key),
  ]);
  const standing = read!.results[0];
  if (standing === undefined) return { status: "unknown" };
  if (standing.isFinal === 1) return { status: "ended", as: standing.status };
  const { command: current, number } = standing;
  const result =
    update!.meta.changes > 0
      ? ({ status: "accepted", number } as const)
      : answerToOldNews(command, { command: current, number });
  return addressed(result, instanceOf(standing));
};

export const readCommandRow = async (
  db: D1Database,
  organizationId: string,
  executionId: string,
): Promise<(StandingCommand & RunInstance) | undefined> => {
  const row = await db
    .prepare(standingSql)
    .bind(idToText(organizationId), idToText(executionId))
    .first<StandingRow>();
  return row === null
    ? undefined
    : { command: row.command, number: row.number, ...instanceOf(row) };
};

const acknowledgeSql = `
  UPDATE executions SET acknowledged_number = ?3
  WHERE organization_id = ?1 AND id = ?2 AND acknowledged_number < ?3`;

export const acknowledgeRow = async (
  db: D1Database,
  organizationId: string,
  executionId: string,
  number: number,
): Promise<void> => {
  await db
    .prepare(acknowledgeSql)
    .bind(idToText(organizationId), idToText(executionId), number)
    .run();
};
