/**
 * An organization's connections to other services: which provider, which scopes, and the tokens, which are sealed. Every change of
 * tokens has a number, so that of two that come at once one knows that it is too late (SECRET-3).
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { integrationIdProblem } from "#core/secret";
import { ServiceFailure } from "./errors.ts";
import type { Rotation } from "./secret-store.ts";

interface IntegrationKey {
  readonly organizationId: string;
  readonly id: string;
}

export interface Tokens {
  readonly accessToken: string;
  /** Absent where the provider gives none. */
  readonly refreshToken?: string;
  /** Milliseconds since 1970, as all times here; null for a token that does not expire (`tokenEnd`). */
  readonly expiresAt: number | null;
  readonly scopes: readonly string[];
}

export interface NewConnection extends IntegrationKey {
  readonly provider: string;
  readonly tokens: Tokens;
  readonly now: number;
}

/** All that is told of an integration. */
export interface IntegrationFacts {
  readonly id: string;
  readonly provider: string;
  readonly scopes: readonly string[];
  /** Expired: its tokens cannot be refreshed any more, and a person has to connect it again. */
  readonly status: "connected" | "expired";
  readonly expiresAt: number | null;
  /** Of its tokens: rises by one with every change of them. */
  readonly version: number;
  readonly connectedAt: number;
  readonly updatedAt: number;
}

export interface StoredIntegration extends IntegrationFacts {
  readonly tokens: Tokens;
}

export interface TokenChange extends IntegrationKey {
  /** That is replaced; nothing happens when it is another by now. */
  readonly version: number;
  readonly now: number;
}

export class IntegrationStore extends Context.Service<
  IntegrationStore,
  {
    /**
     * A new one, or an old one connected again. One that was removed counts as new, but its versions go on. Fails, for good,
     * with what `integrationIdProblem` says of the id, or `noRoom` when the organization has as many as it may have.
     */
    readonly connect: (
      connection: NewConnection,
    ) => Effect.Effect<"created" | "replaced", ServiceFailure>;
    /** False when there is none of that id. */
    readonly remove: (organizationId: string, id: string) => Effect.Effect<boolean, ServiceFailure>;
    /** In the order of their ids. */
    readonly list: (
      organizationId: string,
    ) => Effect.Effect<readonly IntegrationFacts[], ServiceFailure>;
    readonly read: (
      organizationId: string,
      id: string,
    ) => Effect.Effect<StoredIntegration | undefined, ServiceFailure>;
    /** For the mask. */
    readonly readAll: (
      organizationId: string,
    ) => Effect.Effect<readonly StoredIntegration[], ServiceFailure>;
    /** False when the tokens have been changed meanwhile, or the integration is gone. */
    readonly replaceTokens: (
      change: TokenChange & { readonly tokens: Tokens },
    ) => Effect.Effect<boolean, ServiceFailure>;
    /** The same for one whose refresh was refused. */
    readonly expire: (change: TokenChange) => Effect.Effect<boolean, ServiceFailure>;
    readonly rotate: Effect.Effect<Rotation, ServiceFailure>;
  }
>()("pawl/IntegrationStore") {
  static readonly layerMemory: Layer.Layer<IntegrationStore> = Layer.sync(IntegrationStore, memory);
}

/** The last moment that a Date can hold. */
const endOfTime = 8.64e15;

/** A token that lasts beyond the end of time does not expire. Every store keeps its end so. */
export const tokenEnd = (expiresAt: number | null): number | null =>
  expiresAt !== null && expiresAt <= endOfTime ? expiresAt : null;

/** Of an organization: their tokens are among what a Worker holds to mask them. */
export const mostIntegrations = 500;

const refusal = (message: string): ServiceFailure =>
  new ServiceFailure({ operation: "IntegrationStore.connect", message, isFinal: true });

export const noRoom = (): ServiceFailure =>
  refusal(
    `The organization has ${mostIntegrations} integrations, and no more are allowed. Remove one that nobody needs.`,
  );

/** The connection, or why there can be none of that id. Others may stand there already: they are read and removed as ever. */
export const checkedConnection = (
  connection: NewConnection,
): Effect.Effect<NewConnection, ServiceFailure> => {
  const message = integrationIdProblem(connection.id);
  return message === undefined ? Effect.succeed(connection) : Effect.fail(refusal(message));
};

export const inOrder = <A extends Pick<IntegrationFacts, "id">>(
  integrations: readonly A[],
): readonly A[] => integrations.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));

/** The facts alone, without the tokens. */
const factsOf = ({ tokens: _tokens, ...facts }: StoredIntegration): IntegrationFacts => facts;

function memory(): IntegrationStore["Service"] {
  const organizations = new Map<string, Map<string, StoredIntegration>>();
  /** Outlive what is removed: tokens that were asked for before must not pass for those of a later connection. */
  const versions = new Map<string, number>();
  const integrationsOf = (organizationId: string): Map<string, StoredIntegration> => {
    const integrations = organizations.get(organizationId) ?? new Map<string, StoredIntegration>();
    organizations.set(organizationId, integrations);
    return integrations;
  };
  const nextVersion = ({ organizationId, id }: IntegrationKey): number => {
    const key = JSON.stringify([organizationId, id]);
    const version = (versions.get(key) ?? 0) + 1;
    versions.set(key, version);
    return version;
  };
  const copyOf = ({ scopes, expiresAt, ...tokens }: Tokens): Tokens => ({
    ...tokens,
    expiresAt: tokenEnd(expiresAt),
    scopes: [...scopes],
  });
  const holding = (given: Tokens) => {
    const tokens = copyOf(given);
    return { tokens, scopes: [...given.scopes], expiresAt: tokens.expiresAt };
  };
  const all = (organizationId: string): readonly StoredIntegration[] =>
    inOrder([...integrationsOf(organizationId).values()]);
  /** What has this very version still. */
  const changed = (
    change: TokenChange,
    to: (stored: StoredIntegration) => Partial<StoredIntegration>,
  ): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const integrations = integrationsOf(change.organizationId);
      const stored = integrations.get(change.id);
      if (stored?.version !== change.version) return false;
      integrations.set(change.id, { ...stored, ...to(stored), updatedAt: change.now });
      return true;
    });
  return {
    connect: (connection) =>
      Effect.flatMap(checkedConnection(connection), () => {
        const { organizationId, id, provider, tokens, now } = connection;
        const integrations = integrationsOf(organizationId);
        const isNew = !integrations.has(id);
        if (isNew && integrations.size >= mostIntegrations) return Effect.fail(noRoom());
        integrations.set(id, {
          id,
          provider,
          ...holding(tokens),
          status: "connected",
          version: nextVersion(connection),
          connectedAt: now,
          updatedAt: now,
        });
        return Effect.succeed(isNew ? "created" : "replaced");
      }),
    remove: (organizationId, id) => Effect.sync(() => integrationsOf(organizationId).delete(id)),
    list: (organizationId) => Effect.sync(() => all(organizationId).map(factsOf)),
    read: (organizationId, id) => Effect.sync(() => integrationsOf(organizationId).get(id)),
    readAll: (organizationId) => Effect.sync(() => all(organizationId)),
    replaceTokens: (change) =>
      changed(change, () => ({
        ...holding(change.tokens),
        status: "connected",
        version: nextVersion(change),
      })),
    expire: (change) => changed(change, () => ({ status: "expired" })),
    rotate: Effect.succeed({ resealed: 0 }),
  };
}
