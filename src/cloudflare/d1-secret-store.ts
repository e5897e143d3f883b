/** Secrets in D1, a row each: names and times are plain, values are envelopes. Ids go through `d1-text.ts`. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { KnownSecret } from "#core/mask";
import type { SecretSum } from "#core/secret";
import { mostSecretBytes, mostSecrets } from "#core/secret";
import type { ServiceFailure } from "#services/errors";
import type { NewSecret, SecretFacts } from "#services/secret-store";
import { byName, checkedSecret, noRoomFor, SecretStore } from "#services/secret-store";
import { idToText, textToId } from "./d1-text.ts";
import type { Sealed, SealedPlace } from "./envelope.ts";
import { valueBytesSql } from "./envelope.ts";
import type { MasterKey } from "./master-key.ts";
import { rotateRows, sealedFailureOf } from "./sealed-rows.ts";

const ofName = "organization_id = ?1 AND name = ?2";

const placeOf = (organizationId: string, name: string): SealedPlace => ({
  table: "secrets",
  organizationId,
  id: name,
});

/** The organization's others together, and whether one has this name. */
const othersSql = `
  SELECT COUNT(*) FILTER (WHERE name = ?2) AS old, COUNT(*) FILTER (WHERE name <> ?2) AS count,
    COALESCE(SUM(${valueBytesSql("envelope")}) FILTER (WHERE name <> ?2), 0) AS bytes
  FROM secrets WHERE organization_id = ?1`;

/** Does nothing where there is no room; decided here, for two that come at once may have room for one. */
const setSql = `
  INSERT INTO secrets (organization_id, name, key_version, envelope, created_at, updated_at)
  SELECT ?1, ?2, ?3, ?4, ?5, ?5
  WHERE (
    SELECT COUNT(*) < ${mostSecrets} AND COALESCE(SUM(${valueBytesSql("envelope")}), 0) + ${valueBytesSql("?4")} <= ${mostSecretBytes}
    FROM secrets WHERE organization_id = ?1 AND name <> ?2
  )
  ON CONFLICT (organization_id, name)
  DO UPDATE SET key_version = excluded.key_version, envelope = excluded.envelope, updated_at = excluded.updated_at`;

const setSecret = async (
  db: D1Database,
  masterKey: MasterKey,
  secret: NewSecret,
): Promise<"created" | "replaced"> => {
  const { organizationId, name, value, now } = secret;
  const { keyVersion, envelope } = await masterKey.seal(placeOf(organizationId, name), value);
  const key = [idToText(organizationId), idToText(name)];
  const [found, stored] = await db.batch<SecretSum & { readonly old: number }>([
    db.prepare(othersSql).bind(...key),
    db.prepare(setSql).bind(...key, keyVersion, envelope, now),
  ]);
  const others = found!.results[0]!;
  if (stored!.meta.changes === 0) throw noRoomFor(secret, others);
  return others.old === 0 ? "created" : "replaced";
};

const listSql = `
  SELECT name, key_version AS keyVersion, created_at AS createdAt, updated_at AS updatedAt
  FROM secrets WHERE organization_id = ?1`;

const listSecrets = async (
  db: D1Database,
  organizationId: string,
): Promise<readonly SecretFacts[]> => {
  const { results } = await db.prepare(listSql).bind(idToText(organizationId)).all<SecretFacts>();
  return byName(results.map((row) => ({ ...row, name: textToId(row.name) })));
};

const sealedColumns = "key_version AS keyVersion, envelope";

const readSecret = async (
  db: D1Database,
  masterKey: MasterKey,
  organizationId: string,
  name: string,
): Promise<string | undefined> => {
  const sealed = await db
    .prepare(`SELECT ${sealedColumns} FROM secrets WHERE ${ofName}`)
    .bind(idToText(organizationId), idToText(name))
    .first<Sealed>();
  return sealed === null ? undefined : masterKey.open(placeOf(organizationId, name), sealed);
};

const readSecrets = async (
  db: D1Database,
  masterKey: MasterKey,
  organizationId: string,
): Promise<readonly KnownSecret[]> => {
  const { results } = await db
    .prepare(`SELECT name, ${sealedColumns} FROM secrets WHERE organization_id = ?1`)
    .bind(idToText(organizationId))
    .all<Sealed & { readonly name: string }>();
  const secrets = results.map(async (row) => {
    const name = textToId(row.name);
    return { name, value: await masterKey.open(placeOf(organizationId, name), row) };
  });
  return byName(await Promise.all(secrets));
};

export const d1SecretStoreLayer = (
  db: D1Database,
  masterKey: MasterKey,
): Layer.Layer<SecretStore> => {
  const attempt = <A>(
    method: keyof SecretStore["Service"],
    perform: () => Promise<A>,
  ): Effect.Effect<A, ServiceFailure> =>
    Effect.tryPromise({ try: perform, catch: sealedFailureOf(`SecretStore.${method}`) });
  return Layer.succeed(SecretStore, {
    set: (secret) =>
      Effect.flatMap(checkedSecret(secret), (checked) =>
        attempt("set", () => setSecret(db, masterKey, checked)),
      ),
    remove: (organizationId, name) =>
      attempt("remove", async () => {
        const { meta } = await db
          .prepare(`DELETE FROM secrets WHERE ${ofName}`)
          .bind(idToText(organizationId), idToText(name))
          .run();
        return meta.changes > 0;
      }),
    list: (organizationId) => attempt("list", () => listSecrets(db, organizationId)),
    read: (organizationId, name) =>
      attempt("read", () => readSecret(db, masterKey, organizationId, name)),
    readAll: (organizationId) =>
      attempt("readAll", () => readSecrets(db, masterKey, organizationId)),
    rotate: attempt("rotate", () =>
      rotateRows(db, masterKey, { name: "secrets", idColumn: "name" }),
    ),
  });
};
