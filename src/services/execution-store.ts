/**
 * Where runs are found again: a row to list, a record to read. Every method takes the organization and sees nothing of
 * another's (ACCESS-1). A final status is never overwritten (STATUS-2).
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import { usageOf } from "#core/report";
import type { ServiceFailure } from "./errors.ts";

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

export interface SavedExecution {
  readonly organizationId: string;
  readonly userId: string;
  readonly workflowName: string;
  readonly definitionHash: string;
  readonly execution: WorkflowExecution;
}

export interface ListOptions {
  readonly status?: WorkflowExecutionStatus;
  /** A whole number, 50 unless told. */
  readonly limit?: number;
}

/** A refused document's error lists every problem, and a row of D1 holds 2 MB. */
const longestRowError = 2_000;

export const rowOf = ({ execution, ...facts }: SavedExecution): ExecutionRow => ({
  ...facts,
  id: execution.id,
  workflowId: execution.workflowId,
  status: execution.status,
  error: execution.error?.slice(0, longestRowError).toWellFormed() ?? null,
  usage: usageOf(execution),
  startedAt: execution.startedAt,
  endedAt: execution.endedAt,
});

const descending = (a: string, b: string): number => (a < b ? 1 : a > b ? -1 : 0);

export class ExecutionStore extends Context.Service<
  ExecutionStore,
  {
    /** Gives the record that stands: this one, or the final one that stood already. */
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
  }
>()("pawl/ExecutionStore") {
  static readonly layerMemory: Layer.Layer<ExecutionStore> = Layer.sync(ExecutionStore, () => {
    const saved = new Map<string, { readonly row: ExecutionRow } & SavedExecution>();
    const keyOf = (organizationId: string, executionId: string): string =>
      JSON.stringify([organizationId, executionId]);
    return {
      save: (execution) =>
        Effect.sync(() => {
          const row = rowOf(execution);
          const key = keyOf(row.organizationId, row.id);
          const before = saved.get(key);
          if (before !== undefined && isFinalStatus(before.row.status)) return before.execution;
          saved.set(key, { row, ...execution });
          return execution.execution;
        }),
      get: (organizationId, executionId) =>
        Effect.sync(() => saved.get(keyOf(organizationId, executionId))?.execution),
      list: (organizationId, { status, limit = 50 } = {}) =>
        Effect.sync(() =>
          Array.from(saved.values(), ({ row }) => row)
            .filter((row) => row.organizationId === organizationId)
            .filter((row) => status === undefined || row.status === status)
            .sort((a, b) => descending(a.startedAt, b.startedAt) || descending(a.id, b.id))
            .slice(0, limit),
        ),
    };
  });
}
