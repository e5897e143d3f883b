/**
 * What runs were started with: a document once for each organization and hash, in D1, and the rest in the run's row. What is
 * too large for a row is in R2, under `definitions` and `params`, where it is written once and never changes.
 */
import type { ExecuteParams } from "#core/execution-context";
import type { SavedExecution } from "#services/execution-store";
import { startOf, startTextsOf } from "#services/run-start";
import { idToText } from "./d1-text.ts";
import { keySegment } from "./r2-key.ts";
import { onlyIfAbsent, readText } from "./r2-json.ts";

/** Characters of JSON. Two such texts are well below D1's 2 MB for a row, whatever the characters are. */
export const longestRowText = 250_000;

const definitionKeyOf = async (organizationId: string, hash: string): Promise<string> =>
  `${await keySegment(organizationId)}/definitions/${await keySegment(hash)}.json`;

const paramsKeyOf = async (organizationId: string, executionId: string): Promise<string> =>
  `${await keySegment(organizationId)}/params/${await keySegment(executionId)}.json`;

/** Looks first: many runs of one definition may start at once, and R2 takes one write a second for a key. */
const putOnce = async (bucket: R2Bucket, key: string, text: string): Promise<void> => {
  if ((await bucket.head(key)) === null) await bucket.put(key, text, onlyIfAbsent);
};

/** No `OR IGNORE`, which would also pass over a row that breaks a rule. */
const insertSql = `
  INSERT INTO definitions (organization_id, hash, document) VALUES (?1, ?2, ?3)
  ON CONFLICT (organization_id, hash) DO NOTHING`;

/** What goes to D1 with the run's row, once all else has been stored. */
export interface StoredStart {
  readonly given: ExecuteParams;
  readonly params: string | null;
  /** One, or none when the document is in R2. */
  readonly statements: readonly D1PreparedStatement[];
}

/** Undefined when nothing is known of the start. */
export const storeStart = async (
  db: D1Database,
  bucket: R2Bucket,
  { organizationId, definitionHash, execution, start }: SavedExecution,
): Promise<StoredStart | undefined> => {
  const texts = start && startTextsOf(start);
  if (start === undefined || texts === undefined) return undefined;
  const { document, params } = texts;
  const areParamsLarge = params.length > longestRowText;
  const isDocumentLarge = document.length > longestRowText;
  await Promise.all([
    areParamsLarge && putOnce(bucket, await paramsKeyOf(organizationId, execution.id), params),
    isDocumentLarge &&
      putOnce(bucket, await definitionKeyOf(organizationId, definitionHash), document),
  ]);
  return {
    given: start,
    params: areParamsLarge ? null : params,
    statements: isDocumentLarge
      ? []
      : [db.prepare(insertSql).bind(idToText(organizationId), definitionHash, document)],
  };
};

/** `document` is what D1 has of it. */
export const readDocument = async (
  bucket: R2Bucket,
  organizationId: string,
  hash: string,
  document: string | null,
): Promise<string | undefined> =>
  document ?? (await readText(bucket, await definitionKeyOf(organizationId, hash)));

const startSql = `
  SELECT run.params, run.definition_hash AS hash, definition.document
  FROM executions AS run LEFT JOIN definitions AS definition
    ON definition.organization_id = run.organization_id AND definition.hash = run.definition_hash
  WHERE run.organization_id = ?1 AND run.id = ?2`;

interface StartRow {
  readonly params: string | null;
  readonly hash: string;
  readonly document: string | null;
}

export const readStart = async (
  db: D1Database,
  bucket: R2Bucket,
  organizationId: string,
  executionId: string,
): Promise<ExecuteParams | undefined> => {
  const row = await db
    .prepare(startSql)
    .bind(idToText(organizationId), idToText(executionId))
    .first<StartRow>();
  if (row === null) return undefined;
  const params =
    row.params ?? (await readText(bucket, await paramsKeyOf(organizationId, executionId)));
  if (params === undefined) return undefined;
  const document = await readDocument(bucket, organizationId, row.hash, row.document);
  return document === undefined ? undefined : startOf({ params, document });
};
