/** Secrets in D1: the contracts, and what is D1's alone. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import { d1IntegrationStoreLayer } from "#cloudflare/d1-integration-store";
import { d1ResourceProviderLayer } from "#cloudflare/d1-resource-provider";
import { d1SecretStoreLayer } from "#cloudflare/d1-secret-store";
import type { MasterKey } from "#cloudflare/master-key";
import { masterKeyOf } from "#cloudflare/master-key";
import { maskOf } from "#core/mask";
import { IntegrationStore } from "#services/integration-store";
import type { Resources } from "#services/resource-provider";
import { ResourceProvider } from "#services/resource-provider";
import { SecretStore } from "#services/secret-store";
import { TokenRefresher } from "#services/token-refresher";
import { testKey } from "../support/master-keys.ts";
import { resourceProviderContract } from "./resource-provider.contract.ts";
import { secretStoreContract } from "./secret-store.contract.ts";

const { DB } = env;
const run = Effect.runPromise;

const key1 = masterKeyOf(testKey(1));
const keys12 = masterKeyOf(`1:${testKey(1)} 2:${testKey(2)}`);
const key2 = masterKeyOf(`2:${testKey(2)}`);
const noKey = masterKeyOf(undefined);

const secretStore = (masterKey: MasterKey, db = DB): SecretStore["Service"] =>
  Effect.runSync(Effect.provide(SecretStore, d1SecretStoreLayer(db, masterKey)));

const integrationStore = (masterKey: MasterKey): IntegrationStore["Service"] =>
  Effect.runSync(Effect.provide(IntegrationStore, d1IntegrationStoreLayer(DB, masterKey)));

const neverAsked = Layer.succeed(TokenRefresher, { refresh: () => Effect.die("Nobody asks this") });

const resourcesWith = (masterKey: MasterKey) =>
  d1ResourceProviderLayer.pipe(
    Layer.provide([
      d1SecretStoreLayer(DB, masterKey),
      d1IntegrationStoreLayer(DB, masterKey),
      neverAsked,
    ]),
  );

const emptied = async (): Promise<void> => {
  await DB.batch([DB.prepare("DELETE FROM secrets"), DB.prepare("DELETE FROM integrations")]);
};

const store = async (byOrganization: Readonly<Record<string, Resources>>): Promise<void> => {
  await emptied();
  const secrets = secretStore(key1);
  const integrations = integrationStore(key1);
  for (const [organizationId, resources] of Object.entries(byOrganization)) {
    for (const [name, value] of Object.entries(resources.secrets ?? {})) {
      await run(secrets.set({ organizationId, name, value, now: 1 }));
    }
    for (const [id, { provider, token }] of Object.entries(resources.integrations ?? {})) {
      const tokens = { accessToken: token, expiresAt: null, scopes: [] };
      await run(integrations.connect({ organizationId, id, provider, tokens, now: 1 }));
    }
  }
};

secretStoreContract("D1", 1, () => d1SecretStoreLayer(DB, key1));
resourceProviderContract("D1", (byOrganization) =>
  Layer.unwrap(
    Effect.as(
      Effect.promise(() => store(byOrganization)),
      resourcesWith(key1),
    ),
  ),
);

/** Every row of every table as text, bytes as they are. */
const dump = async (): Promise<string> => {
  const tables = await DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*'",
  ).all<{ readonly name: string }>();
  const names = tables.results.map(({ name }) => name);
  expect(names).toContain("secrets");
  const rows: unknown[] = [];
  for (const name of names) rows.push(...(await DB.prepare(`SELECT * FROM "${name}"`).raw()));
  return JSON.stringify(rows);
};

const envelopeOf = async (organizationId: string, name: string): Promise<string> => {
  const row = await DB.prepare(
    "SELECT envelope FROM secrets WHERE organization_id = ?1 AND name = ?2",
  )
    .bind(organizationId, name)
    .first<{ readonly envelope: string }>();
  return row!.envelope;
};

describe("d1SecretStoreLayer", () => {
  it("keeps no value in any form that can be read", async () => {
    const value = "canary-7f3a9d51-value";
    const acme = { organizationId: "acme", now: 1 };
    const tokens = { accessToken: value, refreshToken: value, expiresAt: null, scopes: ["mail"] };
    const connection = { ...acme, id: "mail", provider: "gmail", tokens };
    await run(secretStore(key1).set({ ...acme, name: "KEY", value }));
    await run(integrationStore(key1).connect(connection));
    await run(secretStore(keys12).rotate);
    const all = await dump();
    expect(all).toContain('"KEY"');
    expect(all).toContain('"mail"');
    const forms = ["", "x", "xx"].map((before) => btoa(before + value).slice(4, -4));
    for (const form of [value, value.slice(0, 12), encodeURIComponent(value), ...forms]) {
      expect(all).not.toContain(form);
    }
    expect(maskOf([{ name: "KEY", value }]).holds(all)).toBe(false);
  });

  it("keeps the same value in another envelope each time, for whomever", async () => {
    const secrets = secretStore(key1);
    const envelopes: string[] = [];
    for (const organizationId of ["alike 1", "alike 2", "alike 1"]) {
      for (const name of ["a", "b"]) {
        await run(secrets.set({ organizationId, name, value: "the same value", now: 1 }));
        envelopes.push(await envelopeOf(organizationId, name));
      }
    }
    expect(new Set(envelopes).size).toBe(6);
  });

  it.each([
    ["name", "moved 1", "b"],
    ["organization", "moved 2", "a"],
  ])("opens no envelope that was moved to another %s", async (_, organizationId, name) => {
    const secrets = secretStore(key1);
    await run(secrets.set({ organizationId: "moved 1", name: "a", value: "our value", now: 1 }));
    await run(secrets.set({ organizationId, name, value: "their value", now: 1 }));
    await DB.prepare("UPDATE secrets SET envelope = ?3 WHERE organization_id = ?1 AND name = ?2")
      .bind(organizationId, name, await envelopeOf("moved 1", "a"))
      .run();
    const failures = await run(
      Effect.all([
        Effect.flip(secrets.read(organizationId, name)),
        Effect.flip(secrets.readAll(organizationId)),
      ]),
    );
    for (const { operation, message, isFinal } of failures) {
      expect({ operation, message, isFinal }).toEqual({
        operation: "MasterKey.open",
        message:
          `The secret '${name}' of organization '${organizationId}' cannot be opened: its row was changed from outside, or it was ` +
          "sealed under another master key of version 1. Set it again.",
        isFinal: true,
      });
    }
    expect(await run(secrets.read("moved 1", "a"))).toBe("our value");
    expect(await run(secrets.set({ organizationId, name, value: "a newer value", now: 2 }))).toBe(
      "replaced",
    );
    expect(await run(secrets.read(organizationId, name))).toBe("a newer value");
  });

  it("needs no master key but for values", async () => {
    await run(
      secretStore(key1).set({ organizationId: "locked", name: "a", value: "our value", now: 1 }),
    );
    const secrets = secretStore(noKey);
    expect(await run(secrets.read("keyless", "a"))).toBeUndefined();
    expect(await run(secrets.readAll("keyless"))).toEqual([]);
    expect(await run(secrets.list("locked"))).toHaveLength(1);
    const refusals = await run(
      Effect.all([
        Effect.flip(secrets.read("locked", "a")),
        Effect.flip(secrets.readAll("locked")),
        Effect.flip(
          secrets.set({ organizationId: "keyless", name: "a", value: "our value", now: 1 }),
        ),
      ]),
    );
    for (const { message, isFinal } of refusals) {
      expect({ message, isFinal }).toEqual({
        message:
          "There is no master key to keep secrets under. Bind MASTER_KEY to a key of 32 bytes in base64. See docs/security.md.",
        isFinal: true,
      });
    }
    expect(await run(secrets.remove("locked", "a"))).toBe(true);
  });

  it("fails with a ServiceFailure when D1 is away, and says what to do when it was not migrated", async () => {
    const failuresOn = (thrown: string) => {
      const broken = secretStore(key1, {
        prepare: () => {
          throw new Error(thrown);
        },
      } as unknown as D1Database);
      const secret = { organizationId: "acme", name: "a", value: "our value", now: 1 };
      return run(
        Effect.all([
          Effect.flip(broken.set(secret)),
          Effect.flip(broken.remove("acme", "a")),
          Effect.flip(broken.list("acme")),
          Effect.flip(broken.read("acme", "a")),
          Effect.flip(broken.readAll("acme")),
          Effect.flip(broken.rotate),
        ]),
      );
    };
    const methods = ["set", "remove", "list", "read", "readAll", "rotate"];
    const away = await failuresOn("D1 is away");
    expect(away.map(({ message, isFinal }) => ({ message, isFinal }))).toEqual(
      methods.map((method) => ({
        message: `SecretStore.${method} failed: D1 is away`,
        isFinal: undefined,
      })),
    );
    const old = await failuresOn("D1_ERROR: no such table: secrets: SQLITE_ERROR");
    expect(old.map(({ operation, isFinal }) => ({ operation, isFinal }))).toEqual(
      methods.map((method) => ({ operation: `SecretStore.${method}`, isFinal: true })),
    );
    expect(old[0].message).toMatch(/^The database is not up to date\. Apply Pawl's migrations/);
  });
});

describe("Rotation", () => {
  /** Some secrets of two organizations under the first key, beginning with an empty table. */
  const setUnderFirst = async (count: number): Promise<void> => {
    await emptied();
    for (let index = 0; index < count; index++) {
      const organizationId = index % 2 === 0 ? "even" : "json:odd";
      await run(
        secretStore(key1).set({
          organizationId,
          name: `n${index}`,
          value: `value no. ${index}`,
          now: 1,
        }),
      );
    }
  };

  const versions = async (): Promise<readonly unknown[]> => {
    const { results } = await DB.prepare(
      "SELECT key_version AS version, COUNT(*) AS count FROM secrets GROUP BY 1 ORDER BY 1",
    ).all();
    return results;
  };

  /** The first key and the second, and something else that happens when a value is opened the first time. */
  const meddling = (meddle: () => Promise<unknown>): MasterKey => {
    let isDone = false;
    return {
      ...keys12,
      open: async (place, sealed) => {
        const value = await keys12.open(place, sealed);
        if (!isDone) {
          isDone = true;
          await meddle();
        }
        return value;
      },
    };
  };

  it("seals all values under the newest key, so that the old one may go", async () => {
    await setUnderFirst(3);
    await run(
      secretStore(keys12).set({ organizationId: "even", name: "new", value: "new value", now: 2 }),
    );
    const before = await run(secretStore(keys12).list("even"));
    expect(before.map(({ name, keyVersion }) => [name, keyVersion])).toEqual([
      ["n0", 1],
      ["n2", 1],
      ["new", 2],
    ]);
    expect(await run(secretStore(keys12).rotate)).toEqual({ resealed: 3 });
    const secrets = secretStore(key2);
    expect(await run(secrets.list("even"))).toEqual(
      before.map((facts) => ({ ...facts, keyVersion: 2 })),
    );
    expect(await run(secrets.readAll("even"))).toEqual([
      { name: "n0", value: "value no. 0" },
      { name: "n2", value: "value no. 2" },
      { name: "new", value: "new value" },
    ]);
    expect(await run(secrets.read("json:odd", "n1"))).toBe("value no. 1");
    expect(await run(secretStore(keys12).rotate)).toEqual({ resealed: 0 });
    expect(await run(Effect.flip(secretStore(key1).read("even", "n0")))).toMatchObject({
      message:
        "The secret 'n0' of organization 'even' is sealed under version 2 of the master key, which MASTER_KEY does not have. " +
        "Put that key back, or: Set it again. See docs/security.md.",
      isFinal: true,
    });
  });

  it("leaves nothing under the old key that was being made while it went on", async () => {
    await emptied();
    let keyring = `1:${testKey(1)}`;
    let isAway = false;
    const binding = {
      get: async () => {
        if (isAway) throw new Error("The store is away");
        return keyring;
      },
    };
    const slow = secretStore(masterKeyOf(binding));
    const secret = { organizationId: "org", value: "long enough", now: 1 };
    await run(slow.set({ ...secret, name: "before" }));
    keyring = `1:${testKey(1)} 2:${testKey(2)}`;
    await run(secretStore(keys12).rotate);
    keyring = `2:${testKey(2)}`;
    await run(slow.set({ ...secret, name: "after" }));
    isAway = true;
    await run(slow.set({ ...secret, name: "without the store" }));
    expect((await run(slow.list("org"))).map(({ keyVersion }) => keyVersion)).toEqual([2, 2, 2]);
  });

  it("goes through more values than one page, and from several older keys", async () => {
    await setUnderFirst(110);
    const key3 = masterKeyOf(`1:${testKey(1)} 2:${testKey(2)} 3:${testKey(3)}`);
    for (let index = 0; index < 60; index++) {
      const secret = {
        organizationId: "second",
        name: `n${index}`,
        value: `second ${index}`,
        now: 1,
      };
      await run(secretStore(key2).set(secret));
    }
    expect(await run(secretStore(key3).rotate)).toEqual({ resealed: 170 });
    expect(await versions()).toEqual([{ version: 3, count: 170 }]);
    expect(await run(secretStore(masterKeyOf(`3:${testKey(3)}`)).readAll("second"))).toHaveLength(
      60,
    );
  });

  it("undoes no value that is set meanwhile, under either key, and removes none that comes", async () => {
    await setUnderFirst(5);
    const set = (masterKey: MasterKey, organizationId: string, name: string): Promise<unknown> =>
      run(secretStore(masterKey).set({ organizationId, name, value: `newer ${name}`, now: 2 }));
    const rotating = meddling(async () => {
      await set(key1, "even", "n0");
      await set(keys12, "even", "n2");
      await set(key1, "a", "comes behind");
      await run(secretStore(noKey).remove("json:odd", "n1"));
    });
    // n4, n3 and, in a second pass, n0 and what came behind.
    expect(await run(secretStore(rotating).rotate)).toEqual({ resealed: 4 });
    expect(await versions()).toEqual([{ version: 2, count: 5 }]);
    const secrets = secretStore(key2);
    expect(await run(secrets.readAll("even"))).toEqual([
      { name: "n0", value: "newer n0" },
      { name: "n2", value: "newer n2" },
      { name: "n4", value: "value no. 4" },
    ]);
    expect(await run(secrets.readAll("json:odd"))).toEqual([{ name: "n3", value: "value no. 3" }]);
    expect(await run(secrets.readAll("a"))).toEqual([
      { name: "comes behind", value: "newer comes behind" },
    ]);
  });

  it("leaves no value for one that does not open, and says how many and which", async () => {
    await setUnderFirst(4);
    await DB.prepare(
      "UPDATE secrets SET envelope = (SELECT envelope FROM secrets WHERE name = 'n3') WHERE name IN ('n0', 'n1')",
    ).run();
    for (const resealed of [2, 0]) {
      const failure = await run(Effect.flip(secretStore(keys12).rotate));
      expect(failure).toMatchObject({ operation: "MasterKey.open", isFinal: true });
      expect(failure.message).toBe(
        `${resealed} of ${resealed + 2} rows of secrets were sealed under the newest master key. The first that was not: The ` +
          "secret 'n0' of organization 'even' cannot be opened: its row was changed from outside, or it was sealed under another " +
          "master key of version 1. Set it again.",
      );
      expect(await versions()).toEqual([
        { version: 1, count: 2 },
        { version: 2, count: 2 },
      ]);
    }
    expect(await run(secretStore(key2).read("even", "n2"))).toBe("value no. 2");
  });

  it("reaches what is behind a page of values that do not open", async () => {
    await setUnderFirst(55);
    await DB.prepare("UPDATE secrets SET envelope = '1.AAAA' WHERE name <> 'n53'").run();
    const failure = await run(Effect.flip(secretStore(keys12).rotate));
    expect(failure.message).toMatch(/^1 of 55 rows of secrets were sealed/);
    expect(await run(secretStore(key2).read("json:odd", "n53"))).toBe("value no. 53");
  });

  it("stops when the master key cannot be read any more, and goes on later", async () => {
    await setUnderFirst(60);
    let opened = 0;
    const failing: MasterKey = {
      ...keys12,
      open: (place, sealed) =>
        ++opened > 55 ? Promise.reject(new Error("The store is away")) : keys12.open(place, sealed),
    };
    expect((await run(Effect.flip(secretStore(failing).rotate))).message).toBe(
      "SecretStore.rotate failed: The store is away",
    );
    expect(await versions()).toEqual([
      { version: 1, count: 10 },
      { version: 2, count: 50 },
    ]);
    expect(await run(secretStore(keys12).rotate)).toEqual({ resealed: 10 });
  });

  it("stops when the newest key is not there any more", async () => {
    await setUnderFirst(1);
    const behind: MasterKey = { ...key1, newestVersion: () => Promise.resolve(2) };
    expect((await run(Effect.flip(secretStore(behind).rotate))).message).toBe(
      "SecretStore.rotate failed: The newest master key is gone again",
    );
    expect(await versions()).toEqual([{ version: 1, count: 1 }]);
  });

  it("seals tokens anew as it does secrets", async () => {
    await store({
      acme: { integrations: { mail: { id: "mail", provider: "gmail", token: "our token" } } },
    });
    expect(await run(integrationStore(keys12).rotate)).toEqual({ resealed: 1 });
    const read = await run(integrationStore(key2).read("acme", "mail"));
    expect(read?.tokens.accessToken).toBe("our token");
  });

  it("finds older values by an index, in its order", async () => {
    const sent: string[] = [];
    const prepare = (sql: string): D1PreparedStatement => {
      sent.push(sql);
      return DB.prepare(sql);
    };
    await run(secretStore(keys12, { prepare } as D1Database).rotate);
    expect(sent).toHaveLength(1);
    const plan = DB.prepare(`EXPLAIN QUERY PLAN ${sent[0]}`).bind(2, 0, "", "");
    const { results } = await plan.all<{ readonly detail: string }>();
    const details = results.map(({ detail }) => detail);
    expect(details).toHaveLength(1);
    expect(details[0]).toMatch(/^SEARCH secrets USING INDEX secrets_by_key \(/);
  });
});

describe("d1ResourceProviderLayer", () => {
  const open = (masterKey: MasterKey) =>
    run(Effect.provide(ResourceProvider, resourcesWith(masterKey)));

  it("fails before the first node when there are values and no master key, and not when there are none", async () => {
    await store({ acme: { secrets: { KEY: "our value" } } });
    const provider = await open(noKey);
    expect(await run(provider.initialize("empty"))).toBeUndefined();
    const failure = await run(Effect.flip(provider.initialize("acme")));
    expect(failure).toMatchObject({ operation: "MasterKey.read", isFinal: true });
    expect(failure.message).toMatch(/^There is no master key/);
  });
});
