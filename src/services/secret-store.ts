/**
 * Secrets of organizations by name. Values are read inside the step that uses them (SECRET-2) and are shown to nobody: whoever
 * lists them gets names and times.
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { KnownSecret } from "#core/mask";
import type { SecretSum } from "#core/secret";
import { hasRoom, noRoom, secretProblem, utf8Size } from "#core/secret";
import { ServiceFailure } from "./errors.ts";

export interface NewSecret {
  readonly organizationId: string;
  readonly name: string;
  readonly value: string;
  /** Milliseconds since 1970, as all times here. */
  readonly now: number;
}

/** All that is told of a secret. */
export interface SecretFacts {
  readonly name: string;
  /** Of the master key that it is sealed under; null where nothing is sealed. */
  readonly keyVersion: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Rotation {
  /** How many values were sealed anew, under the newest key. */
  readonly resealed: number;
}

const refusal = (message: string): ServiceFailure =>
  new ServiceFailure({ operation: "SecretStore.set", message, isFinal: true });

/** The secret, or why it cannot be kept. */
export const checkedSecret = (secret: NewSecret): Effect.Effect<NewSecret, ServiceFailure> => {
  const message = secretProblem(secret.name, secret.value);
  return message === undefined ? Effect.succeed(secret) : Effect.fail(refusal(message));
};

/** Of a secret for which an organization that has these others has no room. */
export const noRoomFor = ({ value }: NewSecret, others: SecretSum): ServiceFailure =>
  refusal(noRoom(others, utf8Size(value)));

/** In the order of their names. */
export const byName = <A extends { readonly name: string }>(secrets: Iterable<A>): readonly A[] =>
  [...secrets].sort((a, b) => (a.name < b.name ? -1 : 1));

export class SecretStore extends Context.Service<
  SecretStore,
  {
    /** Fails, for good, with what `secretProblem` says of the name or the value, or `noRoom` of the organization. */
    readonly set: (secret: NewSecret) => Effect.Effect<"created" | "replaced", ServiceFailure>;
    /** False when there is none of that name. */
    readonly remove: (
      organizationId: string,
      name: string,
    ) => Effect.Effect<boolean, ServiceFailure>;
    /** In the order of their names. */
    readonly list: (
      organizationId: string,
    ) => Effect.Effect<readonly SecretFacts[], ServiceFailure>;
    readonly read: (
      organizationId: string,
      name: string,
    ) => Effect.Effect<string | undefined, ServiceFailure>;
    /** For the mask. */
    readonly readAll: (
      organizationId: string,
    ) => Effect.Effect<readonly KnownSecret[], ServiceFailure>;
    /** Seals what stands under older master keys under the newest one, in all organizations. */
    readonly rotate: Effect.Effect<Rotation, ServiceFailure>;
  }
>()("pawl/SecretStore") {
  static readonly layerMemory: Layer.Layer<SecretStore> = Layer.sync(SecretStore, () => {
    interface Secret {
      readonly facts: SecretFacts;
      readonly value: string;
      /** Of the value. */
      readonly bytes: number;
    }
    const organizations = new Map<string, Map<string, Secret>>();
    const secretsOf = (organizationId: string): Map<string, Secret> => {
      const secrets = organizations.get(organizationId) ?? new Map<string, Secret>();
      organizations.set(organizationId, secrets);
      return secrets;
    };
    return {
      set: (secret) =>
        Effect.flatMap(checkedSecret(secret), ({ organizationId, name, value, now }) => {
          const secrets = secretsOf(organizationId);
          const old = secrets.get(name);
          const bytes = utf8Size(value);
          const others = {
            count: secrets.size - (old === undefined ? 0 : 1),
            bytes: [...secrets.values()].reduce(
              (sum, other) => sum + other.bytes,
              -(old?.bytes ?? 0),
            ),
          };
          if (!hasRoom(others, bytes)) return Effect.fail(noRoomFor(secret, others));
          const createdAt = old?.facts.createdAt ?? now;
          secrets.set(name, {
            facts: { name, keyVersion: null, createdAt, updatedAt: now },
            value,
            bytes,
          });
          return Effect.succeed(old === undefined ? "created" : "replaced");
        }),
      remove: (organizationId, name) => Effect.sync(() => secretsOf(organizationId).delete(name)),
      list: (organizationId) =>
        Effect.sync(() =>
          byName(Array.from(secretsOf(organizationId).values(), ({ facts }) => facts)),
        ),
      read: (organizationId, name) => Effect.sync(() => secretsOf(organizationId).get(name)?.value),
      readAll: (organizationId) =>
        Effect.sync(() =>
          byName(Array.from(secretsOf(organizationId), ([name, { value }]) => ({ name, value }))),
        ),
      rotate: Effect.succeed({ resealed: 0 }),
    };
  });
}
