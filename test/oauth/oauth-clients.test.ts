import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { parseOAuthClient, parseOAuthClients } from "#runtime/oauth-clients";
import { genericProvider, oauthProviders } from "#runtime/oauth-providers";
import { ServiceFailure } from "#services/errors";

const parse = (value: unknown) => {
  const json = typeof value === "string" ? value : JSON.stringify(value);
  return Effect.runSync(parseOAuthClients(json));
};

const problemOf = (value: unknown): string => {
  const json = typeof value === "string" ? value : JSON.stringify(value);
  const failure = Effect.runSync(Effect.flip(parseOAuthClients(json)));
  expect(failure).toBeInstanceOf(ServiceFailure);
  expect(failure.isFinal).toBe(true);
  return failure.message;
};

const refusal = (problem: string): string =>
  `OAUTH_CLIENTS cannot be used: ${problem}. Change the binding and deploy again.`;

const endpoints = {
  authorizationEndpoint: "https://acme.test/authorize",
  tokenEndpoint: "https://acme.test/token",
};

describe("oauthProviders", () => {
  it("has the providers that Pawl promises, each with good endpoints", () => {
    expect([...oauthProviders.keys()]).toEqual([
      "google-mail",
      "google-calendar",
      "github",
      "discord",
      "reddit",
      "linkedin",
      "x",
      "wordpress",
      "slack",
    ]);
    for (const [name, provider] of oauthProviders) {
      const client = parse({ [name]: { clientId: "id", provider } }).get(name);
      expect(client).toEqual({ name, clientId: "id", scopes: provider.scopes, provider });
      expect(provider.scopes.length).toBeGreaterThan(0);
    }
  });
});

describe("parseOAuthClients", () => {
  it("gives no clients where there is no text", () => {
    expect(Effect.runSync(parseOAuthClients(undefined))).toEqual(new Map());
    expect(parse(" \n")).toEqual(new Map());
    expect(parse({})).toEqual(new Map());
  });

  it("knows a provider of the table by its name, and changes what it is told", () => {
    const github = oauthProviders.get("github")!;
    expect(parse({ github: { clientId: "id", clientSecret: "secret" } })).toEqual(
      new Map([
        [
          "github",
          {
            name: "github",
            clientId: "id",
            clientSecret: "secret",
            scopes: github.scopes,
            provider: github,
          },
        ],
      ]),
    );
    const provider = { tokenEndpoint: "https://github.acme.test/token" };
    const changed = parse({ github: { clientId: "id", scopes: ["repo"], provider } });
    expect(changed.get("github")).toEqual({
      name: "github",
      clientId: "id",
      scopes: ["repo"],
      provider: { ...github, ...provider },
    });
  });

  it("takes any other provider from its endpoints", () => {
    const acme = parse({ acme: { clientId: "id", provider: endpoints } }).get("acme");
    expect(acme?.provider).toEqual({ ...genericProvider, ...endpoints });
    const all = {
      ...endpoints,
      issuer: "https://acme.test",
      scopes: ["a"],
      scopeSeparator: ",",
      authentication: "post",
      pkce: false,
      lifetime: 60,
      rotates: true,
      refusals: ["no"],
      authorizationParameters: { prompt: "consent" },
    };
    expect(parse({ acme: { clientId: "id", provider: all } }).get("acme")?.provider).toEqual(all);
  });

  it.each(["__proto__", "constructor", "toString", "猫", " "])("takes %j for a name", (name) => {
    const entry = { clientId: "id", provider: endpoints };
    const clients = parse(`{ ${JSON.stringify(name)}: ${JSON.stringify(entry)} }`);
    expect([...clients.keys()]).toEqual([name]);
    expect(clients.get(name)?.clientId).toBe("id");
  });

  it.each([
    "http://localhost:1/token",
    "http://127.0.0.1/token",
    "http://[::1]:8080/token",
    "https://acme.test/token?a=b",
  ])("takes %s for an endpoint", (tokenEndpoint) => {
    const provider = { ...endpoints, tokenEndpoint };
    const client = parse({ acme: { clientId: "id", provider } }).get("acme");
    expect(client?.provider.tokenEndpoint).toBe(tokenEndpoint);
  });

  it.each([
    "http://acme.test/token",
    "http://localhost.acme.test/token",
    "http://127.0.0.2/token",
    "http://10.0.0.1/token",
    "ftp://localhost/token",
    "https://acme.test/#token",
    "https://user:pass@acme.test/token",
    "https://user@acme.test/token",
    "https://:pass@acme.test/token",
    "acme.test",
    "",
    5,
  ])("refuses %j as an endpoint", (tokenEndpoint) => {
    const provider = { ...endpoints, tokenEndpoint };
    expect(problemOf({ acme: { clientId: "id", provider } })).toBe(
      refusal(
        "'acme'.provider.tokenEndpoint should be an https:// URL (http:// only on localhost, 127.0.0.1 or [::1]) without user, password and #",
      ),
    );
  });

  it("tells all problems at once, each with its place and what should stand there", () => {
    expect(
      problemOf({
        github: { clientSecret: 5, scopes: "repo", secret: 1 },
        acme: { clientId: "id" },
        other: { clientId: "", provider: [] },
        odd: null,
        wrong: {
          clientId: "id",
          provider: {
            ...endpoints,
            scopeSeparator: ";",
            authentication: "none",
            pkce: "yes",
            lifetime: 0,
            authorizationParameters: { a: 1 },
            tokenUrl: "x",
          },
        },
      }),
    ).toBe(
      refusal(
        [
          "'github' lacks clientId: a text that is not empty",
          "'github'.clientSecret should be a text that is not empty",
          "'github'.scopes should be a list of texts",
          "'github'.'secret' is not known: clientId, clientSecret, scopes, provider are",
          "'acme'.provider lacks authorizationEndpoint: an https:// URL (http:// only on localhost, 127.0.0.1 or [::1]) without user, password and #",
          "'acme'.provider lacks tokenEndpoint: an https:// URL (http:// only on localhost, 127.0.0.1 or [::1]) without user, password and #",
          "'other'.clientId should be a text that is not empty",
          "'other'.provider should be an object",
          "'odd' should be an object with clientId and clientSecret",
          `'wrong'.provider.scopeSeparator should be " " or ","`,
          `'wrong'.provider.authentication should be "basic" or "post"`,
          "'wrong'.provider.pkce should be true or false",
          "'wrong'.provider.lifetime should be a number of seconds, or null",
          "'wrong'.provider.authorizationParameters should be an object of texts",
          "'wrong'.provider.'tokenUrl' is not known: authorizationEndpoint, tokenEndpoint, issuer, scopes, scopeSeparator, authentication, pkce, lifetime, rotates, refusals, authorizationParameters are",
        ].join("; "),
      ),
    );
  });

  it.each(["{", "[]", "5", "null", '{ "github": { "clientSecret": "canary" ', '"canary"'])(
    "shows nothing of what is no object: %s",
    (json) => {
      const message = problemOf(json);
      expect(message).toBe(
        refusal(`it should be JSON: { "NAME": { "clientId": ..., "clientSecret": ... } }`),
      );
    },
  );

  it("shows no value in a message, whatever is in the wrong place", () => {
    const message = problemOf({
      github: { clientId: ["canary"], clientSecret: { canary: 1 } },
      acme: {
        clientId: "id",
        provider: { ...endpoints, tokenEndpoint: "https://canary:canary@acme.test" },
      },
    });
    expect(message).not.toContain("canary");
  });
});

describe("parseOAuthClient", () => {
  const json = JSON.stringify({
    github: { clientId: "id" },
    broken: { clientSecret: "canary" },
    odd: null,
  });
  const one = (text: string | undefined, name: string) =>
    Effect.runSync(Effect.result(parseOAuthClient(text, name)));

  it("gives the client that is asked for, whatever is wrong with others", () => {
    const github = parse({ github: { clientId: "id" } }).get("github");
    expect(one(json, "github")).toMatchObject({ success: github });
  });

  it.each([
    ["broken", refusal("'broken' lacks clientId: a text that is not empty")],
    ["odd", refusal("'odd' should be an object with clientId and clientSecret")],
    [
      "toString",
      "OAUTH_CLIENTS has no client 'toString'. Add one under this name and deploy again.",
    ],
    ["", "OAUTH_CLIENTS has no client ''. Add one under this name and deploy again."],
  ])("refuses %j for what is wrong with it alone", (name, message) => {
    expect(one(json, name)).toMatchObject({ failure: { message, isFinal: true } });
  });

  it("has none where there is no text, and refuses what is no object", () => {
    const none = "OAUTH_CLIENTS has no client 'github'. Add one under this name and deploy again.";
    expect(one(undefined, "github")).toMatchObject({ failure: { message: none } });
    const message = refusal(
      `it should be JSON: { "NAME": { "clientId": ..., "clientSecret": ... } }`,
    );
    expect(one("[]", "github")).toMatchObject({ failure: { message, isFinal: true } });
  });
});
