import * as Result from "effect/Result";
import { expect, it } from "vitest";
import { locator, parseJson } from "#cli/json-source";

const breakOf = (text: string): unknown => {
  const parsed = parseJson(text);
  return Result.isFailure(parsed) ? parsed.failure : parsed.success;
};

it.each([
  ['{\n  "a": 1\n  "b": 2\n}', 3, 3, "a comma is missing here", '  3 |   "b": 2\n        ^'],
  ["[1, 2", 1, 6, "a closing bracket ']' is missing here", "  1 | [1, 2\n           ^"],
  ['{"a": }', 1, 7, "a value is expected here", '  1 | {"a": }\n            ^'],
  ['{"a" 1}', 1, 6, "a colon is missing here", '  1 | {"a" 1}\n           ^'],
  ['{"a":1}\n]', 2, 1, "the document has ended before this", "  2 | ]\n      ^"],
  ['["漢字" x]', 1, 7, "this is not a JSON value", '  1 | ["漢字" x]\n              ^'],
  ["[1,\r\n\t]", 2, 2, "a value is expected here", "  2 | \\t]\n        ^"],
])("says where %j breaks", (text, line, column, reason, excerpt) => {
  expect(breakOf(text)).toMatchObject({ line, column, reason, excerpt });
});

it("shows the surroundings of a place in a long line", () => {
  const text = `[${"1,".repeat(500)}x${",2".repeat(500)}]`;
  expect(breakOf(text)).toMatchObject({
    line: 1,
    column: 1002,
    excerpt:
      "  1 | …,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,x,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2…\n" +
      `${" ".repeat(46)}^`,
  });
});

it("breaks at a place also where the text is nested too deeply to parse", () => {
  expect(breakOf("[".repeat(200_000))).toMatchObject({ line: 1, column: 200_001 });
});

it("keeps a key that is called __proto__", () => {
  expect(Object.keys(breakOf('{"__proto__": 1}') as object)).toStrictEqual(["__proto__"]);
});

const text = `{
  "nodes": [
    { "id": "a", "inputs": [{ "name": "x", "type": "any" },
      { "name": "y" }] }
  ],
  "edges": [],
  "edges": [ 1 ]
}`;

it.each([
  [[], 1, 1],
  [["nodes"], 2, 12],
  [["nodes", 0, "id"], 3, 13],
  [["nodes", 0, "inputs", 1], 4, 7],
  [["nodes", 0, "inputs", 0, "type"], 3, 52],
  [["nodes", 0, "inputs", 5], 3, 28],
  [["nodes", 0, "policy", "timeout"], 3, 5],
  [["nodes", 7], 2, 12],
  [["edges", 0], 7, 14],
] as const)("finds the place of %j, or of what is around it", (path, line, column) => {
  expect(locator(text)(path)).toStrictEqual({ line, column });
});
