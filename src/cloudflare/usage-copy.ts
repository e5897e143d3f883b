/**
 * The copy in KV of what an organization has spent (CREDIT-3). KV takes one write a second for a key: the account notes that the
 * copy is missing, and one writer at a time claims it.
 */
import { creditsOfMicro } from "#core/credits";
import type { EntryPage } from "#services/credit-service";
import { idToText, textToId } from "./d1-text.ts";
import { keySegment } from "./r2-key.ts";

/** What KV holds under `usageKeyOf`: compute credits, and milliseconds since 1970 by the database's clock. */
export interface UsageCopy {
  readonly spent: number;
  readonly updatedAt: number;
}

/** Between copies, since KV takes a write a second for a key; in milliseconds, as the next one. */
const copyGap = 1_000;
/** That whoever writes a copy has for it before another may: a late copy in the place of a newer one would stand for good. */
const copyTime = 30_000;
const clock = "(SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now)";

/** Lets one at a time write a copy. A time that is further off was set by another clock, and counts for nothing. */
const claimSql = `
  UPDATE credit_accounts SET publish_after = now + ${copyTime} FROM ${clock}
  WHERE organization_id = ?1 AND is_unpublished
    AND publish_after NOT BETWEEN now + 1 AND now + ${copyTime}
  RETURNING spent, publish_after - ${copyTime} AS updatedAt`;

/**
 * Something is missing still when the copy could not be written, or more was spent meanwhile: also when another has written that,
 * since of two copies nobody knows which one stands.
 */
const copiedSql = `
  UPDATE credit_accounts SET
    is_unpublished = ?2 IS NOT spent,
    publish_after = iif(publish_after = ?3 + ${copyTime}, now + ${copyGap}, publish_after)
  FROM ${clock} WHERE organization_id = ?1`;

/** Ids that KV takes as they are, and that fit its keys. */
const plainId = /^(?!~)[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,100}$/u;

/** Under which key of KV the copy of an organization's account is. An unusual id is escaped behind a `~`. */
export const usageKeyOf = async (organizationId: string): Promise<string> =>
  `${plainId.test(organizationId) ? organizationId : `~${await keySegment(organizationId)}`}:compute-usage`;

export const publishUsage = async (
  db: D1Database,
  cache: KVNamespace,
  organizationId: string,
): Promise<void> => {
  const id = idToText(organizationId);
  const claimed = await db.prepare(claimSql).bind(id).first<UsageCopy>();
  if (claimed === null) return;
  const { spent, updatedAt } = claimed;
  const copy: UsageCopy = { spent: creditsOfMicro(spent), updatedAt };
  let copied: number | null = null;
  try {
    await cache.put(await usageKeyOf(organizationId), JSON.stringify(copy));
    copied = spent;
  } finally {
    await db.prepare(copiedSql).bind(id, copied, updatedAt).run();
  }
};

const unpublishedSql = `
  SELECT organization_id AS organizationId FROM credit_accounts INDEXED BY credit_accounts_unpublished
  WHERE is_unpublished AND organization_id > ?1 ORDER BY organization_id LIMIT ?2`;

export const listUnpublished = async (
  db: D1Database,
  { limit, after }: EntryPage<string>,
): Promise<readonly string[]> => {
  const { results } = await db
    .prepare(unpublishedSql)
    .bind(idToText(after ?? ""), limit)
    .all<{ readonly organizationId: string }>();
  return results.map(({ organizationId }) => textToId(organizationId));
};
