/**
 * What tables of sealed values have in common: their failures, and sealing anew what stands under older master keys. A row has
 * `organization_id`, an id, `key_version` and `envelope`, and an index by `key_version`.
 */
import { ServiceFailure } from "#services/errors";
import type { Rotation } from "#services/secret-store";
import { storeFailureOf } from "./d1-failure.ts";
import { textToId } from "./d1-text.ts";
import type { Sealed, SealedPlace } from "./envelope.ts";
import type { MasterKey } from "./master-key.ts";

/** For `Effect.tryPromise`: what the master key says stands as it is. */
export const sealedFailureOf =
  (operation: string) =>
  (cause: unknown): ServiceFailure =>
    cause instanceof ServiceFailure ? cause : storeFailureOf(operation)(cause);

export interface SealedTable {
  readonly name: SealedPlace["table"];
  /** The column that tells the rows of an organization apart. */
  readonly idColumn: string;
}

/** A value may be 64 KiB, and a page of them is read and written at once. */
const pageSize = 50;

interface SealedRow extends Sealed {
  readonly organization: string;
  readonly id: string;
}

/** In the order of the index, from which rows drop out as they are sealed anew. */
const pageSql = ({ name, idColumn }: SealedTable): string => `
  SELECT key_version AS keyVersion, organization_id AS organization, ${idColumn} AS id, envelope FROM ${name}
  WHERE key_version < ?1 AND (key_version, organization_id, ${idColumn}) > (?2, ?3, ?4)
  ORDER BY key_version, organization_id, ${idColumn} LIMIT ${pageSize}`;

/** No two envelopes are alike: nothing that was written since the row was read is undone. */
const updateSql = ({ name, idColumn }: SealedTable): string => `
  UPDATE ${name} SET key_version = ?4, envelope = ?5
  WHERE organization_id = ?1 AND ${idColumn} = ?2 AND envelope = ?3`;

interface Pass {
  readonly resealed: number;
  /** Of rows that do not open. */
  readonly failures: readonly ServiceFailure[];
  /** Whether rows were found that opened, so that another pass may find what was written meanwhile. */
  readonly isLast: boolean;
}

/** Once through all rows under older keys. A row that does not open is no reason to leave the others. */
const runPass = async (
  db: D1Database,
  masterKey: MasterKey,
  table: SealedTable,
  newest: number,
): Promise<Pass> => {
  const failures: ServiceFailure[] = [];
  let resealed = 0;
  let opened = 0;
  let after: readonly (string | number)[] = [0, "", ""];
  for (;;) {
    const { results } = await db
      .prepare(pageSql(table))
      .bind(newest, ...after)
      .all<SealedRow>();
    const updates: D1PreparedStatement[] = [];
    for (const row of results) {
      const place = {
        table: table.name,
        organizationId: textToId(row.organization),
        id: textToId(row.id),
      };
      try {
        const sealed = await masterKey.reseal(place, await masterKey.open(place, row));
        // A binding may give what it was before, for a while: such rows would be sealed anew for ever.
        if (sealed.keyVersion < newest) throw new Error("The newest master key is gone again");
        updates.push(
          db
            .prepare(updateSql(table))
            .bind(row.organization, row.id, row.envelope, sealed.keyVersion, sealed.envelope),
        );
      } catch (cause) {
        if (!(cause instanceof ServiceFailure && cause.isFinal === true)) throw cause;
        failures.push(cause);
      }
    }
    opened += updates.length;
    if (updates.length > 0) {
      for (const { meta } of await db.batch(updates)) resealed += meta.changes;
    }
    const last = results.at(-1);
    if (last === undefined || results.length < pageSize) break;
    after = [last.keyVersion, last.organization, last.id];
  }
  return { resealed, failures, isLast: opened === 0 };
};

/**
 * Seals under the newest key what stands under older ones, again until nothing is left: others may write under an older key
 * meanwhile. What was done stays done, so that one that fails on its way can be repeated.
 */
export const rotateRows = async (
  db: D1Database,
  masterKey: MasterKey,
  table: SealedTable,
): Promise<Rotation> => {
  const newest = await masterKey.newestVersion();
  let resealed = 0;
  for (;;) {
    const pass = await runPass(db, masterKey, table, newest);
    resealed += pass.resealed;
    if (!pass.isLast) continue;
    const [first] = pass.failures;
    if (first === undefined) return { resealed };
    const all = resealed + pass.failures.length;
    throw new ServiceFailure({
      operation: first.operation,
      message: `${resealed} of ${all} rows of ${table.name} were sealed under the newest master key. The first that was not: ${first.message}`,
      isFinal: true,
    });
  }
};
