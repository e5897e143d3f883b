/**
 * A workflow whose every node reaches for one object by its reference, in each of the ways in which a reference can get into a run:
 * written into the document, given for one run, with the trigger, inside JSON, in a list; as a file and as a value of the engine's.
 */
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import { storedValueType } from "#core/stored-value";
import type { JsonValue, ObjectReference } from "#core/value";
import type { Parameter, Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import type { NodeDefinition } from "#services/node-definition";
import { largeValueNodes } from "./large-value-nodes.ts";

const facts = { category: "test", name: "", description: "" } as const;

/** What started the run. */
const giveTrigger = defineNode({
  ...facts,
  type: "give-trigger",
  inputs: [],
  outputs: [{ name: "value", type: "any" }],
  run: (_inputs, { trigger }) => ({ value: trigger }),
});

/** Takes out what is inside. */
const unwrap = defineNode({
  ...facts,
  type: "unwrap",
  inputs: [{ name: "json", type: "json", required: true }],
  outputs: [{ name: "value", type: "any" }],
  run: ({ json }) => ({
    value: (json as { readonly inside: { readonly at: JsonValue } }).inside.at,
  }),
});

/** What is given to services that both organizations may use. */
const giveKey = defineNode({
  ...facts,
  type: "give-key",
  inputs: [],
  outputs: [{ name: "key", type: "string" }],
  run: (_inputs, { idempotencyKey }) => ({ key: idempotencyKey }),
});

export const reachingNodes: readonly NodeDefinition[] = [giveTrigger, unwrap, giveKey];

const typeOf = (type: string) =>
  [...reachingNodes, ...largeValueNodes].find((node) => node.type === type)!;

const node = (id: string, type: string, literals: Readonly<Record<string, JsonValue>> = {}) => {
  const { inputs, outputs } = typeOf(type);
  const withLiteral = (port: Parameter): Parameter =>
    Object.hasOwn(literals, port.name)
      ? ({ ...port, value: literals[port.name] } as Parameter)
      : port;
  return { id, name: id, type, inputs: inputs.map(withLiteral), outputs };
};

/** Type of a node that reads -> the input that it reads. */
const readers = {
  "file-length": "file",
  "text-length": "text",
  "text-length-in-step": "text",
  "count-texts": "texts",
} as const;

const readerTypes = Object.keys(readers) as (keyof typeof readers)[];

const documentFor = (reference: JsonValue): Workflow => {
  const nodes = [
    node("trigger", "give-trigger"),
    node("inside", "unwrap", { json: { inside: { at: reference } } }),
  ];
  const edges: Workflow["edges"][number][] = [];
  for (const type of readerTypes) {
    const input = readers[type];
    nodes.push(node(`${type}, written down`, type, { [input]: reference }));
    nodes.push(node(`${type}, given`, type));
    for (const source of ["trigger", "inside"]) {
      const target = `${type}, from ${source}`;
      nodes.push(node(target, type));
      edges.push({ source, sourceOutput: "value", target, targetInput: input });
    }
  }
  nodes.push(node("a list, written down", "count-texts", { texts: [reference, reference] }));
  return { id: "reaching", name: "Reaching", trigger: "manual", nodes, edges };
};

/** The media types that a reference may claim, whatever the object is. */
export const claimedTypes = [
  "video/mp4",
  "text/plain",
  storedValueType,
  "application/vnd.pawl.part+json",
];

export const reachingParams = (
  organizationId: string,
  { id, mimeType }: ObjectReference,
): ExecuteParams => {
  const reference = { id, mimeType };
  return {
    workflow: documentFor(reference),
    userId: "user",
    organizationId,
    computeCredits: 1_000,
    trigger: reference,
    inputOverrides: Object.fromEntries(
      readerTypes.map((type) => [`${type}, given`, { [readers[type]]: reference }]),
    ),
  };
};

/** What can be compared of two records: without their times, and with one word for the one id and the other's. */
export const toldOf = (
  execution: WorkflowExecution | undefined,
  ...ids: readonly string[]
): unknown => {
  const text = JSON.stringify(execution, (key, value: unknown) =>
    /^(?:startedAt|endedAt)$/.test(key) && value !== null ? "then" : value,
  );
  return JSON.parse(
    ids.reduce((told, id) => told.replaceAll(JSON.stringify(id).slice(1, -1), "ID"), text),
  );
};

/** Node -> outputs or error. */
export const outcomesOf = (
  execution: WorkflowExecution | undefined,
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    (execution?.nodeExecutions ?? []).map(({ nodeId, outputs, error }) => [
      nodeId,
      error ?? outputs,
    ]),
  );
