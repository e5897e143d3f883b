/**
 * Waits in D1, a row each. Whether an answer is in time and which wait it means is decided by the statement that stores it,
 * so that of an answer, a deadline and the end of a run that come at once one wins. Ids go through `d1-text.ts`.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { JsonValue } from "#core/value";
import type { ServiceFailure } from "#services/errors";
import type {
  AnswerResult,
  StandingWait,
  UnsettledWait,
  Wait,
  WaitAnswer,
  WaitFacts,
  WaitKey,
  WaitOutcome,
} from "#services/wait-store";
import {
  answerText,
  inOrder,
  noSuchWait,
  questionText,
  refusalOf,
  WaitStore,
} from "#services/wait-store";
import { storeFailureOf } from "./d1-failure.ts";
import { idToText, textToId } from "./d1-text.ts";

const ofRun = "organization_id = ?1 AND execution_id = ?2";
const ofNode = `${ofRun} AND node_id = ?3`;
const ofKey = `${ofNode} AND name = ?4`;

const runTexts = ({
  organizationId,
  executionId,
}: Pick<WaitKey, "organizationId" | "executionId">): readonly string[] => [
  idToText(organizationId),
  idToText(executionId),
];

const keyTexts = (key: WaitKey): readonly string[] => [
  ...runTexts(key),
  idToText(key.nodeId),
  idToText(key.name),
];

const waitColumns = `node_id AS nodeId, name, event_type AS eventType, instance_id AS instanceId, opened_at AS openedAt, deadline, question`;
const outcomeColumns = "status, answer, answered_at AS answeredAt";

interface WaitRow {
  readonly nodeId: string;
  readonly name: string;
  readonly eventType: string;
  readonly instanceId: string | null;
  readonly openedAt: number;
  readonly deadline: number | null;
  readonly question: string;
}

type OutcomeRow =
  | { readonly status: "answered"; readonly answer: string; readonly answeredAt: number }
  | { readonly status: "open" | "expired" | "closed" };

const waitOf = (organizationId: string, executionId: string, row: WaitRow): Wait => ({
  organizationId,
  executionId,
  nodeId: textToId(row.nodeId),
  name: textToId(row.name),
  eventType: textToId(row.eventType),
  ...(row.instanceId === null ? {} : { instanceId: textToId(row.instanceId) }),
  openedAt: row.openedAt,
  deadline: row.deadline,
  question: JSON.parse(row.question) as JsonValue,
});

const outcomeOf = (row: OutcomeRow): WaitOutcome =>
  row.status === "answered"
    ? {
        status: row.status,
        data: JSON.parse(row.answer) as JsonValue,
        answeredAt: row.answeredAt,
      }
    : { status: row.status };

const openSql = `
  INSERT INTO waits (organization_id, execution_id, node_id, name, event_type, instance_id, opened_at, deadline, question, status)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'open')
  ON CONFLICT (organization_id, execution_id, node_id, name) DO NOTHING`;

const openWait = async (db: D1Database, wait: Wait, question: string): Promise<Wait> => {
  const key = keyTexts(wait);
  const { eventType, openedAt, deadline } = wait;
  const instance = wait.instanceId === undefined ? null : idToText(wait.instanceId);
  const [, read] = await db.batch<WaitRow>([
    db.prepare(openSql).bind(...key, idToText(eventType), instance, openedAt, deadline, question),
    db.prepare(`SELECT ${waitColumns} FROM waits WHERE ${ofKey}`).bind(...key),
  ]);
  return waitOf(wait.organizationId, wait.executionId, read!.results[0]!);
};

const expireSql = `
  UPDATE waits SET status = 'expired' WHERE ${ofKey} AND status = 'open' AND deadline <= ?5`;

const takeSql = `
  UPDATE waits SET is_taken = 1 WHERE ${ofKey} AND status = 'answered' AND NOT is_taken`;

const settleWait = async (
  db: D1Database,
  key: WaitKey,
  now: number,
): Promise<WaitOutcome | undefined> => {
  const texts = keyTexts(key);
  const [, , read] = await db.batch<OutcomeRow>([
    db.prepare(expireSql).bind(...texts, now),
    db.prepare(takeSql).bind(...texts),
    db.prepare(`SELECT ${outcomeColumns} FROM waits WHERE ${ofKey}`).bind(...texts),
  ]);
  const row = read!.results[0];
  return row && outcomeOf(row);
};

const isAnswerable = "status = 'open' AND (deadline IS NULL OR deadline > ?5)";

/** Without a name (null), only a wait that is alone in being open is meant. */
const answerSql = `
  UPDATE waits SET status = 'answered', answer = ?6, answered_at = ?5
  WHERE ${ofNode} AND ${isAnswerable} AND CASE
    WHEN ?4 IS NULL THEN (SELECT COUNT(*) FROM waits WHERE ${ofNode} AND ${isAnswerable}) = 1
    ELSE name = ?4 END
  RETURNING ${waitColumns}`;

/** Without the answers, which may be large. */
const factsSql = `
  SELECT node_id AS nodeId, name, opened_at AS openedAt, deadline, status, answered_at AS answeredAt
  FROM waits WHERE ${ofNode}`;

const answerWait = async (
  db: D1Database,
  answer: WaitAnswer,
  text: string,
): Promise<AnswerResult> => {
  const { organizationId, executionId, name, now } = answer;
  const node = [...runTexts(answer), idToText(answer.nodeId)];
  const nameText = name === undefined ? null : idToText(name);
  const [update, read] = await db.batch([
    db.prepare(answerSql).bind(...node, nameText, now, text),
    db.prepare(factsSql).bind(...node),
  ]);
  const [answered] = (update as D1Result<WaitRow>).results;
  if (answered !== undefined) {
    return { status: "accepted", wait: waitOf(organizationId, executionId, answered) };
  }
  const waits = (read as D1Result<WaitFacts>).results;
  return refusalOf(
    waits.map((wait) => ({ ...wait, nodeId: textToId(wait.nodeId), name: textToId(wait.name) })),
    answer,
  );
};

const listWaits = async (
  db: D1Database,
  organizationId: string,
  executionId: string,
): Promise<readonly StandingWait[]> => {
  const { results } = await db
    .prepare(`SELECT ${waitColumns}, ${outcomeColumns} FROM waits WHERE ${ofRun}`)
    .bind(...runTexts({ organizationId, executionId }))
    .all<WaitRow & OutcomeRow>();
  return inOrder(
    results.map((row) => ({ ...waitOf(organizationId, executionId, row), ...outcomeOf(row) })),
  );
};

const unsettledSql = `
  SELECT ${waitColumns}, status FROM waits
  WHERE ${ofRun} AND (status = 'open' OR (status = 'answered' AND NOT is_taken))`;

const listUnsettledWaits = async (
  db: D1Database,
  organizationId: string,
  executionId: string,
): Promise<readonly UnsettledWait[]> => {
  const { results } = await db
    .prepare(unsettledSql)
    .bind(...runTexts({ organizationId, executionId }))
    .all<WaitRow & Pick<UnsettledWait, "status">>();
  return inOrder(
    results.map((row) => ({ ...waitOf(organizationId, executionId, row), status: row.status })),
  );
};

const closeSql = `UPDATE waits SET status = 'closed' WHERE ${ofRun} AND status = 'open'`;

export const d1WaitStoreLayer = (db: D1Database): Layer.Layer<WaitStore> => {
  const attempt = <A>(
    method: keyof WaitStore["Service"],
    perform: () => Promise<A>,
  ): Effect.Effect<A, ServiceFailure> =>
    Effect.tryPromise({ try: perform, catch: storeFailureOf(`WaitStore.${method}`) });
  return Layer.succeed(WaitStore, {
    open: (wait) =>
      Effect.flatMap(questionText(wait), (text) => attempt("open", () => openWait(db, wait, text))),
    settle: (key, now) =>
      Effect.flatMap(
        attempt("settle", () => settleWait(db, key, now)),
        (outcome) =>
          outcome === undefined ? Effect.fail(noSuchWait(key)) : Effect.succeed(outcome),
      ),
    answer: (answer) =>
      Effect.flatMap(answerText(answer), (text) =>
        attempt("answer", () => answerWait(db, answer, text)),
      ),
    list: (organizationId, executionId) =>
      attempt("list", () => listWaits(db, organizationId, executionId)),
    listUnsettled: (organizationId, executionId) =>
      attempt("listUnsettled", () => listUnsettledWaits(db, organizationId, executionId)),
    close: (organizationId, executionId) =>
      attempt("close", async () => {
        await db
          .prepare(closeSql)
          .bind(...runTexts({ organizationId, executionId }))
          .run();
      }),
  });
};
