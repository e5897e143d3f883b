/**
 * What one run may spend (CREDIT-4). Before a node starts, a step of its own asks whether its cost fits what is left; the answer
 * is on record, so that a replay starts the same nodes. What is spent is counted in the database: parts of a run share it, and
 * a process that died has forgotten nothing.
 */
import { roundedLimit } from "#core/credits";
import type { ExecutionState } from "#core/execution-state";
import { nodeStateAt } from "#core/execution-state";
import type { GraphNode } from "#core/graph";
import { allotStepName, nodeStepName } from "#core/step-name";
import type { NodeStepResult } from "#core/step-result";
import type { Workflow } from "#core/workflow";
import type { Steps } from "#services/durable-step";
import { patiently } from "./patiently.ts";
import type { Run } from "./run.ts";

export interface Budget {
  /** In compute credits: without what was taken over. */
  readonly left: number;
  /** Why the run stops when it is spent. */
  readonly error: string;
  /** Asks in a step. `isSpent` is read there: a node that is not on record does not start after one was refused. */
  readonly allot: (steps: Steps, node: GraphNode, isSpent: () => boolean) => Promise<boolean>;
  /** The same steps; the last one of the node puts what it did cost in the place of what it was expected to. */
  readonly corrected: (steps: Steps, node: GraphNode) => Steps;
}

const isResultOf = (nodeId: string, result: unknown): result is NodeStepResult =>
  typeof result === "object" && result !== null && "nodeId" in result && result.nodeId === nodeId;

export const budgetOf = (
  run: Pick<Run, "credits" | "executionId" | "params" | "perform" | "registry">,
  { settings }: Workflow,
  /** What nodes that were taken over cost in earlier runs, in compute credits. */
  carried: number,
): Budget | undefined => {
  const budget = settings?.budget;
  if (budget === undefined) return undefined;
  const { credits, executionId, perform, registry } = run;
  const { organizationId } = run.params;
  /** What cannot run fails at once, and costs nothing. */
  const costOf = ({ node }: GraphNode): number =>
    node === undefined ? 0 : (registry.get(node.type)?.computeCost ?? 0);
  return {
    left: Math.max(0, roundedLimit(budget) - carried),
    error: `The budget of ${budget} compute credit${budget === 1 ? "" : "s"} is spent. Raise it and redrive the run.`,
    allot: async (steps, node, isSpent) => {
      const key = { organizationId, executionId, nodeId: node.id };
      const asked = { ...key, cost: costOf(node), budget, carried };
      const { isAllotted } = await steps.do(allotStepName(node.id), { retry: true }, async () => ({
        isAllotted: !isSpent() && (await perform(credits.allot(asked))),
      }));
      return isAllotted;
    },
    corrected: (steps, node) => ({
      ...steps,
      do: (name, options, work) =>
        steps.do(name, options, async (step) => {
          const result = await work(step);
          if (name !== nodeStepName(node.id) || !isResultOf(node.id, result)) return result;
          const usage = result.status === "completed" ? result.usage : 0;
          // One that began before may have corrected it to something else, and died.
          if (usage === costOf(node) && step.attempt === 1) return result;
          const cost = { organizationId, executionId, nodeId: node.id, usage };
          try {
            await perform(patiently(credits.correct(cost)));
          } catch {
            // What stays allotted is not spent: at worst the run stops too early, where it would otherwise fail.
            if (usage > costOf(node)) return { ...result, isBeyondLimit: true };
          }
          return result;
        }),
    }),
  };
};

/** The budget as the nodes of one process meet it. */
export interface BudgetGate {
  readonly error: string;
  /** Whether a node was refused: no more start. */
  readonly isSpent: () => boolean;
  readonly admits: (node: GraphNode) => Promise<boolean>;
  readonly corrected: (node: GraphNode) => Steps;
}

export const gateOf = (budget: Budget, steps: Steps, isResumed: boolean): BudgetGate => {
  let isSpent = false;
  /** Nodes that were admitted, since a pause may come before their start. */
  const admitted = new Set<number>();
  return {
    error: budget.error,
    isSpent: () => isSpent,
    admits: async (node) => {
      if (admitted.has(node.index)) return true;
      // A replay asks for each node: it may have started before the one that was refused.
      if (isSpent && !isResumed) return false;
      const isAllotted = await budget.allot(steps, node, () => isSpent);
      if (isAllotted) admitted.add(node.index);
      else isSpent = true;
      return isAllotted;
    },
    corrected: (node) => budget.corrected(steps, node),
  };
};

/** What nodes that were taken over cost in earlier runs. Walked once, when a run with a budget begins. */
export const carriedUsage = (begun: ExecutionState): number =>
  begun.counts.completed === 0
    ? 0
    : begun.graph.nodes.reduce(
        (sum, { index }) => sum + (nodeStateAt(begun, index).reusedUsage ?? 0),
        0,
      );
