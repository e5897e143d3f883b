/**
 * How a run goes on that has met a limit of what it may spend: its own budget, or what its organization may spend, by its plan
 * or by whoever started the run.
 */
import type { ExecuteParams } from "#core/execution-context";
import type { CreditPlan } from "#core/credits";
import { mostCredits, planLimit, roundedCredits } from "#core/credits";
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import type { CreditAccount } from "#services/credit-service";
import type { AskLocal } from "./local-protocol.ts";
import { costOf, estimateOf } from "./node-costs.ts";
import { shortRunId } from "./run-waits.ts";
import { commandText, shellWord } from "./shell-command.ts";
import { count } from "./text.ts";

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

/** Why the organization's credits do not suffice, as things stand now. */
interface Shortage {
  readonly account: CreditAccount;
  /** That whoever started the run gave it; infinite without one. */
  readonly limit: number;
  /** What the run was expected to cost; undefined when that cannot be told any more. */
  readonly needed: number | undefined;
}

/** As the run itself reckoned, with what it would have taken over. */
const neededBy = async (
  ask: AskLocal,
  { organizationId, redrive, inputOverrides }: ExecuteParams,
  workflow: Workflow,
): Promise<number | undefined> => {
  const { budget = Number.POSITIVE_INFINITY } = workflow.settings ?? {};
  if (redrive === undefined) return Math.min(estimateOf(workflow), roundedCredits(budget));
  const plan = await ask("planRedrive", {
    organizationId,
    redrive,
    workflow,
    ...(inputOverrides === undefined ? {} : { overrides: inputOverrides }),
  });
  if (plan.status === "refused") return undefined;
  const again = new Set(plan.nodes.filter(({ action }) => action === "run").map((n) => n.nodeId));
  const carried = plan.nodes.reduce((sum, { usage = 0 }) => sum + usage, 0);
  const left = roundedCredits(Math.max(budget - carried, 0));
  return Math.min(
    estimateOf(workflow, (id) => again.has(id)),
    left,
  );
};

const readShortage = async (
  ask: AskLocal,
  organizationId: string,
  workflow: Workflow,
  executionId: string,
): Promise<Shortage> => {
  const account = await ask("readAccount", { organizationId });
  const start = await ask("readStart", { organizationId, executionId });
  const limit = start?.computeCredits ?? Number.POSITIVE_INFINITY;
  return {
    account,
    limit: limit >= mostCredits ? Number.POSITIVE_INFINITY : limit,
    needed: start === null ? undefined : await neededBy(ask, start, workflow),
  };
};

/** Of the same kind, for as much as is wanted. */
const planCommand = (plan: CreditPlan, wanted: string): string =>
  plan.type === "overage"
    ? `credits plan overage --allowance ${plan.allowance} --overage ${wanted}`
    : `credits plan fixed --allowance ${wanted}`;

const shortageText = (
  organizationId: string,
  redrive: string,
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
      : `The run needed ${count(needed ?? 0, "compute credit")} by its estimate: with ${spent} that the organization has spent and ${reserved} reserved, ${total} in all`;
  const limits = [
    ...(isShort(limit) ? [`--credits allows ${limit}`] : []),
    ...(isShort(most) ? [`its plan allows ${most}`] : []),
  ];
  const again = commandText(
    organizationId,
    isShort(limit) ? `${redrive} --credits ${total ?? "CREDITS"}` : redrive,
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
  const redrive = `redrive ${shellWord(shortRunId(execution.id))}`;
  return isOfBudget(workflow, execution)
    ? `'${commandText(organizationId, `${redrive} --budget CREDITS`)}' goes on with a larger budget, and keeps what is done.`
    : shortageText(
        organizationId,
        redrive,
        await readShortage(ask, organizationId, workflow, execution.id),
      );
};
