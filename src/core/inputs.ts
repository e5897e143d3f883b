/** Gathers what a node starts with (VALUE-1): literals, then per-run overrides, then edges that carry a value. */
import type { ExecutionState } from "./execution-state.ts";
import { nodeStateAt } from "./execution-state.ts";
import type { GraphNode } from "./graph.ts";
import { portNamed } from "./parameter.ts";
import type { JsonValue, NodeRuntimeValues, RuntimeValue } from "./value.ts";
import { isJsonObject, ownValue, recordOf } from "./value.ts";

/** Node id -> input name -> value, for one run. */
export type InputOverrides = Readonly<Record<string, Readonly<Record<string, JsonValue>>>>;

/** Literals, and what overrides put in their place. */
const ownInputs = (
  { id, ports }: GraphNode,
  overrides: InputOverrides | undefined,
): (readonly [string, RuntimeValue])[] => {
  const own = ownValue(overrides, id);
  const values: (readonly [string, RuntimeValue])[] = [];
  for (const { name, value: literal } of ports.inputs) {
    const value = ownValue(own, name) ?? literal;
    if (value !== undefined && value !== null) values.push([name, value]);
  }
  return values;
};

export const collectNodeInputs = (
  state: ExecutionState,
  graphNode: GraphNode,
  overrides?: InputOverrides,
): NodeRuntimeValues => {
  const { node, ports, inbound, sources } = graphNode;
  if (node === undefined) return {};
  const own = ownInputs(graphNode, overrides);
  if (inbound.length === 0) return recordOf(own);
  let gathered: Map<string, RuntimeValue[]> | undefined;
  for (let at = 0; at < inbound.length; at++) {
    const { sourceOutput, targetInput } = inbound[at]!;
    const value = ownValue(nodeStateAt(state, sources[at]!).outputs, sourceOutput);
    if (value === undefined) continue;
    if (portNamed(ports.inputs, targetInput)?.repeated !== true) {
      own.push([targetInput, value]);
      continue;
    }
    gathered ??= new Map();
    const list = gathered.get(targetInput) ?? [];
    // One by one: a call takes no 200,000 arguments.
    if (Array.isArray(value)) for (const one of value) list.push(one);
    else list.push(value);
    gathered.set(targetInput, list);
  }
  for (const entry of gathered ?? []) own.push(entry as [string, RuntimeValue]);
  // Of several values for one input, the last counts.
  return recordOf(own);
};

const none: readonly string[] = [];

/**
 * Json inputs whose text came over an edge: it is JSON already, where a text of the document is still to be parsed. Decided
 * when the node starts, so that a node that waits does not keep a whole state alive.
 */
export const carriedJsonTexts = (
  state: ExecutionState,
  { ports, inbound, sources }: GraphNode,
  inputs: NodeRuntimeValues,
): readonly string[] => {
  const texts = ports.inputs.filter(
    ({ name, type }) => type === "json" && typeof ownValue(inputs, name) === "string",
  );
  if (texts.length === 0) return none;
  const carried = new Set(
    inbound
      .filter(({ sourceOutput }, at) =>
        Object.hasOwn(nodeStateAt(state, sources[at]!).outputs ?? {}, sourceOutput),
      )
      .map(({ targetInput }) => targetInput),
  );
  return texts.map(({ name }) => name).filter((name) => carried.has(name));
};

/** Whether overrides have their shape: node id -> input name -> JSON value. */
export const isInputOverrides = (value: unknown): value is InputOverrides =>
  isJsonObject(value) && Object.values(value).every((inputs) => isJsonObject(inputs));
