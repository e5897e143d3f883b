import { expect, it } from "vitest";
import { nearest } from "#cli/nearest";
import { renderTable } from "#cli/table";
import { durationText, printable, shorten, widthOf, wrap } from "#cli/text";

const plain = (_: unknown, text: string): string => text;

it("spells out what would act on the terminal", () => {
  expect(printable("a\nb\tc\r\u001b[2J\u202e\u0007é🦉")).toBe(
    "a\\nb\\tc\\r\\u001b[2J\\u202e\\u0007é🦉",
  );
});

it("shortens by the columns that a text takes", () => {
  expect(shorten("words", 5)).toBe("words");
  expect(shorten("words", 4)).toBe("wor…");
  expect(shorten("漢字漢字", 6)).toBe("漢字…");
  expect(shorten("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 5)).toBe("👩‍👩‍👧‍👦👩‍👩‍👧‍👦…");
  expect(shorten("anything", 0)).toBe("");
  expect(shorten("x".repeat(1_000_000), 3)).toBe("xx…");
});

it("wraps between words, and inside one that is longer than the line", () => {
  expect(wrap("one two three", 7)).toStrictEqual(["one two", "three"]);
  expect(wrap("abcdefgh ij", 3)).toStrictEqual(["abc", "def", "gh", "ij"]);
  expect(wrap("", 10)).toStrictEqual([""]);
  expect(wrap("abcdefgh ij k", 5, "keep")).toStrictEqual(["abcdefgh", "ij k"]);
  expect(wrap("one two", Number.POSITIVE_INFINITY)).toStrictEqual(["one two"]);
});

it.each([
  [0, "0 ms"],
  [999.4, "999 ms"],
  [1000, "1.0 s"],
  [59_949, "59.9 s"],
  [59_950, "1 m 00 s"],
  [61_000, "1 m 01 s"],
  [3_599_000, "59 m 59 s"],
  [7_260_000, "2 h 01 m"],
])("says %d milliseconds as %s", (millis, text) => {
  expect(durationText(millis)).toBe(text);
});

it("never prints a table wider than the terminal", () => {
  const rows = [
    [{ text: "a" }, { text: "✓ completed" }, { text: "3 ms" }, { text: "漢".repeat(100) }],
    [
      { text: "🦉".repeat(80) },
      { text: "✗ failed" },
      { text: "" },
      { text: "a reason that goes on and on ".repeat(20), isWrapped: true },
    ],
  ];
  const headings = [
    { heading: "Node" },
    { heading: "Status" },
    { heading: "Time", align: "right" as const },
    { heading: "Result" },
  ];
  for (const columns of [40, 50, 80, 120, 300]) {
    const lines = renderTable(headings, rows, columns, plain).split("\n");
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns);
  }
  expect(renderTable(headings, rows, 50, plain)).toBe(
    [
      "Node           Status       Time  Result",
      "a              ✓ completed  3 ms  漢漢漢漢漢漢漢…",
      "🦉🦉🦉🦉🦉🦉…  ✗ failed           a reason that",
      "                                  goes on and on a",
      "                                  reason that goes",
      "                                  on and on a rea…",
    ].join("\n"),
  );
});

it("keeps words whole that are there to be copied", () => {
  const url = "https://accounts.example.com/a/long/way/to/go";
  const rows = [[{ text: "x" }, { text: `${url} b c ${url}`, isWrapped: "words" as const }]];
  const headings = [{ heading: "Provider" }, { heading: "Asks for" }];
  expect(renderTable(headings, rows, 40, plain).split("\n")).toStrictEqual([
    "Provider  Asks for",
    `x         ${url}`,
    "          b c",
    `          ${url}`,
  ]);
});

it("guesses what a person meant", () => {
  const names = ["addition", "multiplication", "sum", "string-trim", "to-string"];
  expect(nearest("add", names)).toStrictEqual(["addition"]);
  expect(nearest("multiply", names)).toStrictEqual(["multiplication"]);
  expect(nearest("STRING", names)).toStrictEqual(["string-trim", "to-string"]);
  expect(nearest("sun", names)).toStrictEqual(["sum"]);
  expect(nearest("zzz", names)).toStrictEqual([]);
});
