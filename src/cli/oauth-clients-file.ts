/**
 * The OAuth clients that integrations are connected and refreshed with: a file of the person, in the format of the binding
 * OAUTH_CLIENTS. The embedded Worker reads the one in the state directory.
 */
import { join } from "node:path";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { OAuthClients } from "#runtime/oauth-clients";
import { parseOAuthClients } from "#runtime/oauth-clients";
import { CommandError } from "./command-error.ts";
import { readOwnFile } from "./state-directory.ts";

export const clientsPath = (directory: string): string => join(directory, "oauth-clients.json");

/** None where there is no file. */
export const readClients = (path: string): OAuthClients => {
  const parsed = Effect.runSync(Effect.result(parseOAuthClients(readOwnFile(path))));
  if (Result.isSuccess(parsed)) return parsed.success;
  // What is a binding for the Worker is a file for a person.
  const problem = parsed.failure.message
    .replace(/^OAUTH_CLIENTS/, path)
    .replace(/ Change the binding and deploy again\.$/, "");
  throw new CommandError("INVALID_CLIENTS", problem);
};
