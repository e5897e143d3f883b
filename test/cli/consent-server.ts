/**
 * A provider on loopback that holds its clients to the letter: codes and refresh tokens are good once, and a code only for whoever
 * can answer its challenge. Its tokens are the tests' canaries.
 */
import { createHash, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

export const clientSecret = "client-secret-4711-for-tests";

export interface ConsentServer {
  /** For OAUTH_CLIENTS, under the name acme. */
  readonly clients: string;
  /** Every token that was given out. */
  readonly tokens: () => readonly string[];
  readonly giveNoRefreshTokens: () => void;
  /** What a person's browser is led back to, once the person agrees on the page with this address. */
  readonly agree: (page: string) => URL;
}

interface Grant {
  readonly challenge: string;
  readonly redirectUri: string;
  readonly scope: string;
}

const sha256 = (value: string): string => createHash("sha256").update(value).digest("base64url");

export const startConsentServer = async (lifetimeSeconds: number): Promise<ConsentServer> => {
  const grants = new Map<string, Grant>();
  const refreshTokens = new Set<string>();
  const given: string[] = [];

  let hasRefreshTokens = true;
  const give = (scope: string) => {
    const [access_token, refresh_token] = ["access", "refresh"].map(
      (kind) => `${kind}-${randomUUID()}`,
    ) as [string, string];
    given.push(access_token, refresh_token);
    refreshTokens.add(refresh_token);
    return {
      token_type: "bearer",
      access_token,
      ...(hasRefreshTokens ? { refresh_token } : {}),
      expires_in: lifetimeSeconds,
      scope,
    };
  };
  const tokenFor = (form: URLSearchParams): object | undefined => {
    if (form.get("grant_type") === "refresh_token") {
      return refreshTokens.delete(form.get("refresh_token") ?? "") ? give("read") : undefined;
    }
    const code = form.get("code") ?? "";
    const grant = grants.get(code);
    grants.delete(code);
    return grant !== undefined &&
      grant.redirectUri === form.get("redirect_uri") &&
      grant.challenge === sha256(form.get("code_verifier") ?? "")
      ? give(grant.scope)
      : undefined;
  };

  const credentials = `Basic ${Buffer.from(`pawl:${clientSecret}`).toString("base64")}`;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const isClient = request.headers.authorization === credentials;
      const answer = isClient ? tokenFor(new URLSearchParams(body)) : undefined;
      response
        .writeHead(answer === undefined ? 400 : 200, { "content-type": "application/json" })
        .end(JSON.stringify(answer ?? { error: isClient ? "invalid_grant" : "invalid_client" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = { authorizationEndpoint: `${url}/authorize`, tokenEndpoint: `${url}/token` };
  return {
    clients: JSON.stringify({
      acme: { clientId: "pawl", clientSecret, scopes: ["read", "write"], provider },
    }),
    tokens: () => given,
    giveNoRefreshTokens: () => {
      hasRefreshTokens = false;
    },
    agree: (page) => {
      const asked = new URL(page).searchParams;
      const of = (name: string): string => asked.get(name) ?? "";
      const code = `code-${randomUUID()}`;
      grants.set(code, {
        challenge: of("code_challenge"),
        redirectUri: of("redirect_uri"),
        scope: of("scope"),
      });
      const back = new URL(of("redirect_uri"));
      back.search = new URLSearchParams({ code, state: of("state") }).toString();
      return back;
    },
  };
};
