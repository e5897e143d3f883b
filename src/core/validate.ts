/**
 * Everything that is wrong with a document, at once (GRAPH-4): a code, a path into the document, and what to do. Errors
 * refuse the run, warnings do not. Linear in nodes and edges.
 */
import * as Result from "effect/Result";
import { microLimit } from "./credits.ts";
import type { WorkflowGraph } from "./graph.ts";
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

const duplicateIds = ({ nodes }: Workflow): readonly Problem[] => {
  const problems: Problem[] = [];
  const firstAt = new Map<string, number>();
  for (const [index, { id }] of nodes.entries()) {
    const first = firstAt.get(id);
    if (first === undefined) firstAt.set(id, index);
    else {
      problems.push({
        severity: "error",
        code: "DUPLICATE_NODE_ID",
        path: ["nodes", index, "id"],
        message: `The id ${quoted(id)} is taken by nodes[${first}]. Give this node an id of its own.`,
      });
    }
  }
  return problems;
};

const unknownTypes = (
  { nodes }: Workflow,
  { nodeTypeOf }: ValidationOptions,
): readonly Problem[] => {
  if (nodeTypeOf === undefined) return [];
  const problems: Problem[] = [];
  for (const [index, { type }] of nodes.entries()) {
    if (nodeTypeOf(type) !== undefined) continue;
    problems.push({
      severity: "warning",
      code: "UNKNOWN_NODE_TYPE",
      path: ["nodes", index, "type"],
      message: `No node type is called ${quoted(type)}, so the node will fail in the run. 'pawl nodes' lists the types.`,
    });
  }
  return problems;
};

/** Nodes that can only be skipped: all that leads to them comes from nodes that are certain to fail. */
const unreachable = (
  { nodes, workflow }: WorkflowGraph,
  { nodeTypeOf }: ValidationOptions,
): readonly Problem[] => {
  const dead = new Set<string>();
  const cutOff = new Set<Node>();
  for (const { id, node, inbound } of nodes) {
    const isBroken =
      node === undefined || (nodeTypeOf !== undefined && nodeTypeOf(node.type) === undefined);
    const isCutOff = inbound.length > 0 && inbound.every((edge) => dead.has(edge.source));
    if (isCutOff || isBroken) dead.add(id);
    if (isCutOff && node !== undefined) cutOff.add(node);
  }
  if (cutOff.size === 0) return [];
  return workflow.nodes.flatMap((node, index): Problem[] =>
    cutOff.has(node)
      ? [
          {
            severity: "warning",
            code: "UNREACHABLE_OUTPUT",
            path: ["nodes", index, "outputs"],
            message: `Node ${quoted(node.id)} can only be skipped, since everything that leads to it is missing or of an unknown type.`,
          },
        ]
      : [],
  );
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

/** What is counted is millionths: less than one would be nothing, and refuse what it means to allow. */
const budgetProblems = ({ settings }: Workflow): readonly Problem[] => {
  const { budget = 0 } = settings ?? {};
  if (budget === 0 || microLimit(budget) > 0) return [];
  return [
    {
      severity: "error",
      code: "MALFORMED",
      path: ["settings", "budget"],
      message:
        "A budget is 0, or at least 0.000001: a millionth of a compute credit is the least that is counted. Give a larger one.",
    },
  ];
};

/** All that is wrong with a document whose shape is right, but for its steps and its budget. */
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
  const problems = [...found, ...stepProblems(workflow, options), ...budgetProblems(workflow)];
  const isRefused = problems.some(({ severity }) => severity === "error");
  return { problems, workflow, graph: isRefused ? undefined : graph };
};
