/**
 * Bytes behind ObjectReferences. Keys are scoped by organization and execution; the caller names the object, so that a step
 * that runs twice writes the same one (REPLAY-4). A reference's id is what a document may hold: only the store that made it
 * can read it, and the organization is never taken from it (ACCESS-1).
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ObjectReference } from "#core/value";
import type { ServiceFailure } from "./errors.ts";
import type { BinaryValue } from "./node-definition.ts";

export interface ObjectScope {
  readonly organizationId: string;
  readonly executionId: string;
}

export interface StoredObject {
  readonly reference: ObjectReference;
  /** Bytes. */
  readonly size: number;
}

/** The memory layer's ids. JSON's escapes come first: `encodeURIComponent` alone throws on a lone surrogate. */
const objectIdOf = (executionId: string, name: string): string =>
  [executionId, name]
    .map((part) => encodeURIComponent(JSON.stringify(part).slice(1, -1)))
    .join("/");

export class ObjectStore extends Context.Service<
  ObjectStore,
  {
    /** Replaces what stands under the name. */
    readonly write: (
      scope: ObjectScope,
      name: string,
      value: BinaryValue,
    ) => Effect.Effect<ObjectReference, ServiceFailure>;
    /** The id that an object of that name has, whether it is there or not. */
    readonly idOf: (scope: ObjectScope, name: string) => Effect.Effect<string, ServiceFailure>;
    /** Undefined when the organization has no such object. */
    readonly read: (
      organizationId: string,
      objectId: string,
    ) => Effect.Effect<BinaryValue | undefined, ServiceFailure>;
    readonly remove: (
      organizationId: string,
      objectId: string,
    ) => Effect.Effect<void, ServiceFailure>;
    /** In the order of their ids. */
    readonly list: (scope: ObjectScope) => Effect.Effect<readonly StoredObject[], ServiceFailure>;
  }
>()("pawl/ObjectStore") {
  static readonly layerMemory: Layer.Layer<ObjectStore> = Layer.sync(ObjectStore, () => {
    const objects = new Map<string, Map<string, BinaryValue>>();
    const ofOrganization = (organizationId: string): Map<string, BinaryValue> => {
      const found = objects.get(organizationId) ?? new Map<string, BinaryValue>();
      objects.set(organizationId, found);
      return found;
    };
    return {
      write: ({ organizationId, executionId }, name, value) =>
        Effect.sync(() => {
          const id = objectIdOf(executionId, name);
          ofOrganization(organizationId).set(id, { ...value, data: value.data.slice() });
          return referenceOf(id, value);
        }),
      idOf: ({ executionId }, name) => Effect.sync(() => objectIdOf(executionId, name)),
      read: (organizationId, objectId) =>
        Effect.sync(() => {
          const found = ofOrganization(organizationId).get(objectId);
          return found && { ...found, data: found.data.slice() };
        }),
      remove: (organizationId, objectId) =>
        Effect.sync(() => void ofOrganization(organizationId).delete(objectId)),
      list: ({ organizationId, executionId }) =>
        Effect.sync(() =>
          [...ofOrganization(organizationId)]
            .filter(([id]) => id.startsWith(objectIdOf(executionId, "")))
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([id, value]) => ({
              reference: referenceOf(id, value),
              size: value.data.byteLength,
            })),
        ),
    };
  });
}

export const referenceOf = (
  id: string,
  { mimeType, filename }: Pick<BinaryValue, "mimeType" | "filename">,
): ObjectReference => ({ id, mimeType, ...(filename === undefined ? {} : { filename }) });
