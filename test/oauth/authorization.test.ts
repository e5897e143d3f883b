/** Connecting, and the chain of refreshes after it, in one process and against a real authorization server. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { d1ResourceProviderLayer } from "#cloudflare/d1-resource-provider";
import { directTokenRefresherLayer } from "#runtime/direct-token-refresher";
import type { PendingAuthorization } from "#runtime/oauth-authorization";
import { authorizationUrl, exchangeCode, newAuthorization } from "#runtime/oauth-authorization";
import type { OAuthClient } from "#runtime/oauth-clients";
import { parseOAuthClients } from "#runtime/oauth-clients";
import type { Tokens } from "#services/integration-store";
import { IntegrationStore } from "#services/integration-store";
import { ResourceProvider } from "#services/resource-provider";
import { SecretStore } from "#services/secret-store";
import { TokenRefresher } from "#services/token-refresher";
import type { AuthorizationServer } from "./authorization-server.ts";
import {
  clientSecret,
  clientsOf,
  consent,
  redirectUri,
  startAuthorizationServer,
} from "./authorization-server.ts";

const run = Effect.runPromise;
const minute = 60_000;

let server: AuthorizationServer;
let client: OAuthClient;

beforeAll(async () => {
  server = await startAuthorizationServer();
  client = (await run(parseOAuthClients(clientsOf(server.url)))).get("acme")!;
});
afterAll(() => server.close());

/** As when a person has agreed. */
const authorized = async (): Promise<Tokens> => {
  const pending = newAuthorization(redirectUri);
  const callback = await consent(await run(authorizationUrl(client, pending)));
  return run(exchangeCode(client, pending, callback, Date.now()));
};

const services = async () => {
  const store = Layer.succeed(
    IntegrationStore,
    await run(Effect.provide(IntegrationStore, IntegrationStore.layerMemory)),
  );
  const refresher = directTokenRefresherLayer(new Map([["acme", client]])).pipe(
    Layer.provideMerge(store),
  );
  const all = d1ResourceProviderLayer.pipe(
    Layer.provideMerge(refresher),
    Layer.provideMerge(SecretStore.layerMemory),
  );
  return run(
    Effect.gen(function* () {
      return {
        store: yield* IntegrationStore,
        refresher: yield* TokenRefresher,
        provider: yield* ResourceProvider,
      };
    }).pipe(Effect.provide(all)),
  );
};

type Services = Awaited<ReturnType<typeof services>>;

const key = { organizationId: "organization", id: "mail" };

/** An hour ago. */
const connect = async ({ store }: Services, changes: Partial<Tokens> = {}): Promise<Tokens> => {
  const tokens = { ...(await authorized()), ...changes };
  const now = Date.now() - 60 * minute;
  await run(store.connect({ ...key, provider: "acme", tokens, now }));
  return tokens;
};

/** As a node asks. */
const tokenFor = async ({ provider }: Services): Promise<string | undefined> => {
  const context = provider.createNodeContext({ organizationId: key.organizationId } as never);
  return (await context.getIntegration(key.id))?.token;
};

/** Whether the server still takes the access token. */
const isAccepted = async (token: string): Promise<boolean> => {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${server.url}/me`, { headers })).ok;
};

const statusIn = async ({ store }: Services) => {
  const stored = await run(store.read(key.organizationId, key.id));
  return [stored?.status, stored?.version];
};

describe("connecting", () => {
  it("gives tokens that the provider accepts, with their end and their scopes", async () => {
    const before = Date.now();
    const tokens = await authorized();
    expect(tokens).toEqual({
      accessToken: expect.any(String) as string,
      refreshToken: expect.any(String) as string,
      expiresAt: expect.any(Number) as number,
      scopes: ["openid", "offline_access"],
    });
    expect(tokens.expiresAt! - before).toBeGreaterThanOrEqual(60 * minute);
    expect(tokens.expiresAt! - before).toBeLessThan(61 * minute);
    expect(await isAccepted(tokens.accessToken)).toBe(true);
  });

  it("takes a code once, and only with the verifier and the state that belong to it", async () => {
    const pending = newAuthorization(redirectUri);
    const other = newAuthorization(redirectUri);
    const exchange = (of: PendingAuthorization, callback: URL) =>
      run(Effect.flip(exchangeCode(client, of, callback, Date.now())));
    const callback = await consent(await run(authorizationUrl(client, pending)));

    const requests = server.tokenRequests();
    const mixedUp = await exchange({ ...pending, state: other.state }, callback);
    expect(mixedUp.message).toBe(
      "This is not the answer of 'acme' to the connection that was begun. Connect again.",
    );
    const impostor = new URL(callback);
    impostor.searchParams.set("iss", "https://impostor.test");
    expect((await exchange(pending, impostor)).reason).toBe("refused");
    expect(server.tokenRequests()).toBe(requests);

    const stolen = { ...pending, codeVerifier: other.codeVerifier };
    expect((await exchange(stolen, callback)).reason).toBe("refused");
    const again = await consent(await run(authorizationUrl(client, pending)));
    await run(exchangeCode(client, pending, again, Date.now()));
    const twice = await exchange(pending, again);
    expect([twice.reason, twice.message]).toEqual([
      "refused",
      "The provider 'acme' refuses (invalid_grant, status 400).",
    ]);
  });

  it("says so when the person does not agree", async () => {
    const pending = newAuthorization(redirectUri);
    const callback = new URL(redirectUri);
    callback.search = new URLSearchParams({
      error: "access_denied",
      state: pending.state,
      iss: server.url,
    }).toString();
    const failure = await run(Effect.flip(exchangeCode(client, pending, callback, 0)));
    expect([failure.reason, failure.message]).toEqual([
      "refused",
      "The provider 'acme' gave no access (access_denied). Connect again to ask anew.",
    ]);
  });

  it("says where to look when the server does not know the client", async () => {
    const pending = newAuthorization(redirectUri);
    const callback = await consent(await run(authorizationUrl(client, pending)));
    const wrong = { ...client, clientSecret: "wrong" };
    const failure = await run(Effect.flip(exchangeCode(wrong, pending, callback, 0)));
    expect([failure.reason, failure.message]).toEqual([
      "misconfigured",
      "The provider 'acme' does not accept Pawl as its client (invalid_client, status 401). Check 'acme' in OAUTH_CLIENTS.",
    ]);
    expect(JSON.stringify(failure)).not.toContain(clientSecret);
  });
});

describe("refreshing", () => {
  it("begins five minutes before the end, and not earlier", async () => {
    const all = await services();
    const requests = server.tokenRequests();
    const early = await connect(all, { expiresAt: Date.now() + 5 * minute + 2_000 });
    expect(await tokenFor(all)).toBe(early.accessToken);
    expect(server.tokenRequests()).toBe(requests + 1);
    const late = await connect(all, { expiresAt: Date.now() + 5 * minute - 1 });
    const renewed = await tokenFor(all);
    expect(renewed).not.toBe(late.accessToken);
    expect(await isAccepted(renewed!)).toBe(true);
    expect(await tokenFor(all)).toBe(renewed);
    expect(server.tokenRequests()).toBe(requests + 3);
  });

  it("never happens to a token that does not end", async () => {
    const all = await services();
    const tokens = await connect(all, { expiresAt: null });
    const requests = server.tokenRequests();
    expect(await tokenFor(all)).toBe(tokens.accessToken);
    expect(server.tokenRequests()).toBe(requests);
  });

  it("asks the server once for fifty nodes at the same time", async () => {
    const all = await services();
    await connect(all, { expiresAt: Date.now() });
    const requests = server.tokenRequests();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => tokenFor(all)));
    expect(new Set(tokens).size).toBe(1);
    expect(await isAccepted(tokens[0]!)).toBe(true);
    expect(server.tokenRequests()).toBe(requests + 1);
  });

  it("goes on for ten refreshes in a row, each with the newest token", async () => {
    const all = await services();
    const first = await connect(all);
    const seen = new Set([first.refreshToken]);
    for (let version = 1; version <= 10; version++) {
      expect(await run(all.refresher.refresh({ ...key, version }))).toEqual({
        status: "refreshed",
      });
      const stored = await run(all.store.read(key.organizationId, key.id));
      expect(stored?.version).toBe(version + 1);
      expect(await isAccepted(stored!.tokens.accessToken)).toBe(true);
      seen.add(stored!.tokens.refreshToken);
    }
    expect(seen.size).toBe(11);
  });

  it("marks the integration expired when the server refuses a token that was used before", async () => {
    const all = await services();
    const first = await connect(all);
    await run(all.refresher.refresh({ ...key, version: 1 }));
    await run(all.store.replaceTokens({ ...key, version: 2, now: 0, tokens: first }));
    expect(await run(all.refresher.refresh({ ...key, version: 3 }))).toEqual({
      status: "expired",
      message: "The provider 'acme' refuses (invalid_grant, status 400).",
    });
    expect(await statusIn(all)).toEqual(["expired", 3]);
    await expect(tokenFor(all)).rejects.toThrow(/has expired: .* Connect it again\./);
    const again = await connect(all);
    expect(await statusIn(all)).toEqual(["connected", 4]);
    expect(await tokenFor(all)).toBe(again.accessToken);
  });

  it("leaves the integration as it is when newer tokens came while the server refused", async () => {
    const all = await services();
    const first = await connect(all);
    await run(all.refresher.refresh({ ...key, version: 1 }));
    await run(all.store.replaceTokens({ ...key, version: 2, now: 0, tokens: first }));
    const newer = await authorized();
    server.onToken({
      before: async () => {
        server.onToken({});
        await run(all.store.connect({ ...key, provider: "acme", tokens: newer, now: 0 }));
      },
    });
    expect(await run(all.refresher.refresh({ ...key, version: 3 }))).toEqual({
      status: "refreshed",
    });
    expect(await statusIn(all)).toEqual(["connected", 4]);
    expect(await tokenFor(all)).toBe(newer.accessToken);
  });

  it("uses the old token while it lasts when the server is away, and fails after it, to be tried again", async () => {
    const all = await services();
    const lasting = await connect(all, { expiresAt: Date.now() + 4 * minute });
    await server.close();
    expect(await tokenFor(all)).toBe(lasting.accessToken);
    await run(
      all.store.replaceTokens({
        ...key,
        version: 1,
        now: 0,
        tokens: { ...lasting, expiresAt: Date.now() - 1 },
      }),
    );
    const failure: unknown = await tokenFor(all).catch((error: unknown) => error);
    expect(failure).toMatchObject({ retryable: true });
    expect(await statusIn(all)).toEqual(["connected", 2]);
    await server.open();
    expect(await isAccepted((await tokenFor(all))!)).toBe(true);
    expect(await statusIn(all)).toEqual(["connected", 3]);
  });
});
