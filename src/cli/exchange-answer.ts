/** What comes of the answer that a browser brings back from a provider: tokens, or why there are none. */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { maskOf } from "#core/mask";
import type { PendingAuthorization } from "#runtime/oauth-authorization";
import { exchangeCode } from "#runtime/oauth-authorization";
import type { OAuthClient } from "#runtime/oauth-clients";
import type { Tokens } from "#services/integration-store";
import { CommandError, exitCodes } from "./command-error.ts";
import { deniedCode } from "./loopback-callback.ts";
import { named, printable, shorten } from "./text.ts";

/** Of what a provider says; the rest is read by nobody. */
const longestDescription = 200;

/** Why the provider says that it gives nothing; whoever else answers in its name is not believed. */
const refusalIn = (
  { clientSecret, provider: { issuer } }: OAuthClient,
  { state, codeVerifier }: PendingAuthorization,
  { searchParams }: URL,
): { readonly isDenied: boolean; readonly words: string } => {
  const claimed = searchParams.get("iss");
  const isOurs = issuer === undefined || claimed === null || claimed === issuer;
  const description = isOurs ? (searchParams.get("error_description") ?? "").trim() : "";
  const secrets = [clientSecret ?? "", state, codeVerifier];
  const mask = maskOf(secrets.map((value) => ({ name: "of the connection", value })));
  const words = shorten(printable(mask.text(description)), longestDescription);
  return {
    isDenied: isOurs && searchParams.get("error") === "access_denied",
    words: words === "" || !searchParams.has("error") ? "" : ` It says: "${words}"`,
  };
};

/** The tokens behind the answer that the browser brought; `clients` is the file that the client stands in. */
export const exchangeAnswer = async (
  client: OAuthClient,
  pending: PendingAuthorization,
  callback: URL,
  clients: string,
): Promise<Tokens> => {
  const { searchParams } = callback;
  // The provider would be asked with no code at all, and would say something else.
  if (!searchParams.has("code") && !searchParams.has("error")) {
    throw new CommandError(
      "CONNECT_FAILED",
      `The provider ${named(client.name)} led back without a code, and nothing was connected. Connect again to ask anew.`,
      { exitCode: exitCodes.error },
    );
  }
  const result = await Effect.runPromise(
    Effect.result(exchangeCode(client, pending, callback, Date.now())),
  );
  if (Result.isSuccess(result)) return result.success;
  const { isDenied, words } = refusalIn(client, pending, callback);
  // What is a binding for the Worker is a file for a person.
  const message = result.failure.message.replace(/ OAUTH_CLIENTS\.$/, ` ${clients}.`);
  throw new CommandError(isDenied ? deniedCode : "CONNECT_FAILED", message + words, {
    exitCode: exitCodes.error,
  });
};
