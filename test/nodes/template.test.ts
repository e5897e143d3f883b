import { expect, it } from "vitest";
import type { JsonValue, RuntimeValue } from "#core/value";
import { runNode } from "../support/run-node.ts";

type Row = readonly [
  template: string,
  variables: Readonly<Record<string, RuntimeValue>>,
  result: string,
  missingVariables: readonly string[],
];

const numbered: readonly Row[] = [
  ["Hello {{var_1}}", { var_1: "Ada" }, "Hello Ada", []],
  ["{{ var_2 }}-{{var_1}}-{{var_2}}", { var_1: "a", var_2: "b" }, "b-a-b", []],
  ["{{var_12}}", { var_1: "a", var_12: "b" }, "b", []],
  [
    "{{var_2}} {{name}} {{var_2}}",
    { var_1: "a" },
    "{{var_2}} {{name}} {{var_2}}",
    ["var_2", "name"],
  ],
  [
    "{{template}}{{__proto__}}",
    { var_1: "a" },
    "{{template}}{{__proto__}}",
    ["template", "__proto__"],
  ],
  ["{{var_1}}", { var_1: "" }, "", []],
  ["{{var_1}}", { var_1: "{{var_1}} $& $1" }, "{{var_1}} $& $1", []],
  ["{{{var_1}}} {var_1} {{}} {{var_1", { var_1: "a" }, "{a} {var_1} {{}} {{var_1", []],
  ["", { var_1: "a" }, "", []],
  ["😀{{var_1}}😀", { var_1: "\ud83d" }, "😀\ud83d😀", []],
];

it.each(numbered)("fills %s from %j", async (template, variables, result, missingVariables) => {
  expect(await runNode("var-string-template", { template, ...variables })).toStrictEqual({
    result,
    missingVariables,
  });
});

const order = {
  id: 7,
  paid: false,
  note: null,
  empty: "",
  customer: { name: "Ada", "": "blank" },
  items: [{ price: 1.5 }, { price: 2 }],
};

const byPath: readonly (readonly [string, string, readonly string[]])[] = [
  ["#{{id}} {{paid}} {{customer.name}}", "#7 false Ada", []],
  ["{{items.1.price}} of {{items.length}}", "2 of 2", []],
  ["{{customer}} {{ items.0 }}", '{"name":"Ada","":"blank"} {"price":1.5}', []],
  ["[{{empty}}]{{customer.}}", "[]blank", []],
  [
    "{{note}} {{note.x}} {{gone}} {{gone}}",
    "{{note}} {{note.x}} {{gone}} {{gone}}",
    ["note", "note.x", "gone"],
  ],
  [
    "{{constructor.name}} {{id.toFixed}}",
    "{{constructor.name}} {{id.toFixed}}",
    ["constructor.name", "id.toFixed"],
  ],
  ["{{customer.name.length}}", "{{customer.name.length}}", ["customer.name.length"]],
  ["{{customer.__proto__}}", "{{customer.__proto__}}", ["customer.__proto__"]],
];

it.each(byPath)("fills %s by path", async (template, result, missingVariables) => {
  expect(await runNode("json-string-template", { template, variables: order })).toStrictEqual({
    result,
    missingVariables,
  });
});

it("reads an own key named __proto__ like any other", async () => {
  const variables: RuntimeValue = JSON.parse('{"__proto__":{"x":"own"}}');
  expect(
    await runNode("json-string-template", { template: "{{__proto__.x}}", variables }),
  ).toStrictEqual({ result: "own", missingVariables: [] });
});

it("takes a list for variables", async () => {
  expect(
    await runNode("json-string-template", { template: "{{1}}", variables: ["a", "b"] }),
  ).toStrictEqual({ result: "b", missingVariables: [] });
});

it.each([
  ["text", "string"],
  [5, "number"],
  [true, "boolean"],
] as readonly (readonly [Exclude<JsonValue, null>, string])[])(
  "refuses %j for variables",
  async (variables, noun) => {
    expect(await runNode("json-string-template", { template: "", variables })).toStrictEqual({
      failed: `Input 'variables' expects an object, got ${noun}`,
    });
  },
);

it("refuses to multiply a long value into more text than a Worker holds", async () => {
  const template = "{{var_1}}".repeat(10_000);
  expect(
    await runNode("var-string-template", { template, var_1: "x".repeat(10_000) }),
  ).toStrictEqual({ failed: "The text grows beyond 16000000 characters" });
});

it.each(["{{", "{{ ", "{{a", "{", "}}"])(
  "reads a million characters of %j at once",
  async (part) => {
    const template = part.repeat(1_000_000 / part.length);
    expect(await runNode("var-string-template", { template, var_1: "" })).toStrictEqual({
      result: template,
      missingVariables: [],
    });
  },
);
