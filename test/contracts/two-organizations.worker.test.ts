/** Two organizations over D1, R2, KV and the refresher's Durable Objects. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { expect, test } from "vitest";
import { tokenRefresherLayer } from "#cloudflare/do-token-refresher";
import { usageKeyOf } from "#cloudflare/usage-copy";
import { cloudflareServices } from "#cloudflare/layers";
import { keySegment } from "#cloudflare/r2-key";
import { CreditService } from "#services/credit-service";
import { ExecutionStore } from "#services/execution-store";
import { IntegrationStore } from "#services/integration-store";
import { ObjectStore } from "#services/object-store";
import { ResourceProvider } from "#services/resource-provider";
import { SecretStore } from "#services/secret-store";
import { TokenRefresher } from "#services/token-refresher";
import { WaitStore } from "#services/wait-store";
import { likeOrganizations, nastyIds, unpairedIds } from "./nasty-ids.ts";
import { twoOrganizationsContract } from "./two-organizations.contract.ts";

const { DB, OBJECTS, CACHE, TOKEN_REFRESHER } = env;

/** The ledger keeps its entries while there is an account. */
const tables = [
  "credit_accounts",
  "credit_entries",
  "credit_allotments",
  "credit_excesses",
  "executions",
  "definitions",
  "waits",
  "secrets",
  "integrations",
];

const emptied = async (): Promise<void> => {
  await DB.batch(tables.map((table) => DB.prepare(`DELETE FROM ${table}`)));
  const { objects } = await OBJECTS.list();
  await OBJECTS.delete(objects.map(({ key }) => key));
  for (const { name } of (await CACHE.list()).keys) await CACHE.delete(name);
};

twoOrganizationsContract("Cloudflare", async () => {
  await emptied();
  return Effect.runPromise(
    Effect.all({
      ExecutionStore,
      WaitStore,
      ObjectStore,
      CreditService,
      SecretStore,
      IntegrationStore,
      ResourceProvider,
      TokenRefresher,
    }).pipe(
      Effect.provide(Layer.merge(cloudflareServices(env), tokenRefresherLayer(TOKEN_REFRESHER))),
    ),
  );
});

test("every table begins with the organization, so that no row is anybody's", async () => {
  const { results } = await DB.prepare(
    `SELECT name, (SELECT name FROM pragma_table_info(sqlite_master.name) WHERE pk = 1) AS first
     FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*'
       AND name <> 'd1_migrations'`,
  ).all<{ readonly name: string; readonly first: string }>();
  expect(results.map(({ name, first }) => `${name}: ${first}`).toSorted()).toEqual(
    tables.map((table) => `${table}: organization_id`).toSorted(),
  );
});

/** Of keys in R2, and of the copy of an account in KV: different organizations, different names. */
test("no two organizations share a name in R2 or KV", async () => {
  const organizations = [
    ...new Set([...nastyIds, ...likeOrganizations, ...unpairedIds, "", "caf\u00e9", "cafe\u0301"]),
  ];
  const segments = await Promise.all(organizations.map(keySegment));
  expect(new Set(segments).size).toBe(organizations.length);
  expect(segments.filter((segment) => segment.includes("/"))).toEqual([]);
  const keys = await Promise.all(organizations.map(usageKeyOf));
  expect(new Set(keys).size).toBe(organizations.length);
});
