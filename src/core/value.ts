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
export const recordOf = <A>(
  entries: Iterable<readonly [string, A]>,
): Readonly<Record<string, A>> => {
  const record: Record<string, A> = {};
  for (const [key, value] of entries) {
    // Assigning to this one name would set the prototype. (`Object.fromEntries` does right, at three times the cost.)
    if (key === "__proto__") {
      Object.defineProperty(record, key, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    } else record[key] = value;
  }
  return record;
};

/** The value under an own key; inherited names such as `constructor` are absent. */
export const ownValue = <A>(
  record: Readonly<Record<string, A>> | undefined,
  key: string,
): A | undefined => (record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined);

/** What a value is called in a message to a person. Never contains the value itself. */
export const describeValue = (value: unknown): string => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (isObjectReference(value)) return `a file (${value.mimeType})`;
  if (typeof value === "object") return "an object";
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return typeof value;
};

/** Stands in the list below before an object whose parts have all been seen. */
const seen = Symbol("seen");

/**
 * Whether a value survives JSON unchanged. Walks with a list of its own: a value may nest deeper than the call stack. One
 * that holds itself would be walked for ever, so the objects that the walk is inside of are remembered.
 */
export const isJsonValue = (value: unknown): value is JsonValue => {
  const rest: unknown[] = [value];
  const around = new Set<object>();
  while (rest.length > 0) {
    const at = rest.pop();
    if (at === seen) {
      around.delete(rest.pop() as object);
      continue;
    }
    if (at === null || typeof at === "string" || typeof at === "boolean") continue;
    if (typeof at === "number" && Number.isFinite(at)) continue;
    if (typeof at !== "object" || around.has(at)) return false;
    const parts: readonly unknown[] = Object.values(at);
    // An array with holes has fewer values than its length; JSON would fill them with null.
    if (Array.isArray(at) ? parts.length !== at.length : !isPlainRecord(at)) return false;
    if (parts.length === 0) continue;
    around.add(at);
    rest.push(at, seen);
    for (const part of parts) rest.push(part);
  }
  return true;
};

const isPlainRecord = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  // Also of another realm, whose Object.prototype is not ours.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

/** Freezes a JSON value through and through, so that no node can change what others were given. */
export const frozen = <A extends object>(value: A): A => {
  const rest: object[] = [value];
  while (rest.length > 0) {
    const at = rest.pop()!;
    Object.freeze(at);
    for (const part of Object.values(at)) {
      if (typeof part === "object" && part !== null) rest.push(part as object);
    }
  }
  return value;
};
