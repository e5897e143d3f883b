/**
 * Starts a run from outside: its row first, then its instance, so that a start which dies in between is found by the watchdog
 * and finished. The instance's id is the run's, so that the same start twice is one.
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import type { ExecuteParams, InstanceParams } from "#core/execution-context";
import { paramsProblem, storedParamsLimit } from "#core/platform-limits";
import { emptyRecord } from "#core/report";
import { decodeWorkflow } from "#core/workflow";
import * as Result from "effect/Result";
import type { ServiceFailure } from "#services/errors";
import { ExecutionStore } from "#services/execution-store";
import { RunWatch } from "#services/run-watch";
import { WorkflowInstances } from "#services/workflow-instances";
import { hashDefinition } from "./definition-hash.ts";

export type StartResult =
  | { readonly status: "started" }
  /** What is wrong with the parameters, and what to do. */
  | { readonly status: "refused"; readonly message: string };

/** Parameters that the platform would not take stay in the store. */
export const instanceParamsOf = (params: ExecuteParams): InstanceParams =>
  paramsProblem(params) === undefined
    ? params
    : { organizationId: params.organizationId, stored: true };

export const startRun: (
  params: ExecuteParams,
  executionId: string,
) => Effect.Effect<StartResult, ServiceFailure, ExecutionStore | RunWatch | WorkflowInstances> =
  Effect.fnUntraced(function* (params, executionId) {
    const problem = paramsProblem(params, storedParamsLimit);
    if (problem !== undefined) return { status: "refused", message: problem };
    const decoded = decodeWorkflow(params.workflow);
    if (Result.isFailure(decoded)) {
      // It is kept in no row that an instance could read it from.
      const tooLarge = paramsProblem(params);
      if (tooLarge !== undefined) return { status: "refused", message: tooLarge };
    }
    // A document of another shape is refused by the run itself, which leaves the record that says why.
    if (Result.isSuccess(decoded)) {
      const workflow = decoded.success;
      const startedAt = yield* Clock.currentTimeMillis;
      const store = yield* ExecutionStore;
      const definitionHash = yield* Effect.promise(async () => hashDefinition(params.workflow));
      yield* store.save({
        organizationId: params.organizationId,
        userId: params.userId,
        workflowName: workflow.name,
        definitionHash: definitionHash ?? "",
        execution: emptyRecord(workflow.id, executionId, "submitted", startedAt),
        start: params,
        isInitial: true,
        savedAt: startedAt,
      });
    }
    yield* (yield* RunWatch).begin;
    const instances = yield* WorkflowInstances;
    yield* instances.create(executionId, instanceParamsOf(params));
    return { status: "started" };
  });
