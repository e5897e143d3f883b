import { expect, it } from "vitest";
import type { Parameter, Workflow } from "#core/workflow";
import { edgeFedInputs, parseInputs } from "#cli/input-option";
import { graph } from "../support/graph.ts";

const node = (id: string, ...inputs: readonly Parameter[]): Workflow["nodes"][number] => ({
  id,
  name: id,
  type: "test",
  inputs,
  outputs: [],
});
const port = (type: Parameter["type"], facts: Partial<Parameter> = {}): Parameter => ({
  name: "in",
  type,
  ...facts,
});
const workflow = (...nodes: Workflow["nodes"]): Workflow => ({ ...graph(), nodes, edges: [] });

/** What `a.in=text` gives an input of the type, or why it is refused. */
const valueFor = (
  type: Parameter["type"],
  text: string,
  facts: Partial<Parameter> = {},
): unknown => {
  try {
    return parseInputs(workflow(node("a", port(type, facts))), [`a.in=${text}`])["a"]?.["in"];
  } catch (error) {
    return (error as Error).message;
  }
};

const misfit = (expected: string, found: string): string =>
  `--input: node 'a': Input 'in' expects ${expected}, got ${found}.`;

it.each([
  ["string", "5", "5"],
  ["string", "true", "true"],
  ["string", "plain words", "plain words"],
  ["string", '"quoted\\n"', "quoted\n"],
  ["string", "", ""],
  ["string", "a=b=c", "a=b=c"],
  ["number", "5", 5],
  ["number", "-1.5e3", -1500],
  ["number", "five", misfit("number", "string")],
  ["number", "", misfit("number", "string")],
  ["boolean", "false", false],
  ["boolean", "no", misfit("boolean", "string")],
  ["date", "2026-11-24", "2026-11-24"],
  ["date", "soon", misfit("date", "string")],
  ["json", '{"a":[1]}', { a: [1] }],
  ["json", '"5"', '"5"'],
  ["json", "{", "--input: node 'a': Input 'in' expects json, got a string that is not JSON."],
  ["any", "5", 5],
  ["any", "words", "words"],
  ["any", "null", "--input: null is no value. Leave 'a.in' out instead."],
  ["geojson", "[]", misfit("geojson", "an array")],
  ["image", '{"id":"x","mimeType":"image/png"}', { id: "x", mimeType: "image/png" }],
] as const)("reads for a %s input %j as %j", (type, text, expected) => {
  expect(valueFor(type, text)).toStrictEqual(expected);
});

it("reads a list for a repeated input", () => {
  expect(valueFor("number", "[1,2]", { repeated: true })).toStrictEqual([1, 2]);
  expect(valueFor("string", '["a","b"]', { repeated: true })).toStrictEqual(["a", "b"]);
  expect(valueFor("string", "[", { repeated: true })).toBe("[");
});

it("takes the longest node id and port that the document has", () => {
  const nodes = workflow(
    node("a", { name: "b.in", type: "string" }),
    node("a.b", { name: "in", type: "string" }, { name: "in=1", type: "string" }),
    node("__proto__", port("string")),
    node("🦉", port("string")),
  );
  const inputs = parseInputs(nodes, ["a.b.in=x", "a.b.in=1=y", "__proto__.in=z", "🦉.in=w"]);
  expect(Object.entries(inputs)).toStrictEqual([
    ["a.b", { in: "x", "in=1": "y" }],
    ["__proto__", { in: "z" }],
    ["🦉", { in: "w" }],
  ]);
});

it("lets the last of two values for one input count", () => {
  const nodes = workflow(node("a", port("number")));
  expect(parseInputs(nodes, ["a.in=1", "a.in=2"])).toStrictEqual({ a: { in: 2 } });
});

it.each([
  ["b.in=1", "--input: the workflow has no node 'b'. It has 'a'."],
  ["a.out=1", "--input: node 'a' has no input 'out'. It has 'in'."],
  ["a.in", "--input: 'a.in' has no value. Write node.port=value."],
  ["in=1", "--input: 'in=1' is not of the form node.port=value."],
  ["nonsense", "--input: 'nonsense' is not of the form node.port=value."],
])("refuses %j and says what there is", (option, message) => {
  expect(() => parseInputs(workflow(node("a", port("number"))), [option])).toThrow(
    expect.objectContaining({ _tag: "CommandError", code: "INVALID_INPUT", exitCode: 2, message }),
  );
});

it("names a dozen of many nodes", () => {
  const nodes = workflow(...Array.from({ length: 20 }, (_, index) => node(`n${index}`)));
  expect(() => parseInputs(nodes, ["x.in=1"])).toThrow(
    "It has 'n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8', 'n9', 'n10', 'n11' and 8 more.",
  );
});

it("names the inputs that an edge leads into, where the edge wins", () => {
  const document = graph("a -> b", { inputs: { "b:free": {} } });
  const overrides = parseInputs(document, ["b.in=1", "b.free=2"]);
  expect(edgeFedInputs(document, overrides)).toEqual(["b.in"]);
});
