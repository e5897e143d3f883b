/**
 * What flows on edges. Everything here is JSON-safe; bytes travel as an ObjectReference (VALUE-4).
 * Records are keyed by ids and port names that people choose, so they are made with `recordOf` and read with `ownValue`:
 * `__proto__` is just a name.
 */
export type JsonValue = string | number | boolean | null | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Points to bytes in the ObjectStore. */
export interface ObjectReference {
  readonly id: string;
  readonly mimeType: string;
  readonly filename?: string;
}

/** A JSON value or reference. A bare null or undefined does not travel on an edge. */
export type RuntimeValue = string | number | boolean | ObjectReference | JsonArray | JsonObject;

/** Port name -> value. */
export type NodeRuntimeValues = Readonly<Record<string, RuntimeValue>>;

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isObjectReference = (value: unknown): value is ObjectReference =>
  isJsonObject(value) && typeof value["id"] === "string" && typeof value["mimeType"] === "string";

/** A plain record whose keys are all own properties, whatever they are called. */
export const recordOf = <A>(entries: Iterable<readonly [string, A]>): Readonly<Record<string, A>> =>
  Object.fromEntries(entries);

/** The value under an own key; inherited names such as `constructor` are absent. */
export const ownValue = <A>(
  record: Readonly<Record<string, A>> | undefined,
  key: string,
): A | undefined =>
  record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;

/** What a value is called in a message to a person. Never contains the value itself. */
export const describeValue = (value: unknown): string => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (isObjectReference(value)) return `a file (${value.mimeType})`;
  if (typeof value === "object") return "an object";
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return typeof value;
};
