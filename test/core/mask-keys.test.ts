/** Keys of an object that the mask makes alike. */
import { expect, test } from "vitest";
import type { KnownSecret } from "#core/mask";
import { maskOf } from "#core/mask";
import type { JsonValue } from "#core/value";

const secret = (value: string, name = "S"): KnownSecret => ({ name, value });

test("keys that become alike are numbered, and what they hold stays", () => {
  const mask = maskOf([secret("topsecret"), secret("__proto__", "P")]);
  const value = JSON.parse(
    `{"topsecret":1,"${btoa("topsecret")}":2,"x":3,"TOPSECRET":4,"[secret:S]":5,"[secret:S] (3)":6,"746f70736563726574":7,"__proto__":8}`,
  ) as JsonValue;
  expect(JSON.stringify(mask.json(value))).toBe(
    '{"[secret:S] (2)":1,"[secret:S] (4)":2,"x":3,"TOPSECRET":4,"[secret:S]":5,"[secret:S] (3)":6,"[secret:S] (5)":7,"[secret:P]":8}',
  );
  const kept = JSON.parse('{"__proto__":{"topsecret":1},"topsecret":2}') as JsonValue;
  expect(JSON.stringify(maskOf([secret("topsecret")]).json(kept))).toBe(
    '{"__proto__":{"[secret:S]":1},"[secret:S]":2}',
  );
});

test("ten thousand keys that become alike take no time to speak of", () => {
  const encoded = (index: number): string =>
    Array.from({ length: 14 }, (_, bit) =>
      (index >> bit) & 1 ? "topsecret" : btoa("topsecret"),
    ).join();
  const value = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [encoded(index), index]),
  );
  const mask = maskOf([secret("topsecret")]);
  const begin = performance.now();
  expect(Object.values(mask.json(value))).toEqual(Object.values(value));
  expect(performance.now() - begin).toBeLessThan(2_000);
});
