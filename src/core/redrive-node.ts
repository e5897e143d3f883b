/**
 * What makes a node the same node in two documents, for a redrive: its own definition and what reaches its inputs. Both are
 * written as a canonical text, in which the order of keys, names for people and places on a canvas leave no trace.
 */
import { initialState } from "./execution-state.ts";
import { fingerprint } from "./fingerprint.ts";
import type { GraphNode, WorkflowGraph } from "./graph.ts";
import type { InputOverrides } from "./inputs.ts";
import { collectNodeInputs } from "./inputs.ts";
import type { JsonObject, JsonValue, NodeRuntimeValues } from "./value.ts";
import { recordOf } from "./value.ts";
import type { Edge, Parameter } from "./workflow.ts";

/**
 * The text of a JSON value, in pieces: two values give the same one exactly when only the order of keys tells them apart.
 * Every part says where it ends, so that no two values ever run into one text. A loop, since values nest deeper than the
 * call stack.
 */
const canonicalPieces = function* (value: JsonValue): Generator<string> {
  const rest: JsonValue[] = [value];
  while (rest.length > 0) {
    const at = rest.pop()!;
    if (typeof at !== "object" || at === null) yield `${JSON.stringify(at)},`;
    else if (Array.isArray(at)) {
      yield `[${at.length}:`;
      for (const part of at as readonly JsonValue[]) rest.push(part);
    } else {
      const keys = Object.keys(at).sort();
      yield `{${keys.length}:`;
      for (const key of keys) rest.push((at as JsonObject)[key]!, key);
    }
  }
};

const canonicalText = (value: JsonValue): string => [...canonicalPieces(value)].join("");

/** What the run asks of a port. What it says of itself to people, and whether it shows, is not here. */
const portFacts = (port: Parameter): JsonValue => [
  port.name,
  port.type,
  port.value ?? null,
  port.default ?? null,
  port.required === true,
  port.repeated === true,
  port.minimum ?? null,
  port.maximum ?? null,
  port.enum ?? null,
  port.format ?? null,
];

/** Null for a missing node. */
const definitionOf = ({ node, ports }: GraphNode): JsonValue => {
  if (node === undefined) return null;
  const { retries, timeout } = node.policy ?? {};
  return [
    node.type,
    ports.inputs.map(portFacts),
    ports.outputs.map(portFacts),
    retries === undefined ? null : [retries.limit, retries.delay, retries.backoff],
    timeout ?? null,
  ];
};

const byInput = ([one]: readonly string[], [other]: readonly string[]): number =>
  one! < other! ? -1 : one! > other! ? 1 : 0;

/** What feeds which input. The order of edges counts among those into one input alone (VALUE-1), and sorting keeps it. */
const edgesOf = ({ inbound }: GraphNode): readonly (readonly string[])[] =>
  inbound
    .map(({ source, sourceOutput, targetInput }) => [targetInput, source, sourceOutput])
    .sort(byInput);

/**
 * 16 hexadecimal digits of all that a node's result depends on: definition, edges, and the inputs it starts with. For
 * people to compare; the plan of a redrive compares the texts themselves.
 */
export const nodeHash = (node: GraphNode, inputs: NodeRuntimeValues): string =>
  fingerprint(canonicalPieces([definitionOf(node), edgesOf(node), inputs as JsonObject]));

/** A node where it stands: in its document, with the overrides of the run. */
export interface PlacedNode {
  readonly node: GraphNode;
  readonly graph: WorkflowGraph;
  readonly overrides: InputOverrides | undefined;
}

export const isSameDefinition = (one: GraphNode, other: GraphNode): boolean =>
  one === other || canonicalText(definitionOf(one)) === canonicalText(definitionOf(other));

/** Whether an edge carried a value. */
export type Carries = (edge: Edge) => boolean;

/** Literals and overrides, but for the inputs that edges fill. Before a run begins, no edge carries anything. */
const suppliedTo = ({ node, graph, overrides }: PlacedNode, carries: Carries): JsonObject => {
  const filled = new Set(node.inbound.filter(carries).map(({ targetInput }) => targetInput));
  const supplied = Object.entries(collectNodeInputs(initialState(graph), node, overrides));
  return recordOf(supplied.filter(([input]) => !filled.has(input))) as JsonObject;
};

const supplyText = (placed: PlacedNode, carries: Carries): string =>
  canonicalText([edgesOf(placed.node), suppliedTo(placed, carries)]);

/**
 * Whether the same reaches the node in both places, when all its upstreams are taken over: an edge then carries what it
 * carried before, so edges are compared and not the values on them, however large.
 */
export const isSameSupply = (one: PlacedNode, other: PlacedNode, carries: Carries): boolean =>
  (one.node === other.node && one.overrides === other.overrides) ||
  supplyText(one, carries) === supplyText(other, carries);
