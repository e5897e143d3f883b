/**
 * Nodes that report more than their types cost (CREDIT-3). A run begins with its estimate reserved, so the last step of such a node
 * reserves what is beyond that. Where the limits have no room for it, the node stays completed and is billed, and its result says so:
 * what hangs on it does not start. That is on record, and a replay goes the same way.
 */
import { creditsOfMicro, microCredits } from "#core/credits";
import type { ExecutionState } from "#core/execution-state";
import { nodeStateOf } from "#core/execution-state";
import type { GraphNode, WorkflowGraph } from "#core/graph";
import { isFinalStatus } from "#core/lifecycle";
import { quoted } from "#core/problem";
import { getExecutionStatus } from "#core/status";
import type { CompletedNode, NodeStepResult } from "#core/step-result";
import type { NodeEnvironment } from "./node-environment.ts";
import type { LoopEnvironment } from "./nodes-run.ts";
import { patiently } from "./patiently.ts";

export interface Excess {
  readonly reserved: NodeEnvironment["reserved"];
  /** Counts what the node left of what was expected of it. Whether what hangs on it may start. */
  readonly settle: (node: GraphNode, result: NodeStepResult) => boolean;
  /** Nodes that nothing starts behind, in the order of their ends. */
  readonly beyondLimit: readonly string[];
}

type Asked = Pick<LoopEnvironment, "credits" | "executionId" | "params" | "perform" | "registry">;

export const excessOf = (
  { credits, executionId, params, perform, registry }: Asked,
  { nodesById }: WorkflowGraph,
  /** What the run may reserve in all: infinite without a budget. */
  most: number,
): Excess => {
  const beyondLimit: string[] = [];
  /** In millionths, as far as the results are known that have been folded. */
  let saved = 0;
  /** As in the estimate. */
  const costOf = ({ node }: GraphNode): number =>
    node === undefined ? 1 : (registry.get(node.type)?.computeCost ?? 1);

  const reserve = async (result: CompletedNode, excess: number): Promise<CompletedNode> => {
    const extension = {
      organizationId: params.organizationId,
      executionId,
      nodeId: result.nodeId,
      excess: creditsOfMicro(excess),
      saved: creditsOfMicro(saved),
      most,
      limit: params.computeCredits,
    };
    // The node has done what it does: a step that failed here could not be tried again without doing that once more.
    const isReserved = await perform(patiently(credits.extend(extension))).catch(() => false);
    return isReserved ? result : { ...result, isBeyondLimit: true };
  };

  return {
    beyondLimit,
    reserved: (result) => {
      const cost = costOf(nodesById.get(result.nodeId)!);
      if (result.usage <= cost) return result;
      const excess = microCredits(result.usage) - microCredits(cost);
      return excess > 0 ? reserve(result, excess) : result;
    },
    settle: (node, result) => {
      const usage = result.status === "completed" ? result.usage : 0;
      const cost = costOf(node);
      if (usage < cost) saved += microCredits(cost) - microCredits(usage);
      const isBeyond = result.status === "completed" && result.isBeyondLimit === true;
      if (isBeyond) beyondLimit.push(node.id);
      return !isBeyond;
    },
  };
};

/**
 * Why a run stops behind these nodes: the first in the order of the graph speaks for all, whichever ended first. Undefined when
 * nothing is behind them.
 */
export const excessError = (
  state: ExecutionState,
  beyondLimit: readonly string[],
): string | undefined => {
  if (beyondLimit.length === 0 || isFinalStatus(getExecutionStatus(state))) return undefined;
  const { nodesById, workflow } = state.graph;
  const indexOf = (id: string): number => nodesById.get(id)!.index;
  const nodeId = beyondLimit.reduce((a, b) => (indexOf(b) < indexOf(a) ? b : a));
  const { usage } = nodeStateOf(state, nodeId);
  const limits = workflow.settings?.budget === undefined ? "limit" : "limit or the budget";
  return (
    `Insufficient compute credits: node ${quoted(nodeId)} reported a usage of ${usage}, for which the ${limits} has no room. ` +
    "Raise it and redrive the run."
  );
};
