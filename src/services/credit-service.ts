/** Compute credits: reserved before the first node, settled once after the last (CREDIT-1, CREDIT-2). */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ServiceFailure } from "./errors.ts";

export interface Reservation {
  readonly organizationId: string;
  readonly executionId: string;
  /** What the run is expected to cost, in compute credits. */
  readonly estimate: number;
  /** What the organization may spend in all, in compute credits. */
  readonly limit: number;
}

export interface Settlement {
  readonly organizationId: string;
  readonly executionId: string;
  /** What the run did cost, in compute credits. */
  readonly usage: number;
}

export class CreditService extends Context.Service<
  CreditService,
  {
    /** False when the estimate does not fit what is left. Asking again for the same execution changes nothing. */
    readonly reserve: (reservation: Reservation) => Effect.Effect<boolean, ServiceFailure>;
    /** Records the cost in the reservation's place; once for each execution. */
    readonly settle: (settlement: Settlement) => Effect.Effect<void, ServiceFailure>;
    /** Compute credits that the organization has spent. */
    readonly spent: (organizationId: string) => Effect.Effect<number, ServiceFailure>;
  }
>()("pawl/CreditService") {
  static readonly layerMemory: Layer.Layer<CreditService> = Layer.sync(CreditService, () => {
    interface Account {
      readonly reserved: Map<string, number>;
      readonly settled: Map<string, number>;
    }
    const accounts = new Map<string, Account>();
    const accountOf = (organizationId: string): Account => {
      const account = accounts.get(organizationId) ?? { reserved: new Map(), settled: new Map() };
      accounts.set(organizationId, account);
      return account;
    };
    const sum = (amounts: ReadonlyMap<string, number>): number =>
      [...amounts.values()].reduce((total, amount) => total + amount, 0);
    return {
      reserve: ({ organizationId, executionId, estimate, limit }) =>
        Effect.sync(() => {
          const { reserved, settled } = accountOf(organizationId);
          if (reserved.has(executionId) || settled.has(executionId)) return true;
          // Not `> limit`: a limit that is not a number allows nothing.
          if (!(sum(reserved) + sum(settled) + estimate <= limit)) return false;
          reserved.set(executionId, estimate);
          return true;
        }),
      settle: ({ organizationId, executionId, usage }) =>
        Effect.sync(() => {
          const { reserved, settled } = accountOf(organizationId);
          reserved.delete(executionId);
          if (!settled.has(executionId)) settled.set(executionId, usage);
        }),
      spent: (organizationId) => Effect.sync(() => sum(accountOf(organizationId).settled)),
    };
  });
}
