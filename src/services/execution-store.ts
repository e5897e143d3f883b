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
  /** 50 unless told. */
  readonly limit?: number;
}

export const rowOf = ({ execution, ...facts }: SavedExecution): ExecutionRow => ({
  ...facts,
  id: execution.id,
  workflowId: execution.workflowId,
  status: execution.status,
  error: execution.error ?? null,
  usage: usageOf(execution),
  startedAt: execution.startedAt,
  endedAt: execution.endedAt,
});

export class ExecutionStore extends Context.Service<
  ExecutionStore,
  {
    readonly save: (saved: SavedExecution) => Effect.Effect<void, ServiceFailure>;
    readonly get: (
      organizationId: string,
      executionId: string,
    ) => Effect.Effect<WorkflowExecution | undefined, ServiceFailure>;
    /** Newest first. */
    readonly list: (
      organizationId: string,
      options?: ListOptions,
    ) => Effect.Effect<readonly ExecutionRow[], ServiceFailure>;
  }
>()("pawl/ExecutionStore") {
  static readonly layerMemory: Layer.Layer<ExecutionStore> = Layer.sync(ExecutionStore, () => {
    const saved = new Map<string, { readonly row: ExecutionRow; readonly json: string }>();
    const keyOf = (organizationId: string, executionId: string): string =>
      JSON.stringify([organizationId, executionId]);
    return {
      save: (execution) =>
        Effect.sync(() => {
          const row = rowOf(execution);
          const key = keyOf(row.organizationId, row.id);
          const before = saved.get(key);
          if (before !== undefined && isFinalStatus(before.row.status)) return;
          saved.set(key, { row, json: JSON.stringify(execution.execution) });
        }),
      get: (organizationId, executionId) =>
        Effect.sync(() => {
          const found = saved.get(keyOf(organizationId, executionId));
          return found && (JSON.parse(found.json) as WorkflowExecution);
        }),
      list: (organizationId, { status, limit = 50 } = {}) =>
        Effect.sync(() =>
          Array.from(saved.values(), ({ row }) => row)
            .filter((row) => row.organizationId === organizationId)
            .filter((row) => status === undefined || row.status === status)
            .sort((a, b) => (a.startedAt < b.startedAt ? 1 : a.startedAt > b.startedAt ? -1 : 0))
            .slice(0, limit),
        ),
    };
  });
}
