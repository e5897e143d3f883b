/**
 * What the watchdog does at each of its rounds: finds live runs that do not move, and wakes them; sends commands again whose
 * event was lost; creates instances whose creation was lost; ends records of runs that the platform has ended. A wake-up of a
 * run that is well changes nothing, and gets rarer the longer a run stands still.
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { reportLoss, usageOf } from "#core/report";
import { commandEventType, partEventType } from "#core/step-name";
import { CreditService } from "#services/credit-service";
import type { ServiceFailure } from "#services/errors";
import type { LiveRow } from "#services/execution-store";
import { ExecutionStore } from "#services/execution-store";
import { WaitStore } from "#services/wait-store";
import { wakeEventType, WorkflowInstances } from "#services/workflow-instances";
import { eachPage } from "./each-page.ts";
import { hashDefinition } from "./definition-hash.ts";
import type { PartQuestion } from "./part-instance.ts";
import { partQuestionOf, partWaitKey } from "./part-instance.ts";
import { instanceParamsOf } from "./start-run.ts";

/** Times are milliseconds since 1970. */
export interface WatchRound {
  readonly now: number;
  /** When the round before was; undefined when none was, or when every run may have died since. */
  readonly before: number | undefined;
  /** Milliseconds after which a run that has not been stored is first woken. */
  readonly patience: number;
}

/** A run that stands still for years is looked after once an hour. */
const longestGap = 60 * 60 * 1000;

/**
 * Whether a run is to be woken in this round: after one patience, two, four, and so on, and then every hour. Derived from
 * times alone, so that no state is kept for each run.
 */
export const isDue = ({ updatedAt }: Pick<LiveRow, "updatedAt">, round: WatchRound): boolean => {
  const { now, before, patience } = round;
  if (before === undefined) return true;
  const still = now - updatedAt;
  const stillBefore = before - updatedAt;
  if (still < patience) return false;
  const step = (time: number): number =>
    time < patience
      ? -1
      : time < longestGap
        ? Math.floor(Math.log2(time / patience))
        : Math.floor(Math.log2(longestGap / patience)) + Math.floor(time / longestGap);
  return step(still) > step(stillBefore);
};

type WatchServices = CreditService | ExecutionStore | WaitStore | WorkflowInstances;

const instanceOf = ({ id, instanceId = id }: LiveRow): string => instanceId;

/** The instance is no more, and nobody is left to say so. Its parts must do nothing more after that. */
const endRecord: (
  row: LiveRow,
  error: string,
  now: number,
) => Effect.Effect<void, ServiceFailure, WatchServices> = Effect.fnUntraced(function* (
  { organizationId, id, instanceId },
  error,
  now,
) {
  const store = yield* ExecutionStore;
  const waits = yield* WaitStore;
  const live = yield* store.get(organizationId, id);
  if (live === undefined) return;
  const instances = yield* WorkflowInstances;
  for (const wait of yield* waits.listUnsettled(organizationId, id)) {
    const part = partQuestionOf(wait);
    if (part !== undefined) yield* instances.stop(part.instanceId);
  }
  const start = yield* store.readStart(organizationId, id);
  const hashing = Effect.promise(async () => hashDefinition(start?.workflow));
  const standing = yield* store.save({
    organizationId,
    userId: start?.userId ?? "",
    workflowName: start?.workflow.name ?? "",
    definitionHash: (yield* hashing) ?? "",
    ...(instanceId === undefined ? {} : { instanceId }),
    execution: reportLoss(live, error, now),
    savedAt: now,
  });
  const usage = usageOf(standing);
  yield* (yield* CreditService).settle({ organizationId, executionId: id, usage, now });
  yield* waits.close(organizationId, id);
});

/** A part of the run is looked after like the run itself. */
const wakePart: (
  row: LiveRow,
  part: PartQuestion,
) => Effect.Effect<void, ServiceFailure, WaitStore | WorkflowInstances> = Effect.fnUntraced(
  function* (row, { instanceId, params }) {
    const instances = yield* WorkflowInstances;
    const end = yield* instances.endOf(instanceId);
    if (end === "lost") {
      yield* instances.create(instanceId, params);
      return;
    }
    if (end === undefined) {
      yield* instances.send(instanceId, wakeEventType);
      // Which of them it has seen is not known here; one that it has seen it does not wait for.
      for (let number = params.seenCommand + 1; number <= row.commandNumber; number++) {
        yield* instances.send(instanceId, commandEventType(number));
      }
      return;
    }
    const now = yield* Clock.currentTimeMillis;
    const key = partWaitKey(row.organizationId, row.id, params.part);
    const data = { status: "lost", error: end };
    yield* (yield* WaitStore).answer({ ...key, data, now });
    yield* instances.send(instanceOf(row), partEventType(params.part));
  },
);

/** Whoever told the run something may have died before the event was sent: what stands in the stores is said again. */
const remind: (row: LiveRow) => Effect.Effect<void, ServiceFailure, WatchServices> =
  Effect.fnUntraced(function* (row) {
    const { organizationId, id, commandNumber, acknowledgedNumber } = row;
    const instances = yield* WorkflowInstances;
    if (commandNumber > acknowledgedNumber) {
      yield* instances.send(instanceOf(row), commandEventType(acknowledgedNumber + 1));
    }
    for (const wait of yield* (yield* WaitStore).listUnsettled(organizationId, id)) {
      const part = partQuestionOf(wait);
      if (wait.status === "answered") {
        yield* instances.send(wait.instanceId ?? instanceOf(row), wait.eventType);
      } else if (part !== undefined) {
        yield* wakePart(row, part);
      }
    }
  });

const beyondHelp =
  "The platform has lost the run, and what it was started with is not kept. Start a new run.";

const wake: (row: LiveRow, now: number) => Effect.Effect<void, ServiceFailure, WatchServices> =
  Effect.fnUntraced(function* (row, now) {
    const { organizationId, id } = row;
    const instances = yield* WorkflowInstances;
    const instanceId = instanceOf(row);
    const end = yield* instances.endOf(instanceId);
    if (end === undefined) {
      yield* instances.send(instanceId, wakeEventType);
      return yield* remind(row);
    }
    if (end !== "lost") return yield* endRecord(row, `The platform ended the run: ${end}`, now);
    const start = yield* (yield* ExecutionStore).readStart(organizationId, id);
    if (start === undefined) return yield* endRecord(row, beyondHelp, now);
    yield* instances.create(instanceId, instanceParamsOf(start, id));
  });

const wokenAtOnce = 8;

export interface RoundOutcome {
  /** How many runs are live. */
  readonly live: number;
  /** How many of them could not be woken. */
  readonly failed: number;
}

/** One round over all live runs. A run that cannot be woken does not keep the others from it. */
export const wakeRuns: (
  round: WatchRound,
) => Effect.Effect<RoundOutcome, ServiceFailure, WatchServices> = Effect.fnUntraced(
  function* (round) {
    let live = 0;
    let failed = 0;
    yield* eachPage((yield* ExecutionStore).listLive, (rows) =>
      Effect.gen(function* () {
        live += rows.length;
        const due = rows.filter((row) => isDue(row, round));
        const woken = yield* Effect.forEach(due, (row) => Effect.exit(wake(row, round.now)), {
          concurrency: wokenAtOnce,
        });
        failed += woken.filter(Exit.isFailure).length;
      }),
    );
    return { live, failed };
  },
);
