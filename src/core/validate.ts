/**
 * Everything that is wrong with a document, at once (GRAPH-4): a code, a path into the document, and what to do. Errors
 * refuse the run, warnings do not. Linear in the document.
 */
import * as Result from "effect/Result";
import type { GraphNode, WorkflowGraph } from "./graph.ts";
import { buildGraph } from "./graph.ts";
import type { Ports } from "./parameter.ts";
import { mergePorts } from "./parameter.ts";
import type { Problem } from "./problem.ts";
import { quoted } from "./problem.ts";
import type { PortLookup } from "./validate-ports.ts";
import { edgeProblems, groupByTarget, inputProblems } from "./validate-ports.ts";
import { salvageWorkflow } from "./salvage.ts";
import type { Node, ShapeIssue, Workflow } from "./workflow.ts";
import { decodeWorkflow } from "./workflow.ts";

export interface ValidationOptions {
  /** Looks a node type up. Without it, types are taken on trust. */
  readonly nodeTypeOf?: (type: string) => Ports | undefined;
  /** Durable steps that the run may take; unlimited unless told. */
  readonly stepLimit?: number;
}

export interface Validation {
  readonly problems: readonly Problem[];
  /** Undefined when the document is malformed. */
  readonly workflow: Workflow | undefined;
  /** Undefined when an error refuses the run. */
  readonly graph: WorkflowGraph | undefined;
}

/** Steps that every run takes beside one for each node: initialise, preload, persist. */
const bookkeepingSteps = 3;

const duplicateIds = (workflow: Workflow): readonly Problem[] => {
  const firstAt = new Map<string, number>();
  return workflow.nodes.flatMap((node, index): Problem[] => {
    const first = firstAt.get(node.id);
    if (first === undefined) {
      firstAt.set(node.id, index);
      return [];
    }
    return [
      {
        severity: "error",
        code: "DUPLICATE_NODE_ID",
        path: ["nodes", index, "id"],
        message: `The id ${quoted(node.id)} is taken by nodes[${first}]. Give this node an id of its own.`,
      },
    ];
  });
};

const unknownTypes = (workflow: Workflow, options: ValidationOptions): readonly Problem[] =>
  workflow.nodes.flatMap((node, index): Problem[] =>
    options.nodeTypeOf === undefined || options.nodeTypeOf(node.type) !== undefined
      ? []
      : [
          {
            severity: "warning",
            code: "UNKNOWN_NODE_TYPE",
            path: ["nodes", index, "type"],
            message: `No node type is called ${quoted(node.type)}, so the node will fail in the run. 'pawl nodes' lists the types.`,
          },
        ],
  );

/** Nodes that can only be skipped: all that leads to them comes from nodes that are certain to fail. */
const unreachable = (graph: WorkflowGraph, options: ValidationOptions): readonly Problem[] => {
  const dead = new Set<string>();
  const isBroken = ({ node }: GraphNode): boolean =>
    node === undefined ||
    (options.nodeTypeOf !== undefined && options.nodeTypeOf(node.type) === undefined);
  const positions = new Map(graph.workflow.nodes.map((node, index) => [node, index]));
  return graph.nodes.flatMap((at): Problem[] => {
    const isCutOff = at.inbound.length > 0 && at.inbound.every((edge) => dead.has(edge.source));
    if (isCutOff || isBroken(at)) dead.add(at.id);
    if (!isCutOff || at.node === undefined) return [];
    return [
      {
        severity: "warning",
        code: "UNREACHABLE_OUTPUT",
        path: ["nodes", positions.get(at.node) ?? 0, "outputs"],
        message: `Node ${quoted(at.id)} can only be skipped, since everything that leads to it is missing or of an unknown type.`,
      },
    ];
  });
};

/** A step for every id, missing ones too; a cycle does not keep them from being counted. */
const stepProblems = (
  { nodes, edges }: Workflow,
  options: ValidationOptions,
): readonly Problem[] => {
  const ids = new Set(nodes.map(({ id }) => id));
  for (const { source, target } of edges) ids.add(source).add(target);
  const steps = ids.size + bookkeepingSteps;
  return options.stepLimit === undefined || steps <= options.stepLimit
    ? []
    : [
        {
          severity: "error",
          code: "STEP_BUDGET_EXCEEDED",
          path: ["nodes"],
          message: `The run would take ${steps} durable steps, and ${options.stepLimit} are allowed. Split the workflow, or raise the limit.`,
        },
      ];
};

/** All that is wrong with a document whose shape is right, but for the number of its steps. */
const inspect = (
  workflow: Workflow,
  options: ValidationOptions,
): { readonly problems: readonly Problem[]; readonly graph: WorkflowGraph | undefined } => {
  const portsByNode = new Map<Node, Ports>();
  for (const node of workflow.nodes) {
    const ports = mergePorts(node, options.nodeTypeOf?.(node.type));
    if (ports !== node) portsByNode.set(node, ports);
  }
  const portsOf: PortLookup = (node) => portsByNode.get(node) ?? node;
  const byTarget = groupByTarget(workflow.edges);
  const built = buildGraph(workflow, portsOf);
  const found = [
    ...duplicateIds(workflow),
    ...edgeProblems(workflow, byTarget, portsOf),
    ...inputProblems(workflow, byTarget, portsOf),
    ...unknownTypes(workflow, options),
  ];
  if (Result.isSuccess(built)) {
    return {
      problems: [...found, ...unreachable(built.success, options)],
      graph: built.success,
    };
  }
  const message = `${built.failure.message}. Remove one of these edges.`;
  const cycle: Problem = { severity: "error", code: "CYCLE_DETECTED", path: ["edges"], message };
  return { problems: [...found, cycle], graph: undefined };
};

/** The shape's own problems, and those of the parts that are sound. */
const malformed = (
  document: unknown,
  issues: readonly ShapeIssue[],
  options: ValidationOptions,
): readonly Problem[] => {
  const shape = issues.map((issue): Problem => ({
    severity: "error",
    code: "MALFORMED",
    ...issue,
  }));
  const salvage = salvageWorkflow(document);
  return salvage === undefined
    ? shape
    : [...shape, ...inspect(salvage.workflow, options).problems.filter(salvage.isReal)];
};

export const validateWorkflow = (
  document: unknown,
  options: ValidationOptions = {},
): Validation => {
  const decoded = decodeWorkflow(document);
  if (Result.isFailure(decoded)) {
    const problems = malformed(document, decoded.failure, options);
    return { problems, workflow: undefined, graph: undefined };
  }
  const workflow = decoded.success;
  const { problems: found, graph } = inspect(workflow, options);
  const problems = [...found, ...stepProblems(workflow, options)];
  const isRefused = problems.some(({ severity }) => severity === "error");
  return { problems, workflow, graph: isRefused ? undefined : graph };
};
