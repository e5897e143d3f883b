/** Keeps known secret values out of what leaves a step: found raw and encoded, told by name (SECRET-1). */
import { formsOf, utf8 } from "./mask-forms.ts";
import type { Pattern, Scanner } from "./mask-scan.ts";
import { scannerOf } from "./mask-scan.ts";
import type { JsonArray, JsonObject, JsonValue } from "./value.ts";

/** A value that must not be seen, by the name under which people know it. */
export interface KnownSecret {
  readonly name: string;
  readonly value: string;
}

/** Each method gives its argument itself when nothing secret is in it. */
export interface Mask {
  readonly isEmpty: boolean;
  /** Whether the text holds a secret in any form. */
  readonly holds: (text: string) => boolean;
  readonly text: (text: string) => string;
  /** Strings, keys and numbers in it, at any depth. */
  readonly json: <A extends JsonValue>(value: A) => A;
  /** UTF-8 in a file: as many bytes as the mask takes stand in the secret's place. */
  readonly bytes: (data: Uint8Array) => Uint8Array;
}

const same = <A>(value: A): A => value;

export const noMask: Mask = {
  isEmpty: true,
  holds: () => false,
  text: same,
  json: same,
  bytes: same,
};

const ascii = /^[\0-\x7f]*$/;
/** All that a number's text may hold. */
const numeric = /^[-+.e\d]{1,24}$/;

/** Computed when first asked for: most runs that know secrets read few, and write little. */
const once = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined;
  return () => (made ??= { value: make() }).value;
};

/** Each text once: of two secrets that look alike the first counts. */
const patternsOf = (secrets: readonly KnownSecret[]): readonly Pattern[] => {
  const patterns = new Map<string, Pattern>();
  const add = (text: string, tail: string, name: string): void => {
    if (!patterns.has(text)) patterns.set(text, { text, tail, name });
  };
  for (const { name, value } of secrets) add(value, "", name);
  for (const { name, value } of secrets) {
    for (const { text, tail } of formsOf(value)) add(text, tail, name);
  }
  return [...patterns.values()];
};

/** A value's containers, each once however often it is referred to, so that no nesting is too deep and no sharing too much. */
const containersOf = (value: JsonValue): ReadonlySet<JsonArray | JsonObject> => {
  const containers = new Set<JsonArray | JsonObject>();
  const add = (part: JsonValue): void => {
    if (typeof part === "object" && part !== null) containers.add(part);
  };
  add(value);
  // A set gives what is added to it while it is walked, too.
  for (const container of containers) {
    for (const part of Object.values(container) as readonly JsonValue[]) add(part);
  }
  return containers;
};

/** Sets an own property, whatever its name. */
const setOwn = (record: Record<string, JsonValue>, key: string, value: JsonValue): void => {
  if (key !== "__proto__") record[key] = value;
  else {
    Object.defineProperty(record, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
};

/**
 * The mask of some secrets, for good: values that become known later need another. Forms that it finds are those of
 * mask-forms.ts. Where secrets overlap, all that they cover is replaced by the name of the first, the longest of these.
 */
export const maskOf = (secrets: readonly KnownSecret[]): Mask => {
  const known = secrets.filter(({ value }) => value !== "");
  if (known.length === 0) return noMask;

  const patterns = once(() => patternsOf(known));
  const inText = once(() => scannerOf(patterns()));
  // Bytes are compared as units, so what is not ASCII is looked for as its UTF-8.
  const inBytes = once(() =>
    patterns().every((pattern) => ascii.test(pattern.text))
      ? inText()
      : scannerOf(patterns().map((pattern) => ({ ...pattern, text: utf8(pattern.text) }))),
  );
  const hasNumeric = once(() => patterns().some((pattern) => numeric.test(pattern.text)));
  const find = (text: string): ReturnType<Scanner> => inText()(text);
  const holds = (text: string): boolean => inText()(text, true).length > 0;

  const labels = new Map<string, string>();
  /** A name that is itself, or holds, what must not be seen is not told. */
  const labelOf = (name: string): string => {
    const label =
      labels.get(name) ??
      [`[secret:${name}]`, "[secret]", "***"].find((candidate) => !holds(candidate)) ??
      "";
    labels.set(name, label);
    return label;
  };

  const text = (whole: string): string => {
    const regions = find(whole);
    if (regions.length === 0) return whole;
    const pieces: string[] = [];
    let done = 0;
    for (const { start, end, name } of regions) {
      pieces.push(whole.slice(done, start), labelOf(name));
      done = end;
    }
    pieces.push(whole.slice(done));
    return pieces.join("");
  };

  const bytes = (data: Uint8Array): Uint8Array => {
    const regions = inBytes()(data);
    if (regions.length === 0) return data;
    const pieces = regions.map((region) => ({ ...region, label: utf8(labelOf(region.name)) }));
    const change = pieces.reduce(
      (sum, { start, end, label }) => sum + label.length - (end - start),
      0,
    );
    const masked = new Uint8Array(data.length + change);
    let from = 0;
    let to = 0;
    for (const { start, end, label } of pieces) {
      masked.set(data.subarray(from, start), to);
      to += start - from;
      for (let index = 0; index < label.length; index++) masked[to++] = label.charCodeAt(index);
      from = end;
    }
    masked.set(data.subarray(from), to);
    return masked;
  };

  /** A value that is no container. */
  const leaf = (value: JsonValue): JsonValue => {
    if (typeof value === "string") return text(value);
    return typeof value === "number" && hasNumeric() && holds(`${value}`)
      ? text(`${value}`)
      : value;
  };

  const isTouched = (container: JsonArray | JsonObject): boolean =>
    Array.isArray(container)
      ? container.some((part: JsonValue) => leaf(part) !== part)
      : Object.entries(container).some(([key, part]) => holds(key) || leaf(part) !== part);

  /** The keys are masked too. Those that become alike are numbered, so that none takes the place of another. */
  const copyObject = (
    object: JsonObject,
    copy: Record<string, JsonValue>,
    masked: (part: JsonValue) => JsonValue,
  ): void => {
    const numbers = new Map<string, number>();
    for (const [key, part] of Object.entries(object)) {
      const name = text(key);
      let own = name;
      if (name !== key) {
        let number = numbers.get(name) ?? 0;
        do own = ++number === 1 ? name : `${name} (${number})`;
        while (Object.hasOwn(object, own) || Object.hasOwn(copy, own));
        numbers.set(name, number);
      }
      setOwn(copy, own, masked(part));
    }
  };

  const json = <A extends JsonValue>(value: A): A => {
    if (typeof value !== "object" || value === null) return leaf(value) as A;
    const containers = containersOf(value);
    if (![...containers].some(isTouched)) return value;
    const copies = new Map<JsonValue, JsonValue[] | Record<string, JsonValue>>();
    for (const container of containers) copies.set(container, Array.isArray(container) ? [] : {});
    const masked = (part: JsonValue): JsonValue => copies.get(part) ?? leaf(part);
    for (const [container, copy] of copies) {
      if (Array.isArray(copy)) for (const part of container as JsonArray) copy.push(masked(part));
      else copyObject(container as JsonObject, copy, masked);
    }
    return copies.get(value) as JsonValue as A;
  };

  return { isEmpty: false, holds, text, json, bytes };
};
