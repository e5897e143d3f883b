/** The copy in KV of what organizations have spent: written seldom, by one at a time, and the newest one at last. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { d1CreditServiceLayer } from "#cloudflare/d1-credit-service";
import { usageKeyOf } from "#cloudflare/usage-copy";
import { CreditService } from "#services/credit-service";
import type { ServiceFailure } from "#services/errors";
import { failing, queriesOf, withMethods } from "../support/d1-queries.ts";
import { creditsOf } from "./credit-service.contract.ts";
import { asText, likeOrganizations, nastyIds, unpairedIds } from "./nasty-ids.ts";

const { DB, CACHE } = env;
const run = Effect.runPromise;
const { tripsOf } = queriesOf(DB);

const creditService = (db = DB, cache = CACHE): CreditService["Service"] =>
  Effect.runSync(Effect.provide(CreditService, d1CreditServiceLayer(db, cache)));

const readCopy = async (organizationId: string): Promise<unknown> =>
  CACHE.get(await usageKeyOf(organizationId), "json");

const whenWritten = expect.any(Number) as number;

describe("the copy in KV of what was spent", () => {
  const publishedBy = (cache: KVNamespace, organizationId: string): Promise<void> =>
    run(creditService(DB, cache).publishUsage(organizationId));
  const unpublished = (): Promise<readonly string[]> =>
    run(creditService().listUnpublished({ limit: 1_000 }));
  /** As if the account's last copy were older. */
  const pass = async (millis: number, organizationId: string): Promise<void> => {
    const sql = `UPDATE credit_accounts SET publish_after = publish_after - ?2 WHERE organization_id = ?1`;
    await DB.prepare(sql).bind(organizationId, millis).run();
  };
  const second = 1_000;
  /** A cache that tells when a write has come to it, and lets it wait. */
  const heldCache = () => {
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    const put = async (key: string, value: string): Promise<void> => {
      asked.resolve();
      await answered.promise;
      await CACHE.put(key, value);
    };
    return {
      cache: withMethods(CACHE, { put }),
      asked: asked.promise,
      answer: answered.resolve,
    };
  };

  it("is in credits, and there once it is published", async () => {
    const { reserve, settle } = creditsOf(creditService(), "copied");
    await reserve("a", 2);
    await reserve("b", 3);
    await settle("a", 1.5);
    expect(await readCopy("copied")).toBeNull();
    expect(await unpublished()).toContain("copied");
    const before = Date.now();
    await publishedBy(CACHE, "copied");
    const first = (await CACHE.get("copied:compute-usage", "json")) as { updatedAt: number };
    expect(first).toEqual({ spent: 1.5, updatedAt: whenWritten });
    expect(Math.abs(first.updatedAt - before)).toBeLessThan(60_000);
    expect(await unpublished()).not.toContain("copied");
    await settle("b", 0);
    expect(await unpublished()).not.toContain("copied");
  });

  it("of an organization that nobody knows is not made", async () => {
    await publishedBy(CACHE, "nobody");
    expect(await readCopy("nobody")).toBeNull();
  });

  it("is written once a second at most, and stays due until it is the newest", async () => {
    const credits = creditsOf(creditService(), "often");
    await credits.settle("a", 1);
    await publishedBy(CACHE, "often");
    await credits.settle("b", 2);
    await publishedBy(CACHE, "often");
    expect(await readCopy("often")).toEqual({ spent: 1, updatedAt: whenWritten });
    expect(await unpublished()).toContain("often");
    await pass(second, "often");
    await publishedBy(CACHE, "often");
    expect(await readCopy("often")).toEqual({ spent: 3, updatedAt: whenWritten });
    expect(await unpublished()).not.toContain("often");
    // A database that has moved may have another clock.
    await pass(-3_600 * second, "often");
    await credits.settle("c", 4);
    await publishedBy(CACHE, "often");
    expect(await readCopy("often")).toEqual({ spent: 7, updatedAt: whenWritten });
  });

  it("costs a run two trips to D1 and one to KV, and those that end with it one to D1", async () => {
    const organizationId = "ends at once";
    let puts = 0;
    const put = async (key: string, value: string): Promise<void> => {
      puts++;
      await CACHE.put(key, value);
    };
    const counted = withMethods(CACHE, { put });
    const credits = creditService(DB, counted);
    const end = (id: string): Effect.Effect<void, ServiceFailure> =>
      credits
        .settle({ organizationId, executionId: id, usage: 1, now: 1 })
        .pipe(Effect.andThen(credits.publishUsage(organizationId)));
    expect([await tripsOf(end("first")), puts]).toEqual([1 + 2, 1]);
    await pass(second, organizationId);
    const runs = Array.from({ length: 50 }, (_, index) => end(`run ${index}`));
    const trips = await tripsOf(Effect.all(runs, { concurrency: "unbounded" }));
    expect([trips, puts]).toEqual([50 * 2 + 1, 2]);
    await pass(second, organizationId);
    await run(credits.publishUsage(organizationId));
    expect(puts).toBeLessThanOrEqual(3);
    expect(await readCopy(organizationId)).toEqual({ spent: 51, updatedAt: whenWritten });
    expect(await unpublished()).not.toContain(organizationId);
  });

  it("stays due when more is spent while it is written, and nobody else writes one meanwhile", async () => {
    const credits = creditsOf(creditService(), "meanwhile");
    const { cache, asked, answer } = heldCache();
    await credits.settle("a", 1);
    const publishing = publishedBy(cache, "meanwhile");
    await asked;
    await pass(20 * second, "meanwhile");
    await credits.settle("b", 2);
    await publishedBy(CACHE, "meanwhile");
    expect(await readCopy("meanwhile")).toBeNull();
    await pass(-20 * second, "meanwhile");
    answer();
    await publishing;
    expect(await readCopy("meanwhile")).toEqual({ spent: 1, updatedAt: whenWritten });
    expect(await unpublished()).toContain("meanwhile");
    await pass(second, "meanwhile");
    await publishedBy(CACHE, "meanwhile");
    expect(await readCopy("meanwhile")).toEqual({ spent: 3, updatedAt: whenWritten });
  });

  it("is due again when a late writer has put an older one in its place", async () => {
    const credits = creditsOf(creditService(), "crossed");
    const { cache, asked, answer } = heldCache();
    await credits.settle("a", 1);
    const publishing = publishedBy(cache, "crossed");
    await asked;
    await pass(30 * second, "crossed");
    await credits.settle("b", 2);
    await publishedBy(CACHE, "crossed");
    expect(await readCopy("crossed")).toEqual({ spent: 3, updatedAt: whenWritten });
    expect(await unpublished()).not.toContain("crossed");
    answer();
    await publishing;
    expect(await readCopy("crossed")).toEqual({ spent: 1, updatedAt: whenWritten });
    expect(await unpublished()).toContain("crossed");
    await pass(second, "crossed");
    await publishedBy(CACHE, "crossed");
    expect(await readCopy("crossed")).toEqual({ spent: 3, updatedAt: whenWritten });
    expect(await unpublished()).not.toContain("crossed");
  });

  it("is written by one at a time, also when one comes to an end late", async () => {
    const credits = creditsOf(creditService(), "late");
    const [first, next] = [heldCache(), heldCache()];
    await credits.settle("a", 1);
    const late = publishedBy(first.cache, "late");
    await first.asked;
    await pass(30 * second, "late");
    await credits.settle("b", 2);
    const publishing = publishedBy(next.cache, "late");
    await next.asked;
    first.answer();
    await late;
    await pass(second, "late");
    await publishedBy(CACHE, "late");
    expect(await readCopy("late")).toEqual({ spent: 1, updatedAt: whenWritten });
    await pass(-second, "late");
    next.answer();
    await publishing;
    expect(await readCopy("late")).toEqual({ spent: 3, updatedAt: whenWritten });
    expect(await unpublished()).not.toContain("late");
  });

  it.each([
    ["fails", 1, { put: failing }],
    ["refuses a write", 1, { put: () => Promise.reject(new Error("429 Too Many Requests")) }],
    ["never answers", 30, { put: () => new Promise<never>(() => {}) }],
  ])("fails nobody and stays due when KV %s", async (title, seconds, methods) => {
    const cache = withMethods(CACHE, methods as unknown as Partial<KVNamespace>);
    await creditsOf(creditService(), title).settle("a", 4);
    const before = Date.now();
    await publishedBy(cache, title);
    expect(Date.now() - before).toBeLessThan(3_000);
    expect(await readCopy(title)).toBeNull();
    expect(await unpublished()).toContain(title);
    await publishedBy(CACHE, title);
    expect(await readCopy(title)).toBeNull();
    await pass(seconds * second, title);
    await publishedBy(CACHE, title);
    expect(await readCopy(title)).toEqual({ spent: 4, updatedAt: whenWritten });
    expect(await unpublished()).not.toContain(title);
  });

  it("has a key of its own for every organization, whatever it is called, within 512 bytes", async () => {
    const organizations = [
      ...new Set([
        ...nastyIds,
        ...likeOrganizations,
        ...unpairedIds,
        "~a",
        "~%5Cn%5Ct",
        "acme inc",
      ]),
      "猫".repeat(100),
      "猫".repeat(101),
      "🐾".repeat(100),
    ];
    const keys = await Promise.all(organizations.map(usageKeyOf));
    expect(new Set(keys).size).toBe(organizations.length);
    for (const name of keys) {
      expect(new TextEncoder().encode(name).byteLength).toBeLessThanOrEqual(512);
    }
    expect(await Promise.all(["acme", "acme inc", "a/b", "café", "🐾"].map(usageKeyOf))).toEqual(
      ["acme", "acme inc", "a/b", "café", "🐾"].map((id) => `${id}:compute-usage`),
    );
    const credits = creditService();
    for (const [index, organizationId] of organizations.entries()) {
      await creditsOf(credits, organizationId).settle("copy", index + 0.5);
      await run(credits.publishUsage(organizationId));
    }
    for (const organizationId of organizations) {
      const { spent } = await run(credits.account(organizationId));
      const copy = await readCopy(organizationId);
      expect([asText(organizationId), copy]).toEqual([
        asText(organizationId),
        { spent, updatedAt: whenWritten },
      ]);
    }
  });
});
