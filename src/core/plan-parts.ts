/**
 * How many durable steps a run needs, and how a run that needs more than one instance may take is cut into parts: runs of
 * nodes that follow each other in the order, so that a part needs only what earlier parts have done.
 */
import type { GraphNode, WorkflowGraph } from "./graph.ts";
import { isBinaryType } from "./parameter.ts";
import type { Policy } from "./workflow.ts";

/** What counting needs to know of a node's type. */
export interface StepFacts {
  readonly pure: boolean;
  readonly multiStep: boolean;
  readonly policy?: Policy;
}

export type StepFactsOf = (type: string) => StepFacts | undefined;

/** A multi-step node says nowhere how many steps it takes; this is what one with two waits takes. */
const multiStepSteps = 7;

/** Steps that a node takes when nothing fails: retries are the platform's to count as they come. */
const stepsOfNode = (
  { node, ports }: GraphNode,
  factsOf: StepFactsOf,
  isThrifty: boolean,
): number => {
  const facts = node === undefined ? undefined : factsOf(node.type);
  if (facts === undefined) return 1;
  if (facts.multiStep) return multiStepSteps;
  if (isThrifty && facts.pure) {
    const hasFiles = [...ports.inputs, ...ports.outputs].some(({ type }) => isBinaryType(type));
    return hasFiles ? 1 : 0;
  }
  const policy = node?.policy ?? facts.policy;
  return (policy?.retries?.limit ?? 0) > 0 ? 2 : 1;
};

const stepsOf = (graph: WorkflowGraph, factsOf: StepFactsOf): readonly number[] => {
  const isThrifty = graph.workflow.settings?.steps === "effects";
  return graph.nodes.map((node) => stepsOfNode(node, factsOf, isThrifty));
};

/** Steps of the run itself: initialise, preload, persist, and a command's two. */
const ownSteps = 5;

export const countSteps = (graph: WorkflowGraph, factsOf: StepFactsOf): number =>
  stepsOf(graph, factsOf).reduce((sum, steps) => sum + steps, ownSteps);

/** Nodes by their place in the order, `to` not among them. Parts are numbered from 1. */
export interface Part {
  readonly number: number;
  readonly from: number;
  readonly to: number;
  /** Numbers of the parts that edges into this one come from. */
  readonly needs: readonly number[];
}

/** As few parts as `most` steps each allow; a node that needs more is a part of its own. */
export const planParts = (
  graph: WorkflowGraph,
  factsOf: StepFactsOf,
  most: number,
): readonly Part[] => {
  const steps = stepsOf(graph, factsOf);
  const starts: number[] = [];
  let taken = Number.POSITIVE_INFINITY;
  for (const [index, own] of steps.entries()) {
    taken += own;
    if (taken > most) {
      starts.push(index);
      taken = own;
    }
  }
  const partOf: number[] = [];
  return starts.map((from, at): Part => {
    const to = starts[at + 1] ?? steps.length;
    const number = at + 1;
    const needs = new Set<number>();
    for (let index = from; index < to; index++) partOf[index] = number;
    for (const node of graph.nodes.slice(from, to)) {
      for (const { source } of node.inbound) {
        const needed = partOf[graph.nodesById.get(source)!.index]!;
        if (needed !== number) needs.add(needed);
      }
    }
    return { number, from, to, needs: [...needs].sort((a, b) => a - b) };
  });
};
