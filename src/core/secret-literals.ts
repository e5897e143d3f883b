/**
 * Secrets that somebody wrote into what a run is started with, where their names belong: they would stand in the definition and
 * in the record, for all who may read those. Refused before anything of it is stored (SECRET-1).
 */
import type { ExecuteParams } from "./execution-context.ts";
import type { Mask } from "./mask.ts";
import { quoted } from "./problem.ts";
import type { JsonValue } from "./value.ts";

/** Nothing for what JSON cannot say, which is refused for that. */
const textOf = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
};

/**
 * The value as text without secrets; undefined when none is in it. Its own text escapes once more what is in it: a secret that was
 * escaped before is looked for in the value too.
 */
const maskedText = (mask: Mask, value: unknown): string | undefined => {
  const text = textOf(value);
  if (mask.holds(text)) return mask.text(text);
  if (!text.includes("\\\\")) return undefined;
  const plain = JSON.parse(text) as JsonValue;
  const masked = mask.json(plain);
  return masked === plain ? undefined : JSON.stringify(masked);
};

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;

/** The node's id says more than its index; not where that is itself what must not be told. */
const nodeWords = (mask: Mask, node: unknown): string => {
  const id = fieldOf(node, "id");
  return typeof id === "string" && maskedText(mask, id) === undefined
    ? ` (node ${quoted(id)})`
    : "";
};

/** Keys of a document that may hold one, beside its nodes. */
const otherKeys = ["id", "name", "description", "trigger", "runtime", "edges", "settings"] as const;

/** The first place that holds one; a path into the document, whatever its shape. */
const placeIn = (mask: Mask, document: unknown): string => {
  const nodes = fieldOf(document, "nodes");
  for (const [index, node] of (isList(nodes) ? nodes : []).entries()) {
    if (maskedText(mask, node) === undefined) continue;
    const inputs = fieldOf(node, "inputs");
    const input = (isList(inputs) ? inputs : []).findIndex(
      (one) => maskedText(mask, one) !== undefined,
    );
    const place = input < 0 ? `nodes[${index}]` : `nodes[${index}].inputs[${input}]`;
    return place + nodeWords(mask, node);
  }
  const holdsOne = (key: string): boolean => maskedText(mask, fieldOf(document, key)) !== undefined;
  return otherKeys.find(holdsOne) ?? "the document";
};

const advice = "Give the name of the secret instead: a node reads its value by that name.";

/** Undefined when no known secret is in it. What started the run is masked instead, since others write it. */
export const secretLiteralProblem = (
  mask: Mask,
  { workflow, inputOverrides: overrides }: Pick<ExecuteParams, "workflow" | "inputOverrides">,
): string | undefined => {
  if (mask.isEmpty) return undefined;
  const found = (text: string): string => {
    const name = /\[secret:[^\]]*\]/.exec(text)?.[0];
    return name === undefined ? "" : `, ${name},`;
  };
  const document = maskedText(mask, workflow);
  if (document !== undefined) {
    return `The workflow holds the value of a secret${found(document)} at ${placeIn(mask, workflow)}. ${advice}`;
  }
  for (const [nodeId, inputs] of Object.entries(overrides ?? {})) {
    for (const [input, value] of Object.entries(inputs)) {
      const text = maskedText(mask, { [input]: value });
      if (text !== undefined) {
        return `The value for input ${quoted(mask.text(input))} of node ${quoted(mask.text(nodeId))} holds the value of a secret${found(text).slice(0, -1)}. ${advice}`;
      }
    }
  }
  return undefined;
};

/** A start in which nobody wrote a secret, without those that stand in what triggered it. */
export const withMaskedTrigger = (mask: Mask, start: ExecuteParams): ExecuteParams =>
  start.trigger === undefined ? start : { ...start, trigger: mask.json(start.trigger) };

/** What of a run's start may be stored: nothing when a secret is written into it. */
export const storableStart = (mask: Mask, start: ExecuteParams): ExecuteParams | undefined => {
  if (mask.isEmpty) return start;
  return secretLiteralProblem(mask, start) === undefined
    ? withMaskedTrigger(mask, start)
    : undefined;
};
