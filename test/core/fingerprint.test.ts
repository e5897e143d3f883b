import { expect, it } from "vitest";
import { fingerprint } from "#core/fingerprint";

it("is always the same: recorded names hold it", () => {
  expect(fingerprint(["x".repeat(10_000)])).toBe("76bb48053acb5d58");
  expect(fingerprint(["a", "b"])).toMatchInlineSnapshot(`"8b5cabd2746e9db7"`);
});

it("tells apart several texts that read alike when they are put together", () => {
  const texts = [["abc"], ["ab", "c"], ["a", "bc"], ["a", "b", "c"], ["", "abc"], ["abc", ""]];
  expect(new Set(texts.map(fingerprint)).size).toBe(texts.length);
});

it("tells apart 100,000 short texts", () => {
  const texts = Array.from({ length: 100_000 }, (_, n) => fingerprint([`n${n}`]));
  expect(new Set(texts).size).toBe(texts.length);
});
