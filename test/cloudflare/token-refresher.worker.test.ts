/** The refresher with bindings that hang, change or are wrong in part: what the contracts do not show. */
import { env, runInDurableObject } from "cloudflare:test";
import * as Effect from "effect/Effect";
import { afterEach, expect, it, vi } from "vitest";
import { d1IntegrationStoreLayer } from "#cloudflare/d1-integration-store";
import type { TextBinding } from "#cloudflare/env";
import { masterKeyOf } from "#cloudflare/master-key";
import { TokenRefresher } from "#cloudflare/token-refresher";
import { IntegrationStore } from "#services/integration-store";
import { testClients } from "../contracts/integration-refresher.contract.ts";
import { testKey } from "../support/master-keys.ts";

const { DB, TOKEN_REFRESHER } = env;
const run = Effect.runPromise;

const keys12 = `1:${testKey(1)} 2:${testKey(2)}`;

const storeWith = (masterKey: string): IntegrationStore["Service"] =>
  Effect.runSync(
    Effect.provide(IntegrationStore, d1IntegrationStoreLayer(DB, masterKeyOf(masterKey))),
  );

/** Gives a text at once for the first reading; each later one waits until the test answers it. */
const heldBinding = (first: string) => {
  const held: ((text: string) => void)[] = [];
  let isFirst = true;
  const get = (): Promise<string> => {
    if (!isFirst) return new Promise((resolve) => void held.push(resolve));
    isFirst = false;
    return Promise.resolve(first);
  };
  return { get, held };
};

const soon = <A>(look: () => A | Promise<A>): Promise<A> =>
  vi.waitFor(look, { timeout: 1_000, interval: 5 });

let connections = 0;

/** An integration under the first key, and an object with other bindings whose alarm does not ring. */
const withRefresher = async (
  bindings: {
    readonly MASTER_KEY?: TextBinding;
    readonly OAUTH_CLIENTS?: string;
    readonly DB?: D1Database;
  },
  use: (opened: {
    readonly refresh: (version: number) => ReturnType<TokenRefresher["refresh"]>;
    readonly isParked: () => Promise<boolean>;
    readonly organizationId: string;
    /** Version and key version of the row. */
    readonly row: () => Promise<readonly unknown[]>;
  }) => Promise<void>,
  provider = "test",
): Promise<void> => {
  const organizationId = `held ${++connections}`;
  const tokens = { accessToken: "access 1", refreshToken: "refresh 1", expiresAt: 1, scopes: [] };
  const connection = { organizationId, id: "mail", provider, tokens, now: 1 };
  await run(storeWith(testKey(1)).connect(connection));
  let answers = 1;
  vi.spyOn(globalThis, "fetch").mockImplementation(() => {
    answers++;
    const body = { access_token: `access ${answers}`, refresh_token: `refresh ${answers}` };
    return Promise.resolve(Response.json(body));
  });
  await runInDurableObject(TOKEN_REFRESHER.getByName(organizationId), async (_, state) => {
    vi.spyOn(state.storage, "setAlarm").mockResolvedValue();
    const refresher = new TokenRefresher(state, { ...env, MASTER_KEY: testKey(1), ...bindings });
    await use({
      refresh: (version) => refresher.refresh({ organizationId, id: "mail", version }),
      isParked: async () => (await state.storage.get("parked")) !== undefined,
      organizationId,
      row: async () => {
        const [row] = await DB.prepare(
          "SELECT version, key_version FROM integrations WHERE organization_id = ?1",
        )
          .bind(organizationId)
          .raw();
        return row!;
      },
    });
  });
};

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("parks new tokens at once while the master key's binding hangs, and goes on without it", async () => {
  const binding = heldBinding(testKey(1));
  await withRefresher({ MASTER_KEY: binding }, async ({ refresh, isParked, row }) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    for (const version of [1, 2]) {
      const answer = refresh(version);
      await soon(async () => expect(await isParked()).toBe(true));
      await soon(() => expect(binding.held).toHaveLength(version));
      expect(await row()).toEqual([version, 1]);
      await vi.advanceTimersByTimeAsync(6_000);
      expect(await answer).toEqual({ status: "refreshed" });
      expect(await row()).toEqual([version + 1, 1]);
      expect(await isParked()).toBe(false);
    }
  });
});

it("leaves nothing in D1 under the old key when a rotation ends while a refresh waits", async () => {
  const binding = heldBinding(testKey(1));
  await withRefresher({ MASTER_KEY: binding }, async ({ refresh, row, organizationId }) => {
    const answer = refresh(1);
    await soon(() => expect(binding.held).toHaveLength(1));
    await run(storeWith(keys12).rotate);
    expect(await row()).toEqual([1, 2]);
    binding.held[0]!(keys12);
    expect(await answer).toEqual({ status: "refreshed" });
    expect(await row()).toEqual([2, 2]);
    const stored = await run(storeWith(`2:${testKey(2)}`).read(organizationId, "mail"));
    expect(stored?.tokens.refreshToken).toBe("refresh 2");
  });
});

it("seals parked tokens anew when a rotation has ended before D1 takes them", async () => {
  let keyring = testKey(1);
  let isAway = true;
  const db = new Proxy(DB, {
    get: (target, name) => {
      if (name !== "prepare") return Reflect.get(target, name, target) as unknown;
      return (sql: string) => {
        if (isAway && sql.includes("version = version + 1")) throw new Error("D1 is away");
        return DB.prepare(sql);
      };
    },
  });
  const MASTER_KEY = { get: () => Promise.resolve(keyring) };
  await withRefresher({ MASTER_KEY, DB: db }, async ({ refresh, isParked, row }) => {
    expect(await refresh(1)).toMatchObject({ status: "failed", isFinal: false });
    expect(await isParked()).toBe(true);
    expect(await row()).toEqual([1, 1]);
    keyring = keys12;
    await run(storeWith(keys12).rotate);
    isAway = false;
    expect(await refresh(1)).toEqual({ status: "refreshed" });
    expect(await row()).toEqual([2, 2]);
  });
});

it("refreshes with a client that is right, whatever is wrong with another", async () => {
  const OAUTH_CLIENTS = JSON.stringify({
    wrong: { clientSecret: "client-secret" },
    ...testClients,
  });
  await withRefresher({ OAUTH_CLIENTS }, async ({ refresh }) => {
    expect(await refresh(1)).toEqual({ status: "refreshed" });
  });
  await withRefresher(
    { OAUTH_CLIENTS },
    async ({ refresh }) => {
      expect(await refresh(1)).toEqual({
        status: "failed",
        message:
          "OAUTH_CLIENTS cannot be used: 'wrong' lacks clientId: a text that is not empty. Change the binding and deploy again.",
        isFinal: true,
      });
    },
    "wrong",
  );
});
