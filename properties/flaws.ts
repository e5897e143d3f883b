/**
 * Documents with anything wrong that validation knows, and a plain model of what must be reported (GRAPH-4): for each code,
 * one scan that looks at nothing else.
 */
import * as fc from "fast-check";
import type { Problem } from "#core/problem";
import type { Edge, Node, Parameter, Workflow } from "#core/workflow";
import { cyclicScenario, scenario, scriptedType } from "./arbitraries.ts";
import { idsOf, inboundOf, nodeOf, orderOf } from "./model.ts";

interface Flawed {
  readonly workflow: Workflow;
  /** Whether node types are looked up. */
  readonly isTyped: boolean;
  readonly stepLimit: number | undefined;
}

/** The ports that the scripted type declares by itself; documents may repeat, change or leave them out. */
export const declaredPorts: Pick<Node, "inputs" | "outputs"> = {
  inputs: [
    { name: "key", type: "string", required: true },
    { name: "in", type: "number", required: true },
    { name: "a", type: "any", repeated: true },
  ],
  outputs: [
    { name: "more", type: "number" },
    { name: "out", type: "string" },
  ],
};

const portType = fc.constantFrom("any", "number", "string", "blob", "image", "video" as const);

type Flaw =
  | { readonly flaw: "copy a node" | "copy an edge"; readonly at: number }
  | { readonly flaw: "rename a port"; readonly at: number; readonly end: PortEnd }
  | { readonly flaw: "type an edge"; readonly at: number; readonly types: PortTypes }
  | { readonly flaw: "require an input"; readonly at: number; readonly keepsValue: boolean }
  | { readonly flaw: "drop the ports"; readonly at: number };
type PortEnd = "sourceOutput" | "targetInput";
type PortTypes = readonly [output: Parameter["type"], input: Parameter["type"]];

const at = fc.nat(60);
const flaw: fc.Arbitrary<Flaw> = fc.oneof(
  fc.record({ flaw: fc.constantFrom("copy a node" as const, "copy an edge" as const), at }),
  fc.record({
    flaw: fc.constant("rename a port" as const),
    at,
    end: fc.constantFrom("sourceOutput" as const, "targetInput" as const),
  }),
  fc.record({
    flaw: fc.constant("type an edge" as const),
    at,
    types: fc.tuple(portType, portType),
  }),
  fc.record({ flaw: fc.constant("require an input" as const), at, keepsValue: fc.boolean() }),
  fc.record({ flaw: fc.constant("drop the ports" as const), at }),
);

const one = <A>(items: readonly A[], at: number): readonly A[] =>
  items.slice(at % Math.max(1, items.length)).slice(0, 1);

const changed = <A>(items: readonly A[], at: number, change: (item: A) => A): readonly A[] =>
  items.map((item, index) => (index === at % items.length ? change(item) : item));

const withFlaw = (workflow: Workflow, flaw: Flaw): Workflow => {
  const { nodes, edges } = workflow;
  switch (flaw.flaw) {
    case "copy a node":
      return { ...workflow, nodes: [...nodes, ...one(nodes, flaw.at)] };
    case "copy an edge":
      return { ...workflow, edges: [...edges, ...one(edges, flaw.at)] };
    case "rename a port":
      return {
        ...workflow,
        edges: changed(edges, flaw.at, (edge) => ({ ...edge, [flaw.end]: "elsewhere" })),
      };
    case "type an edge": {
      const [edge] = one(edges, flaw.at);
      const typed = (ports: readonly Parameter[], name: string, type: Parameter["type"]) =>
        ports.map((port) => (port.name === name ? { ...port, type } : port));
      return {
        ...workflow,
        nodes: nodes.map((node) => {
          if (node.id === edge?.source) {
            return { ...node, outputs: typed(node.outputs, edge.sourceOutput, flaw.types[0]) };
          }
          return node.id === edge?.target
            ? { ...node, inputs: typed(node.inputs, edge.targetInput, flaw.types[1]) }
            : node;
        }),
      };
    }
    case "require an input":
      return {
        ...workflow,
        nodes: changed(nodes, flaw.at, (node) => ({
          ...node,
          inputs: changed(node.inputs, flaw.at, ({ value, ...port }) => ({
            ...port,
            required: true,
            ...(flaw.keepsValue && value !== undefined ? { value } : {}),
          })),
        })),
      };
    case "drop the ports":
      return {
        ...workflow,
        nodes: changed(nodes, flaw.at, (node) => ({ ...node, inputs: [], outputs: [] })),
      };
  }
};

/** Copies come last: which of two nodes with one id an edge means is nobody's promise. */
const inOrder = (flaws: readonly Flaw[]): readonly Flaw[] => [
  ...flaws.filter(({ flaw }) => flaw !== "copy a node"),
  ...flaws.filter(({ flaw }) => flaw === "copy a node"),
];

/** One for each node, missing ones too, and three of the run's own. */
const stepsOf = (workflow: Workflow): number => idsOf(workflow).length + 3;

export const flawed: fc.Arbitrary<Flawed> = fc
  .record({
    scenario: fc.oneof(
      { arbitrary: scenario, weight: 4 },
      { arbitrary: cyclicScenario, weight: 1 },
    ),
    flaws: fc.array(flaw, { maxLength: 8 }),
    isTyped: fc.boolean(),
    spareSteps: fc.option(fc.integer({ min: -2, max: 2 }), { nil: undefined }),
  })
  .map(({ scenario, flaws, isTyped, spareSteps }) => {
    const written = JSON.stringify(inOrder(flaws).reduce(withFlaw, scenario.workflow));
    // As it would be read from a file: no two nodes are one object.
    const workflow = JSON.parse(written) as Workflow;
    const stepLimit = spareSteps === undefined ? undefined : stepsOf(workflow) + spareSteps;
    return { workflow, isTyped, stepLimit };
  });

/** What is reported, but for its words. */
type Report = Pick<Problem, "severity" | "code" | "path">;

const error = (code: Problem["code"], ...path: Problem["path"]): Report => ({
  severity: "error",
  code,
  path,
});
const warning = (code: Problem["code"], ...path: Problem["path"]): Report => ({
  severity: "warning",
  code,
  path,
});

/** The document's ports, each with what its type says about it, then those that only the type has. */
const portsOf = (
  { isTyped }: Flawed,
  node: Node,
  side: "inputs" | "outputs",
): readonly Parameter[] => {
  const declared = isTyped && node.type === scriptedType ? declaredPorts[side] : [];
  const own = node[side];
  return [
    ...own.map((port) => ({ ...declared.find(({ name }) => name === port.name), ...port })),
    ...declared.filter(({ name }) => !own.some((port) => port.name === name)),
  ];
};

const binary = ["image", "audio", "video", "document", "gltf"];
const isFitting = (source: string, target: string): boolean =>
  source === target ||
  source === "any" ||
  target === "any" ||
  (source === "blob" && binary.includes(target)) ||
  (target === "blob" && binary.includes(source));

const isSameEdge = (a: Edge, b: Edge): boolean =>
  a.source === b.source &&
  a.sourceOutput === b.sourceOutput &&
  a.target === b.target &&
  a.targetInput === b.targetInput;

const edgeReports = (flawed: Flawed): readonly Report[] => {
  const { workflow } = flawed;
  const mentions = workflow.edges.flatMap(({ source, target }) => [source, target]);
  return workflow.edges.flatMap((edge, j): Report[] => {
    const source = nodeOf(workflow, edge.source);
    const target = nodeOf(workflow, edge.target);
    const output =
      source && portsOf(flawed, source, "outputs").find(({ name }) => name === edge.sourceOutput);
    const input =
      target && portsOf(flawed, target, "inputs").find(({ name }) => name === edge.targetInput);
    const isRepeat = workflow.edges.slice(0, j).some((before) => isSameEdge(before, edge));
    return [
      ...(isRepeat ? [error("DUPLICATE_CONNECTION", "edges", j)] : []),
      ...(source === undefined && mentions.indexOf(edge.source) === 2 * j
        ? [warning("MISSING_NODE", "edges", j, "source")]
        : []),
      ...(target === undefined && mentions.indexOf(edge.target) === 2 * j + 1
        ? [warning("MISSING_NODE", "edges", j, "target")]
        : []),
      ...(source !== undefined && output === undefined
        ? [error("UNKNOWN_PORT", "edges", j, "sourceOutput")]
        : []),
      ...(target !== undefined && input === undefined
        ? [error("UNKNOWN_PORT", "edges", j, "targetInput")]
        : []),
      ...(output !== undefined && input !== undefined && !isFitting(output.type, input.type)
        ? [error("TYPE_MISMATCH", "edges", j)]
        : []),
    ];
  });
};

const nodeReports = (flawed: Flawed): readonly Report[] => {
  const { workflow, isTyped } = flawed;
  return workflow.nodes.flatMap((node, i): Report[] => {
    const isTaken = workflow.nodes.slice(0, i).some(({ id }) => id === node.id);
    const inputs = portsOf(flawed, node, "inputs").flatMap((input): Report[] => {
      const listed = node.inputs.findIndex(({ name }) => name === input.name);
      const place = ["nodes", i, "inputs", ...(listed < 0 ? [] : [listed])];
      const edges = inboundOf(workflow, node.id).filter((e) => e.targetInput === input.name);
      const standing = input.value ?? input.default ?? null;
      if (input.required === true && edges.length === 0 && standing === null) {
        return [warning("MISSING_REQUIRED_INPUT", ...place)];
      }
      return edges.length > 1 && input.repeated !== true
        ? [warning("AMBIGUOUS_INPUT", ...place)]
        : [];
    });
    return [
      ...(isTaken ? [error("DUPLICATE_NODE_ID", "nodes", i, "id")] : []),
      ...(isTyped && node.type !== scriptedType
        ? [warning("UNKNOWN_NODE_TYPE", "nodes", i, "type")]
        : []),
      ...inputs,
    ];
  });
};

/** Nodes that are sure to be skipped, found by looking again and again until no more turn up. */
const cutOffIds = ({ workflow, isTyped }: Flawed): readonly string[] => {
  const doomed = idsOf(workflow).filter((id) => {
    const node = nodeOf(workflow, id);
    return node === undefined || (isTyped && node.type !== scriptedType);
  });
  const cutOff: string[] = [];
  for (let before = -1; before < cutOff.length;) {
    before = cutOff.length;
    for (const id of idsOf(workflow)) {
      const inbound = inboundOf(workflow, id);
      const isCutOff =
        inbound.length > 0 &&
        inbound.every(({ source }) => doomed.includes(source) || cutOff.includes(source));
      if (isCutOff && !cutOff.includes(id)) cutOff.push(id);
    }
  }
  return cutOff;
};

export const reportsOf = (flawed: Flawed): readonly Report[] => {
  const { workflow, stepLimit } = flawed;
  const isCyclic = orderOf(workflow) === undefined;
  return [
    ...nodeReports(flawed),
    ...edgeReports(flawed),
    ...(isCyclic
      ? [error("CYCLE_DETECTED", "edges")]
      : cutOffIds(flawed)
          .map((cut) => workflow.nodes.findIndex(({ id }) => id === cut))
          .filter((i) => i >= 0)
          .map((i) => warning("UNREACHABLE_OUTPUT", "nodes", i, "outputs"))),
    ...(stepLimit !== undefined && stepsOf(workflow) > stepLimit
      ? [error("STEP_BUDGET_EXCEEDED", "nodes")]
      : []),
  ];
};
