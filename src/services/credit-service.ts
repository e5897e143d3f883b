/**
 * Compute credits of organizations: an account each with a plan, a reservation before the first node of a run, and one entry in
 * the ledger after the last (CREDIT-1, CREDIT-2). The sum of all that is reserved and spent never passes the limit, however many
 * runs ask at once (CREDIT-3). A run with a budget is allotted the cost of each node before the node starts (CREDIT-4).
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { CountedPlan, CreditPlan } from "#core/credits";
import { countPlan, creditsOfMicro, microCredits, mostCredits, planOfCounted } from "#core/credits";
import type { ServiceFailure } from "./errors.ts";

interface RunKey {
  readonly organizationId: string;
  readonly executionId: string;
}

export interface Reservation extends RunKey {
  /** What the run is expected to cost, in compute credits. */
  readonly estimate: number;
  /** What the organization may spend in all by whoever started the run, in compute credits; its plan may allow less. */
  readonly limit: number;
  /** Milliseconds since 1970, as all times here. */
  readonly now: number;
}

export interface Settlement extends RunKey {
  /** What the run did cost, in compute credits. */
  readonly usage: number;
  readonly now: number;
}

export interface Allotment extends RunKey {
  readonly nodeId: string;
  /** What the node is expected to cost, in compute credits. */
  readonly cost: number;
  /** What the run may spend in all, in compute credits. */
  readonly budget: number;
  /** What it took over from an earlier run, which counts too. */
  readonly carried: number;
}

export interface NodeCost extends RunKey {
  readonly nodeId: string;
  /** What the node did cost, in compute credits: nothing unless it completed. */
  readonly usage: number;
}

export interface CreditAccount {
  /** Undefined for an organization that was given none: only those who start its runs limit it. */
  readonly plan: CreditPlan | undefined;
  /** By runs that have not ended. */
  readonly reserved: number;
  readonly spent: number;
}

export interface CreditEntry {
  readonly executionId: string;
  readonly status: "reserved" | "settled";
  readonly estimate: number;
  /** 0 while it is reserved. */
  readonly usage: number;
  readonly reservedAt: number;
  readonly settledAt: number | null;
}

export interface OpenReservation extends RunKey {
  readonly reservedAt: number;
}

/** After which entry a page goes on. */
export interface EntryPage<After> {
  readonly limit: number;
  readonly after?: After;
}

export class CreditService extends Context.Service<
  CreditService,
  {
    /**
     * False when the estimate does not fit what is left of the limit or of the plan, whichever is less. Asking again for the
     * same execution changes nothing.
     */
    readonly reserve: (reservation: Reservation) => Effect.Effect<boolean, ServiceFailure>;
    /**
     * Whether the ExecutionStore beside it settles a run together with its record, so that a run need not ask for it. Settling it
     * once more changes nothing.
     */
    readonly isSettledWithRecord: boolean;
    /**
     * Records the cost in the reservation's place; once for each execution, the first cost that is told. Nothing for a run that
     * reserved nothing and cost nothing.
     */
    readonly settle: (settlement: Settlement) => Effect.Effect<void, ServiceFailure>;
    /**
     * Whether the node may start: its cost fits what is left of the budget, and none of the run was refused before. Asking again
     * for the same node gives the same answer. False without a reservation.
     */
    readonly allot: (allotment: Allotment) => Effect.Effect<boolean, ServiceFailure>;
    /** Puts what a node did cost in the place of what it was allotted. Nothing for a node that was not. */
    readonly correct: (cost: NodeCost) => Effect.Effect<void, ServiceFailure>;
    readonly account: (organizationId: string) => Effect.Effect<CreditAccount, ServiceFailure>;
    /** What is spent and reserved stays, also beyond the new limit. */
    readonly setPlan: (
      organizationId: string,
      plan: CreditPlan,
    ) => Effect.Effect<void, ServiceFailure>;
    /** The organization's entries, in the order of their executions' ids. */
    readonly listEntries: (
      organizationId: string,
      page: EntryPage<string>,
    ) => Effect.Effect<readonly CreditEntry[], ServiceFailure>;
    /**
     * Writes what the organization has spent to where it is cheap to read: a copy, which fails nobody. Asked by the watchdog, since
     * a run need not wait for it; may leave the copy for a later round.
     */
    readonly publishUsage: (organizationId: string) => Effect.Effect<void>;
    /** Organizations whose copy lacks what was spent since, in the order of their ids: for the watchdog. */
    readonly listUnpublished: (
      page: EntryPage<string>,
    ) => Effect.Effect<readonly string[], ServiceFailure>;
    /**
     * Reservations of all organizations whose run is not known to be live, in the order of their ids: for the watchdog, which
     * gives back those of runs that have died. It may list some of live runs.
     */
    readonly listOpen: (
      page: EntryPage<RunKey>,
    ) => Effect.Effect<readonly OpenReservation[], ServiceFailure>;
  }
>()("pawl/CreditService") {
  static readonly layerMemory: Layer.Layer<CreditService> = Layer.sync(CreditService, memory);
}

/** Amounts are in millionths. */
interface MemoryEntry {
  readonly executionId: string;
  readonly estimate: number;
  readonly reservedAt: number;
  /** Undefined while it is reserved. */
  settled: { readonly usage: number; readonly at: number } | undefined;
  readonly allotments: Map<string, number>;
  /** A node was refused. */
  isOverBudget: boolean;
}

interface MemoryAccount {
  plan: CountedPlan | undefined;
  readonly entries: Map<string, MemoryEntry>;
}

const sum = (amounts: Iterable<number>): number => {
  let total = 0;
  for (const amount of amounts) total += amount;
  return total;
};

const reservedOf = ({ entries }: MemoryAccount): number =>
  sum(Array.from(entries.values(), ({ settled, estimate }) => (settled ? 0 : estimate)));

const spentOf = ({ entries }: MemoryAccount): number =>
  Math.min(
    sum(Array.from(entries.values(), ({ settled }) => settled?.usage ?? 0)),
    microCredits(mostCredits),
  );

const fits = (account: MemoryAccount, { estimate, limit }: Reservation): boolean => {
  const { allowance, overage } = account.plan ?? { allowance: null, overage: null };
  const most =
    allowance === null || overage === null ? Number.POSITIVE_INFINITY : allowance + overage;
  const wanted = reservedOf(account) + spentOf(account) + microCredits(estimate);
  return wanted <= Math.min(microCredits(limit), most);
};

const entryOf = ({ executionId, estimate, reservedAt, settled }: MemoryEntry): CreditEntry => ({
  executionId,
  status: settled === undefined ? "reserved" : "settled",
  estimate: creditsOfMicro(estimate),
  usage: creditsOfMicro(settled?.usage ?? 0),
  reservedAt,
  settledAt: settled?.at ?? null,
});

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const byRun = (a: RunKey, b: RunKey): number =>
  order(a.organizationId, b.organizationId) || order(a.executionId, b.executionId);

function memory(): CreditService["Service"] {
  const accounts = new Map<string, MemoryAccount>();
  const accountOf = (organizationId: string): MemoryAccount => {
    const account = accounts.get(organizationId) ?? { plan: undefined, entries: new Map() };
    accounts.set(organizationId, account);
    return account;
  };
  const find = ({ organizationId, executionId }: RunKey): MemoryEntry | undefined =>
    accountOf(organizationId).entries.get(executionId);
  const enter = (
    { organizationId, executionId }: RunKey,
    facts: Pick<MemoryEntry, "estimate" | "reservedAt" | "settled">,
  ): void => {
    const entry = { executionId, ...facts, allotments: new Map(), isOverBudget: false };
    accountOf(organizationId).entries.set(executionId, entry);
  };
  return {
    isSettledWithRecord: false,
    reserve: (reservation) =>
      Effect.sync(() => {
        if (find(reservation) !== undefined) return true;
        if (!fits(accountOf(reservation.organizationId), reservation)) return false;
        const estimate = microCredits(reservation.estimate);
        enter(reservation, { estimate, reservedAt: reservation.now, settled: undefined });
        return true;
      }),
    settle: (settlement) =>
      Effect.sync(() => {
        const { usage, now } = settlement;
        const settled = { usage: microCredits(usage), at: now };
        const entry = find(settlement);
        if (entry === undefined && settled.usage === 0) return;
        if (entry === undefined) enter(settlement, { estimate: 0, reservedAt: now, settled });
        else entry.settled ??= settled;
      }),
    allot: (allotment) =>
      Effect.sync(() => {
        const entry = find(allotment);
        if (entry === undefined) return false;
        const { allotments, settled } = entry;
        if (allotments.has(allotment.nodeId)) return true;
        if (settled !== undefined || entry.isOverBudget) return false;
        const cost = microCredits(allotment.cost);
        const wanted = microCredits(allotment.carried) + sum(allotments.values()) + cost;
        entry.isOverBudget = wanted > microCredits(allotment.budget);
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
        const account = accountOf(organizationId);
        return {
          plan: account.plan && planOfCounted(account.plan),
          reserved: creditsOfMicro(reservedOf(account)),
          spent: creditsOfMicro(spentOf(account)),
        };
      }),
    setPlan: (organizationId, plan) =>
      Effect.sync(() => {
        accountOf(organizationId).plan = countPlan(plan);
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
}
