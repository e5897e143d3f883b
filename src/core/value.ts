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
/** Deeper is no data of a workflow, and JSON cannot be written of everything that can be nested. */
const deepestNesting = 500;
/** More values than this in one output are a file's business. */
const mostValues = 2_000_000;

/** Copies that this module made: frozen through and through, so they need no second copy. */
const plain = new WeakSet<object>();

const copyOf = (value: unknown, depth: number, budget: { left: number }): JsonValue | undefined => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "object" || depth > deepestNesting) return undefined;
  if (plain.has(value)) return value as JsonValue;
  const isList = Array.isArray(value);
  if (!isList && !isPlainRecord(value)) return undefined;
  // An array with holes has fewer entries than its length; JSON would fill them with null.
  const entries = Object.entries(value);
  if (isList && entries.length !== value.length) return undefined;
  budget.left -= entries.length;
  if (budget.left < 0) return undefined;
  const parts: [string, JsonValue][] = [];
  for (const [key, part] of entries) {
    const copied = copyOf(part, depth + 1, budget);
    if (copied === undefined) return undefined;
    parts.push([key, copied]);
  }
  const copy = Object.freeze(isList ? parts.map(([, part]) => part) : recordOf(parts));
  plain.add(copy);
  return copy;
};

/**
 * A frozen copy that shares nothing with the value, or undefined when JSON cannot say it: functions, NaN, holes, class
 * instances, what holds itself, what is nested or numbered beyond all use. Reads each part once.
 */
export const plainJson = (value: unknown): JsonValue | undefined =>
  copyOf(value, 0, { left: mostValues });

/** Whether a value survives JSON unchanged. */
export const isJsonValue = (value: unknown): value is JsonValue => plainJson(value) !== undefined;

const latin1 = /^[\0-\xff]*$/;

/** Bytes that a structured clone of a JSON value takes, estimated upwards: what platforms measure is not JSON. */
export const cloneSize = (value: JsonValue): number => {
  let size = 0;
  const rest: JsonValue[] = [value];
  while (rest.length > 0) {
    const at = rest.pop();
    if (typeof at === "string") size += 8 + (latin1.test(at) ? at.length : 2 * at.length);
    else if (typeof at !== "object" || at === null) size += 12;
    else if (Array.isArray(at)) {
      size += 12;
      for (const part of at as JsonArray) rest.push(part);
    } else {
      size += 12;
      for (const [key, part] of Object.entries(at)) rest.push(key, part);
    }
  }
  return size;
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
      if (typeof part === "object" && part !== null && !plain.has(part as object)) {
        rest.push(part as object);
      }
    }
  }
  return value;
};
