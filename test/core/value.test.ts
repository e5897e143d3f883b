import { serialize } from "node:v8";
import { expect, it } from "vitest";
import type { JsonValue } from "#core/value";
import {
  cloneSize,
  describeValue,
  frozen,
  isJsonValue,
  isObjectReference,
  ownValue,
  plainJson,
  recordOf,
} from "#core/value";

it("makes records of any names, and reads own names alone", () => {
  const record = recordOf([
    ["__proto__", 1],
    ["constructor", 2],
  ]);
  expect(Object.entries(record)).toEqual([
    ["__proto__", 1],
    ["constructor", 2],
  ]);
  expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
  expect([ownValue(record, "__proto__"), ownValue(record, "toString")]).toEqual([1, undefined]);
  expect(ownValue<number>({}, "__proto__")).toBeUndefined();
  expect(ownValue<number>(undefined, "a")).toBeUndefined();
});

it("takes for a reference what has an id and a media type", () => {
  const reference = { id: "run/a", mimeType: "image/png" };
  expect([reference, { ...reference, filename: "a.png" }].map(isObjectReference)).toEqual([
    true,
    true,
  ]);
  expect(
    [null, "run/a", [reference], { id: "run/a" }, { id: 1, mimeType: "a" }].some(isObjectReference),
  ).toBe(false);
});

it("says what a value is, and never what is in it", () => {
  const values = [null, [1], { secret: 1 }, { id: "a", mimeType: "image/png" }, "secret", 1, true];
  expect([...values, Number.NaN, -Infinity].map(describeValue)).toEqual([
    "null",
    "an array",
    "an object",
    "a file (image/png)",
    "string",
    "number",
    "boolean",
    "NaN",
    "-Infinity",
  ]);
});

it("takes for JSON what JSON gives back unchanged", () => {
  const part = { a: [1] };
  const values = [null, "", 0, false, [], {}, [[null]], { a: { b: [1, "x"] } }, [part, part]];
  expect(values.map(isJsonValue)).toEqual(values.map(() => true));
});

it("does not take for JSON what JSON would change, drop or refuse", () => {
  class Point {
    readonly x = 1;
  }
  const others = [
    undefined,
    Number.NaN,
    Infinity,
    1n,
    Symbol("a"),
    () => 1,
    new Date(0),
    new Map(),
    new Uint8Array(1),
    new Point(),
    [undefined],
    Array(2),
    { a: undefined },
    { a: [{ b: () => 1 }] },
  ];
  expect(others.filter(isJsonValue)).toEqual([]);
});

it("sees the end of a value that holds itself, or nests deeper than the stack", () => {
  const own: Record<string, unknown> = { a: 1 };
  own["b"] = [{ own }];
  expect(isJsonValue(own)).toBe(false);
  let deep: unknown = 1;
  for (let depth = 0; depth < 500; depth++) deep = [deep];
  expect(isJsonValue(deep)).toBe(true);
  for (let depth = 0; depth < 200_000; depth++) deep = [deep];
  expect(isJsonValue(deep)).toBe(false);
});

it("freezes a value through and through", () => {
  const value = frozen({ list: [{ a: 1 }], text: "x" });
  expect(() => Object.assign(value, { text: "y" })).toThrow(TypeError);
  expect(() => value.list.push({ a: 2 })).toThrow(TypeError);
  expect(() => Object.assign(value.list[0]!, { a: 2 })).toThrow(TypeError);
});

it("copies a value so that nothing is shared with it, and reads each part once", () => {
  let reads = 0;
  const value = {
    get part() {
      reads++;
      return [1];
    },
    ["__proto__"]: { a: 1 },
  };
  const copy = plainJson(value);
  expect(reads).toBe(1);
  expect(JSON.stringify(copy)).toBe(JSON.stringify({ part: [1], ["__proto__"]: { a: 1 } }));
  expect(Object.isFrozen(copy)).toBe(true);
  expect(Object.isFrozen(value)).toBe(false);
  expect(plainJson(copy)).toBe(copy);
});

it("estimates a clone no smaller than V8 makes it", () => {
  for (const value of [
    "x".repeat(1_000),
    `${"x".repeat(1_000)}€`,
    Array.from({ length: 1_000 }, () => 0.5),
    Array.from({ length: 1_000 }, (_, at) => at),
    { a: [true, null, { ключ: "値" }] },
  ] as JsonValue[]) {
    expect(cloneSize(value)).toBeGreaterThanOrEqual(serialize(value).byteLength - 16);
    expect(cloneSize(value)).toBeLessThan(serialize(value).byteLength * 5 + 64);
  }
});
