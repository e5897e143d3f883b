import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { NodeOutputs } from "#services/node-definition";
import { runNode } from "../support/run-node.ts";

type Row = readonly [
  string: string,
  pattern: string,
  flags: string | undefined,
  matches: readonly (string | null)[],
];

const given = (string: string, pattern: string, flags: string | undefined) =>
  flags === undefined ? { string, pattern } : { string, pattern, flags };

const extracts: readonly Row[] = [
  ["a1 b22 c333", "\\d+", "g", ["1", "22", "333"]],
  ["a1 b22", "([a-z])(\\d+)", "g", ["a1", "b22"]],
  ["a1 b22", "([a-z])(\\d+)", undefined, ["a1", "a", "1"]],
  ["a1 b22", "([a-z])(x)?(\\d+)", "", ["a1", "a", null, "1"]],
  ["abc", "\\d", "g", []],
  ["abc", "\\d", "", []],
  ["abc", "", "g", ["", "", "", ""]],
  ["a😀", "", "gu", ["", "", ""]],
  ["a😀", "", "g", ["", "", "", ""]],
  ["", "^$", "g", [""]],
  ["aAbB", "[a-z]", "gi", ["a", "A", "b", "B"]],
  ["a\nb", "^.$", "gm", ["a", "b"]],
  ["aab", "a", "gy", ["a", "a"]],
  ["baa", "a", "y", []],
  ["total: $12.50, $3", "(?<=\\$)[\\d.]+", "g", ["12.50", "3"]],
  ["😀😀", ".", "gu", ["😀", "😀"]],
  ["😀", ".", "g", ["\ud83d", "\ude00"]],
];

it.each(extracts)("extracts from %j by /%s/%s", async (string, pattern, flags, matches) => {
  expect(await runNode("regex-extract", given(string, pattern, flags))).toStrictEqual({ matches });
});

const isMatch: readonly (readonly [string, string, string, boolean])[] = [
  ["order-17", "^order-\\d+$", "", true],
  ["ORDER-17", "^order-\\d+$", "i", true],
  ["ORDER-17", "^order-\\d+$", "g", false],
  ["xa", "a", "y", false],
  ["", "", "", true],
  ["secret1", "^(?=.*\\d)(?=.*[a-z]).{7,}$", "", true],
];

it.each(isMatch)("matches %j by /%s/%s: %s", async (string, pattern, flags, result) => {
  expect(await runNode("regex-match", { string, pattern, flags })).toStrictEqual({ result });
});

const replacements: readonly (readonly [string, string, string, string, string])[] = [
  ["a-b-c", "-", "", "+", "a+b-c"],
  ["a-b-c", "-", "g", "+", "a+b+c"],
  ["a-b-c", "x", "g", "+", "a-b-c"],
  ["Ada Lovelace", "(\\w+) (\\w+)", "", "$2, $1", "Lovelace, Ada"],
  ["2026-11", "(?<year>\\d+)-(?<month>\\d+)", "", "$<month>/$<year>$<none>", "11/2026"],
  ["abc", "b", "", "[$&|$`|$'|$$|$1|$0|$<x>]", "a[b|a|c|$|$1|$0|$<x>]c"],
  ["abc", "(b)", "", "$1$01$10$2$00", "abbb0$2$00c"],
  ["abc", "(x)?b", "", "[$1]", "a[]c"],
  ["abc", "", "g", "-", "-a-b-c-"],
  ["a😀", "", "gu", "-", "-a-😀-"],
  ["1234567", "\\B(?=(\\d{3})+(?!\\d))", "g", ",", "1,234,567"],
  ["  a  b ", "\\s+", "g", " ", " a b "],
  ["aaa", "a", "gy", "b", "bbb"],
  ["baa", "a", "y", "x", "baa"],
];

it.each(replacements)(
  "replaces in %j /%s/%s by %s",
  async (string, pattern, flags, replacement, result) => {
    expect(await runNode("regex-replace", { string, pattern, flags, replacement })).toStrictEqual({
      result,
    });
  },
);

const splits: readonly Row[] = [
  ["a, b,c", ",\\s*", "", ["a", "b", "c"]],
  ["abc", "", "", ["a", "b", "c"]],
  ["a😀", "", "u", ["a", "😀"]],
  ["a1b2c", "(\\d)", "", ["a", "1", "b", "2", "c"]],
  ["a1b", "(x)?\\d", "", ["a", null, "b"]],
  [",a,", ",", "", ["", "a", ""]],
  ["abc", "x", "g", ["abc"]],
  ["", "x", "", [""]],
  ["", "", "", []],
  ["a1b2", "\\d", "y", ["a", "b", ""]],
  ["ab", "(?:)", "y", ["a", "b"]],
];

it.each(splits)("splits %j by /%s/%s", async (string, pattern, flags, result) => {
  expect(await runNode("regex-split", given(string, pattern, flags))).toStrictEqual({ result });
});

const refusals: readonly (readonly [pattern: string, flags: string, failed: string])[] = [
  ["(", "", "The pattern is not a regular expression: Unterminated group"],
  ["a**", "g", "The pattern is not a regular expression: Nothing to repeat"],
  ["(?<n>a)(?<n>b)", "", "The pattern is not a regular expression: Duplicate capture group name"],
  ["[b-a]", "", "The pattern is not a regular expression: Range out of order in character class"],
  ["\\k<x>", "u", "The pattern is not a regular expression: Invalid named capture referenced"],
  ["a", "gx", "The flag 'x' is not supported; use any of d, g, i, m, s, u, y"],
  ["a", "v", "The flag 'v' is not supported; use any of d, g, i, m, s, u, y"],
  ["a", "😀", "The flag '😀' is not supported; use any of d, g, i, m, s, u, y"],
  ["a", "gig", "The flag 'g' is given twice"],
  ["a".repeat(10_001), "", "The pattern is longer than 10000 characters"],
  [`${"(".repeat(300)}${")".repeat(300)}`, "", "The pattern's groups nest too deeply"],
];

it.each(refusals)("refuses /%s/%s", async (pattern, flags, failed) => {
  for (const type of ["regex-match", "regex-extract", "regex-split"]) {
    expect(await runNode(type, { string: "a", pattern, flags })).toStrictEqual({ failed });
  }
  const inputs = { string: "a", pattern, flags, replacement: "" };
  expect(await runNode("regex-replace", inputs)).toStrictEqual({ failed });
});

const tooMany: NodeOutputs = {
  failed:
    "The pattern takes too many steps on this text; make it more specific or the text shorter",
};

it("gives up a pattern that backtracks without end", async () => {
  const inputs = { string: `${"a".repeat(50)}!`, pattern: "^(a+)+$" };
  expect(await runNode("regex-match", inputs)).toStrictEqual(tooMany);
}, 20_000);

it("gives up when each of many matches reads the whole rest", async () => {
  const inputs = { string: "a".repeat(200_000), pattern: "a.*?b|a", flags: "g" };
  expect(await runNode("regex-extract", inputs)).toStrictEqual(tooMany);
}, 20_000);

it("refuses to replace into more text than a Worker holds", async () => {
  const failed = "The text grows beyond 16000000 characters";
  const string = "a".repeat(100_000);
  for (const replacement of ["$`", "x".repeat(10_000), "$1".repeat(10_000)]) {
    const inputs = { string, pattern: "a(b)?", flags: "g", replacement };
    expect(await runNode("regex-replace", inputs)).toStrictEqual({ failed });
  }
});

it("finds 200,000 matches", async () => {
  const string = "a1 ".repeat(200_000);
  const { matches } = await runNode("regex-extract", { string, pattern: "\\d", flags: "g" });
  expect(matches).toStrictEqual(Array.from({ length: 200_000 }, () => "1"));
});

/** Patterns with groups, empty matches and lookarounds, on which all four nodes have something to do. */
const pattern = fc
  .array(
    fc.constantFrom(
      "a",
      "b",
      "(a)",
      "(b)?",
      "(?<n>c)?",
      ".",
      "[ab]",
      "a*",
      "b*?",
      "^",
      "$",
      "\\b",
      "(?=a)",
      "|",
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(""))
  .filter((source) => source.split("<n>").length < 3);
const flags = fc.subarray(["g", "i", "m", "s", "u", "y"]).map((chosen) => chosen.join(""));
const string = fc
  .array(fc.constantFrom("a", "b", "c", "A", " ", "\n"), { maxLength: 8 })
  .map((parts) => parts.join(""));
const replacement = fc
  .array(fc.constantFrom("$1", "$2", "$10", "$&", "$$", "$`", "$'", "$<n>", "$", "x", "0", ">"), {
    maxLength: 4,
  })
  .map((parts) => parts.join(""));

it("does to a text what JavaScript does", async () => {
  await fc.assert(
    fc.asyncProperty(pattern, flags, string, replacement, async (source, chosen, text, by) => {
      const platform = (): RegExp => new RegExp(source, chosen);
      const inputs = { string: text, pattern: source, flags: chosen };
      expect({
        ...(await runNode("regex-extract", inputs)),
        match: (await runNode("regex-match", inputs))["result"],
        split: (await runNode("regex-split", inputs))["result"],
        replaced: (await runNode("regex-replace", { ...inputs, replacement: by }))["result"],
      }).toStrictEqual({
        matches: Array.from(text.match(platform()) ?? [], (part) => part ?? null),
        match: platform().test(text),
        split: text.split(platform()).map((part) => part ?? null),
        replaced: text.replace(platform(), by),
      });
    }),
    { numRuns: 2_000 },
  );
});
