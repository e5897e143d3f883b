/**
 * How an integration is connected: a person is sent to the provider's page of consent, and the code that comes back is exchanged
 * for tokens (RFC 6749 with PKCE). Apart from the refresh, since the Worker of a run needs none of it.
 */
import * as Effect from "effect/Effect";
import type { AuthorizationServer } from "oauth4webapi";
import {
  AuthorizationResponseError,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  generateRandomCodeVerifier,
  generateRandomState,
  nopkce,
  validateAuthResponse,
} from "oauth4webapi";
import { quoted } from "#core/problem";
import type { Tokens } from "#services/integration-store";
import type { OAuthClient } from "./oauth-clients.ts";
import { codeIn, OAuthFailure, requestTokens } from "./oauth.ts";

/** What whoever sends a person away has to remember, and to keep to itself, until the person comes back. */
export interface PendingAuthorization {
  /** Where the provider sends the person back to. */
  readonly redirectUri: string;
  /** Tells this authorization from all others. */
  readonly state: string;
  /** Whoever does not have it can do nothing with the code. */
  readonly codeVerifier: string;
}

/** With a state and a verifier that nobody can guess. */
export const newAuthorization = (redirectUri: string): PendingAuthorization => ({
  redirectUri,
  state: generateRandomState(),
  codeVerifier: generateRandomCodeVerifier(),
});

/** The provider's page for this person. */
export const authorizationUrl = (
  { clientId, scopes, provider }: OAuthClient,
  { redirectUri, state, codeVerifier }: PendingAuthorization,
): Effect.Effect<string> =>
  Effect.promise(async () => {
    const url = new URL(provider.authorizationEndpoint);
    const parameters = {
      ...provider.authorizationParameters,
      response_type: "code",
      client_id: clientId,
      redirect_uri: redirectUri,
      state,
      ...(scopes.length === 0 ? {} : { scope: scopes.join(provider.scopeSeparator) }),
      ...(provider.pkce
        ? {
            code_challenge: await calculatePKCECodeChallenge(codeVerifier),
            code_challenge_method: "S256",
          }
        : {}),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  });

const serverOf = ({ provider }: OAuthClient): AuthorizationServer => ({
  issuer: provider.issuer ?? provider.tokenEndpoint,
  token_endpoint: provider.tokenEndpoint,
});

/** The code in the answer, once it is known to be the answer to this very authorization. */
const validated = (
  client: OAuthClient,
  { state }: PendingAuthorization,
  callback: URL,
): Effect.Effect<URLSearchParams, OAuthFailure> =>
  Effect.try({
    try: () => {
      const parameters = new URLSearchParams(callback.searchParams);
      // Whoever is not known by name cannot be told by it.
      if (client.provider.issuer === undefined) parameters.delete("iss");
      return validateAuthResponse(
        serverOf(client),
        { client_id: client.clientId },
        parameters,
        state,
      );
    },
    catch: (error) =>
      new OAuthFailure({
        reason: "refused",
        message:
          error instanceof AuthorizationResponseError
            ? `The provider ${quoted(client.name)} gave no access (${codeIn(error.error) ?? "it does not say why"}). Connect again to ask anew.`
            : `This is not the answer of ${quoted(client.name)} to the connection that was begun. Connect again.`,
      }),
  });

/** The tokens behind the URL that the person came back to. */
export const exchangeCode = (
  client: OAuthClient,
  pending: PendingAuthorization,
  callback: URL,
  now: number,
): Effect.Effect<Tokens, OAuthFailure> =>
  Effect.gen(function* () {
    const parameters = yield* validated(client, pending, callback);
    return yield* requestTokens(
      client,
      { scopes: client.scopes },
      now,
      (_server, identity, authentication, options) =>
        authorizationCodeGrantRequest(
          serverOf(client),
          identity,
          authentication,
          parameters,
          pending.redirectUri,
          client.provider.pkce ? pending.codeVerifier : nopkce,
          options,
        ),
    );
  });
