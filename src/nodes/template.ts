/**
 * Templates with placeholders such as {{name}}. A placeholder that has no value stays as it is and is listed, so that a
 * person sees which one and the workflow can react. Names and paths reach own properties only.
 */
import type { RuntimeValue } from "#core/value";
import { describeValue, isJsonObject } from "#core/value";
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { defineNode } from "./define-node.ts";
import { numberedPorts } from "./numbered-ports.ts";
import { textBuilder, textOf } from "./text-result.ts";

type Filled = { readonly result: string; readonly missingVariables: readonly string[] };

/** One pass: braces inside a value are text, not another placeholder. */
const fillTemplate = (template: string, valueOf: (name: string) => unknown): Filled => {
  const text = textBuilder();
  const missing = new Set<string>();
  let from = 0;
  // No brace inside a placeholder keeps the search linear, also in a text of nothing but braces.
  for (const { 0: placeholder, 1: inner, index } of template.matchAll(/\{\{([^{}]+)\}\}/g)) {
    const name = inner!.trim();
    const value = valueOf(name) ?? undefined;
    text.add(template.slice(from, index));
    text.add(value === undefined ? placeholder : textOf(value));
    if (value === undefined) missing.add(name);
    from = index + placeholder.length;
  }
  text.add(template.slice(from));
  return { result: text.text(), missingVariables: [...missing] };
};

/** Follows `orders.0.total`. */
const valueAt = (root: RuntimeValue, path: string): unknown => {
  let value: unknown = root;
  for (const key of path.split(".")) {
    if (!isJsonObject(value) && !Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
  }
  return value;
};

const outputs = [
  { name: "result", type: "string" },
  { name: "missingVariables", type: "json", hidden: true },
] as const;

export const templateNodes: readonly NodeDefinition[] = [
  defineNode({
    type: "json-string-template",
    name: "JSON String Template",
    category: "text",
    description:
      "Fills {{path.to.value}} from a JSON object. What has no value stays and is listed in missingVariables.",
    pure: true,
    inputs: [
      { name: "template", type: "string", required: true },
      { name: "variables", type: "json", required: true },
    ],
    outputs,
    run: ({ template, variables }) =>
      isJsonObject(variables) || Array.isArray(variables)
        ? fillTemplate(template, (path) => valueAt(variables, path))
        : new NodeFailure({
            message: `Input 'variables' expects an object, got ${describeValue(variables)}`,
          }),
  }),
  defineNode({
    type: "var-string-template",
    name: "Var String Template",
    category: "text",
    description:
      "Fills {{var_1}}, {{var_2}} and so on from the inputs of those names. Others stay and are listed in missingVariables.",
    pure: true,
    inputs: [
      { name: "template", type: "string", required: true },
      { name: "var_1", type: "string", required: true },
    ],
    outputs,
    dynamicInputs: { prefix: "var", type: "string", defaultCount: 1, minCount: 1 },
    run: (inputs) => {
      const values = new Map(numberedPorts(inputs, "var"));
      return fillTemplate(textOf(inputs["template"]), (name) => values.get(name));
    },
  }),
];
