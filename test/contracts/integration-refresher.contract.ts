/** What every TokenRefresher promises, against a provider that is a function. `test/oauth` has a real one. */
import * as Effect from "effect/Effect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { IntegrationStore, Tokens } from "#services/integration-store";
import type { RefreshResult, TokenRefresher } from "#services/token-refresher";
import { oddIds } from "./integration-store.contract.ts";

const run = Effect.runPromise;

export interface Refreshers {
  readonly store: IntegrationStore["Service"];
  readonly refresher: TokenRefresher["Service"];
}

/** As OAUTH_CLIENTS of the tests in workerd has it. */
export const testClients = {
  test: {
    clientId: "pawl",
    clientSecret: "client-secret",
    provider: {
      authorizationEndpoint: "https://provider.test/authorize",
      tokenEndpoint: "https://provider.test/token",
    },
  },
};

const refreshed: RefreshResult = { status: "refreshed" };

const json = (body: unknown, status = 200): Response => Response.json(body, { status });

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, millis));

export const tokenRefresherContract = (name: string, open: () => Refreshers): void => {
  let opened = 0;
  /** The refresh tokens that the provider was shown, in order. */
  let shown: string[];
  let answer: (refreshToken: string) => Response | Promise<Response>;

  /** Gives `2` for `1`, and so on. */
  const rotating = (refreshToken: string): Response => {
    const next = Number(refreshToken.replace("refresh ", "")) + 1;
    return json({
      access_token: `access ${next}`,
      refresh_token: `refresh ${next}`,
      expires_in: 3_600,
      token_type: "bearer",
      scope: "read",
    });
  };

  const refused = (): Response => json({ error: "invalid_grant" }, 400);

  beforeEach(() => {
    shown = [];
    answer = rotating;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      if (input !== testClients.test.provider.tokenEndpoint) throw new Error("Another endpoint");
      const refreshToken = (init!.body as URLSearchParams).get("refresh_token") ?? "";
      shown.push(refreshToken);
      return answer(refreshToken);
    });
  });
  afterEach(() => void vi.restoreAllMocks());

  const connected = async (
    { store }: Refreshers,
    changes: {
      readonly id?: string;
      readonly provider?: string;
      readonly tokens?: Partial<Tokens>;
    },
  ) => {
    const { id = "mail", provider = "test", tokens } = changes;
    const organizationId = `${name} ${++opened}`;
    const connection = {
      organizationId,
      id,
      provider,
      now: Date.now(),
      tokens: {
        accessToken: "access 1",
        refreshToken: "refresh 1",
        expiresAt: Date.now(),
        scopes: ["read", "write"],
        ...tokens,
      },
    };
    await run(store.connect(connection));
    return { connection, request: { organizationId, id, version: 1 } };
  };

  const tokensIn = async ({ store }: Refreshers, organizationId: string, id = "mail") => {
    const stored = await run(store.read(organizationId, id));
    return stored && [stored.version, stored.status, stored.tokens.accessToken];
  };

  describe(`TokenRefresher: ${name}`, () => {
    it("stores the provider's new tokens", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      const before = Date.now();
      expect(await run(refreshers.refresher.refresh(request))).toEqual(refreshed);
      const stored = await run(refreshers.store.read(request.organizationId, "mail"));
      const { expiresAt, updatedAt } = stored!;
      expect(stored).toMatchObject({
        provider: "test",
        status: "connected",
        version: 2,
        scopes: ["read"],
        tokens: {
          accessToken: "access 2",
          refreshToken: "refresh 2",
          expiresAt,
          scopes: ["read"],
        },
      });
      expect(expiresAt! - before).toBeGreaterThanOrEqual(3_600_000);
      expect(expiresAt! - updatedAt).toBe(3_600_000);
    });

    it("asks the provider once, however many ask at the same time", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      answer = async (refreshToken) => {
        await pause(50);
        return rotating(refreshToken);
      };
      const asks = Array.from({ length: 50 }, () => refreshers.refresher.refresh(request));
      const results = await run(Effect.all(asks, { concurrency: "unbounded" }));
      expect(results).toEqual(asks.map(() => refreshed));
      expect(shown).toEqual(["refresh 1"]);
      expect(await tokensIn(refreshers, request.organizationId)).toEqual([
        2,
        "connected",
        "access 2",
      ]);
    });

    it("asks the provider once for all who ask at the same time, also when it has trouble", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      answer = async () => {
        await pause(50);
        return json({}, 503);
      };
      const asks = Array.from({ length: 20 }, () =>
        Effect.flip(refreshers.refresher.refresh(request)),
      );
      const failures = await run(Effect.all(asks, { concurrency: "unbounded" }));
      expect(failures.map(({ isFinal }) => isFinal)).toEqual(asks.map(() => false));
      expect(shown).toEqual(["refresh 1"]);
    });

    it("asks nobody when newer tokens are there already", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      await run(refreshers.refresher.refresh(request));
      expect(await run(refreshers.refresher.refresh(request))).toEqual(refreshed);
      expect(shown).toEqual(["refresh 1"]);
      expect(await run(refreshers.refresher.refresh({ ...request, version: 2 }))).toEqual(
        refreshed,
      );
      expect(shown).toEqual(["refresh 1", "refresh 2"]);
    });

    it("looks again for one that has seen the tokens that are just being stored", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      answer = async (refreshToken) => {
        await pause(20);
        return rotating(refreshToken);
      };
      const both = [1, 2].map((version) => refreshers.refresher.refresh({ ...request, version }));
      const results = await run(Effect.all(both, { concurrency: "unbounded" }));
      expect(results).toEqual([refreshed, refreshed]);
      expect(shown).toEqual(["refresh 1", "refresh 2"]);
    });

    it("goes on when whoever asked is gone", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      answer = async (refreshToken) => {
        await pause(100);
        return rotating(refreshToken);
      };
      const leaving = new AbortController();
      const asked = Effect.runPromiseExit(refreshers.refresher.refresh(request), {
        signal: leaving.signal,
      });
      await vi.waitFor(() => expect(shown).toEqual(["refresh 1"]));
      leaving.abort();
      await asked;
      await vi.waitFor(
        async () =>
          expect(await tokensIn(refreshers, request.organizationId)).toEqual([
            2,
            "connected",
            "access 2",
          ]),
        { timeout: 3_000 },
      );
      expect(shown).toEqual(["refresh 1"]);
    });

    it("keeps the old refresh token, lifetime and scopes where the provider tells no new ones", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      answer = () => json({ access_token: "access 2" });
      expect(await run(refreshers.refresher.refresh(request))).toEqual(refreshed);
      const stored = await run(refreshers.store.read(request.organizationId, "mail"));
      expect(stored?.tokens).toEqual({
        accessToken: "access 2",
        refreshToken: "refresh 1",
        expiresAt: null,
        scopes: ["read", "write"],
      });
    });

    it("marks an integration expired when the provider refuses, and then asks it no more", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      answer = refused;
      expect(await run(refreshers.refresher.refresh(request))).toEqual({
        status: "expired",
        message: "The provider 'test' refuses (invalid_grant, status 400).",
      });
      expect(await tokensIn(refreshers, request.organizationId)).toEqual([
        1,
        "expired",
        "access 1",
      ]);
      expect(await run(refreshers.refresher.refresh(request))).toEqual({
        status: "expired",
        message: "its access could not be renewed.",
      });
      expect(shown).toEqual(["refresh 1"]);
    });

    it.each([
      ["gives new tokens", (): Response => rotating("refresh 1")],
      ["refuses", refused],
    ])("overwrites nothing that was connected while the provider %s", async (_, last) => {
      const refreshers = open();
      const { request, connection } = await connected(refreshers, {});
      const tokens = { ...connection.tokens, accessToken: "connected again" };
      answer = async () => {
        await run(refreshers.store.connect({ ...connection, tokens }));
        return last();
      };
      expect(await run(refreshers.refresher.refresh(request))).toEqual(refreshed);
      expect(await tokensIn(refreshers, request.organizationId)).toEqual([
        2,
        "connected",
        "connected again",
      ]);
    });

    it("brings nothing back that was removed meanwhile", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      const { organizationId, id } = request;
      answer = async (refreshToken) => {
        await run(refreshers.store.remove(organizationId, id));
        return rotating(refreshToken);
      };
      expect(await run(refreshers.refresher.refresh(request))).toEqual({ status: "unknown" });
      expect(await tokensIn(refreshers, organizationId)).toBeUndefined();
      expect(await run(refreshers.refresher.refresh(request))).toEqual({ status: "unknown" });
      expect(shown).toHaveLength(1);
    });

    it("fails when the provider is away or has trouble, and succeeds later", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      const troubles: readonly (() => Response)[] = [
        () => {
          throw new TypeError("connection refused");
        },
        () => json({ error: "server_error" }, 503),
        () => json({ error: "invalid_grant" }, 500),
        () => json({ error: "slow_down" }, 429),
        () => new Response("<html>", { status: 200 }),
        () => json({ error: "ratelimited", ok: false }),
        () => json({}),
        () => json([]),
        () => json({ access_token: 5 }),
        () => new Response(null, { status: 302, headers: { location: "https://provider.test/" } }),
      ];
      for (const trouble of troubles) {
        answer = trouble;
        const failure = await run(Effect.flip(refreshers.refresher.refresh(request)));
        expect([failure.operation, failure.isFinal]).toEqual(["TokenRefresher.refresh", false]);
        expect(failure.message).toMatch(/^The provider 'test' .* Trying again may help\.$/);
      }
      answer = rotating;
      expect(await run(refreshers.refresher.refresh(request))).toEqual(refreshed);
      expect(shown).toEqual([...troubles.map(() => "refresh 1"), "refresh 1"]);
    });

    it("fails for good, and keeps the integration, when the provider does not know this client", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      for (const error of ["invalid_client", 401]) {
        answer = () => json({ error }, 401);
        const failure = await run(Effect.flip(refreshers.refresher.refresh(request)));
        expect(failure.isFinal).toBe(true);
        expect(failure.message).toContain("Check 'test' in OAUTH_CLIENTS.");
      }
      expect(await tokensIn(refreshers, request.organizationId)).toEqual([
        1,
        "connected",
        "access 1",
      ]);
    });

    it("says what to do when no client has the provider's name", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, { provider: "nobody" });
      const failure = await run(Effect.flip(refreshers.refresher.refresh(request)));
      expect([failure.message, failure.isFinal]).toEqual([
        "OAUTH_CLIENTS has no client 'nobody'. Add one under this name and deploy again.",
        true,
      ]);
      expect(shown).toEqual([]);
    });

    it("expires a token that has ended and cannot be refreshed, and none before its end", async () => {
      const refreshers = open();
      const made = (expiresAt: number | null) =>
        connected(refreshers, { tokens: { expiresAt, refreshToken: undefined } as never });
      for (const expiresAt of [null, Date.now() + 60_000]) {
        const { request } = await made(expiresAt);
        const failure = await run(Effect.flip(refreshers.refresher.refresh(request)));
        expect(failure.isFinal).toBe(true);
        expect(await tokensIn(refreshers, request.organizationId)).toEqual([
          1,
          "connected",
          "access 1",
        ]);
      }
      const { request } = await made(Date.now() - 1);
      expect(await run(refreshers.refresher.refresh(request))).toEqual({
        status: "expired",
        message: "its token has ended, and its provider gave nothing to renew it with.",
      });
      expect(shown).toEqual([]);
    });

    it("knows nothing of what is another organization's, or nobody's", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      for (const other of [
        { ...request, organizationId: "stranger" },
        { ...request, id: "other" },
      ]) {
        expect(await run(refreshers.refresher.refresh(other))).toEqual({ status: "unknown" });
      }
      expect(shown).toEqual([]);
    });

    it("takes every id for an id", async () => {
      const refreshers = open();
      for (const id of oddIds) {
        const { request } = await connected(refreshers, { id });
        expect(await run(refreshers.refresher.refresh(request))).toEqual(refreshed);
        expect(await tokensIn(refreshers, request.organizationId, id)).toEqual([
          2,
          "connected",
          "access 2",
        ]);
      }
    });

    it("tells no token and no client secret, whatever the provider says", async () => {
      const refreshers = open();
      const { request } = await connected(refreshers, {});
      for (const status of [200, 400, 401, 500]) {
        answer = () =>
          json({ error: "refresh 1", error_description: "access 1 client-secret" }, status);
        const failure = await run(Effect.flip(refreshers.refresher.refresh(request)));
        expect(JSON.stringify(failure)).not.toMatch(/access 1|refresh 1|client-secret/);
      }
    });
  });
};
