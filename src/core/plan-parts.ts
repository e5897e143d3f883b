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

/** More are allowed and not expected: a run that fails so often takes more steps than were counted. */
const countedRetries = 10;

/** Steps that a node takes when it fails as often as it may. */
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
  const retries = (node?.policy ?? facts.policy)?.retries?.limit ?? 0;
  // Every attempt is a step, and the last one records how it ended.
  return retries > 0 ? Math.min(retries, countedRetries) + 2 : 1;
};

const stepsOf = (graph: WorkflowGraph, factsOf: StepFactsOf): readonly number[] => {
  const { steps, budget } = graph.workflow.settings ?? {};
  // A budget asks in a step before each node, and so computes none without.
  const hasBudget = budget !== undefined;
  const isThrifty = steps === "effects" && !hasBudget;
  return graph.nodes.map((node) => stepsOfNode(node, factsOf, isThrifty) + (hasBudget ? 1 : 0));
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

/**
 * Where each part ends, as few as `most` steps each allow; a node that needs more is a part of its own. A run records this:
 * a version that would cut it otherwise must not, once it has begun.
 */
export const planParts = (
  graph: WorkflowGraph,
  factsOf: StepFactsOf,
  most: number,
): readonly number[] => {
  const ends: number[] = [];
  let taken = 0;
  for (const [index, own] of stepsOf(graph, factsOf).entries()) {
    if (index > 0 && taken + own > most) {
      ends.push(index);
      taken = 0;
    }
    taken += own;
  }
  return graph.nodes.length === 0 ? ends : [...ends, graph.nodes.length];
};

/** The parts that end there, and what each of them needs. */
export const partsOf = (graph: WorkflowGraph, ends: readonly number[]): readonly Part[] => {
  const partAt: number[] = [];
  return ends.map((to, at): Part => {
    const from = ends[at - 1] ?? 0;
    const number = at + 1;
    const needs = new Set<number>();
    for (let index = from; index < to; index++) partAt[index] = number;
    for (const { sources } of graph.nodes.slice(from, to)) {
      for (const source of sources) {
        if (partAt[source]! !== number) needs.add(partAt[source]!);
      }
    }
    return { number, from, to, needs: [...needs].sort((a, b) => a - b) };
  });
};
