/**
 * Integrations in D1, a row each: facts are plain, tokens are envelopes. A change of tokens is one statement, which compares the
 * version, so that of two that come at once one is too late (SECRET-3). Ids go through `d1-text.ts`.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ServiceFailure } from "#services/errors";
import type {
  IntegrationFacts,
  NewConnection,
  StoredIntegration,
  TokenChange,
  Tokens,
} from "#services/integration-store";
import {
  checkedConnection,
  inOrder,
  IntegrationStore,
  mostIntegrations,
  noRoom,
  tokenEnd,
} from "#services/integration-store";
import { idToText, textToId } from "./d1-text.ts";
import type { Sealed, SealedPlace } from "./envelope.ts";
import type { MasterKey } from "./master-key.ts";
import { rotateRows, sealedFailureOf } from "./sealed-rows.ts";

const ofOrganization = "organization_id = ?1 AND status <> 'removed'";
const ofId = `${ofOrganization} AND id = ?2`;

const keyTexts = (organizationId: string, id: string): readonly [string, string] => [
  idToText(organizationId),
  idToText(id),
];

const placeOf = (organizationId: string, id: string): SealedPlace => ({
  table: "integrations",
  organizationId,
  id,
});

/** All but what stands in other columns. */
type SealedTokens = Pick<Tokens, "accessToken" | "refreshToken">;

/** New tokens in the form of their row, which may be kept anywhere. */
export interface SealedChange extends TokenChange, Sealed {
  readonly expiresAt: number | null;
  readonly scopes: readonly string[];
}

export const sealChange = async (
  seal: MasterKey["seal"],
  { organizationId, id, version, now, tokens }: TokenChange & { readonly tokens: Tokens },
): Promise<SealedChange> => {
  const { accessToken, refreshToken, expiresAt, scopes } = tokens;
  const plain: SealedTokens = {
    accessToken,
    ...(refreshToken === undefined ? {} : { refreshToken }),
  };
  const sealed = await seal(placeOf(organizationId, id), JSON.stringify(plain));
  return { organizationId, id, version, now, expiresAt: tokenEnd(expiresAt), scopes, ...sealed };
};

/** Under the newest key, or the change itself when it is sealed under that already. */
export const resealChange = async (
  masterKey: MasterKey,
  change: SealedChange,
): Promise<SealedChange> => {
  if ((await masterKey.newestVersion()) <= change.keyVersion) return change;
  const place = placeOf(change.organizationId, change.id);
  return { ...change, ...(await masterKey.reseal(place, await masterKey.open(place, change))) };
};

/** Does nothing where there is no room; decided here, for two that come at once may have room for one. */
const connectSql = `
  INSERT INTO integrations
    (organization_id, id, status, version, provider, scopes, expires_at, connected_at, updated_at, key_version, envelope)
  SELECT ?1, ?2, 'connected', 1, ?3, ?4, ?5, ?6, ?6, ?7, ?8
  WHERE (SELECT COUNT(*) FROM integrations WHERE ${ofOrganization} AND id <> ?2) < ${mostIntegrations}
  ON CONFLICT (organization_id, id) DO UPDATE SET status = 'connected', version = version + 1, provider = excluded.provider,
    scopes = excluded.scopes, expires_at = excluded.expires_at, connected_at = excluded.connected_at,
    updated_at = excluded.updated_at, key_version = excluded.key_version, envelope = excluded.envelope`;

const connect = async (
  db: D1Database,
  masterKey: MasterKey,
  connection: NewConnection,
): Promise<"created" | "replaced"> => {
  const { organizationId, id, provider, now } = connection;
  const { scopes, expiresAt, keyVersion, envelope } = await sealChange(masterKey.seal, {
    ...connection,
    version: 0,
  });
  const key = keyTexts(organizationId, id);
  const [old, stored] = await db.batch([
    db.prepare(`SELECT 1 FROM integrations WHERE ${ofId}`).bind(...key),
    db
      .prepare(connectSql)
      .bind(
        ...key,
        idToText(provider),
        JSON.stringify(scopes),
        expiresAt,
        now,
        keyVersion,
        envelope,
      ),
  ]);
  if (stored!.meta.changes === 0) throw noRoom();
  return old!.results.length === 0 ? "created" : "replaced";
};

const ofVersion = `${ofId} AND version = ?3`;

const replaceSql = `
  UPDATE integrations SET status = 'connected', version = version + 1, updated_at = ?4, scopes = ?5, expires_at = ?6,
    key_version = ?7, envelope = ?8
  WHERE ${ofVersion}`;

/** False when the tokens have been changed meanwhile, or the integration is gone. */
export const storeSealedChange = async (
  db: D1Database,
  { organizationId, id, version, now, scopes, expiresAt, keyVersion, envelope }: SealedChange,
): Promise<boolean> => {
  const key = keyTexts(organizationId, id);
  const { meta } = await db
    .prepare(replaceSql)
    .bind(...key, version, now, JSON.stringify(scopes), expiresAt, keyVersion, envelope)
    .run();
  return meta.changes > 0;
};

const expireSql = `UPDATE integrations SET status = 'expired', updated_at = ?4 WHERE ${ofVersion}`;

const removeSql = `
  UPDATE integrations SET status = 'removed', scopes = '[]', expires_at = NULL, key_version = NULL, envelope = NULL
  WHERE ${ofId}`;

const factColumns =
  "id, provider, scopes, status, expires_at AS expiresAt, version, connected_at AS connectedAt, updated_at AS updatedAt";
const allColumns = `${factColumns}, key_version AS keyVersion, envelope`;

type FactRow = Omit<IntegrationFacts, "scopes"> & { readonly scopes: string };
type Row = FactRow & Sealed;

const factsOf = (row: FactRow): IntegrationFacts => ({
  id: textToId(row.id),
  provider: textToId(row.provider),
  scopes: JSON.parse(row.scopes) as readonly string[],
  status: row.status,
  expiresAt: row.expiresAt,
  version: row.version,
  connectedAt: row.connectedAt,
  updatedAt: row.updatedAt,
});

const opened = async (
  masterKey: MasterKey,
  organizationId: string,
  row: Row,
): Promise<StoredIntegration> => {
  const facts = factsOf(row);
  const plain = await masterKey.open(placeOf(organizationId, facts.id), row);
  const { scopes, expiresAt } = facts;
  return { ...facts, tokens: { ...(JSON.parse(plain) as SealedTokens), scopes, expiresAt } };
};

export const d1IntegrationStoreLayer = (
  db: D1Database,
  masterKey: MasterKey,
): Layer.Layer<IntegrationStore> => {
  const attempt = <A>(
    method: keyof IntegrationStore["Service"],
    perform: () => Promise<A>,
  ): Effect.Effect<A, ServiceFailure> =>
    Effect.tryPromise({ try: perform, catch: sealedFailureOf(`IntegrationStore.${method}`) });
  const rowsOf = async <A>(columns: string, organizationId: string): Promise<readonly A[]> => {
    const { results } = await db
      .prepare(`SELECT ${columns} FROM integrations WHERE ${ofOrganization}`)
      .bind(idToText(organizationId))
      .all<A>();
    return results;
  };
  return Layer.succeed(IntegrationStore, {
    connect: (connection) =>
      Effect.andThen(
        checkedConnection(connection),
        attempt("connect", () => connect(db, masterKey, connection)),
      ),
    remove: (organizationId, id) =>
      attempt("remove", async () => {
        const { meta } = await db
          .prepare(removeSql)
          .bind(...keyTexts(organizationId, id))
          .run();
        return meta.changes > 0;
      }),
    list: (organizationId) =>
      attempt("list", async () =>
        inOrder((await rowsOf<FactRow>(factColumns, organizationId)).map(factsOf)),
      ),
    read: (organizationId, id) =>
      attempt("read", async () => {
        const row = await db
          .prepare(`SELECT ${allColumns} FROM integrations WHERE ${ofId}`)
          .bind(...keyTexts(organizationId, id))
          .first<Row>();
        return row === null ? undefined : opened(masterKey, organizationId, row);
      }),
    readAll: (organizationId) =>
      attempt("readAll", async () => {
        const rows = await rowsOf<Row>(allColumns, organizationId);
        return inOrder(
          await Promise.all(rows.map((row) => opened(masterKey, organizationId, row))),
        );
      }),
    replaceTokens: (change) =>
      attempt("replaceTokens", async () =>
        storeSealedChange(db, await sealChange(masterKey.seal, change)),
      ),
    expire: ({ organizationId, id, version, now }) =>
      attempt("expire", async () => {
        const { meta } = await db
          .prepare(expireSql)
          .bind(...keyTexts(organizationId, id), version, now)
          .run();
        return meta.changes > 0;
      }),
    rotate: attempt("rotate", () =>
      rotateRows(db, masterKey, { name: "integrations", idColumn: "id" }),
    ),
  });
};
