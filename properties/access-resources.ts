/** Calls that organizations make of what their nodes use: secrets, integrations, and what gives them to nodes and masks them. */
import * as fc from "fast-check";
import * as Effect from "effect/Effect";
import type { NodeContext } from "#services/node-definition";
import type { Calls, Services } from "./access-question.ts";
import { asked, nothing, time } from "./access-question.ts";

type Id = fc.Arbitrary<string>;

/** Long enough to be secrets. */
const values = ["the first value", "the second value", "the third value", "the fourth value"];
const value = fc.constantFrom(...values);

export const secretCalls = (id: Id): Calls<Services["SecretStore"]> => {
  const named = fc.record({ name: id });
  return {
    set: asked(fc.record({ name: id, value, now: time }), (secrets, organizationId, one) =>
      secrets.set({ organizationId, ...one }),
    ),
    remove: asked(named, (secrets, organizationId, { name }) =>
      secrets.remove(organizationId, name),
    ),
    list: asked(nothing, (secrets, organizationId) => secrets.list(organizationId)),
    read: asked(named, (secrets, organizationId, { name }) => secrets.read(organizationId, name)),
    readAll: asked(nothing, (secrets, organizationId) => secrets.readAll(organizationId)),
  };
};

const tokens = fc
  .record({ accessToken: value, isRenewable: fc.boolean(), expiresAt: fc.constantFrom(null, 1) })
  .map(({ isRenewable, ...told }) => ({
    ...told,
    ...(isRenewable ? { refreshToken: `${told.accessToken} again` } : {}),
    scopes: [told.accessToken],
  }));

const version = fc.constantFrom(1, 1, 2, 3);

export const integrationCalls = (id: Id): Calls<Services["IntegrationStore"]> => {
  const named = fc.record({ id });
  const change = { id, version, now: time };
  return {
    connect: asked(fc.record({ id, tokens, now: time }), (store, organizationId, one) =>
      store.connect({ organizationId, provider: "test", ...one }),
    ),
    remove: asked(named, (store, organizationId, one) => store.remove(organizationId, one.id)),
    list: asked(nothing, (store, organizationId) => store.list(organizationId)),
    read: asked(named, (store, organizationId, one) => store.read(organizationId, one.id)),
    readAll: asked(nothing, (store, organizationId) => store.readAll(organizationId)),
    replaceTokens: asked(fc.record({ ...change, tokens }), (store, organizationId, one) =>
      store.replaceTokens({ organizationId, ...one }),
    ),
    expire: asked(fc.record(change), (store, organizationId, one) =>
      store.expire({ organizationId, ...one }),
    ),
  };
};

export const refresherCalls = (id: Id): Calls<Services["TokenRefresher"]> => ({
  refresh: asked(
    fc.record({ id, version: fc.constantFrom(0, 1) }),
    (refresher, organizationId, one) => refresher.refresh({ organizationId, ...one }),
  ),
});

const promised = (ask: () => Promise<unknown>): Effect.Effect<unknown, unknown> =>
  Effect.tryPromise({ try: ask, catch: (reason) => reason });

const contextOf = (provider: Services["ResourceProvider"], organizationId: string): NodeContext =>
  provider.createNodeContext({
    organizationId,
    nodeId: "node",
    workflowId: "workflow",
    executionId: "run",
    attempt: 1,
    idempotencyKey: "run/node",
    signal: new AbortController().signal,
    trigger: null,
    reportUsage: () => {},
  });

/** Whatever is masked in it is known. */
const everything = values.flatMap((one) => [one, `${one} again`]).join("\n");

export const providerCalls = (id: Id): Calls<Services["ResourceProvider"]> => ({
  initialize: asked(nothing, (provider, organizationId) => provider.initialize(organizationId)),
  createNodeContext: asked(
    fc.record({ gets: fc.constantFrom("getSecret", "getIntegration"), name: id }),
    (provider, organizationId, { gets, name }) =>
      promised(() => contextOf(provider, organizationId)[gets](name)),
  ),
  maskFor: asked(nothing, (provider, organizationId) =>
    promised(async () => (await provider.maskFor(organizationId)).text(everything)),
  ),
  maskAtHand: asked(nothing, (provider, organizationId) =>
    Effect.sync(() => provider.maskAtHand(organizationId).text(everything)),
  ),
});
