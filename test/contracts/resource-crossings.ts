/** What an organization tries with secrets and integrations of another. */
import * as Effect from "effect/Effect";
import type { NewConnection, Tokens } from "#services/integration-store";
import type { NodeFacts } from "#services/node-definition";
import type { Resources } from "#services/resource-provider";
import type { Crossings, Ids, Try } from "./crossing.ts";

const tokensOf = (value: string, changes: Partial<Tokens> = {}): Tokens => ({
  accessToken: value,
  refreshToken: `${value} again`,
  expiresAt: null,
  scopes: ["read"],
  ...changes,
});

const connectionOf = (organizationId: string, id: string, tokens: Tokens): NewConnection => ({
  organizationId,
  id,
  provider: "test",
  tokens,
  now: 1_000,
});

/** What is left by the two `fill`s below, for a provider that is given it all at once. */
export const resourcesOf = ({ secret, value, integration, expired }: Ids): Resources => ({
  secrets: { [secret]: value },
  integrations: {
    [integration]: { id: integration, provider: "test", token: value },
    [expired]: { id: expired, provider: "test", token: value },
  },
});

const SecretStore: Crossings["SecretStore"] = {
  fill: (store, { organization: organizationId, secret: name, value }) => [
    store.set({ organizationId, name, value, now: 1_000 }),
  ],
  look: (store, { organization, secret }) => [
    ["the list", store.list(organization)],
    ["the value", store.read(organization, secret)],
    ["the values", store.readAll(organization)],
  ],
  tries: (store, organizationId, { secret, value }) => {
    const read: Try = ["read", store.read(organizationId, secret)];
    return [
      read,
      ["read all", store.readAll(organizationId)],
      ["list", store.list(organizationId)],
      ["remove", store.remove(organizationId, secret)],
      // From here on there is a secret of its own of that name.
      ["set", store.set({ organizationId, name: secret, value: "a value of mine", now: 2_000 })],
      read,
      ["set again", store.set({ organizationId, name: secret, value, now: 3_000 })],
      ["list", store.list(organizationId)],
      ["remove its own", store.remove(organizationId, secret)],
    ];
  },
  // Its own is gone by then.
  silent: ["5 set", "6 read", "7 set again", "8 list", "9 remove its own"],
  ofAll: ["rotate"],
};

const IntegrationStore: Crossings["IntegrationStore"] = {
  fill: (store, { organization, integration, expired, value }) => [
    store.connect(connectionOf(organization, integration, tokensOf(value))),
    store.connect(
      connectionOf(organization, expired, {
        accessToken: `${value} of old`,
        expiresAt: 1,
        scopes: [],
      }),
    ),
  ],
  look: (store, { organization, integration }) => [
    ["the list", store.list(organization)],
    ["one", store.read(organization, integration)],
    ["all", store.readAll(organization)],
  ],
  tries: (store, organizationId, { integration: id, expired }) => {
    const read: Try = ["read", store.read(organizationId, id)];
    const change = { organizationId, id, version: 1, now: 2_000 };
    const replace: Try = [
      "replace tokens",
      store.replaceTokens({ ...change, tokens: tokensOf("mine") }),
    ];
    return [
      read,
      ["read all", store.readAll(organizationId)],
      ["list", store.list(organizationId)],
      replace,
      ["expire", store.expire({ ...change, id: expired })],
      ["remove", store.remove(organizationId, expired)],
      // From here on there is an integration of its own of that id.
      ["connect", store.connect(connectionOf(organizationId, id, tokensOf("mine")))],
      read,
      replace,
      ["list", store.list(organizationId)],
    ];
  },
  silent: [],
  ofAll: ["rotate"],
};

const factsOf = (organizationId: string): NodeFacts => ({
  nodeId: "node",
  workflowId: "workflow",
  organizationId,
  executionId: "run",
  attempt: 1,
  idempotencyKey: "run/node",
  signal: new AbortController().signal,
  trigger: null,
  reportUsage: () => {},
});

const asking = (ask: () => Promise<unknown>): Effect.Effect<unknown, unknown> =>
  Effect.tryPromise({ try: ask, catch: (reason) => reason });

const ResourceProvider: Crossings["ResourceProvider"] = {
  // The stores of secrets and integrations are filled first.
  fill: () => [],
  look: (store, { organization, secret, integration, value }) => {
    const { getSecret, getIntegration } = store.createNodeContext(factsOf(organization));
    return [
      ["the mask", asking(async () => (await store.maskFor(organization)).text(value))],
      ["the secret", asking(() => getSecret(secret))],
      ["the integration", asking(() => getIntegration(integration))],
    ];
  },
  tries: (store, organizationId, { secret, integration, expired, value }) => {
    const { getSecret, getIntegration } = store.createNodeContext(factsOf(organizationId));
    const masked = asking(async () => (await store.maskFor(organizationId)).text(value));
    return [
      ["initialize", store.initialize(organizationId)],
      ["mask", masked],
      ["mask at hand", asking(async () => store.maskAtHand(organizationId).text(value))],
      ["secret", asking(() => getSecret(secret))],
      ["integration", asking(() => getIntegration(integration))],
      ["expired integration", asking(() => getIntegration(expired))],
      ["mask of what was asked for", masked],
    ];
  },
  silent: ["1 initialize"],
  ofAll: [],
};

const TokenRefresher: Crossings["TokenRefresher"] = {
  fill: () => [],
  look: () => [],
  tries: (store, organizationId, { integration, expired }) => [
    ["refresh", store.refresh({ organizationId, id: integration, version: 0 })],
    ["refresh the expired one", store.refresh({ organizationId, id: expired, version: 1 })],
  ],
  silent: [],
  ofAll: [],
};

export const resourceCrossings = {
  ResourceProvider,
  TokenRefresher,
  SecretStore,
  IntegrationStore,
};
