import fc from "fast-check";
import { expect, test } from "vitest";
import type { KnownSecret } from "#core/mask";
import { maskOf, noMask } from "#core/mask";
import type { JsonValue } from "#core/value";

const secret = (value: string, name = "S"): KnownSecret => ({ name, value });
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const wellFormed = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: "binary", minLength, maxLength });

/** Every place of every secret, in turn; then what they cover together, by the name of the first, of the longest of these. */
const slowlyMasked = (text: string, secrets: readonly KnownSecret[]): string => {
  const finds: { start: number; end: number; name: string }[] = [];
  for (const { name, value } of secrets) {
    for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + value.length)) {
      finds.push({ start: at, end: at + value.length, name });
    }
  }
  finds.sort((a, b) => a.start - b.start || b.end - a.end);
  let masked = "";
  let done = 0;
  for (let at = 0; at < finds.length;) {
    const { start, name } = finds[at]!;
    let { end } = finds[at]!;
    for (at++; at < finds.length && finds[at]!.start < end; at++) {
      end = Math.max(end, finds[at]!.end);
    }
    masked += `${text.slice(done, start)}[secret:${name}]`;
    done = end;
  }
  return masked + text.slice(done);
};

test("masking is what replacing each secret slowly gives, however they overlap", () => {
  // Of letters that no label holds, so that a short secret never is a part of a label.
  const letters = fc.constantFrom("x", "y");
  const word = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
    fc.string({ unit: letters, minLength, maxLength });
  const values = fc.uniqueArray(fc.oneof(word(3, 7), word(8, 9), word(8, 20)), { maxLength: 6 });
  let masked = 0;
  fc.assert(
    fc.property(values, fc.array(fc.oneof(word(1, 20), fc.constant("-"))), (given, words) => {
      const text = words.join("");
      const secrets = given.map((value, index) => secret(value, `${index}`));
      const mask = maskOf(secrets);
      const expected = slowlyMasked(text, secrets);
      if (expected !== text) masked++;
      expect(mask.text(text)).toBe(expected);
      expect(textOf(mask.bytes(bytesOf(text)))).toBe(expected);
      expect(mask.holds(text)).toBe(expected !== text);
    }),
    { numRuns: 2_000 },
  );
  expect(masked).toBeGreaterThan(200);
});

test("a file and a text are masked alike, whatever is in them", () => {
  const parts = fc.constantFrom(
    "é世😀keykey",
    "plain secret",
    "q&a <secret>",
    "é",
    "世",
    " ",
    "😀",
    "x",
  );
  fc.assert(
    fc.property(fc.array(parts), (text) => {
      const mask = maskOf([
        secret("é世😀keykey", "Ü"),
        secret("plain secret", "plain"),
        secret("q&a <secret>", "marked"),
      ]);
      const whole = text.join("");
      expect(textOf(mask.bytes(bytesOf(whole)))).toBe(mask.text(whole));
    }),
  );
});

test("secrets that overlap leave nothing of either, and the longest that begins first gives its name", () => {
  const mask = maskOf([
    secret("abcdefgh", "short"),
    secret("abcdefghij", "long"),
    secret("ghijklmnop", "next"),
  ]);
  expect(mask.text("-abcdefghij-")).toBe("-[secret:long]-");
  expect(mask.text("-abcdefgh-")).toBe("-[secret:short]-");
  expect(mask.text("-abcdefghijklmnop-")).toBe("-[secret:long]-");
  expect(mask.text("-abcdefghabcdefghij-")).toBe("-[secret:short][secret:long]-");
});

test("short and long secrets are found in one text", () => {
  const mask = maskOf([secret("topsecret", "long"), secret("k9", "short"), secret("tk9", "mid")]);
  expect(mask.text("k9 topsecret k9 topsecretk9 k9")).toBe(
    "[secret:short] [secret:long] [secret:short] [secret:long] [secret:short]",
  );
});

test("what is one secret itself and another one's form is called by the first of these", () => {
  const mask = maskOf([secret("a b c d e", "spaces"), secret("a+b+c+d+e", "plus")]);
  expect(mask.text("a+b+c+d+e")).toBe("[secret:plus]");
});

test("of two names of one value the first is told", () => {
  expect(maskOf([secret("samesame", "a"), secret("samesame", "b")]).text("samesame")).toBe(
    "[secret:a]",
  );
});

test("a short secret is found as it is, and not by what other texts hold too", () => {
  const mask = maskOf([secret("k9", "two"), secret("pa ss", "five")]);
  expect(mask.text("k9-pa ss-pa+ss")).toBe("[secret:two]-[secret:five]-[secret:five]");
  const hex = Buffer.from("k9").toString("hex");
  expect(mask.text(`${hex} ${Buffer.from("k9").toString("base64")}`)).toBe("6b39 azk=");
});

test("values that mean something to a replacement, an expression or an object are only values", () => {
  const values = [
    "$&$&$&$&",
    "$1$2$3$4",
    "[a-z]+.*",
    "__proto__",
    "constructor",
    "a|b|c|d|",
    "((((((((",
  ];
  const mask = maskOf(values.map((value, index) => secret(value, `$&${index}`)));
  for (const [index, value] of values.entries()) {
    expect(mask.text(`<${value}>`)).toBe(`<[secret:$&${index}]>`);
  }
});

test("names may be anything", () => {
  for (const name of ["__proto__", "😀", "toString", "x".repeat(256), "a b"]) {
    expect(maskOf([secret("something", name)]).text("something")).toBe(`[secret:${name}]`);
    expect(textOf(maskOf([secret("something", name)]).bytes(bytesOf("something")))).toBe(
      `[secret:${name}]`,
    );
  }
});

test("a name that holds a secret is not told", () => {
  expect(maskOf([secret("opensesame", "my opensesame")]).text("opensesame")).toBe("[secret]");
  expect(maskOf([secret("opensesame", "cret"), secret("cret", "c")]).text("opensesame")).toBe(
    "***",
  );
  const all = [..."abcdefghijklmnopqrstuvwxyz*"].map((letter) => secret(letter, letter));
  expect(maskOf(all).text("ab, *")).toBe(", ");
});

test("masked text is masked no further", () => {
  fc.assert(
    fc.property(fc.array(wellFormed(1, 12)), wellFormed(0, 50), (values, text) => {
      const mask = maskOf(values.map((value, index) => secret(value, `${index}`)));
      const once = mask.text(`${text}|${values.join("|")}|${encodeURIComponent(values.join())}`);
      expect(mask.text(once)).toBe(once);
    }),
  );
});

test("strings, keys and numbers are masked at any depth", () => {
  const mask = maskOf([secret("topsecret", "word"), secret("12345678", "digits")]);
  const reference = { id: "topsecret/1", mimeType: "text/plain" };
  const value = JSON.parse(
    '{"__proto__":{"a topsecret":["topsecret",12345678,-912345678.5,1234567,true,null]}}',
  ) as JsonValue;
  expect(JSON.stringify(mask.json([value, reference, "none"]))).toBe(
    '[{"__proto__":{"a [secret:word]":["[secret:word]","[secret:digits]","-9[secret:digits].5",1234567,true,null]}},' +
      '{"id":"[secret:word]/1","mimeType":"text/plain"},"none"]',
  );
  expect(JSON.stringify(maskOf([secret("__proto__")]).json(value))).toMatch(/^\{"\[secret:S\]":/);
  expect(JSON.stringify(maskOf([secret("replaced", "x")]).json({ replaced: 1 }))).toBe(
    '{"[secret:x]":1}',
  );
  expect([mask.json("topsecret"), mask.json(12_345_678), mask.json(1)]).toEqual([
    "[secret:word]",
    "[secret:digits]",
    1,
  ]);
});

const slowlyMaskedJson = (value: JsonValue, text: (text: string) => string): JsonValue => {
  if (typeof value === "string") return text(value);
  if (typeof value === "number") return text(`${value}`) === `${value}` ? value : text(`${value}`);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((part: JsonValue) => slowlyMaskedJson(part, text));
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [text(key), slowlyMaskedJson(part, text)]),
  );
};

test("any JSON is masked as its parts are, and stays itself where nothing is found", () => {
  const secrets = [secret("topsecret", "word"), secret("1234", "digits")];
  const mask = maskOf(secrets);
  const leaf = fc.oneof(
    fc.constantFrom(
      "topsecret",
      "a topsecret b",
      "topsecre",
      1234,
      0.1234,
      -1,
      true,
      null,
      "1 234",
    ),
    fc.string(),
  );
  const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc.array(tie("value")),
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("topsecret", "__proto__")), tie("value")),
    ),
  }));
  fc.assert(
    fc.property(value, (given) => {
      const before = JSON.stringify(given);
      const expected = slowlyMaskedJson(given, (text) => slowlyMasked(text, secrets));
      const masked = mask.json(given);
      expect(JSON.stringify(masked)).toBe(JSON.stringify(expected));
      expect(JSON.stringify(given)).toBe(before);
      if (JSON.stringify(expected) === before) expect(masked).toBe(given);
    }),
  );
});

test("what holds no secret is given back as the same object", () => {
  const mask = maskOf([secret("topsecret")]);
  const value = { a: [1, "two", { three: null }] };
  const data = bytesOf("top secret");
  expect(mask.json(value)).toBe(value);
  expect(mask.bytes(data)).toBe(data);
  expect(mask.text("top secret")).toBe("top secret");
});

test("parts of a file are replaced where they stand", () => {
  const mask = maskOf([secret("topsecret"), secret("ééééé")]);
  const given = Uint8Array.of(0, 255, ...bytesOf("topsecretééééé"), 195, 0);
  expect([...mask.bytes(given.subarray(1))]).toEqual([
    255,
    ...bytesOf("[secret:S][secret:S]"),
    195,
    0,
  ]);
});

test("values nest 10,000 deep and refer to one part in many places", () => {
  const mask = maskOf([secret("topsecret")]);
  const deep = (leaf: string): JsonValue => {
    let value: JsonValue = leaf;
    for (let level = 0; level < 10_000; level++) value = level % 2 === 0 ? [value] : { value };
    return value;
  };
  const leafOf = (value: JsonValue): JsonValue => {
    let at = value;
    while (typeof at === "object" && at !== null) at = Object.values(at)[0] as JsonValue;
    return at;
  };
  const clean = deep("clean");
  expect(mask.json(clean)).toBe(clean);
  expect(leafOf(mask.json(deep("topsecret")))).toBe("[secret:S]");
  let shared: JsonValue = ["topsecret"];
  for (let level = 0; level < 60; level++) shared = [shared, shared];
  expect(leafOf(mask.json(shared))).toBe("[secret:S]");
});

test("a mask of nothing is empty and an empty value is nothing", () => {
  expect(maskOf([])).toBe(noMask);
  expect(maskOf([secret("")])).toBe(noMask);
  expect(maskOf([secret(""), secret("topsecret")]).isEmpty).toBe(false);
  expect(maskOf([secret("x", "x"), secret("", "empty")]).text("a")).toBe("a");
});

test("lone surrogates stop nothing", () => {
  const mask = maskOf([secret("\ud800lone\udfff"), secret("topsecret", "\udc00")]);
  expect(mask.text("a \ud800lone\udfff \ud83d")).toBe("a [secret:S] \ud83d");
  expect(mask.text("topsecret")).toBe("[secret:\udc00]");
  expect(textOf(mask.bytes(bytesOf("topsecret")))).toBe("[secret:\ufffd]");
});
