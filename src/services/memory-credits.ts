/** Credits in memory: what CreditService promises, for one process. Whatever is asked costs the same however many runs there were. */
import * as Effect from "effect/Effect";
import type { CountedPlan } from "#core/credits";
import {
  creditsOfMicro,
  microCredits,
  microLimit,
  mostCredits,
  planOfCounted,
} from "#core/credits";
import { countedLimit, countedPlan } from "./credit-limits.ts";
import type { CreditEntry, CreditService, RunKey } from "./credit-service.ts";

/** Amounts are in millionths. */
interface MemoryEntry {
  readonly executionId: string;
  readonly estimate: number;
  /** Reserved beyond the estimate. */
  extended: number;
  readonly excesses: Amounts;
  readonly reservedAt: number;
  /** Undefined while it is reserved. */
  settled: { readonly usage: number; readonly at: number } | undefined;
  readonly allotments: Amounts;
  /** A node was refused. */
  isOverBudget: boolean;
}

interface MemoryAccount {
  plan: CountedPlan | undefined;
  reserved: number;
  spent: number;
  readonly entries: Map<string, MemoryEntry>;
}

/** One for each node, and their sum. */
interface Amounts {
  readonly has: (nodeId: string) => boolean;
  readonly set: (nodeId: string, amount: number) => void;
  readonly sum: () => number;
}

const newAmounts = (): Amounts => {
  const amounts = new Map<string, number>();
  let sum = 0;
  return {
    has: (nodeId) => amounts.has(nodeId),
    set: (nodeId, amount) => {
      sum += amount - (amounts.get(nodeId) ?? 0);
      amounts.set(nodeId, amount);
    },
    sum: () => sum,
  };
};

const spend = (account: MemoryAccount, usage: number): void => {
  account.spent = Math.min(account.spent + usage, microCredits(mostCredits));
};

/** Whether so many millionths more may be reserved. */
const fits = ({ plan, reserved, spent }: MemoryAccount, more: number, limit: number): boolean => {
  const { allowance, overage } = plan ?? { allowance: null, overage: null };
  const most = allowance === null || overage === null ? null : allowance + overage;
  return [countedLimit(limit), most].every(
    (bound) => bound === null || reserved + spent + more <= bound,
  );
};

const entryOf = (entry: MemoryEntry): CreditEntry => {
  const { executionId, estimate, extended, reservedAt, settled } = entry;
  return {
    executionId,
    status: settled === undefined ? "reserved" : "settled",
    estimate: creditsOfMicro(estimate + extended),
    usage: creditsOfMicro(settled?.usage ?? 0),
    reservedAt,
    settledAt: settled?.at ?? null,
  };
};

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const byRun = (a: RunKey, b: RunKey): number =>
  order(a.organizationId, b.organizationId) || order(a.executionId, b.executionId);

export const memoryCredits = (): CreditService["Service"] => {
  const accounts = new Map<string, MemoryAccount>();
  const accountOf = (organizationId: string): MemoryAccount => {
    const found = accounts.get(organizationId);
    if (found !== undefined) return found;
    const account = { plan: undefined, reserved: 0, spent: 0, entries: new Map() };
    accounts.set(organizationId, account);
    return account;
  };
  const find = ({ organizationId, executionId }: RunKey): MemoryEntry | undefined =>
    accountOf(organizationId).entries.get(executionId);
  const enter = (
    { entries }: MemoryAccount,
    facts: Pick<MemoryEntry, "executionId" | "estimate" | "reservedAt" | "settled">,
  ): void => {
    entries.set(facts.executionId, {
      ...facts,
      extended: 0,
      excesses: newAmounts(),
      allotments: newAmounts(),
      isOverBudget: false,
    });
  };
  return {
    isSettledWithRecord: false,
    reserve: (reservation) =>
      Effect.sync(() => {
        if (find(reservation) !== undefined) return true;
        const { organizationId, executionId, limit, now } = reservation;
        const account = accountOf(organizationId);
        const estimate = microCredits(reservation.estimate);
        if (!fits(account, estimate, limit)) return false;
        enter(account, { executionId, estimate, reservedAt: now, settled: undefined });
        account.reserved += estimate;
        return true;
      }),
    extend: (extension) =>
      Effect.sync(() => {
        const entry = find(extension);
        if (entry === undefined || entry.settled !== undefined) return false;
        const { organizationId, nodeId, excess, saved, most, limit } = extension;
        const account = accountOf(organizationId);
        entry.excesses.set(nodeId, microCredits(excess));
        const expected = entry.estimate + entry.excesses.sum() - microCredits(saved);
        const beyond = Math.min(expected, microLimit(most)) - entry.estimate;
        const more = beyond - entry.extended;
        if (more <= 0) return true;
        if (!fits(account, more, limit)) return false;
        entry.extended = beyond;
        account.reserved += more;
        return true;
      }),
    settle: (settlement) =>
      Effect.sync(() => {
        const { organizationId, executionId, now } = settlement;
        const settled = { usage: microCredits(settlement.usage), at: now };
        const entry = find(settlement);
        if (entry?.settled !== undefined || (entry === undefined && settled.usage === 0)) return;
        const account = accountOf(organizationId);
        spend(account, settled.usage);
        if (entry === undefined) {
          enter(account, { executionId, estimate: 0, reservedAt: now, settled });
          return;
        }
        entry.settled = settled;
        account.reserved -= entry.estimate + entry.extended;
      }),
    allot: (allotment) =>
      Effect.sync(() => {
        const entry = find(allotment);
        if (entry === undefined) return false;
        const { allotments, settled } = entry;
        if (allotments.has(allotment.nodeId)) return true;
        if (settled !== undefined || entry.isOverBudget) return false;
        const cost = microCredits(allotment.cost);
        const wanted = microCredits(allotment.carried) + allotments.sum() + cost;
        entry.isOverBudget = wanted > microLimit(allotment.budget);
        if (!entry.isOverBudget) allotments.set(allotment.nodeId, cost);
        return !entry.isOverBudget;
      }),
    correct: (cost) =>
      Effect.sync(() => {
        const allotments = find(cost)?.allotments;
        if (allotments?.has(cost.nodeId)) allotments.set(cost.nodeId, microCredits(cost.usage));
      }),
    account: (organizationId) =>
      Effect.sync(() => {
        const { plan, reserved, spent } = accountOf(organizationId);
        return {
          plan: plan && planOfCounted(plan),
          reserved: creditsOfMicro(reserved),
          spent: creditsOfMicro(spent),
        };
      }),
    setPlan: (organizationId, plan) =>
      Effect.map(countedPlan(plan), (counted) => {
        accountOf(organizationId).plan = counted;
      }),
    listEntries: (organizationId, { limit, after }) =>
      Effect.sync(() =>
        [...accountOf(organizationId).entries.values()]
          .filter(({ executionId }) => after === undefined || executionId > after)
          .sort((a, b) => order(a.executionId, b.executionId))
          .slice(0, limit)
          .map(entryOf),
      ),
    // There is nothing cheaper to read than this.
    publishUsage: () => Effect.void,
    listUnpublished: () => Effect.succeed([]),
    listOpen: ({ limit, after }) =>
      Effect.sync(() =>
        [...accounts]
          .flatMap(([organizationId, { entries }]) =>
            [...entries.values()]
              .filter(({ settled }) => settled === undefined)
              .map(({ executionId, reservedAt }) => ({ organizationId, executionId, reservedAt })),
          )
          .filter((open) => after === undefined || byRun(after, open) < 0)
          .sort(byRun)
          .slice(0, limit),
      ),
  };
};
