import { expect, it } from "vitest";
import type { NodeOutputs } from "#services/node-definition";
import type { RuntimeValue } from "#core/value";
import { runNode } from "../support/run-node.ts";

type Row = readonly [
  type: string,
  inputs: Readonly<Record<string, RuntimeValue>>,
  outcome: NodeOutputs,
];

const search = (haystack: string, needle: string) => ({ haystack, needle });
const cut = (haystack: string, start: number, end: number) => ({ haystack, start, end });
const million = "x".repeat(1_000_000);

const rows: readonly Row[] = [
  ["string-concat", { input_2: "b", input_1: "a" }, { result: "ab" }],
  ["string-concat", { input_10: "c", input_2: "b", input_1: "a" }, { result: "abc" }],
  ["string-concat", { input_1: "", input_7: "x", other: "y" }, { result: "x" }],
  ["string-concat", {}, { result: "" }],
  ["string-concat", { input_1: "\ud83d", input_2: "\ude00" }, { result: "😀" }],
  ["string-equals", { a: "a", b: "a" }, { result: true }],
  ["string-equals", { a: "a", b: "A" }, { result: false }],
  ["string-equals", { a: "ÄB", b: "äb", ignoreCase: true }, { result: true }],
  ["string-equals", { a: "", b: " ", ignoreCase: true }, { result: false }],
  ["string-includes", search("haystack", "st"), { result: true }],
  ["string-includes", search("haystack", "St"), { result: false }],
  ["string-includes", search("", ""), { result: true }],
  ["string-index-of", search("a😀b😀", "b"), { result: 3 }],
  ["string-index-of", search("abab", "x"), { result: -1 }],
  ["string-index-of", search("abab", ""), { result: 0 }],
  ["string-last-index-of", search("abab", "ab"), { result: 2 }],
  ["string-last-index-of", search("abab", "x"), { result: -1 }],
  ["string-last-index-of", search("abab", ""), { result: 4 }],
  ["string-normalize", { string: "e\u0301" }, { result: "é" }],
  ["string-normalize", { string: "" }, { result: "" }],
  ["string-substring", cut("haystack", 3, 8), { result: "stack" }],
  ["string-substring", cut("haystack", 3, 100), { result: "stack" }],
  ["string-substring", cut("haystack", -5, 3), { result: "hay" }],
  ["string-substring", cut("haystack", 3, 0), { result: "hay" }],
  ["string-substring", cut("😀", 0, 1), { result: "\ud83d" }],
  ["string-to-lower-case", { string: "ÀB😀" }, { result: "àb😀" }],
  ["string-to-upper-case", { string: "straße" }, { result: "STRASSE" }],
  ["string-trim", { string: "\u00a0 a b \n" }, { result: "a b" }],
  ["to-string", { value: "" }, { result: "" }],
  ["to-string", { value: '"quoted"' }, { result: '"quoted"' }],
  ["to-string", { value: 1.5 }, { result: "1.5" }],
  ["to-string", { value: -0 }, { result: "0" }],
  ["to-string", { value: 1e21 }, { result: "1e+21" }],
  ["to-string", { value: false }, { result: "false" }],
  ["to-string", { value: { a: [1, null] } }, { result: '{"a":[1,null]}' }],
  ["to-json", { value: '{"a":[1,null]}' }, { json: { a: [1, null] } }],
  ["to-json", { value: "12" }, { json: 12 }],
  ["to-json", { value: "not json" }, { json: "not json" }],
  ["to-json", { value: "" }, { json: "" }],
  ["to-json", { value: { a: 1 } }, { json: { a: 1 } }],
  ["to-json", { value: false }, { json: false }],
  ["to-json", { value: "null" }, { failed: "JSON null does not travel on an edge" }],
  ["to-json", { value: '{"a":1}', prettyPrint: true }, { json: '{\n  "a": 1\n}' }],
  ["to-json", { value: [1], prettyPrint: true }, { json: "[\n  1\n]" }],
  ["to-json", { value: "text", prettyPrint: true }, { json: '"text"' }],
  ["to-json", { value: "null", prettyPrint: true }, { json: "null" }],
];

it.each(rows)("answers %s of %j with %j", async (type, inputs, outcome) => {
  expect(await runNode(type, inputs)).toStrictEqual(outcome);
});

it("keeps an own key named __proto__ when it reads JSON", async () => {
  const { json } = await runNode("to-json", { value: '{"__proto__":{"a":1}}' });
  expect(JSON.stringify(json)).toBe('{"__proto__":{"a":1}}');
});

it("refuses to join more text than a Worker holds", async () => {
  const inputs = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`input_${i}`, million]));
  expect(await runNode("string-concat", inputs)).toStrictEqual({
    failed: "The text grows beyond 16000000 characters",
  });
});
