/**
 * Objects in R2 under `<organization>/objects/<execution>/<name>`. An object's id is the part after `objects/`; it comes back
 * from documents that anybody may have written, so only what this store itself could have made is looked up.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { failureOf } from "#services/errors";
import type { ObjectScope, StoredObject } from "#services/object-store";
import { ObjectStore, referenceOf } from "#services/object-store";
import type { BinaryValue } from "#services/node-definition";
import { keySegment, longestSegment } from "./r2-key.ts";

const segmentPattern = `[\\w!%'()*.~-]{0,${longestSegment}}`;
const idPattern = new RegExp(`^${segmentPattern}/${segmentPattern}$`);

const folderOf = async (organizationId: string): Promise<string> =>
  `${await keySegment(organizationId)}/objects/`;

const idOf = async ({ executionId }: ObjectScope, name: string): Promise<string> =>
  `${await keySegment(executionId)}/${await keySegment(name)}`;

/** Metadata travels in headers, which hold ASCII for certain and nothing else. */
const metadataOf = ({ filename }: BinaryValue): Record<string, string> =>
  filename === undefined ? {} : { filename: encodeURIComponent(JSON.stringify(filename)) };

const factsOf = (object: R2Object): Pick<BinaryValue, "mimeType" | "filename"> => {
  const filename = object.customMetadata?.["filename"];
  return {
    mimeType: object.httpMetadata?.contentType ?? "application/octet-stream",
    ...(filename === undefined
      ? {}
      : { filename: JSON.parse(decodeURIComponent(filename)) as string }),
  };
};

/** R2 gives at most 1,000 objects at a time, and fewer when it gives their metadata too. */
const listAll = async (bucket: R2Bucket, prefix: string): Promise<readonly R2Object[]> => {
  const objects: R2Object[] = [];
  let cursor: string | undefined;
  do {
    const page = await bucket.list({
      prefix,
      include: ["httpMetadata", "customMetadata"],
      ...(cursor === undefined ? {} : { cursor }),
    });
    objects.push(...page.objects);
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return objects;
};

export const r2ObjectStoreLayer = (bucket: R2Bucket): Layer.Layer<ObjectStore> =>
  Layer.succeed(ObjectStore, {
    write: (scope, name, value) =>
      Effect.tryPromise({
        try: async () => {
          const id = await idOf(scope, name);
          await bucket.put((await folderOf(scope.organizationId)) + id, value.data, {
            httpMetadata: { contentType: value.mimeType },
            customMetadata: metadataOf(value),
          });
          return referenceOf(id, value);
        },
        catch: failureOf("ObjectStore.write"),
      }),
    idOf: (scope, name) =>
      Effect.tryPromise({ try: () => idOf(scope, name), catch: failureOf("ObjectStore.idOf") }),
    read: (organizationId, objectId) =>
      Effect.tryPromise({
        try: async (): Promise<BinaryValue | undefined> => {
          if (!idPattern.test(objectId)) return undefined;
          const object = await bucket.get((await folderOf(organizationId)) + objectId);
          return object === null
            ? undefined
            : { data: new Uint8Array(await object.arrayBuffer()), ...factsOf(object) };
        },
        catch: failureOf("ObjectStore.read"),
      }),
    remove: (organizationId, objectId) =>
      Effect.tryPromise({
        try: async () => {
          if (!idPattern.test(objectId)) return;
          await bucket.delete((await folderOf(organizationId)) + objectId);
        },
        catch: failureOf("ObjectStore.remove"),
      }),
    list: (scope) =>
      Effect.tryPromise({
        try: async (): Promise<readonly StoredObject[]> => {
          const folder = await folderOf(scope.organizationId);
          return (await listAll(bucket, folder + (await idOf(scope, "")))).map((object) => ({
            reference: referenceOf(object.key.slice(folder.length), factsOf(object)),
            size: object.size,
          }));
        },
        catch: failureOf("ObjectStore.list"),
      }),
  });
