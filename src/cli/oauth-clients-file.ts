/**
 * The OAuth clients that integrations are connected and refreshed with: a file of the person, in the format of the binding
 * OAUTH_CLIENTS. The embedded Worker reads the one in the state directory. An entry that is wrong is no reason to refuse others.
 */
import { join } from "node:path";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { JsonValue } from "#core/value";
import { isJsonObject } from "#core/value";
import type { OAuthClient, OAuthClients } from "#runtime/oauth-clients";
import { parseOAuthClient, parseOAuthClients } from "#runtime/oauth-clients";
import type { ServiceFailure } from "#services/errors";
import { CommandError } from "./command-error.ts";
import { readSecretFile } from "./state-directory.ts";

export const clientsPath = (directory: string): string => join(directory, "oauth-clients.json");

export interface ClientsFile {
  readonly clients: OAuthClients;
  /** Name -> what is wrong with its entry, without anything that is in it. */
  readonly problems: ReadonlyMap<string, string>;
}

/** What is a binding for the Worker is a file for a person. */
const problemText = (what: string, { message }: ServiceFailure): string =>
  message.replace(/^OAUTH_CLIENTS/, what).replace(/ Change the binding and deploy again\.$/, "");

/** A text that is no JSON at all is refused by whoever reads the first entry. */
const namesIn = (text: string): readonly string[] | undefined => {
  try {
    const entries = JSON.parse(text) as JsonValue;
    return isJsonObject(entries) ? Object.keys(entries) : undefined;
  } catch {
    return undefined;
  }
};

/** None where there is no file. */
export const readClients = (path: string): ClientsFile => {
  const clients = new Map<string, OAuthClient>();
  const problems = new Map<string, string>();
  const text = readSecretFile(path);
  if (text === undefined || text.trim() === "") return { clients, problems };
  const names = namesIn(text);
  if (names === undefined) {
    const whole = Effect.runSync(Effect.flip(parseOAuthClients(text)));
    throw new CommandError("INVALID_CLIENTS", problemText(path, whole));
  }
  for (const name of names) {
    const parsed = Effect.runSync(Effect.result(parseOAuthClient(text, name)));
    if (Result.isSuccess(parsed)) clients.set(name, parsed.success);
    else problems.set(name, problemText(`A client in ${path}`, parsed.failure));
  }
  return { clients, problems };
};
