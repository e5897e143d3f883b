/** Integrations in D1 and their refresher in a Durable Object: the contracts, and what is theirs alone. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import { describe, expect, it, vi } from "vitest";
import { d1IntegrationStoreLayer } from "#cloudflare/d1-integration-store";
import { tokenRefresherLayer } from "#cloudflare/do-token-refresher";
import { masterKeyOf } from "#cloudflare/master-key";
import { ServiceFailure } from "#services/errors";
import { IntegrationStore } from "#services/integration-store";
import { TokenRefresher } from "#services/token-refresher";
import type { Refreshers } from "./integration-refresher.contract.ts";
import { tokenRefresherContract } from "./integration-refresher.contract.ts";
import { integrationStoreContract } from "./integration-store.contract.ts";

const { DB, MASTER_KEY, TOKEN_REFRESHER } = env;

const storeLayer = () => d1IntegrationStoreLayer(DB, masterKeyOf(MASTER_KEY));

const open = (): Refreshers => ({
  store: Effect.runSync(Effect.provide(IntegrationStore, storeLayer())),
  refresher: Effect.runSync(Effect.provide(TokenRefresher, tokenRefresherLayer(TOKEN_REFRESHER))),
});

integrationStoreContract("D1", storeLayer);
tokenRefresherContract("Durable Object", open);

const run = Effect.runPromise;
const oldKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const newKey = "HxwdHhscGRoYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=";

const storeWith = (masterKey: string, db = DB): IntegrationStore["Service"] =>
  Effect.runSync(
    Effect.provide(IntegrationStore, d1IntegrationStoreLayer(db, masterKeyOf(masterKey))),
  );

const tokens = {
  accessToken: "a plain access token",
  refreshToken: "a plain refresh token",
  expiresAt: 5_000,
  scopes: ["read"],
};

const connection = (organizationId: string) => ({
  organizationId,
  id: "mail",
  provider: "test",
  tokens,
  now: 1_000,
});

const rowOf = (organizationId: string) =>
  DB.prepare("SELECT * FROM integrations WHERE organization_id = ?").bind(organizationId).first();

describe("d1IntegrationStoreLayer", () => {
  it("leaves no token in a row, and nothing of one that was removed but its number", async () => {
    const store = storeWith(oldKey);
    await run(store.connect(connection("rows")));
    const row = await rowOf("rows");
    expect(JSON.stringify(row)).not.toContain("plain");
    expect(row).toMatchObject({
      status: "connected",
      version: 1,
      expires_at: 5_000,
      key_version: 1,
    });
    await run(store.remove("rows", "mail"));
    expect(await rowOf("rows")).toMatchObject({
      status: "removed",
      version: 1,
      scopes: "[]",
      expires_at: null,
      key_version: null,
      envelope: null,
    });
  });

  it("reads and removes what stands there under an id that could not be connected today", async () => {
    const store = storeWith(oldKey);
    const [id, organizationId] = ["odd\n", "odd rows"];
    const key = masterKeyOf(oldKey);
    const { keyVersion, envelope } = await key.seal(
      { table: "integrations", organizationId, id },
      JSON.stringify({ accessToken: "an old token" }),
    );
    await DB.prepare(
      `INSERT INTO integrations
        (organization_id, id, status, version, provider, scopes, expires_at, connected_at, updated_at, key_version, envelope)
       VALUES (?, ?, 'connected', 1, 'test', '[]', NULL, 1, 1, ?, ?)`,
    )
      .bind(organizationId, id, keyVersion, envelope)
      .run();
    expect((await run(store.read(organizationId, id)))?.tokens.accessToken).toBe("an old token");
    expect((await run(store.list(organizationId))).map((one) => one.id)).toEqual([id]);
    expect(await run(store.remove(organizationId, id))).toBe(true);
    expect(await run(store.list(organizationId))).toEqual([]);
  });

  it("opens no envelope in a row that it does not belong to", async () => {
    const store = storeWith(oldKey);
    for (const organization of ["from", "to"]) await run(store.connect(connection(organization)));
    await DB.prepare(
      `UPDATE integrations SET envelope = (SELECT envelope FROM integrations WHERE organization_id = 'from')
       WHERE organization_id = 'to'`,
    ).run();
    const failure = await run(Effect.flip(store.read("to", "mail")));
    expect(failure).toBeInstanceOf(ServiceFailure);
    expect(failure.isFinal).toBe(true);
    expect(failure.message).toMatch(
      /^The integration 'mail' of organization 'to' cannot be opened/,
    );
  });

  it("seals under the newest key what stands under an older one, without another version", async () => {
    await DB.prepare("DELETE FROM integrations").run();
    await run(storeWith(oldKey).connect(connection("rotation")));
    await run(storeWith(oldKey).connect(connection("rotation of a removed one")));
    await run(storeWith(oldKey).remove("rotation of a removed one", "mail"));
    const both = storeWith(`1:${oldKey} 2:${newKey}`);
    expect(await run(both.rotate)).toEqual({ resealed: 1 });
    expect(await run(both.rotate)).toEqual({ resealed: 0 });
    const stored = await run(storeWith(`2:${newKey}`).read("rotation", "mail"));
    expect(stored).toMatchObject({ version: 1, tokens });
  });

  it("asks D1 once for whatever is asked of it, and finds rows by their key", async () => {
    const plans: string[] = [];
    let trips = 0;
    const counted = <A extends object>(target: A, names: readonly string[]): A =>
      new Proxy(target, {
        get: (of, name) => {
          const value: unknown = Reflect.get(of, name, of);
          if (typeof value !== "function") return value;
          return (...args: readonly unknown[]): unknown => {
            if (names.includes(String(name))) trips++;
            const result: unknown = Reflect.apply(value, of, args);
            return name === "bind" ? counted(result as object, ["run", "all", "first"]) : result;
          };
        },
      });
    const prepared: string[] = [];
    const db = new Proxy(DB, {
      get: (of, name) => {
        if (name === "prepare") {
          return (sql: string) => {
            prepared.push(sql);
            return counted(DB.prepare(sql), []);
          };
        }
        const value: unknown = Reflect.get(of, name, of);
        if (name !== "batch") return value;
        return (statements: D1PreparedStatement[]) => {
          trips++;
          return statements.length;
        };
      },
    });
    const store = storeWith(oldKey, db);
    const change = { organizationId: "trips", id: "mail", version: 1, now: 1 };
    const asked: readonly (() => Effect.Effect<unknown, ServiceFailure>)[] = [
      () => store.list("trips"),
      () => store.readAll("trips"),
      () => store.read("trips", "mail"),
      () => store.replaceTokens({ ...change, tokens }),
      () => store.expire(change),
      () => store.remove("trips", "mail"),
      () => store.connect(connection("trips")),
    ];
    for (const [index, ask] of asked.entries()) {
      await run(Effect.exit(ask()));
      expect(trips).toBe(index + 1);
    }
    for (const sql of prepared.filter((text) => !text.includes("INSERT"))) {
      const values = Array.from({ length: 8 }, () => 1).slice(
        0,
        Math.max(...[...sql.matchAll(/\?(\d)/g)].map(([, n]) => Number(n))),
      );
      const plan = DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...values);
      const { results } = await plan.all<{ readonly detail: string }>();
      plans.push(...results.map(({ detail }) => detail));
    }
    expect(plans.length).toBeGreaterThanOrEqual(7);
    for (const plan of plans) {
      expect(plan).toMatch(
        /^SEARCH integrations USING PRIMARY KEY \(organization_id=\?( AND id=\?)?\)$/,
      );
    }
  });

  it("fails with a ServiceFailure when D1 is away", async () => {
    const away = new Proxy(DB, {
      get: () => () => {
        throw new Error("The platform is away");
      },
    });
    const store = storeWith(oldKey, away);
    const change = { organizationId: "away", id: "mail", version: 1, now: 1 };
    const failures = await run(
      Effect.all([
        Effect.flip(store.connect(connection("away"))),
        Effect.flip(store.remove("away", "mail")),
        Effect.flip(store.list("away")),
        Effect.flip(store.read("away", "mail")),
        Effect.flip(store.readAll("away")),
        Effect.flip(store.replaceTokens({ ...change, tokens })),
        Effect.flip(store.expire(change)),
        Effect.flip(store.rotate),
      ]),
    );
    expect(failures.map(({ operation, isFinal }) => [operation, isFinal])).toEqual(
      ["connect", "remove", "list", "read", "readAll", "replaceTokens", "expire", "rotate"].map(
        (method) => [`IntegrationStore.${method}`, undefined],
      ),
    );
  });
});

describe("tokenRefresherLayer", () => {
  const request = { organizationId: "objects", id: "mail", version: 1 };

  const refresherOf = (namespace: typeof TOKEN_REFRESHER): TokenRefresher["Service"] =>
    Effect.runSync(Effect.provide(TokenRefresher, tokenRefresherLayer(namespace)));

  it("has an object for each pair of organization and integration", async () => {
    const names = vi.fn<(name: string) => unknown>(() => ({
      refresh: () => ({ status: "unknown" }),
    }));
    const { refresh } = refresherOf({ getByName: names } as never);
    for (const [organizationId, id] of [
      ["a", "b"],
      ["ab", ""],
      ["", "ab"],
      ['a","b', ""],
      ["a", "\ud800"],
      ["a", "\udfff"],
      ["x".repeat(10_000), "y".repeat(10_000)],
    ] as const) {
      await run(refresh({ organizationId, id, version: 1 }));
    }
    const seen = names.mock.calls.map(([name]) => name);
    expect(new Set(seen).size).toBe(7);
    for (const name of seen) expect(name).toMatch(/^[0-9a-f]{64}$/);
  });

  it("fails when the object is away, and says what to do where there is no binding", async () => {
    const away = refresherOf({
      getByName: () => ({ refresh: () => Promise.reject(new Error("Network connection lost")) }),
    } as never);
    const lost = await run(Effect.flip(away.refresh(request)));
    expect([lost.operation, lost.isFinal]).toEqual(["TokenRefresher.refresh", undefined]);
    const unbound = await run(Effect.flip(refresherOf(undefined as never).refresh(request)));
    expect(unbound.message).toContain("The Worker has no binding TOKEN_REFRESHER.");
    expect(unbound.isFinal).toBe(true);
  });
});
