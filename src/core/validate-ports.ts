/** What is wrong with the edges of a document and with what its inputs get. Linear in nodes and edges. */
import type { Ports } from "./parameter.ts";
import { isFittingPort, portNamed } from "./parameter.ts";
import type { Problem } from "./problem.ts";
import { quoted } from "./problem.ts";
import type { Edge, Node, Parameter, Workflow } from "./workflow.ts";

/** Gives a node's ports as its document and its type state them together. */
export type PortLookup = (node: Node) => Ports;

const unknownPort = (
  index: number,
  end: "sourceOutput" | "targetInput",
  port: string,
  node: Node,
  known: readonly Parameter[],
): Problem => {
  const noun = end === "sourceOutput" ? "output" : "input";
  const names = known
    .slice(0, 8)
    .map(({ name }) => quoted(name))
    .join(", ");
  return {
    severity: "error",
    code: "UNKNOWN_PORT",
    path: ["edges", index, end],
    message:
      `Node ${quoted(node.id)} has no ${noun} ${quoted(port)}. ` +
      (names === "" ? `It has no ${noun}s at all; remove this edge.` : `Use one of ${names}.`),
  };
};

/** Target -> places in `edges` of what leads into it. */
export type EdgesByTarget = ReadonlyMap<string, readonly number[]>;

export const groupByTarget = (edges: readonly Edge[]): EdgesByTarget => {
  const byTarget = new Map<string, number[]>();
  for (let index = 0; index < edges.length; index++) {
    const { target } = edges[index]!;
    const group = byTarget.get(target);
    if (group === undefined) byTarget.set(target, [index]);
    else group.push(index);
  }
  return byTarget;
};

/** One text for the ends of an edge into a known target; a length keeps apart what plain joining would confuse. */
const connectionKey = ({ source, sourceOutput, targetInput }: Edge): string =>
  `${source.length},${sourceOutput.length},${source}${sourceOutput}${targetInput}`;

/** Place of an edge -> place of the earlier one that it repeats. Most nodes have few edges, and one needs no look. */
const repeatedEdges = (
  edges: readonly Edge[],
  byTarget: EdgesByTarget,
): ReadonlyMap<number, number> => {
  const repeats = new Map<number, number>();
  for (const group of byTarget.values()) {
    if (group.length === 1) continue;
    const firsts = new Map<string, number>();
    for (const index of group) {
      const key = connectionKey(edges[index]!);
      const first = firsts.get(key);
      if (first === undefined) firsts.set(key, index);
      else repeats.set(index, first);
    }
  }
  return repeats;
};

export const edgeProblems = (
  { nodes, edges }: Workflow,
  byTarget: EdgesByTarget,
  portsOf: PortLookup,
): readonly Problem[] => {
  const problems: Problem[] = [];
  const repeats = repeatedEdges(edges, byTarget);
  const nodesById = new Map(nodes.map((node) => [node.id, node]));
  const missing = new Set<string>();
  const askEnd = (
    index: number,
    end: "source" | "target",
    { [end]: id, sourceOutput, targetInput }: Edge,
  ): Parameter | undefined => {
    const node = nodesById.get(id);
    if (node === undefined) {
      if (missing.has(id)) return undefined;
      missing.add(id);
      problems.push({
        severity: "warning",
        code: "MISSING_NODE",
        path: ["edges", index, end],
        message: `No node has the id ${quoted(id)}: the run will fail there. Correct the edge, or add the node.`,
      });
      return undefined;
    }
    const [key, name, ports] =
      end === "source"
        ? (["sourceOutput", sourceOutput, portsOf(node).outputs] as const)
        : (["targetInput", targetInput, portsOf(node).inputs] as const);
    const port = portNamed(ports, name);
    if (port === undefined) problems.push(unknownPort(index, key, name, node, ports));
    return port;
  };
  for (const [index, edge] of edges.entries()) {
    const first = repeats.get(index);
    if (first !== undefined) {
      problems.push({
        severity: "error",
        code: "DUPLICATE_CONNECTION",
        path: ["edges", index],
        message: `This edge repeats edges[${first}]. Remove one of them.`,
      });
    }
    const output = askEnd(index, "source", edge);
    const input = askEnd(index, "target", edge);
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
  }
  return problems;
};

/** An input that the document leaves to its node type has no place of its own in it. */
const placeOf = (node: Node, index: number, input: string): Problem["path"] => {
  const place = node.inputs.findIndex(({ name }) => name === input);
  return ["nodes", index, "inputs", ...(place < 0 ? [] : [place])];
};

/** Input -> how many edges lead into it. */
const edgeCounts = (
  edges: readonly Edge[],
  group: readonly number[] = [],
): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const index of group) {
    const { targetInput } = edges[index]!;
    counts.set(targetInput, (counts.get(targetInput) ?? 0) + 1);
  }
  return counts;
};

export const inputProblems = (
  { nodes, edges }: Workflow,
  byTarget: EdgesByTarget,
  portsOf: PortLookup,
): readonly Problem[] => {
  const problems: Problem[] = [];
  for (const [index, node] of nodes.entries()) {
    const counts = edgeCounts(edges, byTarget.get(node.id));
    for (const input of portsOf(node).inputs) {
      const { name } = input;
      const edgeCount = counts.get(name) ?? 0;
      if (input.required === true && edgeCount === 0 && (input.value ?? input.default) == null) {
        problems.push({
          severity: "warning",
          code: "MISSING_REQUIRED_INPUT",
          path: placeOf(node, index, name),
          message: `Node ${quoted(node.id)} needs its input ${quoted(name)}. Give it a value or connect an edge.`,
        });
      }
      if (edgeCount > 1 && input.repeated !== true) {
        problems.push({
          severity: "warning",
          code: "AMBIGUOUS_INPUT",
          path: placeOf(node, index, name),
          message: `${edgeCount} edges lead into ${quoted(name)} of ${quoted(node.id)}; the last that carries a value wins. Keep one, or mark the input repeated.`,
        });
      }
    }
  }
  return problems;
};
