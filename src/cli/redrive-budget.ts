/** Whether the budget of a redrive suffices, reckoned before anything is started: from what nodes have cost, and their types do. */
import { roundedCredits, roundedLimit } from "#core/credits";
import type { Workflow } from "#core/workflow";
import { CommandError } from "./command-error.ts";
import type { PlannedNode, RunKey } from "./local-protocol.ts";
import { costOf } from "./node-costs.ts";
import { shortRunId } from "./run-waits.ts";
import { commandText } from "./shell-command.ts";
import { count } from "./text.ts";

/** In compute credits. */
export interface BudgetOutlook {
  readonly budget: number;
  /** What was spent on what is taken over: it counts too. */
  readonly taken: number;
  /** What all that would run costs by its types. */
  readonly estimate: number;
  /** What the cheapest node costs that begins at once; undefined when none is sure to. */
  readonly first: number | undefined;
}

/** Nothing before them runs again, and no branch leaves them out. */
const beginsAtOnce = ({ edges }: Workflow, nodes: readonly PlannedNode[]): readonly string[] => {
  const again = new Set(nodes.filter(({ action }) => action === "run").map(({ nodeId }) => nodeId));
  const fed = new Set(edges.filter(({ source }) => again.has(source)).map(({ target }) => target));
  return nodes
    .filter(({ nodeId, reason }) => again.has(nodeId) && !fed.has(nodeId) && reason !== "skipped")
    .map(({ nodeId }) => nodeId);
};

/** Undefined without a budget. */
export const outlookOf = (
  workflow: Workflow,
  nodes: readonly PlannedNode[],
): BudgetOutlook | undefined => {
  const budget = workflow.settings?.budget;
  if (budget === undefined) return undefined;
  const typesById = new Map(workflow.nodes.map(({ id, type }) => [id, type]));
  const cost = (nodeId: string): number => costOf(typesById.get(nodeId) ?? "");
  const sum = (costs: readonly number[]): number =>
    roundedCredits(costs.reduce((all, one) => all + one, 0));
  const first = beginsAtOnce(workflow, nodes).map(cost);
  return {
    budget: roundedLimit(budget),
    taken: sum(nodes.map(({ usage = 0 }) => usage)),
    estimate: sum(nodes.map(({ nodeId, action }) => (action === "run" ? cost(nodeId) : 0))),
    first: first.length === 0 ? undefined : Math.min(...first),
  };
};

const enough = ({ taken, estimate }: BudgetOutlook): number => roundedCredits(taken + estimate);

export const suffices = (outlook: BudgetOutlook): boolean => enough(outlook) <= outlook.budget;

/** Of a plan that is only shown. */
export const outlookText = (outlook: BudgetOutlook): string => {
  const { budget, taken, estimate } = outlook;
  const room = suffices(outlook)
    ? "has room for that"
    : `has no room for all of it, and --budget ${enough(outlook)} would`;
  return `The budget of ${count(budget, "compute credit")} ${room}: what is taken over has cost ${taken}, and what would run costs ${estimate} by its types.`;
};

/** A run that could start no node would only be another one that is exhausted. */
export const checkOutlook = (
  outlook: BudgetOutlook,
  { organizationId, executionId }: RunKey,
): void => {
  const { budget, taken, first } = outlook;
  if (first === undefined || roundedCredits(taken + first) <= budget) return;
  const budgetOption = `--budget ${enough(outlook)}`;
  const again = commandText(organizationId, "redrive", [shortRunId(executionId)], budgetOption);
  throw new CommandError(
    "BUDGET_SPENT",
    `A budget of ${count(budget, "compute credit")} does not bring run ${executionId} on: what would be taken over has cost ${taken}, ` +
      `and the cheapest node that would run first costs ${first}. '${again}' has room for all that would run, by its types.`,
  );
};
