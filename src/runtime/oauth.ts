/**
 * Asks a provider's token endpoint (RFC 6749). Requests are made by oauth4webapi; answers are read here, because providers take
 * liberties that it refuses (no token_type, lifetimes as text, errors under status 200, tokens one level down), and because
 * its errors hold the answer, and with it the tokens.
 */
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import type {
  AuthorizationServer,
  Client,
  ClientAuth,
  TokenEndpointRequestOptions,
} from "oauth4webapi";
import { allowInsecureRequests, refreshTokenGrantRequest } from "oauth4webapi";
import { quoted } from "#core/problem";
import type { JsonObject, JsonValue } from "#core/value";
import { isJsonObject } from "#core/value";
import type { Tokens } from "#services/integration-store";
import { tokenEnd } from "#services/integration-store";
import type { OAuthClient } from "./oauth-clients.ts";
import { isLoopback } from "./oauth-clients.ts";

/** In plain words, without tokens and without anything that the provider wrote but its error code. */
export class OAuthFailure extends Data.TaggedError("OAuthFailure")<{
  /**
   * Refused: the code or the refresh token is no good any more, for good. Misconfigured: the client is; whoever deploys has to
   * change that. Unavailable: another try may help.
   */
  readonly reason: "refused" | "misconfigured" | "unavailable";
  readonly message: string;
}> {}

/** Long, since whoever hangs up after a refresh token was used loses the next one. */
const timeoutMillis = 30_000;

const refusals = ["invalid_grant", "access_denied"];

const misconfigurations = [
  "invalid_client",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  // GitHub's and Slack's words.
  "incorrect_client_credentials",
  "redirect_uri_mismatch",
  "invalid_client_id",
  "bad_client_secret",
  "bad_redirect_uri",
];

/**
 * As RFC 6749 has it, but for characters that need no escape: servers that decode nothing understand these ids too
 * (Reddit's secrets have `-` and `_`).
 */
const basic = ({ clientId }: OAuthClient, clientSecret: string): string =>
  `Basic ${btoa(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`)}`;

const authenticationOf =
  (client: OAuthClient): ClientAuth =>
  (_server, _client, body, headers) => {
    const { clientSecret, clientId, provider } = client;
    if (clientSecret !== undefined && provider.authentication === "basic") {
      headers.set("authorization", basic(client, clientSecret));
      return;
    }
    body.set("client_id", clientId);
    if (clientSecret !== undefined) body.set("client_secret", clientSecret);
  };

const textOf = (value: JsonValue | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const answerOf = (body: string, type: string): JsonObject => {
  if (type.includes("x-www-form-urlencoded")) return Object.fromEntries(new URLSearchParams(body));
  try {
    const value = JSON.parse(body) as JsonValue;
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
};

const scopesOf = (scope: JsonValue | undefined): readonly string[] | undefined => {
  const texts = Array.isArray(scope) ? scope : [scope];
  const scopes = texts.flatMap((text) => textOf(text)?.split(/[\s,]+/) ?? []).filter(Boolean);
  return scopes.length > 0 ? scopes : undefined;
};

const tokensOf = (
  client: OAuthClient,
  answer: JsonObject,
  before: Pick<Tokens, "refreshToken" | "scopes">,
  now: number,
): Tokens | undefined => {
  // Slack tells of a person's own token there, when no bot's was asked for.
  const user = answer["authed_user"];
  const told = textOf(answer["access_token"]) === undefined && isJsonObject(user) ? user : answer;
  const accessToken = textOf(told["access_token"]);
  if (accessToken === undefined) return undefined;
  // No new refresh token: the old one stays good.
  const refreshToken = textOf(told["refresh_token"]) ?? before.refreshToken;
  const expiresIn = told["expires_in"];
  const seconds = typeof expiresIn === "string" ? Number.parseFloat(expiresIn) : expiresIn;
  const lifetime = typeof seconds === "number" && seconds > 0 ? seconds : client.provider.lifetime;
  return {
    accessToken,
    ...(refreshToken === undefined ? {} : { refreshToken }),
    expiresAt: lifetime === null ? null : tokenEnd(now + lifetime * 1000),
    scopes: scopesOf(told["scope"]) ?? before.scopes,
  };
};

/** Some tell one of none beside the tokens. Whoever dropped those would lose the next refresh token. */
const isFailure = ({ error }: JsonObject): boolean =>
  error !== undefined && error !== null && error !== "";

/** Codes are short names. Anything else is text that a message had better not repeat. */
export const codeIn = (error: JsonValue | undefined): string | undefined => {
  const code = textOf(error);
  return code !== undefined && /^[\w.-]{1,50}$/.test(code) ? code : undefined;
};

const failureOf = (client: OAuthClient, status: number, answer: JsonObject): OAuthFailure => {
  const code = codeIn(answer["error"]);
  const provider = `The provider ${quoted(client.name)}`;
  const told = code === undefined ? `status ${status}` : `${code}, status ${status}`;
  if (status < 500 && status !== 429) {
    if (code !== undefined && [...refusals, ...client.provider.refusals].includes(code)) {
      return new OAuthFailure({ reason: "refused", message: `${provider} refuses (${told}).` });
    }
    if (status === 401 || (code !== undefined && misconfigurations.includes(code))) {
      return new OAuthFailure({
        reason: "misconfigured",
        message: `${provider} does not accept Pawl as its client (${told}). Check ${quoted(client.name)} in OAUTH_CLIENTS.`,
      });
    }
  }
  return new OAuthFailure({
    reason: "unavailable",
    message: `${provider} gives no token (${told}). Trying again may help.`,
  });
};

/** `send` makes the request, with what oauth4webapi wants to know. */
export const requestTokens = (
  client: OAuthClient,
  before: Pick<Tokens, "refreshToken" | "scopes">,
  now: number,
  send: (
    server: AuthorizationServer,
    identity: Client,
    authentication: ClientAuth,
    options: TokenEndpointRequestOptions,
  ) => Promise<Response>,
): Effect.Effect<Tokens, OAuthFailure> =>
  Effect.gen(function* () {
    const { tokenEndpoint } = client.provider;
    const { status, type, body } = yield* Effect.tryPromise({
      try: async () => {
        const response = await send(
          { issuer: tokenEndpoint, token_endpoint: tokenEndpoint },
          { client_id: client.clientId },
          authenticationOf(client),
          {
            signal: AbortSignal.timeout(timeoutMillis),
            [allowInsecureRequests]: isLoopback(new URL(tokenEndpoint)),
          },
        );
        const type = response.headers.get("content-type") ?? "";
        return { status: response.status, type, body: await response.text() };
      },
      catch: () =>
        new OAuthFailure({
          reason: "unavailable",
          message: `The provider ${quoted(client.name)} cannot be reached, or does not answer. Trying again may help.`,
        }),
    });
    const answer = answerOf(body, type);
    const isGood = status >= 200 && status < 300 && !isFailure(answer);
    const tokens = isGood ? tokensOf(client, answer, before, now) : undefined;
    return tokens ?? (yield* failureOf(client, status, answer));
  });

/** `now` is the time of asking, in milliseconds since 1970: a lifetime is counted from there, to be on the safe side. */
export const refreshTokens = (
  client: OAuthClient,
  tokens: Tokens & { readonly refreshToken: string },
  now: number,
): Effect.Effect<Tokens, OAuthFailure> =>
  requestTokens(client, tokens, now, (server, identity, authentication, options) =>
    refreshTokenGrantRequest(server, identity, authentication, tokens.refreshToken, options),
  );
