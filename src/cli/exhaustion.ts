/** How a run goes on that has met a limit of what it may spend: its own budget, or what its organization has left. */
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import { builtInNodes } from "#nodes/registry";
import { registryOf } from "#services/node-registry";
import { shellWord, shortRunId } from "./run-waits.ts";

const registry = registryOf(builtInNodes);

/** As the run counts: what cannot run costs nothing. */
const costOf = (type: string): number => registry.get(type)?.computeCost ?? 0;

/** Whether the budget alone would let no node start: none of those that come first fits. */
const fitsNothing = ({ nodes, edges }: Workflow, budget: number): boolean => {
  const fed = new Set(edges.map(({ target }) => target));
  return nodes.every(({ id, type }) => fed.has(id) || costOf(type) > budget);
};

/**
 * The budget, if there is one and the run began: credits are asked for before the first node, and without them all stay idle.
 * A run with a budget that stayed idle was refused by its budget if no first node fits that.
 */
const isOfBudget = (workflow: Workflow, { nodeExecutions }: WorkflowExecution): boolean => {
  const budget = workflow.settings?.budget;
  if (budget === undefined) return false;
  return nodeExecutions.some(({ status }) => status !== "idle") || fitsNothing(workflow, budget);
};

/** Undefined for a run that has met no limit. */
export const exhaustionText = (
  workflow: Workflow,
  execution: WorkflowExecution,
): string | undefined => {
  if (execution.status !== "exhausted") return undefined;
  const redrive = `pawl redrive ${shellWord(shortRunId(execution.id))}`;
  return isOfBudget(workflow, execution)
    ? `'${redrive} --budget CREDITS' goes on with a larger budget, and keeps what is done.`
    : `'pawl credits' shows what the organization has left, and 'pawl credits plan' sets what it may spend. Then '${redrive}' goes on; --credits there replaces a limit that the run itself was given.`;
};
