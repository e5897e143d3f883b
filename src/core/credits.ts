/**
 * Compute credits: what a run is expected to cost, and what an organization may spend. Counted in millionths, so that sums are
 * exact in whatever order they are made (CREDIT-3).
 */
import type { WorkflowGraph } from "./graph.ts";

/** What an organization may spend, in compute credits. */
export type CreditPlan =
  | { readonly type: "fixed"; readonly allowance: number }
  /** Beyond the allowance up to `overage` more; without a limit when that is absent. */
  | { readonly type: "overage"; readonly allowance: number; readonly overage?: number }
  | { readonly type: "unlimited" };

/** The most that the plan lets an organization spend, in compute credits; infinite without a limit. */
export const planLimit = (plan: CreditPlan): number => {
  switch (plan.type) {
    case "fixed":
      return plan.allowance;
    case "overage":
      return plan.allowance + (plan.overage ?? Number.POSITIVE_INFINITY);
    case "unlimited":
      return Number.POSITIVE_INFINITY;
  }
};

const perCredit = 1_000_000;

/** All that can be counted, in compute credits. Beyond it a number no longer tells one millionth from the next. */
export const mostCredits = 2 ** 32;

/** Whole millionths of a credit; the most that can be counted for all that is beyond it, nothing for what is no number. */
export const microCredits = (credits: number): number =>
  credits > 0 ? Math.round(Math.min(credits, mostCredits) * perCredit) : 0;

/** A sum of six decimals is off by less, and it is far less than a millionth. */
const noise = 1e-9;

/** Whole millionths that an amount allows to be spent: a limit is rounded down, or it would allow more than it says. */
export const microLimit = (credits: number): number => {
  const micro = microCredits(credits);
  return creditsOfMicro(micro) - credits > noise ? Math.max(micro - 1, 0) : micro;
};

export const creditsOfMicro = (micro: number): number => micro / perCredit;

/** A plan as it is stored, in millionths: without a limit when either amount is null. */
export interface CountedPlan {
  readonly type: CreditPlan["type"];
  readonly allowance: number | null;
  readonly overage: number | null;
}

export const countPlan = (plan: CreditPlan): CountedPlan => {
  const { type } = plan;
  switch (type) {
    case "fixed":
      return { type, allowance: microLimit(plan.allowance), overage: 0 };
    case "overage": {
      const overage = plan.overage === undefined ? null : microLimit(plan.overage);
      return { type, allowance: microLimit(plan.allowance), overage };
    }
    case "unlimited":
      return { type, allowance: null, overage: null };
  }
};

export const planOfCounted = ({ type, allowance, overage }: CountedPlan): CreditPlan => {
  switch (type) {
    case "fixed":
      return { type, allowance: creditsOfMicro(allowance ?? 0) };
    case "overage": {
      const most = overage === null ? {} : { overage: creditsOfMicro(overage) };
      return { type, allowance: creditsOfMicro(allowance ?? 0), ...most };
    }
    case "unlimited":
      return { type };
  }
};

/** As the ledger counts it: a cost has at most six decimals. */
export const roundedCredits = (credits: number): number => creditsOfMicro(microCredits(credits));

/** As much of a limit as is counted. */
export const roundedLimit = (credits: number): number => creditsOfMicro(microLimit(credits));

/** Whether it can be billed. What is no number may come from plain JavaScript, and compares like one. */
export const isBillable = (credits: unknown): credits is number =>
  typeof credits === "number" && credits >= 0 && credits <= mostCredits;

/** Whatever was given as an amount, in the words of a message. */
export const amountText = (credits: unknown): string =>
  typeof credits === "number"
    ? String(credits)
    : typeof credits === "string"
      ? `'${credits}'`
      : `type ${typeof credits}`;

/** The sum over the nodes that are to run, each as it is billed; a type whose cost is not known, and a missing node, count 1. */
export const estimateCredits = (
  graph: WorkflowGraph,
  costOf: (type: string) => number | undefined,
  reused: ReadonlySet<string> = new Set(),
): number =>
  creditsOfMicro(
    graph.nodes.reduce((sum, { id, node }) => {
      if (reused.has(id)) return sum;
      return sum + microCredits(node === undefined ? 1 : (costOf(node.type) ?? 1));
    }, 0),
  );
