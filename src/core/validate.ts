/**
 * Everything that is wrong with a document, at once (GRAPH-4): a code, a path into the document, and what to do. Errors
 * refuse the run, warnings do not. Linear in the document.
 */
import * as Result from "effect/Result";
import type { GraphNode, WorkflowGraph } from "./graph.ts";
import { buildGraph } from "./graph.ts";
import { isFittingPort } from "./parameter.ts";
import type { Node, Parameter, Workflow } from "./workflow.ts";
import { decodeWorkflow } from "./workflow.ts";

export type ErrorCode =
  | "MALFORMED"
  | "DUPLICATE_NODE_ID"
  | "CYCLE_DETECTED"
  | "TYPE_MISMATCH"
  | "UNKNOWN_PORT"
  | "DUPLICATE_CONNECTION"
  | "STEP_BUDGET_EXCEEDED";

export type WarningCode =
  | "MISSING_NODE"
  | "UNKNOWN_NODE_TYPE"
  | "MISSING_REQUIRED_INPUT"
  | "AMBIGUOUS_INPUT"
  | "UNREACHABLE_OUTPUT";

interface Place {
  /** Keys and indexes that lead to the place, such as `["edges", 2, "target"]`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}
export type Problem =
  | ({ readonly severity: "error"; readonly code: ErrorCode } & Place)
  | ({ readonly severity: "warning"; readonly code: WarningCode } & Place);

/** What validation asks of a node type. */
export interface NodeTypePorts {
  readonly inputs: readonly Parameter[];
  readonly outputs: readonly Parameter[];
}

export interface ValidationOptions {
  /** Looks a node type up. Without it, types are taken on trust. */
  readonly nodeTypeOf?: (type: string) => NodeTypePorts | undefined;
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
export const bookkeepingSteps = 3;

/** `nodes[3].inputs[0].type`, for people. */
export const pathText = (path: readonly (string | number)[]): string =>
  path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`,
    "",
  );

/** A name in a message: quoted, and short enough for a line. */
const quoted = (name: string): string => (name.length > 60 ? `'${name.slice(0, 57)}...'` : `'${name}'`);

interface Ports {
  readonly inputs: ReadonlyMap<string, Parameter>;
  readonly outputs: ReadonlyMap<string, Parameter>;
}

/** The document's own ports win over those its node type declares. */
const portsOf = (node: Node, type: NodeTypePorts | undefined): Ports => {
  const byName = (ports: readonly Parameter[]): ReadonlyMap<string, Parameter> =>
    new Map(ports.map((port) => [port.name, port]));
  return {
    inputs: byName([...(type?.inputs ?? []), ...node.inputs]),
    outputs: byName([...(type?.outputs ?? []), ...node.outputs]),
  };
};

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

const unknownPort = (
  index: number,
  end: "sourceOutput" | "targetInput",
  port: string,
  node: Node,
  known: ReadonlyMap<string, Parameter>,
): Problem => {
  const noun = end === "sourceOutput" ? "output" : "input";
  const names = [...known.keys()].slice(0, 8).map(quoted).join(", ");
  return {
    severity: "error",
    code: "UNKNOWN_PORT",
    path: ["edges", index, end],
    message:
      `Node ${quoted(node.id)} has no ${noun} ${quoted(port)}. ` +
      (known.size > 0 ? `Use one of ${names}.` : `It has no ${noun}s at all; remove this edge.`),
  };
};

const edgeProblems = (
  { nodes, edges }: Workflow,
  ports: ReadonlyMap<string, Ports>,
): readonly Problem[] => {
  const problems: Problem[] = [];
  const nodesById = new Map(nodes.map((node) => [node.id, node]));
  const seen = new Map<string, number>();
  const missing = new Set<string>();
  edges.forEach((edge, index) => {
    const key = JSON.stringify([edge.source, edge.sourceOutput, edge.target, edge.targetInput]);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, index);
    else {
      problems.push({
        severity: "error",
        code: "DUPLICATE_CONNECTION",
        path: ["edges", index],
        message: `This edge repeats edges[${first}]. Remove one of them.`,
      });
    }
    for (const end of ["source", "target"] as const) {
      const id = edge[end];
      if (nodesById.has(id) || missing.has(id)) continue;
      missing.add(id);
      problems.push({
        severity: "warning",
        code: "MISSING_NODE",
        path: ["edges", index, end],
        message: `No node has the id ${quoted(id)}, so it will fail in the run. Add the node or remove its edges.`,
      });
    }
    const source = nodesById.get(edge.source);
    const target = nodesById.get(edge.target);
    const outputs = ports.get(edge.source)?.outputs;
    const inputs = ports.get(edge.target)?.inputs;
    const output = outputs?.get(edge.sourceOutput);
    const input = inputs?.get(edge.targetInput);
    if (source !== undefined && outputs !== undefined && output === undefined) {
      problems.push(unknownPort(index, "sourceOutput", edge.sourceOutput, source, outputs));
    }
    if (target !== undefined && inputs !== undefined && input === undefined) {
      problems.push(unknownPort(index, "targetInput", edge.targetInput, target, inputs));
    }
    if (output !== undefined && input !== undefined && !isFittingPort(output.type, input.type)) {
      problems.push({
        severity: "error",
        code: "TYPE_MISMATCH",
        path: ["edges", index],
        message:
          `Output ${quoted(output.name)} of ${quoted(edge.source)} is ${output.type}, but input ${quoted(input.name)} of ` +
          `${quoted(edge.target)} takes ${input.type}. Connect ports of one type, or put a converting node between.`,
      });
    }
  });
  return problems;
};

const inputProblems = (
  { nodes, edges }: Workflow,
  ports: ReadonlyMap<string, Ports>,
): readonly Problem[] => {
  const edgesInto = new Map<string, Map<string, number>>();
  for (const { target, targetInput } of edges) {
    const counts = edgesInto.get(target) ?? new Map<string, number>();
    counts.set(targetInput, (counts.get(targetInput) ?? 0) + 1);
    edgesInto.set(target, counts);
  }
  return nodes.flatMap((node, index) =>
    Array.from(ports.get(node.id)?.inputs.values() ?? []).flatMap((input): Problem[] => {
      const edgeCount = edgesInto.get(node.id)?.get(input.name) ?? 0;
      const path = ["nodes", index, "inputs", input.name];
      if (input.required === true && edgeCount === 0 && (input.value ?? input.default) == null) {
        return [
          {
            severity: "warning",
            code: "MISSING_REQUIRED_INPUT",
            path,
            message: `Node ${quoted(node.id)} needs its input ${quoted(input.name)}. Give it a value or connect an edge.`,
          },
        ];
      }
      if (edgeCount > 1 && input.repeated !== true) {
        return [
          {
            severity: "warning",
            code: "AMBIGUOUS_INPUT",
            path,
            message: `${edgeCount} edges lead into ${quoted(input.name)} of ${quoted(node.id)}; the last that carries a value wins. Keep one, or mark the input repeated.`,
          },
        ];
      }
      return [];
    }),
  );
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

const stepProblems = (graph: WorkflowGraph, options: ValidationOptions): readonly Problem[] => {
  const steps = graph.nodes.length + bookkeepingSteps;
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

export const validateWorkflow = (
  document: unknown,
  options: ValidationOptions = {},
): Validation => {
  const decoded = decodeWorkflow(document);
  if (Result.isFailure(decoded)) {
    return {
      workflow: undefined,
      graph: undefined,
      problems: decoded.failure.map((issue) => ({
        severity: "error",
        code: "MALFORMED",
        ...issue,
      })),
    };
  }
  const workflow = decoded.success;
  const ports = new Map(
    workflow.nodes.map((node) => [node.id, portsOf(node, options.nodeTypeOf?.(node.type))]),
  );
  const built = buildGraph(workflow);
  const problems: readonly Problem[] = [
    ...duplicateIds(workflow),
    ...edgeProblems(workflow, ports),
    ...inputProblems(workflow, ports),
    ...unknownTypes(workflow, options),
    ...(Result.isSuccess(built)
      ? [...unreachable(built.success, options), ...stepProblems(built.success, options)]
      : [
          {
            severity: "error" as const,
            code: "CYCLE_DETECTED" as const,
            path: ["edges"],
            message: `${built.failure.message}. Remove one of these edges.`,
          },
        ]),
  ];
  const isRefused = problems.some(({ severity }) => severity === "error");
  return {
    problems,
    workflow,
    graph: isRefused || Result.isFailure(built) ? undefined : built.success,
  };
};

/** More would be read by nobody, and the message is stored in several places. */
const toldProblems = 20;

/** The message of a refused run: its errors, so that one look is enough. */
export const refusalMessage = (problems: readonly Problem[]): string => {
  const errors = problems.filter(({ severity }) => severity === "error");
  const told = errors.slice(0, toldProblems).map(({ code, path, message }) => {
    const place = pathText(path);
    return `${code}${place === "" ? "" : ` at ${place}`}: ${message}`;
  });
  const rest = errors.length - told.length;
  return `Workflow validation failed: ${told.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`;
};
