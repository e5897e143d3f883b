/**
 * What nodes use of their organization, from its stores: read at every call (SECRET-2), and known to the mask before a node has
 * it (SECRET-1). Tokens are refreshed five minutes before they expire, or at half their life (SECRET-3). For the layers of one run.
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Result from "effect/Result";
import type { KnownSecret } from "#core/mask";
import { quoted } from "#core/problem";
import type { StoredIntegration } from "#services/integration-store";
import { IntegrationStore } from "#services/integration-store";
import { failureOf, ServiceFailure } from "#services/errors";
import type { ResourceAccess } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { checkedAccess, ResourceProvider } from "#services/resource-provider";
import { SecretStore } from "#services/secret-store";
import { TokenRefresher } from "#services/token-refresher";
import type { KnownValues } from "./known-values.ts";
import { knownValuesOf } from "./known-values.ts";

interface Stores {
  readonly secrets: SecretStore["Service"];
  readonly integrations: IntegrationStore["Service"];
  readonly refresher: TokenRefresher["Service"];
}

const longestMargin = 5 * 60_000;

/** Milliseconds that a node with a good token waits for a newer one, and until the next node asks when there was none. */
const patience = 3_000;
const pause = 30_000;

/** Milliseconds before its token expires. One that lives shorter than five minutes would else be refreshed at every call. */
const refreshMargin = ({ expiresAt, updatedAt }: StoredIntegration): number =>
  Math.max(0, Math.min(longestMargin, ((expiresAt ?? 0) - updatedAt) / 2));

const tokensOf = ({ id, tokens }: StoredIntegration): readonly KnownSecret[] =>
  [tokens.accessToken, tokens.refreshToken ?? ""]
    .filter((value) => value !== "")
    .map((value) => ({ name: id, value }));

/** All that the mask of an organization is made of. */
const loadKnown = (
  { secrets, integrations }: Stores,
  organizationId: string,
): Effect.Effect<readonly KnownSecret[], ServiceFailure> =>
  Effect.map(
    Effect.all([secrets.readAll(organizationId), integrations.readAll(organizationId)], {
      concurrency: "unbounded",
    }),
    ([values, connected]) => [...values, ...connected.flatMap(tokensOf)],
  );

/** What a node is told of a store that failed. */
const failureFor =
  (what: string) =>
  ({ message, isFinal = false }: ServiceFailure): NodeFailure =>
    new NodeFailure({ message: `${what}: ${message}`, retryable: !isFinal });

const expired = ({ id, provider }: StoredIntegration, reason: string): NodeFailure =>
  new NodeFailure({
    message: `The integration ${quoted(id)} with ${provider} has expired: ${reason} Connect it again.`,
  });

const notRenewed = "its access could not be renewed.";

/** Milliseconds from now. */
const isGoodFor = ({ expiresAt }: StoredIntegration, time: number): Effect.Effect<boolean> =>
  Effect.map(Clock.currentTimeMillis, (now) => expiresAt === null || expiresAt - now > time);

const late = new ServiceFailure({
  operation: "ResourceProvider.getIntegration",
  message: "The provider takes too long. Trying again may help.",
});

/**
 * Gives a stored one again, with newer tokens where those are about to expire and newer ones can be had. `pauses` tells of tokens
 * for which there were none when they will be asked for again.
 */
const renewed = Effect.fnUntraced(function* (
  { refresher }: Stores,
  pauses: Map<string, number>,
  read: Effect.Effect<StoredIntegration | undefined, NodeFailure>,
  organizationId: string,
  stored: StoredIntegration,
) {
  const { id, version, tokens } = stored;
  if (yield* isGoodFor(stored, refreshMargin(stored))) return stored;
  // Without a refresh token nothing is to be had, and its last minutes would be lost by asking.
  if (tokens.refreshToken === undefined && (yield* isGoodFor(stored, 0))) return stored;
  const key = `${version} ${id}`;
  const outlivesPatience = yield* isGoodFor(stored, patience);
  if (outlivesPatience && (yield* Clock.currentTimeMillis) < (pauses.get(key) ?? 0)) return stored;
  const refresh = refresher.refresh({ organizationId, id, version });
  const result = yield* Effect.result(
    // Whoever stops waiting for a refresh does not stop it.
    outlivesPatience
      ? Effect.timeoutOrElse(refresh, { duration: patience, orElse: () => Effect.fail(late) })
      : refresh,
  );
  if (Result.isFailure(result)) {
    pauses.set(key, (yield* Clock.currentTimeMillis) + pause);
    if (yield* isGoodFor(stored, 0)) return stored;
    const what = `The token of the integration ${quoted(id)} could not be renewed`;
    return yield* failureFor(what)(result.failure);
  }
  switch (result.success.status) {
    case "unknown":
      return undefined;
    case "expired":
      return yield* expired(stored, result.success.message);
    case "refreshed":
      return yield* read;
  }
});

/** What nodes of one organization are given. All that they are given is known before. */
const accessOf = (stores: Stores, known: KnownValues, organizationId: string): ResourceAccess => {
  const readSecret = (name: string): Effect.Effect<string | undefined, NodeFailure> =>
    stores.secrets.read(organizationId, name).pipe(
      Effect.mapError(failureFor(`The secret ${quoted(name)} could not be read`)),
      Effect.tap((value) => {
        if (value !== undefined) known.add([{ name, value }]);
        return Effect.void;
      }),
    );

  const readStored = (id: string): Effect.Effect<StoredIntegration | undefined, NodeFailure> =>
    stores.integrations.read(organizationId, id).pipe(
      Effect.mapError(failureFor(`The integration ${quoted(id)} could not be read`)),
      Effect.tap((stored) => {
        if (stored !== undefined) known.add(tokensOf(stored));
        return Effect.void;
      }),
      Effect.tap((stored) =>
        stored?.status === "expired" ? Effect.fail(expired(stored, notRenewed)) : Effect.void,
      ),
    );

  /** Version and id -> when. */
  const pauses = new Map<string, number>();

  const readIntegration = Effect.fnUntraced(function* (id: string) {
    const read = readStored(id);
    const stored = yield* read;
    const current = stored && (yield* renewed(stores, pauses, read, organizationId, stored));
    return current && { id, provider: current.provider, token: current.tokens.accessToken };
  });

  return checkedAccess({
    getSecret: (name) => Effect.runPromise(readSecret(name)),
    getIntegration: (id) => Effect.runPromise(readIntegration(id)),
  });
};

const operation = "ResourceProvider.initialize";

export const d1ResourceProviderLayer: Layer.Layer<
  ResourceProvider,
  never,
  SecretStore | IntegrationStore | TokenRefresher
> = Layer.effect(
  ResourceProvider,
  Effect.gen(function* () {
    const stores: Stores = {
      secrets: yield* SecretStore,
      integrations: yield* IntegrationStore,
      refresher: yield* TokenRefresher,
    };
    interface Resources {
      readonly known: KnownValues;
      readonly access: ResourceAccess;
    }
    /** Once for an organization: thousands of nodes may hold it. */
    const resourcesById = new Map<string, Resources>();
    const resourcesOf = (organizationId: string): Resources => {
      const made = resourcesById.get(organizationId);
      if (made !== undefined) return made;
      const known = knownValuesOf(organizationId, () =>
        Effect.runPromise(loadKnown(stores, organizationId)),
      );
      const resources = { known, access: accessOf(stores, known, organizationId) };
      resourcesById.set(organizationId, resources);
      return resources;
    };
    return {
      initialize: (organizationId) =>
        Effect.tryPromise({
          try: async () => {
            await resourcesOf(organizationId).known.mask();
          },
          catch: (cause) => (cause instanceof ServiceFailure ? cause : failureOf(operation)(cause)),
        }),
      createNodeContext: (facts) => ({ ...facts, ...resourcesOf(facts.organizationId).access }),
      maskFor: (organizationId) => resourcesOf(organizationId).known.mask(),
      maskAtHand: (organizationId) => resourcesOf(organizationId).known.atHand(),
    };
  }),
);
