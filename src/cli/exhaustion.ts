/**
 * How a run goes on that has met a limit of what it may spend: its own budget, or what its organization may spend, by its plan
 * or by whoever started the run.
 */
import type { ExecuteParams } from "#core/execution-context";
import type { CreditPlan } from "#core/credits";
import { mostCredits, planLimit, roundedCredits, roundedLimit } from "#core/credits";
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import type { CreditAccount } from "#services/credit-service";
import type { AskLocal, RunKey } from "./local-protocol.ts";
import { costOf, estimateOf } from "./node-costs.ts";
import { shortRunId } from "./run-waits.ts";
import { commandText } from "./shell-command.ts";
import { count } from "./text.ts";

/** Whether the budget alone would let no node start: none of those that come first fits. */
const fitsNothing = ({ nodes, edges }: Workflow, budget: number): boolean => {
  const fed = new Set(edges.map(({ target }) => target));
  return nodes.every(({ id, type }) => fed.has(id) || costOf(type) > budget);
};

/** What a redrive of the run costs by its types, and what was spent on what it takes over. */
interface Outlook {
  readonly estimate: number;
  readonly taken: number;
}

/** Undefined when it cannot be told any more. */
const readOutlook = async (
  ask: AskLocal,
  { organizationId, inputOverrides }: ExecuteParams,
  workflow: Workflow,
  executionId: string,
): Promise<Outlook | undefined> => {
  const plan = await ask("planRedrive", {
    organizationId,
    redrive: { executionId },
    workflow,
    ...(inputOverrides === undefined ? {} : { overrides: inputOverrides }),
  });
  if (plan.status === "refused") return undefined;
  const again = new Set(plan.nodes.filter(({ action }) => action === "run").map((n) => n.nodeId));
  return {
    estimate: estimateOf(workflow, (id) => again.has(id)),
    taken: roundedCredits(plan.nodes.reduce((sum, { usage = 0 }) => sum + usage, 0)),
  };
};

/** How the run's own words begin when it was the organization's credits: at its start, or when a node reported more than expected. */
const insufficient = "Insufficient compute credits";

/**
 * A run that could not start would not have met its budget if that lets something start. One that a node brought to an end may
 * have met either: its budget, if that has no room for the rest.
 */
const isOfBudget = (
  workflow: Workflow,
  { error = "", nodeExecutions }: WorkflowExecution,
  outlook: Outlook | undefined,
): boolean => {
  const budget = workflow.settings?.budget;
  if (budget === undefined) return false;
  if (!error.startsWith(insufficient)) return true;
  if (nodeExecutions.every(({ status }) => status === "idle")) return fitsNothing(workflow, budget);
  return outlook !== undefined && outlook.taken + outlook.estimate > roundedLimit(budget);
};

/** Why the organization's credits do not suffice, as things stand now. */
interface Shortage {
  readonly account: CreditAccount;
  /** That whoever started the run gave it; infinite without one. */
  readonly limit: number;
  /** What a redrive is expected to cost; undefined when that cannot be told any more. */
  readonly needed: number | undefined;
}

/** As a redrive will reckon. */
const neededBy = (workflow: Workflow, { estimate, taken }: Outlook): number => {
  const { budget = Number.POSITIVE_INFINITY } = workflow.settings ?? {};
  return Math.min(estimate, roundedCredits(Math.max(roundedLimit(budget) - taken, 0)));
};

/** Of the same kind, for as much as is wanted. */
const planCommand = (plan: CreditPlan, wanted: string): string =>
  plan.type === "overage"
    ? `credits plan overage --allowance ${plan.allowance} --overage ${wanted}`
    : `credits plan fixed --allowance ${wanted}`;

const shortageText = (
  { organizationId, executionId }: RunKey,
  { account: { plan, spent, reserved }, limit, needed }: Shortage,
): string => {
  const total = needed === undefined ? undefined : roundedCredits(needed + spent + reserved);
  const most = plan === undefined ? Number.POSITIVE_INFINITY : planLimit(plan);
  // When it is not known how many, as many as are missing at least.
  const isShort = (by: number): boolean =>
    total === undefined ? spent + reserved >= by : total > by;
  const facts =
    total === undefined
      ? `The organization has spent ${count(spent, "compute credit")} and reserved ${reserved}`
      : `To go on, the run needs ${count(needed ?? 0, "compute credit")} by its estimate: with ${spent} that the organization has spent and ${reserved} reserved, ${total} in all`;
  const limits = [
    ...(isShort(limit) ? [`--credits allows ${limit}`] : []),
    ...(isShort(most) ? [`its plan allows ${most}`] : []),
  ];
  const again = commandText(
    organizationId,
    "redrive",
    [shortRunId(executionId)],
    isShort(limit) ? `--credits ${total ?? "CREDITS"}` : "",
  );
  if (limits.length === 0) return `${facts}. As things stand now that fits: '${again}' goes on.`;
  const beyond = plan?.type === "overage" ? plan.allowance : 0;
  const wanted = total === undefined ? "CREDITS" : String(roundedCredits(total - beyond));
  const allow =
    plan !== undefined && isShort(most)
      ? `'${commandText(organizationId, planCommand(plan, wanted))}' allows more, and then `
      : "";
  return `${facts}, but ${limits.join(" and ")}. ${allow}'${again}' goes on.`;
};

/** Undefined for a run that has met no limit. */
export const readExhaustion = async (
  ask: AskLocal,
  organizationId: string,
  workflow: Workflow,
  execution: WorkflowExecution,
): Promise<string | undefined> => {
  if (execution.status !== "exhausted") return undefined;
  const run = { organizationId, executionId: execution.id };
  const start = await ask("readStart", run);
  const outlook =
    start === null ? undefined : await readOutlook(ask, start, workflow, execution.id);
  if (isOfBudget(workflow, execution, outlook)) {
    const names = [shortRunId(execution.id)];
    return `'${commandText(organizationId, "redrive", names, "--budget CREDITS")}' goes on with a larger budget, and keeps what is done.`;
  }
  const { computeCredits: limit = Number.POSITIVE_INFINITY } = start ?? {};
  return shortageText(run, {
    account: await ask("readAccount", { organizationId }),
    limit: limit >= mostCredits ? Number.POSITIVE_INFINITY : limit,
    needed: outlook && neededBy(workflow, outlook),
  });
};
