/**
 * Secrets that somebody wrote into what a run is started with, where their names belong: they would stand in the definition and
 * in the record, for all who may read those. Refused before anything of it is stored (SECRET-1).
 */
import type { ExecuteParams } from "./execution-context.ts";
import type { Mask } from "./mask.ts";
import { quoted } from "./problem.ts";

/** Nothing for what JSON cannot say, which is refused for that. */
const textOf = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
};

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;

/** The first place that holds one; a path into the document, whatever its shape. */
const placeIn = (mask: Mask, document: unknown): string => {
  const nodes = fieldOf(document, "nodes");
  for (const [index, node] of (isList(nodes) ? nodes : []).entries()) {
    if (!mask.holds(textOf(node))) continue;
    const inputs = fieldOf(node, "inputs");
    const input = (isList(inputs) ? inputs : []).findIndex((one) => mask.holds(textOf(one)));
    return input < 0 ? `nodes[${index}]` : `nodes[${index}].inputs[${input}]`;
  }
  return "the document";
};

const advice = "Give the name of the secret instead: a node reads its value by that name.";

/** Undefined when no known secret is in it. What started the run is masked instead, since others write it. */
export const secretLiteralProblem = (
  mask: Mask,
  { workflow, inputOverrides: overrides }: Pick<ExecuteParams, "workflow" | "inputOverrides">,
): string | undefined => {
  if (mask.isEmpty) return undefined;
  const found = (text: string): string => /\[secret:[^\]]*\]/.exec(mask.text(text))?.[0] ?? "";
  const document = textOf(workflow);
  if (mask.holds(document)) {
    return `The workflow holds the value of a secret, ${found(document)}, at ${placeIn(mask, workflow)}. ${advice}`;
  }
  for (const [nodeId, inputs] of Object.entries(overrides ?? {})) {
    for (const [input, value] of Object.entries(inputs)) {
      const text = textOf({ [input]: value });
      if (mask.holds(text)) {
        return `The value for input ${quoted(mask.text(input))} of node ${quoted(mask.text(nodeId))} holds the value of a secret, ${found(text)}. ${advice}`;
      }
    }
  }
  return undefined;
};

/** What of a run's start may be stored: nothing when a secret is written into it. */
export const storableStart = (mask: Mask, start: ExecuteParams): ExecuteParams | undefined => {
  if (mask.isEmpty) return start;
  if (secretLiteralProblem(mask, start) !== undefined) return undefined;
  const { trigger } = start;
  return trigger === undefined ? start : { ...start, trigger: mask.json(trigger) };
};
