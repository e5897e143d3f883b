/**
 * Keeps what runs know to be secret off the isolate's console, since a Worker's logs are kept. Several runs, of several
 * organizations, log in one isolate, and what one of them logs may come from another: the masks of all hold for every line.
 */
import type { Mask } from "#core/mask";
import { recordOf } from "#core/value";

const methods = [
  "assert",
  "debug",
  "dir",
  "dirxml",
  "error",
  "group",
  "groupCollapsed",
  "info",
  "log",
  "table",
  "trace",
  "warn",
] as const;

/** Of the runs that go on. Each is asked anew for every line, since what is known to be secret grows. */
const masks = new Set<{ readonly mask: () => Mask }>();
const masked = new WeakSet<object>();
const deepest = 100;
/** Of one line's argument. What JSON is made of may make more of itself without end. */
const mostJson = 100_000;

/** What a console shows of some platform objects is not in properties of theirs. */
const collections = [Map, Set, Headers, URLSearchParams, FormData];
const unreadable = "[cannot be read]";

const read = (owner: object, key: PropertyKey): unknown => {
  try {
    return Reflect.get(owner, key);
  } catch {
    return unreadable;
  }
};

/**
 * A stub of a remote object says that it has any method; merely asked for, none is called. The platform's own text of a stub calls
 * one, so its properties are shown instead.
 */
const isStub = (part: object): boolean =>
  typeof read(part, "a method that no object has") === "function";

/**
 * The method by which JSON is made of an object, unless it has none. Asked of properties that are really there, for a stub says
 * that it has any, and calls its object for it.
 */
const jsonMethodOf = (owner: object): unknown => {
  for (
    let holder: object | null = owner;
    holder !== null;
    holder = Reflect.getPrototypeOf(holder)
  ) {
    const property = Reflect.getOwnPropertyDescriptor(holder, "toJSON");
    if (property === undefined) continue;
    return property.get === undefined ? property.value : Reflect.apply(property.get, owner, []);
  }
  return undefined;
};

/** All that a console may show. */
const partsOf = (owner: object): readonly (readonly [string, unknown])[] => {
  try {
    const keys: PropertyKey[] = Reflect.ownKeys(owner);
    if (owner instanceof Request || owner instanceof Response) keys.push("url", "headers");
    const parts = keys.map((key): readonly [string, unknown] => [String(key), read(owner, key)]);
    return collections.some((collection) => owner instanceof collection)
      ? [...parts, ["entries", [...(owner as Iterable<unknown>)]]]
      : parts;
  } catch {
    return [[unreadable, null]];
  }
};

/** What the JSON that logs are kept as shows of it; undefined when that is its parts. */
const jsonOf = (owner: object): unknown => {
  try {
    const method = jsonMethodOf(owner);
    return typeof method === "function" ? Reflect.apply(method, owner, [""]) : undefined;
  } catch {
    return undefined;
  }
};

const bytesOf = (part: object): Uint8Array | undefined =>
  ArrayBuffer.isView(part)
    ? new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
    : part instanceof ArrayBuffer
      ? new Uint8Array(part)
      : undefined;

type Format = (options: { readonly breakLength: number }, ...line: readonly unknown[]) => string;

/** What the platform itself writes a line with; undefined in a Worker without `nodejs_compat`. */
const platformFormat = (): Format | undefined => {
  const { process } = globalThis as {
    readonly process?: { readonly getBuiltinModule?: (name: string) => unknown };
  };
  const util = process?.getBuiltinModule?.("node:util");
  return (util as { readonly formatWithOptions?: Format } | undefined)?.formatWithOptions;
};

const maskedText = (text: string): string => {
  let masked = text;
  for (const { mask } of masks) masked = mask().text(masked);
  return masked;
};

/** The argument itself, or a text in its place when something in it is secret. */
const shown = (argument: unknown): unknown => {
  let isChanged = false;
  let jsonMade = 0;
  const seen = new Set<object>();
  const text = (given: string): string => {
    const masked = maskedText(given);
    if (masked !== given) isChanged = true;
    return masked;
  };
  const copy = (part: unknown, depth: number, isJson = false): unknown => {
    if (
      typeof part === "string" ||
      typeof part === "number" ||
      typeof part === "bigint" ||
      typeof part === "symbol"
    ) {
      const given = String(part);
      const masked = text(given);
      return typeof part === "number" && masked === given ? part : masked;
    }
    if (part === null || (typeof part !== "object" && typeof part !== "function")) return part;
    if (seen.has(part)) return "[seen before]";
    seen.add(part);
    if (depth > deepest) {
      isChanged = true;
      return "[too deep]";
    }
    const bytes = bytesOf(part);
    if (bytes !== undefined) {
      isChanged ||= [...masks].some(({ mask }) => mask().bytes(bytes) !== bytes);
      return `[${bytes.length} bytes]`;
    }
    isChanged ||= isStub(part);
    if (Array.isArray(part)) return part.map((element: unknown) => copy(element, depth + 1));
    const json = isJson ? undefined : jsonOf(part);
    if (json !== undefined && ++jsonMade > mostJson) {
      isChanged = true;
      return "[too much]";
    }
    const parts = partsOf(part).map(([key, value]) => [text(key), copy(value, depth + 1)] as const);
    return recordOf(
      json === undefined ? parts : [...parts, ["toJSON()", copy(json, depth + 1, true)]],
    );
  };
  const copied = copy(argument, 0);
  if (!isChanged) return argument;
  if (typeof copied === "string") return copied;
  if (!(argument instanceof Error)) return JSON.stringify(copied);
  const { stack, message, ...more } = copied as Readonly<Record<string, unknown>>;
  const told = String(stack ?? message);
  return Object.keys(more).length === 0 ? told : `${told} ${JSON.stringify(more)}`;
};

/**
 * A console shows more of an object than its properties: what a promise holds, what a method of its own says. So the text that the
 * platform would write is looked through too; what it leaves out, since it is deep or long, is not shown.
 *
 * Never throws: a line that cannot be masked is not worth a run, and is not shown.
 */
const shownLine = (line: readonly unknown[]): readonly unknown[] => {
  try {
    if ([...masks].every(({ mask }) => mask().isEmpty)) return line;
    const safe = line.map(shown);
    // Of a text that is broken into several, nothing would be found.
    const text = platformFormat()?.({ breakLength: Number.POSITIVE_INFINITY }, ...safe) ?? "";
    const masked = maskedText(text);
    return masked === text ? safe : [masked];
  } catch {
    return [unreadable];
  }
};

/**
 * From now on this console shows no secret of a run that goes on. Another time changes nothing, but for methods that somebody has
 * put in the place of the masked ones.
 */
export const maskConsole = (console: Console): void => {
  for (const name of methods) {
    const method = console[name] as ((...line: readonly unknown[]) => void) | undefined;
    if (method === undefined || masked.has(method)) continue;
    // The condition, which is not shown.
    const first = name === "assert" ? 1 : 0;
    const show = (...line: readonly unknown[]): void =>
      Reflect.apply(method, console, [...line.slice(0, first), ...shownLine(line.slice(first))]);
    masked.add(show);
    console[name] = show;
  }
};

/** Keeps off masked consoles what the mask that is got finds, until the function that is given back is called. */
export const keepOffConsole = (mask: () => Mask): (() => void) => {
  const entry = { mask };
  masks.add(entry);
  return () => void masks.delete(entry);
};
