/**
 * What the spec says of credits (CREDIT-1 to CREDIT-4), the slowest and plainest way: a list of all runs that ever were, and
 * every sum walked anew. Amounts are whole millionths. Nothing here may be taken from `src/core`.
 */
import type { CreditPlan } from "#core/credits";
import type { RunKey } from "./world.ts";

interface Allotted {
  readonly nodeId: string;
  amount: number;
}

interface CreditRun extends RunKey {
  readonly estimate: number;
  /** What is reserved beyond it. */
  extended: number;
  /** What nodes told beyond their costs, the last of a node counts. */
  readonly excesses: Allotted[];
  /** Undefined as long as it has not ended. */
  usage: number | undefined;
  readonly allotted: Allotted[];
  isRefused: boolean;
}

export interface CreditModel {
  readonly runs: CreditRun[];
  /** The last of an organization counts. */
  readonly plans: { readonly organizationId: string; readonly plan: CreditPlan }[];
}

export const newCreditModel = (): CreditModel => ({ runs: [], plans: [] });

export const millionths = (credits: number): number => Math.round(credits * 1_000_000);

/** What a limit allows: no fraction of a millionth, but for what sums of exact amounts are off by. */
export const allowed = (credits: number): number => Math.floor(credits * 1_000_000 + 0.001);

export const sumOf = (amounts: readonly number[]): number =>
  amounts.reduce((sum, amount) => sum + amount, 0);

const runsOf = ({ runs }: CreditModel, organizationId: string): readonly CreditRun[] =>
  runs.filter((run) => run.organizationId === organizationId);

export const runOf = (model: CreditModel, key: RunKey): CreditRun | undefined =>
  runsOf(model, key.organizationId).find(({ executionId }) => executionId === key.executionId);

const planOf = ({ plans }: CreditModel, organizationId: string): CreditPlan | undefined =>
  plans.findLast((one) => one.organizationId === organizationId)?.plan;

/** The most that the organization's plan allows. */
export const planMost = (model: CreditModel, organizationId: string): number => {
  const plan = planOf(model, organizationId);
  if (plan === undefined || plan.type === "unlimited") return Infinity;
  if (plan.type === "fixed") return allowed(plan.allowance);
  return allowed(plan.allowance) + allowed(plan.overage ?? Infinity);
};

export const accountOf = (model: CreditModel, organizationId: string) => {
  const runs = runsOf(model, organizationId);
  return {
    plan: planOf(model, organizationId),
    reserved: sumOf(
      runs.map(({ usage, estimate, extended }) => (usage === undefined ? estimate + extended : 0)),
    ),
    spent: sumOf(runs.map(({ usage }) => usage ?? 0)),
  };
};

const enter = (model: CreditModel, key: RunKey, estimate: number, usage?: number): void => {
  const { organizationId, executionId } = key;
  model.runs.push({
    organizationId,
    executionId,
    estimate,
    extended: 0,
    excesses: [],
    usage,
    allotted: [],
    isRefused: false,
  });
};

const hasRoom = (
  model: CreditModel,
  { organizationId, limit }: RunKey & { readonly limit: number },
  more: number,
): boolean => {
  const { reserved, spent } = accountOf(model, organizationId);
  return reserved + spent + more <= Math.min(allowed(limit), planMost(model, organizationId));
};

export const reserve = (
  model: CreditModel,
  asked: RunKey & { readonly estimate: number; readonly limit: number },
): boolean => {
  if (runOf(model, asked) !== undefined) return true;
  if (!hasRoom(model, asked, millionths(asked.estimate))) return false;
  enter(model, asked, millionths(asked.estimate));
  return true;
};

export const extend = (
  model: CreditModel,
  asked: RunKey & {
    readonly nodeId: string;
    readonly excess: number;
    readonly saved: number;
    readonly most: number;
    readonly limit: number;
  },
): boolean => {
  const run = runOf(model, asked);
  if (run === undefined || run.usage !== undefined) return false;
  const own = run.excesses.find(({ nodeId }) => nodeId === asked.nodeId);
  const amount = millionths(asked.excess);
  if (own === undefined) run.excesses.push({ nodeId: asked.nodeId, amount });
  else own.amount = amount;
  const told = sumOf(run.excesses.map((one) => one.amount));
  const expected = Math.min(run.estimate + told - millionths(asked.saved), allowed(asked.most));
  const more = expected - run.estimate - run.extended;
  if (more <= 0) return true;
  if (!hasRoom(model, asked, more)) return false;
  run.extended += more;
  return true;
};

/** What reserved nothing and cost nothing has no place in the ledger. */
export const settle = (model: CreditModel, told: RunKey & { readonly usage: number }): void => {
  const run = runOf(model, told);
  const usage = millionths(told.usage);
  if (run !== undefined) run.usage ??= usage;
  else if (usage > 0) enter(model, told, 0, usage);
};

export const allot = (
  model: CreditModel,
  asked: RunKey & {
    readonly nodeId: string;
    readonly cost: number;
    readonly budget: number;
    readonly carried: number;
  },
): boolean => {
  const run = runOf(model, asked);
  if (run === undefined) return false;
  if (run.allotted.some(({ nodeId }) => nodeId === asked.nodeId)) return true;
  if (run.usage !== undefined || run.isRefused) return false;
  const before = millionths(asked.carried) + sumOf(run.allotted.map(({ amount }) => amount));
  if (before + millionths(asked.cost) > allowed(asked.budget)) run.isRefused = true;
  else run.allotted.push({ nodeId: asked.nodeId, amount: millionths(asked.cost) });
  return !run.isRefused;
};

export const correct = (
  model: CreditModel,
  told: RunKey & { readonly nodeId: string; readonly usage: number },
): void => {
  for (const one of runOf(model, told)?.allotted ?? []) {
    if (one.nodeId === told.nodeId) one.amount = millionths(told.usage);
  }
};
