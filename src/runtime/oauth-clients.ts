/**
 * The OAuth clients of a deployment, from the binding OAUTH_CLIENTS: JSON, a name each. What is said of a provider takes the
 * place of what Pawl knows of it; one that Pawl does not know needs its endpoints. Messages name places, never what is in them,
 * since any of it may be a secret in the wrong place.
 */
import * as Effect from "effect/Effect";
import { quoted } from "#core/problem";
import type { JsonObject, JsonValue } from "#core/value";
import { isJsonObject, ownValue } from "#core/value";
import { ServiceFailure } from "#services/errors";
import type { OAuthProvider } from "./oauth-providers.ts";
import { genericProvider, oauthProviders } from "./oauth-providers.ts";

export interface OAuthClient {
  /** Under which integrations refer to it. */
  readonly name: string;
  readonly clientId: string;
  /** Absent for a public client. */
  readonly clientSecret?: string;
  readonly scopes: readonly string[];
  readonly provider: OAuthProvider;
}

/** Name -> client. */
export type OAuthClients = ReadonlyMap<string, OAuthClient>;

const loopbackHosts = ["localhost", "127.0.0.1", "[::1]"];

/** Plain HTTP is for a server on the same machine. */
export const isLoopback = (url: URL): boolean =>
  url.protocol === "http:" && loopbackHosts.includes(url.hostname);

const isEndpoint = (value: JsonValue): value is string => {
  const url = typeof value === "string" ? URL.parse(value) : null;
  if (url === null || url.hash !== "") return false;
  // Requests to URLs with these are never made.
  if (url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || isLoopback(url);
};

const isText = (value: JsonValue): value is string => typeof value === "string" && value !== "";

const isTextList = (value: JsonValue): boolean => Array.isArray(value) && value.every(isText);

interface Rule {
  readonly isMet: (value: JsonValue) => boolean;
  readonly expected: string;
}

const text: Rule = { isMet: isText, expected: "a text that is not empty" };
const texts: Rule = { isMet: isTextList, expected: "a list of texts" };
const endpoint: Rule = {
  isMet: isEndpoint,
  expected:
    "an https:// URL (http:// only on localhost, 127.0.0.1 or [::1]) without user, password and #",
};

const oneOf = (...values: readonly JsonValue[]): Rule => ({
  isMet: (value) => values.includes(value),
  expected: values.map((value) => JSON.stringify(value)).join(" or "),
});

const clientRules: Readonly<Record<"clientId" | "clientSecret" | "scopes" | "provider", Rule>> = {
  clientId: text,
  clientSecret: text,
  scopes: texts,
  provider: { isMet: isJsonObject, expected: "an object" },
};

const providerRules: Readonly<Record<keyof OAuthProvider, Rule>> = {
  authorizationEndpoint: endpoint,
  tokenEndpoint: endpoint,
  issuer: text,
  scopes: texts,
  scopeSeparator: oneOf(" ", ","),
  authentication: oneOf("basic", "post"),
  pkce: oneOf(true, false),
  lifetime: {
    isMet: (value) => value === null || (typeof value === "number" && value > 0),
    expected: "a number of seconds, or null",
  },
  rotates: oneOf(true, false),
  refusals: texts,
  authorizationParameters: {
    isMet: (value) => isJsonObject(value) && Object.values(value).every(isText),
    expected: "an object of texts",
  },
};

const problemsOf = (
  object: JsonObject,
  rules: Readonly<Record<string, Rule>>,
  required: readonly string[],
  place: string,
): readonly string[] => [
  ...required
    .filter((name) => !Object.hasOwn(object, name))
    .map((name) => `${place} lacks ${name}: ${rules[name]?.expected}`),
  ...Object.entries(object).flatMap(([name, value]) => {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      return [`${place}.${quoted(name)} is not known: ${Object.keys(rules).join(", ")} are`];
    }
    return rule.isMet(value) ? [] : [`${place}.${name} should be ${rule.expected}`];
  }),
];

const clientOf = (name: string, entry: JsonValue): OAuthClient | readonly string[] => {
  const place = quoted(name);
  if (!isJsonObject(entry)) return [`${place} should be an object with clientId and clientSecret`];
  const known = oauthProviders.get(name);
  const problems = problemsOf(entry, clientRules, ["clientId"], place);
  const described = entry["provider"] ?? {};
  if (problems.length > 0 || !isJsonObject(described)) return problems;
  const needed = known === undefined ? ["authorizationEndpoint", "tokenEndpoint"] : [];
  const wrong = problemsOf(described, providerRules, needed, `${place}.provider`);
  if (wrong.length > 0) return wrong;
  // What was checked rule by rule just now.
  const given = described as unknown as OAuthProvider;
  const provider = { ...(known ?? genericProvider), ...given };
  const { clientId, clientSecret, scopes } = entry as unknown as Omit<OAuthClient, "name">;
  return {
    name,
    clientId,
    ...(clientSecret === undefined ? {} : { clientSecret }),
    scopes: scopes ?? provider.scopes,
    provider,
  };
};

const isProblems = (made: OAuthClient | readonly string[]): made is readonly string[] =>
  Array.isArray(made);

const refusal = (problem: string): ServiceFailure =>
  new ServiceFailure({
    operation: "OAuthClients.read",
    message: `OAUTH_CLIENTS cannot be used: ${problem}. Change the binding and deploy again.`,
    isFinal: true,
  });

/** The parser's own words would show a piece of the text. */
const parsed = (json: string): JsonValue | undefined => {
  try {
    return JSON.parse(json) as JsonValue;
  } catch {
    return undefined;
  }
};

/** For an integration whose client is gone, or for a name that nobody has given one. */
export const noSuchClient = (name: string): ServiceFailure =>
  new ServiceFailure({
    operation: "OAuthClients.get",
    message: `OAUTH_CLIENTS has no client ${quoted(name)}. Add one under this name and deploy again.`,
    isFinal: true,
  });

/** Name -> what stands under it; no text: nothing. */
const entriesOf = (json: string | undefined): Effect.Effect<JsonObject, ServiceFailure> =>
  Effect.suspend(() => {
    const object = json === undefined || json.trim() === "" ? {} : parsed(json);
    return isJsonObject(object)
      ? Effect.succeed(object)
      : Effect.fail(
          refusal(`it should be JSON: { "NAME": { "clientId": ..., "clientSecret": ... } }`),
        );
  });

/** All of them, for whoever looks after them: all problems are told at once. */
export const parseOAuthClients = (
  json: string | undefined,
): Effect.Effect<OAuthClients, ServiceFailure> =>
  Effect.flatMap(entriesOf(json), (entries) => {
    const made = Object.entries(entries).map(([name, entry]) => clientOf(name, entry));
    const problems = made.filter(isProblems).flat();
    if (problems.length > 0) return Effect.fail(refusal(problems.join("; ")));
    return Effect.succeed(
      new Map(made.flatMap((one) => (isProblems(one) ? [] : [[one.name, one] as const]))),
    );
  });

/** One of them: what is wrong with others is no reason to refuse it. */
export const parseOAuthClient = (
  json: string | undefined,
  name: string,
): Effect.Effect<OAuthClient, ServiceFailure> =>
  Effect.flatMap(entriesOf(json), (entries) => {
    const entry = ownValue(entries, name);
    if (entry === undefined) return Effect.fail(noSuchClient(name));
    const made = clientOf(name, entry);
    return isProblems(made) ? Effect.fail(refusal(made.join("; "))) : Effect.succeed(made);
  });
