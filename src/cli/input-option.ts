/**
 * `--input node.port=value`: another value for an input, for this run. Ids and port names may hold dots and equals signs, so
 * the text is read against the document: the longest node id that fits, then the longest port.
 */
import * as Result from "effect/Result";
import type { InputOverrides } from "#core/inputs";
import { apiToNodeParameter, isBinaryType } from "#core/parameter";
import type { JsonValue } from "#core/value";
import { recordOf } from "#core/value";
import type { Node, Parameter, Workflow } from "#core/workflow";
import { CommandError } from "./command-error.ts";
import { named } from "./text.ts";

const listed = (names: readonly string[]): string =>
  names.length > 12
    ? `${names.slice(0, 12).map(named).join(", ")} and ${names.length - 12} more`
    : names.map(named).join(", ");

const refuse = (message: string): never => {
  throw new CommandError("INVALID_INPUT", `--input: ${message}`);
};

const longest = <A>(
  candidates: readonly A[],
  nameOf: (candidate: A) => string,
  text: string,
  end: string,
): A | undefined =>
  candidates
    .filter((candidate) => text.startsWith(`${nameOf(candidate)}${end}`))
    .reduce<A | undefined>(
      (best, candidate) =>
        best === undefined || nameOf(candidate).length > nameOf(best).length ? candidate : best,
      undefined,
    );

const nodeOf = (workflow: Workflow, option: string): Node => {
  const node = longest(workflow.nodes, ({ id }) => id, option, ".");
  if (node !== undefined) return node;
  if (!option.includes("=") || !option.includes(".")) {
    return refuse(`${named(option)} is not of the form node.port=value.`);
  }
  const given = option.slice(0, option.indexOf("=")).replace(/\.[^.]*$/, "");
  return refuse(
    `the workflow has no node ${named(given)}. It has ${listed(workflow.nodes.map(({ id }) => id))}.`,
  );
};

const portOf = (node: Node, rest: string): Parameter => {
  const port = longest(node.inputs, ({ name }) => name, rest, "=");
  if (port !== undefined) return port;
  if (!rest.includes("=")) {
    return refuse(`${named(`${node.id}.${rest}`)} has no value. Write node.port=value.`);
  }
  const given = rest.slice(0, rest.indexOf("="));
  return refuse(
    `node ${named(node.id)} has no input ${named(given)}. ` +
      (node.inputs.length > 0
        ? `It has ${listed(node.inputs.map(({ name }) => name))}.`
        : "It has none."),
  );
};

const parsed = (text: string): JsonValue | undefined =>
  Result.getOrElse(
    Result.try(() => JSON.parse(text) as JsonValue),
    () => undefined,
  );

/** Types whose values are text: there `5` is the text 5, and only a quoted JSON string is read as JSON. */
const isText = ({ type }: Parameter): boolean =>
  !["number", "boolean", "json", "any", "schema", "geojson"].includes(type) && !isBinaryType(type);

const valueOf = (port: Parameter, text: string): JsonValue => {
  const value = parsed(text);
  if (value === undefined) return text;
  if (isText(port)) {
    const isList = port.repeated === true && Array.isArray(value);
    return typeof value === "string" || isList ? value : text;
  }
  // A json port parses a text that stands in the document, and this one stands in its place.
  return port.type === "json" && typeof value === "string" ? text : value;
};

const checked = (node: Node, port: Parameter, value: JsonValue): JsonValue => {
  if (value === null) {
    return refuse(`null is no value. Leave ${named(`${node.id}.${port.name}`)} out instead.`);
  }
  const fit = apiToNodeParameter(port, value, true);
  return Result.isSuccess(fit) ? value : refuse(`node ${named(node.id)}: ${fit.failure}.`);
};

/** The last of two values for one input counts. */
export const parseInputs = (workflow: Workflow, options: readonly string[]): InputOverrides => {
  const byNode = new Map<string, Map<string, JsonValue>>();
  for (const option of options) {
    const node = nodeOf(workflow, option);
    const rest = option.slice(node.id.length + 1);
    const port = portOf(node, rest);
    const value = checked(node, port, valueOf(port, rest.slice(port.name.length + 1)));
    byNode.set(node.id, (byNode.get(node.id) ?? new Map()).set(port.name, value));
  }
  return recordOf(Array.from(byNode, ([id, values]) => [id, recordOf(values)] as const));
};

/** Inputs among the overrides that an edge leads into, as `node.port`: there the edge wins whenever it carries a value. */
export const edgeFedInputs = (
  { edges }: Workflow,
  overrides: InputOverrides,
): readonly string[] => {
  const fed = new Set(
    edges.map(({ target, targetInput }) => JSON.stringify([target, targetInput])),
  );
  return Object.entries(overrides).flatMap(([id, inputs]) =>
    Object.keys(inputs)
      .filter((name) => fed.has(JSON.stringify([id, name])))
      .map((name) => `${id}.${name}`),
  );
};
