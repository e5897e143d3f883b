import { expect, test } from "vitest";
import type { KnownSecret } from "#core/mask";
import { maskOf } from "#core/mask";

const secret = (value: string, name = "S"): KnownSecret => ({ name, value });
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const repeated = (part: string, length: number): string =>
  part.repeat(Math.ceil(length / part.length)).slice(0, length);

/** Milliseconds of the quickest of some tries. */
const quickest = (work: () => unknown): number => {
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 7; attempt++) {
    const begin = performance.now();
    work();
    best = Math.min(best, performance.now() - begin);
  }
  return best;
};

test("a thousand secrets cost about what one costs", () => {
  const many = Array.from({ length: 1_000 }, (_, index) =>
    secret(`sk_live_${Buffer.from(`${index * 7_919}/${index}?`).toString("base64")}`, `${index}`),
  );
  const text = repeated(
    "Nothing to see sk_live_ here, MTIzNDU2Nzg5MDEyMzQ1Ng== at all. ",
    1_000_000,
  );
  const data = bytesOf(text);
  const [one, all] = [maskOf(many.slice(0, 1)), maskOf(many)];
  expect(all.text(`${text}${many[999]!.value}`)).toBe(`${text}[secret:999]`);
  const ratio = (use: (mask: typeof one) => unknown): number =>
    quickest(() => use(all)) / quickest(() => use(one));
  expect(ratio((mask) => mask.text(text))).toBeLessThan(10);
  expect(ratio((mask) => mask.bytes(data))).toBeLessThan(10);
});

test("values that repeat themselves cost about what others cost", () => {
  const length = 10_000;
  const values = ["a".repeat(length), `${"ab".repeat(length / 2)}c`, `${"a".repeat(length)}b`];
  const text = `${"a".repeat(300_000)}${"ab".repeat(150_000)}${`${"a".repeat(length - 1)}b`.repeat(30)}`;
  const usual = maskOf([secret("nothing of the kind")]);
  const limit = 50 * quickest(() => usual.text(text)) + 50;
  for (const value of values) {
    const mask = maskOf([secret(value)]);
    expect(quickest(() => mask.text(text))).toBeLessThan(limit);
  }
});

test("a mask of the most and of the longest values is built while twelve million characters are read", () => {
  const random = (length: number, seed: number): string =>
    Array.from({ length: length / 8 }, (_, at) =>
      Math.imul(at + seed, 0x9e3779b1)
        .toString(36)
        .padStart(8, "/+")
        .slice(-8),
    ).join("");
  const sets = [
    Array.from({ length: 1_000 }, (_, index) => random(40, index * 7_919)),
    Array.from({ length: 8 }, (_, index) => random(65_536, index * 7_919)),
  ];
  const usual = maskOf([secret("nothing of the kind")]);
  const text = random(1_000_000, 5);
  const limit = 12 * quickest(() => usual.text(text));
  for (const values of sets) {
    const secrets = values.map((value, index) => secret(value, `${index}`));
    expect(quickest(() => maskOf(secrets).text(text.slice(0, 100)))).toBeLessThan(limit);
  }
});
