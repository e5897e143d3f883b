/**
 * Compute credits of organizations: an account each with a plan, a reservation before the first node of a run, and one entry in
 * the ledger after the last (CREDIT-1, CREDIT-2). The sum of all that is reserved and spent never passes the limit, however many
 * runs ask at once (CREDIT-3): what a node reports beyond its type's cost is reserved before anything behind it starts. A run with
 * a budget is allotted the cost of each node before the node starts (CREDIT-4).
 */
import * as Context from "effect/Context";
import type * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { CreditPlan } from "#core/credits";
import type { ServiceFailure } from "./errors.ts";
import { memoryCredits } from "./memory-credits.ts";

export interface RunKey {
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

export interface Extension extends RunKey {
  readonly nodeId: string;
  /** By how much the node passed what its type costs, in compute credits. */
  readonly excess: number;
  /** What nodes of the run that have ended cost less than was expected of them, as far as is known. */
  readonly saved: number;
  /** The most that the run may reserve in all: what its budget leaves. */
  readonly most: number;
  /** As in the reservation. */
  readonly limit: number;
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
  /** What was reserved for it, with what its nodes reported beyond it where that found room. */
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
     * Notes by how much a node passed its type's cost, and reserves what the run may cost by now: its estimate, with all such
     * excess and without what was saved. False when the limits have no room for that, or there is no reservation. Never reserves
     * less than before. Asking again for the same node puts the new excess in the old one's place.
     */
    readonly extend: (extension: Extension) => Effect.Effect<boolean, ServiceFailure>;
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
    /** What is spent and reserved stays, also beyond the new limit. Fails for good for what is no plan. */
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
  static readonly layerMemory: Layer.Layer<CreditService> = Layer.sync(
    CreditService,
    memoryCredits,
  );
}
