/**
 * Gives back what runs that have died had reserved: those that ended without settling are settled by their record, and those
 * that left no record, and whose instance is gone, cost nothing. Live runs settle themselves. Also writes the copies of what was
 * spent that the ends of runs could not.
 */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { isFinalStatus } from "#core/lifecycle";
import { usageOf } from "#core/report";
import type { OpenReservation } from "#services/credit-service";
import { CreditService } from "#services/credit-service";
import type { ServiceFailure } from "#services/errors";
import { ExecutionStore } from "#services/execution-store";
import { WorkflowInstances } from "#services/workflow-instances";
import { eachPage } from "./each-page.ts";
import type { WatchRound } from "./wake-runs.ts";

type ReleaseServices = CreditService | ExecutionStore | WorkflowInstances;

/** What the run has cost for good; undefined while it may cost more. */
const finalUsage: (
  reservation: OpenReservation,
) => Effect.Effect<number | undefined, ServiceFailure, ReleaseServices> = Effect.fnUntraced(
  function* ({ organizationId, executionId }) {
    const execution = yield* (yield* ExecutionStore).get(organizationId, executionId);
    if (execution !== undefined) {
      return isFinalStatus(execution.status) ? usageOf(execution) : undefined;
    }
    // A run that was started without a row has the instance of its own id.
    const end = yield* (yield* WorkflowInstances).endOf(executionId);
    return end === undefined ? undefined : 0;
  },
);

const release: (
  reservation: OpenReservation,
  now: number,
) => Effect.Effect<boolean, ServiceFailure, ReleaseServices> = Effect.fnUntraced(
  function* (reservation, now) {
    const usage = yield* finalUsage(reservation);
    if (usage === undefined) return false;
    const { organizationId, executionId } = reservation;
    yield* (yield* CreditService).settle({ organizationId, executionId, usage, now });
    return true;
  },
);

const releasedAtOnce = 8;

/** One that cannot be released does not keep the others from it. Gives how many are still open. */
const releaseOpen = Effect.fnUntraced(function* ({
  now,
  patience,
}: Pick<WatchRound, "now" | "patience">) {
  let open = 0;
  yield* eachPage((yield* CreditService).listOpen, (page) =>
    Effect.gen(function* () {
      // A run may have reserved a moment before it is stored, or be about to settle.
      const due = page.filter(({ reservedAt }) => now - reservedAt >= patience);
      const released = yield* Effect.forEach(due, (one) => Effect.exit(release(one, now)), {
        concurrency: releasedAtOnce,
      });
      open += page.length - released.filter((exit) => Exit.isSuccess(exit) && exit.value).length;
    }),
  );
  return open;
});

/** Gives how many copies were missing. */
const publishCopies = Effect.fnUntraced(function* () {
  const credits = yield* CreditService;
  let missing = 0;
  yield* eachPage(credits.listUnpublished, (page) => {
    missing += page.length;
    return Effect.forEach(page, credits.publishUsage, {
      concurrency: releasedAtOnce,
      discard: true,
    });
  });
  return missing;
});

/** Gives how much may still be to be done: reservations that are open, and copies that were missing. */
export const releaseReservations: (
  round: Pick<WatchRound, "now" | "patience">,
) => Effect.Effect<number, ServiceFailure, ReleaseServices> = Effect.fnUntraced(function* (round) {
  return (yield* releaseOpen(round)) + (yield* publishCopies());
});
