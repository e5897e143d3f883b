/**
 * How the embedded Worker tells whether the master key opens what is sealed: by opening it, with the stores that every node
 * reads it from. Of all organizations, as the key is.
 */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { textToId } from "#cloudflare/d1-text";
import type { ServiceFailure } from "#services/errors";
import { IntegrationStore } from "#services/integration-store";
import { SecretStore } from "#services/secret-store";
import type { LocalCalls, SealedCheck, SealedCount, SealedRow } from "./local-protocol.ts";

/** What is used of D1. */
interface Database {
  readonly prepare: (sql: string) => {
    readonly all: <Row>() => Promise<{ readonly results: readonly Row[] }>;
  };
}

type Stores = IntegrationStore | SecretStore;

const countSql = `
  SELECT organization_id AS organizationId, sum(secret) AS secrets, sum(1 - secret) AS integrations
  FROM (
    SELECT organization_id, 1 AS secret FROM secrets
    UNION ALL
    SELECT organization_id, 0 FROM integrations WHERE envelope IS NOT NULL
  )
  GROUP BY organization_id ORDER BY organization_id`;

export const countSealed = async (db: Database): Promise<readonly SealedCount[]> => {
  const { results } = await db.prepare(countSql).all<SealedCount>();
  return results.map((row) => ({ ...row, organizationId: textToId(row.organizationId) }));
};

const rowsSql = `
  SELECT 'secret' AS kind, organization_id AS organizationId, name AS id, key_version AS keyVersion FROM secrets
  UNION ALL
  SELECT 'integration', organization_id, id, key_version FROM integrations WHERE envelope IS NOT NULL
  ORDER BY keyVersion, kind DESC, organizationId, id`;

const readRows = async (db: Database): Promise<readonly SealedRow[]> => {
  const { results } = await db.prepare(rowsSql).all<SealedRow>();
  return results.map((row) => ({
    ...row,
    organizationId: textToId(row.organizationId),
    id: textToId(row.id),
  }));
};

/** Whatever it holds stays here. */
const open = ({
  kind,
  organizationId,
  id,
}: SealedRow): Effect.Effect<void, ServiceFailure, Stores> =>
  kind === "secret"
    ? Effect.asVoid(SecretStore.use(({ read }) => read(organizationId, id)))
    : Effect.asVoid(IntegrationStore.use(({ read }) => read(organizationId, id)));

/** A failure that another try may mend says nothing of the key. */
const isOpen = (row: SealedRow): Effect.Effect<boolean, ServiceFailure, Stores> =>
  Effect.flatMap(Effect.result(open(row)), (opened) =>
    Result.isFailure(opened) && opened.failure.isFinal !== true
      ? Effect.fail(opened.failure)
      : Effect.succeed(Result.isSuccess(opened)),
  );

const firstOfEach = (rows: readonly SealedRow[]): readonly SealedRow[] =>
  Array.from(
    Map.groupBy(rows, ({ kind, keyVersion }) => `${kind} ${keyVersion}`),
    ([, [first]]) => first!,
  );

type CheckRequest = LocalCalls["checkSealed"]["request"];

export const checkSealed = (
  db: Database,
  { isThorough, except, organizationId: only }: CheckRequest,
): Effect.Effect<SealedCheck, ServiceFailure, Stores> =>
  Effect.gen(function* () {
    const rows = yield* Effect.promise(() => readRows(db));
    const others = rows.filter(
      ({ kind, organizationId, id }) =>
        (only === undefined || organizationId === only) &&
        (except?.kind !== kind || except.organizationId !== organizationId || except.id !== id),
    );
    const looked = isThorough ? others : firstOfEach(others);
    const opened = yield* Effect.forEach(looked, isOpen, { concurrency: 16 });
    return {
      versions: [...new Set(rows.map(({ keyVersion }) => keyVersion))],
      unopened: looked[opened.indexOf(false)] ?? null,
    };
  });
