/**
 * Where runs are found again: a row to list, a record to read, what each was started with, and what it was told since.
 * Every method but the watchdog's takes the organization and sees nothing of another's (ACCESS-1). A final status is never
 * overwritten (STATUS-2). The store has no clock.
 */
import * as Context from "effect/Context";
import * as DateTime from "effect/DateTime";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import { isFinalStatus } from "#core/lifecycle";
import { quoted } from "#core/problem";
import type { WorkflowExecution } from "#core/report";
import { usageOf } from "#core/report";
import { ServiceFailure } from "./errors.ts";
import type { RunCommand, RunInstance, StandingCommand, StoredCommand } from "./run-command.ts";
import { addressed, answerToOldNews, isNews } from "./run-command.ts";
import { initialRecord, startOf, startTextsOf } from "./run-start.ts";

export interface ExecutionRow {
  readonly id: string;
  readonly organizationId: string;
  readonly userId: string;
  readonly workflowId: string;
  readonly workflowName: string;
  /** SHA-256 of the definition that the run was started on, in hex (REPLAY-3). */
  readonly definitionHash: string;
  readonly status: WorkflowExecutionStatus;
  /** No longer than a list has use for; the record has the whole. */
  readonly error: string | null;
  /** Compute credits. */
  readonly usage: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string | null;
}

export interface SavedExecution extends RunInstance {
  readonly organizationId: string;
  readonly userId: string;
  readonly workflowName: string;
  readonly definitionHash: string;
  readonly execution: WorkflowExecution;
  /** With the first save of a run: what it was started with. */
  readonly start?: ExecuteParams;
  /**
   * With `start`: nothing has happened yet, `execution` lists no nodes, and whoever reads the record is given every node of
   * the document as idle. It spares the start of a run the making of a record that says nothing.
   */
  readonly isInitial?: boolean;
  /** Milliseconds since 1970; the run's start unless told. */
  readonly savedAt?: number;
}

/** A run's place among those of its organization, newest first. */
export interface ListPosition {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly id: string;
}

export interface ListOptions {
  readonly status?: WorkflowExecutionStatus;
  readonly workflowId?: string;
  /** The last row of the page before: the list goes on after it. */
  readonly before?: ListPosition;
  /** A whole number, 50 unless told. */
  readonly limit?: number;
}

export interface LiveOptions {
  /** A whole number. */
  readonly limit: number;
  /** The last row of the page before. */
  readonly after?: Pick<LiveRow, "organizationId" | "id">;
}

/** What the watchdog needs to know of a run that has not ended. */
export interface LiveRow extends RunInstance {
  readonly organizationId: string;
  readonly id: string;
  readonly status: WorkflowExecutionStatus;
  /** ISO 8601. */
  readonly startedAt: string;
  /** When it was last saved, in milliseconds since 1970. */
  readonly updatedAt: number;
  readonly command: RunCommand | null;
  readonly commandNumber: number;
  /** The last command that the run has seen. */
  readonly acknowledgedNumber: number;
}

/** A refused document's error lists every problem, and a row of D1 holds 2 MB. */
const longestRowError = 2_000;

export const rowOf = (saved: SavedExecution): ExecutionRow => ({
  id: saved.execution.id,
  organizationId: saved.organizationId,
  userId: saved.userId,
  workflowId: saved.execution.workflowId,
  workflowName: saved.workflowName,
  definitionHash: saved.definitionHash,
  status: saved.execution.status,
  error: saved.execution.error?.slice(0, longestRowError).toWellFormed() ?? null,
  usage: usageOf(saved.execution),
  startedAt: saved.execution.startedAt,
  endedAt: saved.execution.endedAt,
});

export const savedAtOf = ({ savedAt, execution }: SavedExecution): number =>
  savedAt ?? DateTime.toEpochMillis(DateTime.makeUnsafe(execution.startedAt));

/** Two instances would do everything twice. */
export const otherInstance = ({ execution: { id } }: SavedExecution): ServiceFailure =>
  new ServiceFailure({
    operation: "ExecutionStore.save",
    message: `Another instance has run ${quoted(id)}. Start the new run with another id.`,
    isFinal: true,
  });

/** Says no more than that the run is submitted. */
export const isMereStart = ({ isInitial, execution }: SavedExecution): boolean =>
  isInitial === true && execution.status === "submitted";

export class ExecutionStore extends Context.Service<
  ExecutionStore,
  {
    /**
     * Gives the record that stands: this very one, or the final one that stood already. What only says that the run is
     * submitted leaves whatever stands: of starts that come at once one is the first, and none undoes what the run has done.
     * A run is run by the instance of its first save: whatever another says of it is refused for good.
     */
    readonly save: (saved: SavedExecution) => Effect.Effect<WorkflowExecution, ServiceFailure>;
    readonly get: (
      organizationId: string,
      executionId: string,
    ) => Effect.Effect<WorkflowExecution | undefined, ServiceFailure>;
    /** Newest first; runs that started in the same millisecond by id, downwards. */
    readonly list: (
      organizationId: string,
      options?: ListOptions,
    ) => Effect.Effect<readonly ExecutionRow[], ServiceFailure>;
    /** What the run was started with: of the first save that said so. Undefined when none did, or JSON cannot say it. */
    readonly readStart: (
      organizationId: string,
      executionId: string,
    ) => Effect.Effect<ExecuteParams | undefined, ServiceFailure>;
    /** Only makes the command stand; the caller wakes the run. The same command twice is one. */
    readonly command: (
      organizationId: string,
      executionId: string,
      command: RunCommand,
    ) => Effect.Effect<StoredCommand, ServiceFailure>;
    /** The command that stands; undefined when the organization has no such run. */
    readonly readCommand: (
      organizationId: string,
      executionId: string,
    ) => Effect.Effect<(StandingCommand & RunInstance) | undefined, ServiceFailure>;
    /** The run has seen commands up to this number. A lower one than before changes nothing. */
    readonly acknowledge: (
      organizationId: string,
      executionId: string,
      number: number,
    ) => Effect.Effect<void, ServiceFailure>;
    /** For the watchdog alone: runs of every organization that have not ended, in the order of their keys. */
    readonly listLive: (options: LiveOptions) => Effect.Effect<readonly LiveRow[], ServiceFailure>;
  }
>()("pawl/ExecutionStore") {
  static readonly layerMemory: Layer.Layer<ExecutionStore> = Layer.sync(ExecutionStore, memory);
}

/** A run as the memory layer keeps it. */
interface Kept extends RunInstance {
  readonly row: ExecutionRow;
  readonly execution: WorkflowExecution;
  readonly start: ExecuteParams | undefined;
  readonly isInitial: boolean;
  readonly updatedAt: number;
  readonly standing: StandingCommand;
  readonly acknowledgedNumber: number;
}

const recordOf = ({ isInitial, start, execution }: Kept): WorkflowExecution =>
  isInitial && start !== undefined ? initialRecord(start.workflow, execution) : execution;

const instanceOf = ({ instanceId }: RunInstance): RunInstance =>
  instanceId === undefined ? {} : { instanceId };

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Negative when `a` comes first in a list. */
const newestFirst = (a: ListPosition, b: ListPosition): number =>
  order(b.startedAt, a.startedAt) || order(b.id, a.id);

const byKey = (a: LiveOptions["after"] & {}, b: LiveOptions["after"] & {}): number =>
  order(a.organizationId, b.organizationId) || order(a.id, b.id);

const liveRowOf = ({ row, updatedAt, standing, acknowledgedNumber, ...kept }: Kept): LiveRow => ({
  organizationId: row.organizationId,
  id: row.id,
  ...instanceOf(kept),
  status: row.status,
  startedAt: row.startedAt,
  updatedAt,
  command: standing.command,
  commandNumber: standing.number,
  acknowledgedNumber,
});

function memory(): ExecutionStore["Service"] {
  const runs = new Map<string, Kept>();
  const keyOf = (organizationId: string, executionId: string): string =>
    JSON.stringify([organizationId, executionId]);
  return {
    save: (saved) =>
      Effect.suspend(() => {
        const row = rowOf(saved);
        const key = keyOf(row.organizationId, row.id);
        const before = runs.get(key);
        if (before !== undefined && isMereStart(saved)) return Effect.succeed(recordOf(before));
        if (before !== undefined && before.instanceId !== saved.instanceId) {
          return Effect.fail(otherInstance(saved));
        }
        if (before !== undefined && isFinalStatus(before.row.status)) {
          return Effect.succeed(recordOf(before));
        }
        runs.set(key, {
          row,
          ...instanceOf(saved),
          execution: saved.execution,
          start: before?.start ?? saved.start,
          isInitial: saved.isInitial === true,
          updatedAt: Math.max(before?.updatedAt ?? 0, savedAtOf(saved)),
          standing: before?.standing ?? { command: null, number: 0 },
          acknowledgedNumber: before?.acknowledgedNumber ?? 0,
        });
        return Effect.succeed(saved.execution);
      }),
    get: (organizationId, executionId) =>
      Effect.sync(() => {
        const kept = runs.get(keyOf(organizationId, executionId));
        return kept && recordOf(kept);
      }),
    list: (organizationId, { status, workflowId, before, limit = 50 } = {}) =>
      Effect.sync(() =>
        Array.from(runs.values(), ({ row }) => row)
          .filter((row) => row.organizationId === organizationId)
          .filter((row) => status === undefined || row.status === status)
          .filter((row) => workflowId === undefined || row.workflowId === workflowId)
          .filter((row) => before === undefined || newestFirst(before, row) < 0)
          .sort(newestFirst)
          .slice(0, limit),
      ),
    readStart: (organizationId, executionId) =>
      Effect.sync(() => {
        const start = runs.get(keyOf(organizationId, executionId))?.start;
        const texts = start && startTextsOf(start);
        return texts && startOf(texts);
      }),
    command: (organizationId, executionId, command) =>
      Effect.sync((): StoredCommand => {
        const key = keyOf(organizationId, executionId);
        const kept = runs.get(key);
        if (kept === undefined) return { status: "unknown" };
        const { row, standing } = kept;
        if (isFinalStatus(row.status)) return { status: "ended", as: row.status };
        if (!isNews(command, standing)) return addressed(answerToOldNews(command, standing), kept);
        const number = standing.number + 1;
        runs.set(key, { ...kept, standing: { command, number } });
        return addressed({ status: "accepted", number }, kept);
      }),
    readCommand: (organizationId, executionId) =>
      Effect.sync(() => {
        const kept = runs.get(keyOf(organizationId, executionId));
        return kept && { ...kept.standing, ...instanceOf(kept) };
      }),
    acknowledge: (organizationId, executionId, number) =>
      Effect.sync(() => {
        const key = keyOf(organizationId, executionId);
        const kept = runs.get(key);
        if (kept === undefined || kept.acknowledgedNumber >= number) return;
        runs.set(key, { ...kept, acknowledgedNumber: number });
      }),
    listLive: ({ limit, after }) =>
      Effect.sync(() =>
        Array.from(runs.values())
          .filter(({ row }) => !isFinalStatus(row.status))
          .map(liveRowOf)
          .filter((row) => after === undefined || byKey(after, row) < 0)
          .sort(byKey)
          .slice(0, limit),
      ),
  };
}
