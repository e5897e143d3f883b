/**
 * Plain text. Positions and lengths count UTF-16 code units, as everywhere in JavaScript: an emoji counts two, and what
 * index-of finds, substring cuts.
 */
import * as Result from "effect/Result";
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import type { JsonValue, RuntimeValue } from "#core/value";
import { defineNode } from "./define-node.ts";
import { numberedPorts } from "./numbered-ports.ts";
import { textBuilder, textOf } from "./text-result.ts";

const category = "text";
const pure = true;
const haystack = { name: "haystack", type: "string", required: true } as const;
const needle = { name: "needle", type: "string", required: true } as const;
const value = { name: "value", type: "any", required: true } as const;
const text = [{ name: "result", type: "string" }] as const;
const position = [{ name: "result", type: "number" }] as const;
const answer = [{ name: "result", type: "boolean" }] as const;

/** Text in, text out. */
const textNode = (
  type: string,
  name: string,
  description: string,
  change: (text: string) => string,
): NodeDefinition =>
  defineNode({
    type,
    name,
    category,
    description,
    pure,
    inputs: [{ name: "string", type: "string", required: true }],
    outputs: text,
    run: ({ string }) => ({ result: change(string) }),
  });

/** The value that a JSON text stands for; a text that is not JSON stands for itself. */
const jsonOf = (given: RuntimeValue): JsonValue | RuntimeValue => {
  if (typeof given !== "string") return given;
  const parsed = Result.try((): JsonValue => JSON.parse(given));
  return Result.isSuccess(parsed) ? parsed.success : given;
};

export const textNodes: readonly NodeDefinition[] = [
  defineNode({
    type: "string-concat",
    name: "String Concat",
    category,
    description: "Joins input_1, input_2 and so on, without anything between them.",
    pure,
    inputs: [
      { name: "input_1", type: "string" },
      { name: "input_2", type: "string" },
    ],
    outputs: text,
    dynamicInputs: { prefix: "input", type: "string", defaultCount: 2, minCount: 1 },
    run: (inputs) => {
      const joined = textBuilder();
      for (const [, piece] of numberedPorts(inputs, "input")) joined.add(textOf(piece));
      return { result: joined.text() };
    },
  }),
  defineNode({
    type: "string-equals",
    name: "Equals",
    category,
    description: "Whether two texts are the same, on demand without regard to case.",
    pure,
    inputs: [
      { name: "a", type: "string", required: true },
      { name: "b", type: "string", required: true },
      { name: "ignoreCase", type: "boolean", required: false, value: false },
    ],
    outputs: answer,
    run: ({ a, b, ignoreCase }) => ({
      result: ignoreCase ? a.toLowerCase() === b.toLowerCase() : a === b,
    }),
  }),
  defineNode({
    type: "string-includes",
    name: "Includes",
    category,
    description: "Whether the haystack contains the needle.",
    pure,
    inputs: [haystack, needle],
    outputs: answer,
    run: (inputs) => ({ result: inputs.haystack.includes(inputs.needle) }),
  }),
  defineNode({
    type: "string-index-of",
    name: "Index Of",
    category,
    description: "Where the needle first stands in the haystack, from 0; -1 when it does not.",
    pure,
    inputs: [haystack, needle],
    outputs: position,
    run: (inputs) => ({ result: inputs.haystack.indexOf(inputs.needle) }),
  }),
  defineNode({
    type: "string-last-index-of",
    name: "Last Index Of",
    category,
    description: "Where the needle last stands in the haystack, from 0; -1 when it does not.",
    pure,
    inputs: [haystack, needle],
    outputs: position,
    run: (inputs) => ({ result: inputs.haystack.lastIndexOf(inputs.needle) }),
  }),
  textNode(
    "string-normalize",
    "Normalize",
    "Brings text into Unicode's composed form (NFC), so that what looks the same is the same.",
    (string) => string.normalize("NFC"),
  ),
  defineNode({
    type: "string-substring",
    name: "Substring",
    category,
    description:
      "The text from position start up to, not including, end. Positions beyond the text are moved into it.",
    pure,
    inputs: [
      haystack,
      { name: "start", type: "number", required: true },
      { name: "end", type: "number", required: true },
    ],
    outputs: text,
    run: (inputs) => ({ result: inputs.haystack.substring(inputs.start, inputs.end) }),
  }),
  textNode("string-to-lower-case", "To Lower Case", "Text in small letters.", (string) =>
    string.toLowerCase(),
  ),
  textNode("string-to-upper-case", "To Upper Case", "Text in capital letters.", (string) =>
    string.toUpperCase(),
  ),
  textNode("string-trim", "Trim", "Text without the white space at its ends.", (string) =>
    string.trim(),
  ),
  defineNode({
    type: "to-json",
    name: "To JSON",
    category,
    description:
      "The JSON value that a text stands for; any other value as it is. With prettyPrint: its JSON as indented text.",
    pure,
    inputs: [value, { name: "prettyPrint", type: "boolean", required: false, value: false }],
    outputs: [{ name: "json", type: "json" }],
    run: (inputs) => {
      const json = jsonOf(inputs.value);
      if (inputs.prettyPrint) return { json: JSON.stringify(json, null, 2) };
      return json === null
        ? new NodeFailure({ message: "JSON null does not travel on an edge" })
        : { json };
    },
  }),
  defineNode({
    type: "to-string",
    name: "To String",
    category,
    description: "Text as it is, numbers and booleans in plain words, all else as JSON.",
    pure,
    inputs: [value],
    outputs: text,
    run: (inputs) => ({ result: textOf(inputs.value) }),
  }),
];
