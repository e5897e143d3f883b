/** What is sent to providers, and what is made of the answers of those who have ways of their own. */
import * as Effect from "effect/Effect";
import { afterEach, describe, expect, it, vi } from "vitest";
import { refreshTokens } from "#runtime/oauth";
import { authorizationUrl } from "#runtime/oauth-authorization";
import type { OAuthClient } from "#runtime/oauth-clients";
import { parseOAuthClients } from "#runtime/oauth-clients";

const run = Effect.runPromise;

const now = 1_000_000;

const old = {
  accessToken: "old access",
  refreshToken: "old refresh",
  expiresAt: 0,
  scopes: ["old"],
};

const clientOf = (name: string, changes: Readonly<Record<string, unknown>> = {}): OAuthClient => {
  const entry = { clientId: "the id", clientSecret: "s-e_c+r/e=t", ...changes };
  return Effect.runSync(parseOAuthClients(JSON.stringify({ [name]: entry }))).get(name)!;
};

interface Sent {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, string>>;
  readonly hasTimeout: boolean;
}

const stubbed = (answer: () => Response): Sent[] => {
  const sent: Sent[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    sent.push({
      url: input as string,
      headers: init!.headers as Record<string, string>,
      body: Object.fromEntries(init!.body as URLSearchParams),
      hasTimeout: init!.signal instanceof AbortSignal,
    });
    return answer();
  });
  return sent;
};

afterEach(() => void vi.restoreAllMocks());

const good = (): Response => Response.json({ access_token: "new access" });

const rotated = { access_token: "new access", refresh_token: "new refresh" };

const formOf = (fields: Readonly<Record<string, string>>): Response =>
  new Response(new URLSearchParams(fields));

const refreshed = (name: string, answer: () => Response) => {
  stubbed(answer);
  return run(refreshTokens(clientOf(name), old, now));
};

const refused = (name: string, body: unknown, status: number) => {
  stubbed(() => Response.json(body, { status }));
  return run(Effect.flip(refreshTokens(clientOf(name), old, now)));
};

describe("refreshTokens", () => {
  it("shows a client's secret in the header, with no escape that a server might not undo", async () => {
    const sent = stubbed(good);
    await run(refreshTokens(clientOf("reddit"), old, now));
    const [request] = sent;
    expect(request).toMatchObject({
      url: "https://www.reddit.com/api/v1/access_token",
      body: { grant_type: "refresh_token", refresh_token: "old refresh" },
      hasTimeout: true,
    });
    const { authorization, accept } = request!.headers;
    expect(atob(authorization!.replace("Basic ", ""))).toBe("the%20id:s-e_c%2Br%2Fe%3Dt");
    expect(accept).toBe("application/json");
  });

  it("shows it in the body to those who want it there", async () => {
    const sent = stubbed(good);
    await run(refreshTokens(clientOf("google-mail"), old, now));
    expect(sent[0]?.body).toEqual({
      grant_type: "refresh_token",
      refresh_token: "old refresh",
      client_id: "the id",
      client_secret: "s-e_c+r/e=t",
    });
    expect(sent[0]?.headers["authorization"]).toBeUndefined();
  });

  it("names a client that has no secret", async () => {
    const sent = stubbed(good);
    const { clientSecret: _, ...publicClient } = clientOf("x");
    await run(refreshTokens(publicClient, old, now));
    expect(sent[0]?.body).toEqual({
      grant_type: "refresh_token",
      refresh_token: "old refresh",
      client_id: "the id",
    });
    expect(sent[0]?.headers["authorization"]).toBeUndefined();
  });

  it("takes what GitHub says of an app whose tokens expire, and of one whose do not", async () => {
    const form =
      "access_token=new%20access&expires_in=28800&refresh_token=new+refresh&scope=&token_type=bearer";
    const headers = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
    expect(await refreshed("github", () => new Response(form, { headers }))).toEqual({
      accessToken: "new access",
      refreshToken: "new refresh",
      expiresAt: now + 28_800_000,
      scopes: ["old"],
    });
    expect(await refreshed("github", good)).toMatchObject({ expiresAt: null });
  });

  it("takes what Slack says of a bot, and of a person", async () => {
    const user = { id: "U1", access_token: "xoxp-new", scope: "users:read,chat:write" };
    const bot = { ok: true, access_token: "xoxb-new", token_type: "bot", scope: "chat:write" };
    expect(await refreshed("slack", () => Response.json({ ...bot, authed_user: user }))).toEqual({
      accessToken: "xoxb-new",
      refreshToken: "old refresh",
      expiresAt: null,
      scopes: ["chat:write"],
    });
    const rotating = { ...user, refresh_token: "xoxe-new", expires_in: 43_200 };
    expect(
      await refreshed("slack", () => Response.json({ ok: true, authed_user: rotating })),
    ).toEqual({
      accessToken: "xoxp-new",
      refreshToken: "xoxe-new",
      expiresAt: now + 43_200_000,
      scopes: ["users:read", "chat:write"],
    });
  });

  it.each([
    ["null in JSON", (): Response => Response.json({ ...rotated, error: null })],
    ["nothing in JSON", (): Response => Response.json({ ...rotated, error: "" })],
    ["nothing in a form", (): Response => formOf({ ...rotated, error: "", error_description: "" })],
  ])(
    "takes tokens that come with an error of %s: the old refresh token is used up",
    async (_, answer) => {
      const { accessToken, refreshToken } = await refreshed("x", answer);
      expect([accessToken, refreshToken]).toEqual(["new access", "new refresh"]);
    },
  );

  it.each([
    [3_600, now + 3_600_000],
    ["3600", now + 3_600_000],
    ["3600.5 s", now + 3_600_500],
    [undefined, now + 7_200_000],
    [null, now + 7_200_000],
    ["soon", now + 7_200_000],
    [0, now + 7_200_000],
    [-1, now + 7_200_000],
    [8.64e12 - now / 1000, 8.64e15],
    [8.64e12, null],
    [99_999_999_999_999, null],
    ["99999999999999", null],
    ["1e999", null],
    ["Infinity", null],
  ])("makes of a lifetime of %j the end %j", async (expiresIn, expiresAt) => {
    const answer = { access_token: "new access", expires_in: expiresIn };
    expect(await refreshed("x", () => Response.json(answer))).toMatchObject({ expiresAt });
  });

  it("knows no end of a token whose end no date can hold, wherever its lifetime comes from", async () => {
    const json = '{ "access_token": "new access", "expires_in": 1e999 }';
    expect(await refreshed("x", () => new Response(json))).toMatchObject({ expiresAt: null });
    const form = { access_token: "new access", expires_in: "99999999999999" };
    expect(await refreshed("x", () => formOf(form))).toMatchObject({ expiresAt: null });
    stubbed(good);
    const patient = clientOf("x", { provider: { lifetime: 1e300 } });
    expect(await run(refreshTokens(patient, old, now))).toMatchObject({ expiresAt: null });
  });

  it.each([
    ["a b", ["a", "b"]],
    ["a,b", ["a", "b"]],
    [" a,  b\n", ["a", "b"]],
    [
      ["a", "b c"],
      ["a", "b", "c"],
    ],
    ["", ["old"]],
    [undefined, ["old"]],
    [5, ["old"]],
  ])("makes of the scope %j the scopes %j", async (scope, scopes) => {
    const answer = { access_token: "new access", scope };
    expect(await refreshed("x", () => Response.json(answer))).toMatchObject({ scopes });
  });

  it.each([
    ["github", { error: "bad_refresh_token", error_description: "..." }, 200],
    ["slack", { ok: false, error: "invalid_refresh_token" }, 200],
    ["x", { error: "invalid_request", error_description: "..." }, 400],
    ["google-mail", { error: "invalid_grant" }, 400],
    ["discord", { error: "invalid_grant" }, 400],
  ])("knows when %s refuses for good: %j", async (name, body, status) => {
    expect((await refused(name, body, status)).reason).toBe("refused");
  });

  it.each([
    ["github", { error: "incorrect_client_credentials" }, 200],
    ["slack", { ok: false, error: "bad_client_secret" }, 200],
    ["reddit", { message: "Unauthorized", error: 401 }, 401],
    ["discord", { error: "invalid_client" }, 401],
    ["google-mail", { error: "unauthorized_client" }, 400],
  ])("knows when %s does not accept the client: %j", async (name, body, status) => {
    expect((await refused(name, body, status)).reason).toBe("misconfigured");
  });

  it.each([
    ["slack", { ok: false, error: "internal_error" }, 200],
    ["slack", { ok: false, error: "ratelimited" }, 429],
    ["google-mail", { error: "invalid_request" }, 400],
    ["google-mail", { error: "invalid_grant" }, 503],
    ["google-mail", { error: { status: "INTERNAL" } }, 200],
    ["reddit", { message: "Too Many Requests", error: 429 }, 429],
  ])("takes other trouble of %s for something that may pass: %j", async (name, body, status) => {
    expect((await refused(name, body, status)).reason).toBe("unavailable");
  });
});

describe("authorizationUrl", () => {
  const pending = {
    redirectUri: "https://pawl.test/back?a=b",
    state: "state",
    codeVerifier: "verifier",
  };

  const parametersFor = async (client: OAuthClient) => {
    const url = new URL(await run(authorizationUrl(client, pending)));
    return [url.origin + url.pathname, Object.fromEntries(url.searchParams)];
  };

  it("asks Google for a refresh token, with a challenge", async () => {
    expect(await parametersFor(clientOf("google-calendar"))).toEqual([
      "https://accounts.google.com/o/oauth2/v2/auth",
      {
        access_type: "offline",
        prompt: "consent",
        response_type: "code",
        client_id: "the id",
        redirect_uri: "https://pawl.test/back?a=b",
        state: "state",
        scope: "https://www.googleapis.com/auth/calendar",
        // SHA-256 of the verifier, in base64 for URLs.
        code_challenge: "iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ",
        code_challenge_method: "S256",
      },
    ]);
  });

  it("asks Slack with commas and Reddit for a permanent grant, both without a challenge", async () => {
    const standard = {
      response_type: "code",
      client_id: "the id",
      redirect_uri: "https://pawl.test/back?a=b",
      state: "state",
    };
    expect(await parametersFor(clientOf("slack", { scopes: ["a", "b"] }))).toEqual([
      "https://slack.com/oauth/v2/authorize",
      { ...standard, scope: "a,b" },
    ]);
    expect(await parametersFor(clientOf("reddit", { scopes: [] }))).toEqual([
      "https://www.reddit.com/api/v1/authorize",
      { ...standard, duration: "permanent" },
    ]);
  });

  it("keeps what stands in the endpoint already, and lets no parameter of the provider replace Pawl's", async () => {
    const provider = {
      authorizationEndpoint: "https://acme.test/authorize?tenant=1",
      tokenEndpoint: "https://acme.test/token",
      pkce: false,
      authorizationParameters: { state: "guessable", audience: "api" },
    };
    const [, parameters] = await parametersFor(clientOf("acme", { provider }));
    expect(parameters).toMatchObject({ tenant: "1", audience: "api", state: "state" });
  });
});
