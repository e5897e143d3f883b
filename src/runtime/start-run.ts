/**
 * Starts a run from outside: its row first, then its instance, so that a start which dies in between is found by the watchdog
 * and finished. The instance's id is the run's. The same start twice is one; another start under an id that is taken is refused.
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { ExecuteParams, InstanceParams } from "#core/execution-context";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import { isFinalStatus } from "#core/lifecycle";
import { instanceIdProblem, paramsProblem, storedParamsLimit } from "#core/platform-limits";
import { quoted } from "#core/problem";
import { emptyRecord, reportLoss, reportSubmission } from "#core/report";
import type { Workflow } from "#core/workflow";
import { decodeWorkflow } from "#core/workflow";
import type { ServiceFailure } from "#services/errors";
import type { SavedExecution } from "#services/execution-store";
import { ExecutionStore } from "#services/execution-store";
import { RunWatch } from "#services/run-watch";
import { WorkflowInstances } from "#services/workflow-instances";
import { hashDefinition } from "./definition-hash.ts";

export type StartResult =
  | { readonly status: "started" }
  /** It was started before, and has ended. */
  | { readonly status: "ended"; readonly as: WorkflowExecutionStatus }
  /** What is wrong with the id or the parameters, and what to do. */
  | { readonly status: "refused"; readonly message: string };

/** Parameters that the platform would not take stay in the store. */
export const instanceParamsOf = (params: ExecuteParams): InstanceParams =>
  paramsProblem(params) === undefined
    ? params
    : { organizationId: params.organizationId, stored: true };

/** A document of another shape is kept in no row that an instance could read it from. */
const startProblem = (
  params: ExecuteParams,
  executionId: string,
  isDecoded: boolean,
): string | undefined =>
  instanceIdProblem(executionId) ??
  paramsProblem(params, storedParamsLimit) ??
  (isDecoded ? undefined : paramsProblem(params));

/** What two starts must have in common to be one, a text each. The document counts as it is written (REPLAY-3). */
const textsOf = (params: ExecuteParams): readonly string[] => {
  const { workflow, userId, computeCredits, inputOverrides, trigger, redrive } = params;
  const rest = [userId, computeCredits, inputOverrides ?? {}, trigger ?? null, redrive ?? null];
  return [JSON.stringify(workflow), JSON.stringify(rest)];
};

const isSameStart = (one: ExecuteParams, other: ExecuteParams): boolean => {
  const texts = textsOf(other);
  return textsOf(one).every((text, index) => text === texts[index]);
};

const submissionOf = (
  params: ExecuteParams,
  { id, name }: Workflow,
  definitionHash: string,
  executionId: string,
  startedAt: number,
): SavedExecution => ({
  organizationId: params.organizationId,
  userId: params.userId,
  workflowName: name,
  definitionHash,
  execution: emptyRecord(id, executionId, "submitted", startedAt),
  start: params,
  isInitial: true,
  savedAt: startedAt,
});

const pollMillis = 100;
const mostPolls = 50;

/**
 * Whose instance is it that was there before this start created one? One of this organization, by the same start at the same
 * time, says in its row that it has begun. The platform itself does not tell.
 */
const hasBegun: (
  organizationId: string,
  executionId: string,
) => Effect.Effect<boolean, ServiceFailure, ExecutionStore> = Effect.fnUntraced(
  function* (organizationId, executionId) {
    const store = yield* ExecutionStore;
    for (let poll = 0; poll < mostPolls; poll++) {
      const execution = yield* store.get(organizationId, executionId);
      if (execution !== undefined && execution.status !== "submitted") return true;
      yield* Effect.sleep(pollMillis);
    }
    return false;
  },
);

const clash = "There is another run with this id. Start it with another id.";

/** The run will never begin, and its row must not say that it might. */
const endSubmission: (
  submission: SavedExecution,
  workflow: Workflow,
) => Effect.Effect<void, ServiceFailure, ExecutionStore> = Effect.fnUntraced(
  function* (submission, workflow) {
    const now = yield* Clock.currentTimeMillis;
    const { isInitial: _isInitial, start: _start, ...facts } = submission;
    const { id, startedAt } = submission.execution;
    const idle = { ...reportSubmission(workflow, id, now), startedAt };
    const store = yield* ExecutionStore;
    yield* store.save({ ...facts, execution: reportLoss(idle, clash, now), savedAt: now });
  },
);

const create = Effect.fnUntraced(function* (params: ExecuteParams, executionId: string) {
  yield* (yield* RunWatch).begin;
  const instances = yield* WorkflowInstances;
  return yield* instances.create(executionId, instanceParamsOf(params));
});

/** A run that is there already: its row is left as it stands, and an instance whose creation was lost is created now. */
const startAgain: (
  params: ExecuteParams,
  executionId: string,
) => Effect.Effect<StartResult, ServiceFailure, ExecutionStore | RunWatch | WorkflowInstances> =
  Effect.fnUntraced(function* (params, executionId) {
    const store = yield* ExecutionStore;
    const { organizationId } = params;
    const earlier = yield* store.readStart(organizationId, executionId);
    if (earlier === undefined || !isSameStart(earlier, params)) {
      const message = `There is a run ${quoted(executionId)} already. Give the new one another id.`;
      return { status: "refused", message };
    }
    const status = (yield* store.get(organizationId, executionId))?.status;
    if (status !== undefined && isFinalStatus(status)) return { status: "ended", as: status };
    yield* create(params, executionId);
    return { status: "started" };
  });

export const startRun: (
  params: ExecuteParams,
  executionId: string,
) => Effect.Effect<StartResult, ServiceFailure, ExecutionStore | RunWatch | WorkflowInstances> =
  Effect.fnUntraced(function* (params, executionId) {
    const decoded = decodeWorkflow(params.workflow);
    // A document of another shape is refused by the run itself, which leaves the record that says why.
    const workflow = Result.isSuccess(decoded) ? decoded.success : undefined;
    const problem = startProblem(params, executionId, workflow !== undefined);
    if (problem !== undefined) return { status: "refused", message: problem };
    const store = yield* ExecutionStore;
    const { organizationId } = params;
    const hash = yield* Effect.promise(async () => hashDefinition(params.workflow));
    const now = yield* Clock.currentTimeMillis;
    const submission = workflow && submissionOf(params, workflow, hash ?? "", executionId, now);
    const isFirst =
      submission === undefined
        ? (yield* store.readCommand(organizationId, executionId)) === undefined
        : (yield* store.save(submission)) === submission.execution;
    if (!isFirst) return yield* startAgain(params, executionId);
    const creation = yield* create(params, executionId);
    if (creation === "created" || (yield* hasBegun(organizationId, executionId))) {
      return { status: "started" };
    }
    if (submission !== undefined && workflow !== undefined) {
      yield* endSubmission(submission, workflow);
    }
    return { status: "refused", message: clash };
  });
