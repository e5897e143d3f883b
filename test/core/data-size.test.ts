import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { dataSize } from "#core/data-size";

const jsonSize = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe("the size of data", () => {
  test.each<readonly [string, unknown]>([
    ["an empty text", ""],
    ["a text", "abc"],
    ["escapes", `"\\/\b\t\n\f\r\u0000\u001f\u007f\u0080ÿ`],
    ["lone surrogates", "\ud800\udc00\ud800\ud800\udc00\udfff"],
    ["text of two and more bytes", "łó猫🐾".repeat(9) + "猫".repeat(9)],
    ["whole numbers", [0, -1, 1e21, 123_456_789, Number.MAX_SAFE_INTEGER]],
    ["long fractions", [0.123456789, -1.5e-300, 3.141592653589793]],
    ["true, false and null", [true, false, null]],
    ["empty ones", [[], {}, [[]], [{}], ""]],
    ["an object", { a: 1, "é\n": "x", nested: { list: [1, "2", { three: 3 }] } }],
    ["odd keys", JSON.parse('{"__proto__":1,"constructor":{"toString":[]},"":""}')],
    ["what JSON leaves out", { a: undefined, b: () => 1, c: Symbol("c"), d: 1 }],
    ["what JSON turns into null", [undefined, 1]],
  ])("is that of the JSON for %s", (_, value) => {
    expect(dataSize(value)).toBe(jsonSize(value));
  });

  test("is that of a clone where this takes more: wide text and short fractions", () => {
    expect(dataSize("’".padStart(1_000, "x"))).toBe(2 * 1_000 + 2);
    expect(dataSize("猫".repeat(1_000))).toBe(3 * 1_000 + 2);
    expect(dataSize([0.5, 1.5])).toBe(2 * 9 + 3);
  });

  test("is counted no further than asked, however often parts are shared", () => {
    let doubled: unknown = "x";
    for (let index = 0; index < 100; index++) doubled = [doubled, doubled];
    const wide: unknown[] = [];
    for (let index = 0; index < 100_000; index++) wide.push(wide);
    for (const value of [doubled, wide, "x".repeat(10_000_000)]) {
      expect(dataSize(value, 1_000)).toBeGreaterThan(1_000);
    }
  });

  test("is exact up to what is asked", () => {
    expect(dataSize("x".repeat(998), 1_000)).toBe(1_000);
    expect(dataSize(["x".repeat(996)], 1_000)).toBe(1_000);
    expect(dataSize(["x".repeat(997)], 1_000)).toBe(1_001);
  });

  test("has no end for what holds itself", () => {
    const itself: Record<string, unknown> = {};
    itself["self"] = itself;
    expect(dataSize(itself)).toBe(Number.POSITIVE_INFINITY);
    expect(dataSize(itself, 100)).toBeGreaterThan(100);
  });
});
