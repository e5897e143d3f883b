/**
 * The platform's own engine is the model: on small texts it answers, and the same pattern has to give the same match, group
 * for group. Two of its faults are kept out: it looks between the halves of a surrogate pair under the flag `u`, and some
 * patterns with inline modifiers such as (?i:...) miss matches.
 */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { compilePattern } from "#nodes/pattern-search";

type Found = readonly (number | string | undefined)[] | undefined;

const foundByUs = (source: string, flags: string, text: string): Found => {
  const match = compilePattern(source, flags).searchIn(text, false)(0);
  if (match === undefined) return undefined;
  const groups = Array.from({ length: match.length / 2 }, (_, group) => {
    const [start = -1, end = -1] = match.slice(2 * group);
    return start < 0 || end < 0 ? undefined : text.slice(start, end);
  });
  return [match[0], ...groups];
};

/** Asks at each character by itself, so that it never looks between the halves of a pair. */
const foundByPlatform = (source: string, flags: string, text: string): Found => {
  const pattern = new RegExp(source, `${flags}y`);
  for (let index = 0; index <= text.length; index++) {
    pattern.lastIndex = index;
    const match = pattern.exec(text);
    if (match !== null) return [match.index, ...match];
    if (flags.includes("u") && text.codePointAt(index)! > 0xffff) index++;
  }
  return undefined;
};

const isValid = (source: string, flags: string): boolean => {
  try {
    return new RegExp(source, flags) instanceof RegExp;
  } catch {
    return false;
  }
};

// prettier-ignore
const atoms = [
  "a", "b", "A", "é", "É", "ß", "K", "\u212a", "\u017f", "s", "😀", "1", "_", " ", "-",
  "\\d", "\\w", "\\W", "\\s", "\\S", ".", "[ab]", "[^a]", "[a-c😀]", "[]", "[^]", "[\\]\\b(]",
  "\\b", "\\B", "^", "$", "\\1", "\\2", "\\x61", "\\u0061", "\\n", "\\.", "\\cJ", "\\0", "\\/",
  "\\8", "\\07", "\\12", "\\c", "{", "}", "]", "\\k", "\\a", "[\\c]", "\\u{2}", "\\-",
  "\\u{61}", "\\p{L}", "\\P{Lu}", "\\p{Script=Greek}", "\\ud83d\\ude00", "\\u{1f600}",
];
// prettier-ignore
const quantifiers = [
  "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}", "{0}", "{1,3}?",
];
const wrappers = ["(", "(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?<n>"];

const { pattern } = fc.letrec<{ pattern: string; term: string }>((tie) => ({
  pattern: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.array(tie("term"), { maxLength: 4 }).map((terms) => terms.join("")),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(tie("pattern"), tie("pattern")).map((both) => both.join("|")),
    },
  ),
  term: fc
    .tuple(
      fc.oneof(
        { maxDepth: 4 },
        { weight: 3, arbitrary: fc.constantFrom(...atoms) },
        {
          weight: 2,
          arbitrary: fc
            .tuple(fc.constantFrom(...wrappers), tie("pattern"))
            .map(([open, inner]) => `${open}${inner})`),
        },
      ),
      fc.option(fc.constantFrom(...quantifiers), { nil: "", freq: 2 }),
    )
    .map((parts) => parts.join("")),
}));

const flags = fc.subarray(["i", "m", "s", "u"]).map((chosen) => chosen.join(""));
// prettier-ignore
const text = fc
  .array(fc.constantFrom(
    "a", "b", "A", "é", "É", "ß", "ẞ", "K", "k", "\u212a", "\u017f", "s", "S", "😀", "\ud83d",
    "\ude00", " ", "\n", "\u2028", "1", "_", "\b", "\0", "c", "α", "-", "\\", "{",
  ), { maxLength: 8 })
  .map((characters) => characters.join(""));

it("finds what the platform finds", () => {
  const seen = { valid: 0, found: 0, groups: 0 };
  fc.assert(
    fc.property(
      pattern,
      flags,
      fc.array(text, { minLength: 4, maxLength: 4 }),
      (source, chosen, texts) => {
        if (!isValid(source, chosen)) return;
        seen.valid++;
        for (const one of texts) {
          const found = foundByPlatform(source, chosen, one);
          expect([source, chosen, one, foundByUs(source, chosen, one)]).toStrictEqual([
            source,
            chosen,
            one,
            found,
          ]);
          if (found !== undefined) seen.found++;
          if (found !== undefined && found.length > 2) seen.groups++;
        }
      },
    ),
    { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 100) * 20 },
  );
  // A generator that makes nothing but nonsense would prove nothing.
  expect(seen.valid).toBeGreaterThan(500);
  expect(seen.found).toBeGreaterThan(500);
  expect(seen.groups).toBeGreaterThan(100);
});

it.each([
  ["(?:a?b??)*", "", "ab", [0, "ab"]],
  ["(?:(a)|b)*", "", "ab", [0, "ab", undefined]],
  ["(a*)*", "", "b", [0, "", undefined]],
  ["(a*)+", "", "b", [0, "", ""]],
  ["(z)((a+)?(b+)?(c))*", "", "zaacbbbcac", [0, "zaacbbbcac", "z", "ac", "a", undefined, "c"]],
  ["(?=(a+))a*b\\1", "", "baaabac", [3, "aba", "a"]],
  ["(.*?)a(?!(a+)b\\2c)\\2(.*)", "", "baaabaac", [0, "baaabaac", "ba", undefined, "abaac"]],
  ["(?<=(\\d+)(\\d+))$", "", "1053", [4, "", "1", "053"]],
  ["(?<=\\1(\\d))x", "", "11x", [2, "x", "1"]],
  ["(?<y>a)|(?<y>b)\\k<y>", "", "bb", [0, "bb", undefined, "b"]],
  ["(?<\\u0061>x)\\k<a>", "", "xx", [0, "xx", "x"]],
  ["(?:(?=(a))b|a)", "", "a", [0, "a", undefined]],
  ["^a{0,2}?b", "", "aaab", undefined],
  ["^a{0,2}b", "", "aaab", undefined],
  ["(?i:b)a", "", "Ba", [0, "Ba"]],
  ["(?-i:b)a", "i", "bA", [0, "bA"]],
  ["(?i:\\b\\u212a)", "u", "k", [0, "k"]],
  ["(?s:.).", "", "\n\nx", [1, "\nx"]],
  ["^.$", "u", "😀", [0, "😀"]],
  [".\\1", "", "\u0001\u0001", [0, "\u0001\u0001"]],
  ["[^]{3}", "", "a\nb", [0, "a\nb"]],
  ["\\B", "u", "a😀", [3, ""]],
] as const)("reads /%s/%s in %j", (source, chosen, one, found) => {
  expect(foundByUs(source, chosen, one)).toStrictEqual(found);
});

const tooMany =
  "The pattern takes too many steps on this text; make it more specific or the text shorter";

it.each([
  ["(a+)+$", `${"a".repeat(40)}b`],
  ["(?:(a)(b))*", "ab".repeat(1_000_000)],
  ["(?:){99999999999999999999}", ""],
  ["(.*)\\1(.*)\\2(.*)\\3x", "a".repeat(5_000)],
  ["(?<=b(a|a)*)c", `${"a".repeat(40)}c`],
])(
  "gives /%s/ up after a bounded number of steps",
  (source, one) => {
    const search = compilePattern(source, "").searchIn(one, false);
    expect(() => search(0)).toThrow(tooMany);
  },
  20_000,
);

it.each([
  ["\\d+-\\d+", 500_000],
  ["(?:a|b)*c", 200_000],
  [".*.*x", 3_000],
])("finishes /%s/ on a long text", (source, length) => {
  const one = `${"a".repeat(length)}c1-2x`;
  expect(foundByUs(source, "", one)).toStrictEqual(foundByPlatform(source, "", one));
});
