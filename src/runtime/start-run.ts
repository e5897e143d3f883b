/**
 * Starts a run from outside: its row first, then its instance, so that a start which dies in between is found by the watchdog
 * and finished. The same start twice is one; another start under an id that the organization has taken is refused. What ids other
 * organizations have taken is nobody's business: each run has an instance of its own (ACCESS-1).
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import type { ExecuteParams, InstanceParams } from "#core/execution-context";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import type { Mask } from "#core/mask";
import { isFinalStatus } from "#core/lifecycle";
import { executionIdProblem, paramsProblem, storedParamsLimit } from "#core/platform-limits";
import { quoted } from "#core/problem";
import { emptyRecord } from "#core/report";
import { secretLiteralProblem, storableStart } from "#core/secret-literals";
import type { Workflow } from "#core/workflow";
import { decodeWorkflow } from "#core/workflow";
import type { ServiceFailure } from "#services/errors";
import type { SavedExecution } from "#services/execution-store";
import { ExecutionStore } from "#services/execution-store";
import type { ResourceProvider } from "#services/resource-provider";
import { RunWatch } from "#services/run-watch";
import { WorkflowInstances } from "#services/workflow-instances";
import { creditsProblem } from "./check-params.ts";
import { hashDefinition } from "./definition-hash.ts";
import { readKnownSecrets } from "./masking.ts";
import { runInstanceId } from "./instance-id.ts";

type StartServices = ExecutionStore | ResourceProvider | RunWatch | WorkflowInstances;

export type StartResult =
  | { readonly status: "started" }
  /** It was started before, and has ended. */
  | { readonly status: "ended"; readonly as: WorkflowExecutionStatus }
  /** What is wrong with the id or the parameters, and what to do. */
  | { readonly status: "refused"; readonly message: string };

/** Parameters that the platform would not take stay in the store. */
export const instanceParamsOf = (params: ExecuteParams, executionId: string): InstanceParams => {
  const named = { ...params, executionId };
  return paramsProblem(named) === undefined
    ? named
    : { organizationId: params.organizationId, executionId, stored: true };
};

/** A document of another shape is kept in no row that an instance could read it from. */
const startProblem = (
  params: ExecuteParams,
  executionId: string,
  isDecoded: boolean,
): string | undefined =>
  executionIdProblem(executionId) ??
  creditsProblem(params) ??
  paramsProblem(params, storedParamsLimit) ??
  (isDecoded ? undefined : paramsProblem({ ...params, executionId } as ExecuteParams));

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
  { executionId, instanceId }: { readonly executionId: string; readonly instanceId: string },
  startedAt: number,
): SavedExecution => ({
  organizationId: params.organizationId,
  userId: params.userId,
  workflowName: name,
  definitionHash,
  instanceId,
  execution: emptyRecord(id, executionId, "submitted", startedAt),
  start: params,
  isInitial: true,
  savedAt: startedAt,
});

const create = Effect.fnUntraced(function* (
  params: ExecuteParams,
  executionId: string,
  instanceId: string,
) {
  yield* (yield* RunWatch).begin;
  const instances = yield* WorkflowInstances;
  return yield* instances.create(instanceId, instanceParamsOf(params, executionId));
});

/** A run that is there already: its row is left as it stands, and an instance whose creation was lost is created now. */
const startAgain: (
  params: ExecuteParams,
  executionId: string,
  mask: Mask,
) => Effect.Effect<StartResult, ServiceFailure, ExecutionStore | RunWatch | WorkflowInstances> =
  Effect.fnUntraced(function* (params, executionId, mask) {
    const store = yield* ExecutionStore;
    const { organizationId } = params;
    const earlier = yield* store.readStart(organizationId, executionId);
    // What has become secret since is masked in both.
    const before = earlier && (storableStart(mask, earlier) ?? earlier);
    if (before === undefined || !isSameStart(before, params)) {
      const message = `There is a run ${quoted(executionId)} already. Give the new one another id.`;
      return { status: "refused", message };
    }
    const status = (yield* store.get(organizationId, executionId))?.status;
    if (status !== undefined && isFinalStatus(status)) return { status: "ended", as: status };
    const { instanceId = executionId } =
      (yield* store.readCommand(organizationId, executionId)) ?? {};
    yield* create(params, executionId, instanceId);
    return { status: "started" };
  });

export const startRun: (
  params: ExecuteParams,
  executionId: string,
) => Effect.Effect<StartResult, ServiceFailure, StartServices> = Effect.fnUntraced(
  function* (given, executionId) {
    const mask = yield* readKnownSecrets(given.organizationId);
    const params = storableStart(mask, given);
    if (params === undefined) {
      return { status: "refused", message: secretLiteralProblem(mask, given) ?? "" };
    }
    const decoded = decodeWorkflow(params.workflow);
    // A document of another shape is refused by the run itself, which leaves the record that says why.
    const workflow = Result.isSuccess(decoded) ? decoded.success : undefined;
    const problem = startProblem(params, executionId, workflow !== undefined);
    if (problem !== undefined) return { status: "refused", message: problem };
    const store = yield* ExecutionStore;
    const { organizationId } = params;
    const [hash, instanceId] = yield* Effect.promise(() =>
      Promise.all([hashDefinition(params.workflow), runInstanceId(organizationId, executionId)]),
    );
    const now = yield* Clock.currentTimeMillis;
    const submission =
      workflow && submissionOf(params, workflow, hash ?? "", { executionId, instanceId }, now);
    const isFirst =
      submission === undefined
        ? (yield* store.readCommand(organizationId, executionId)) === undefined
        : (yield* store.save(submission)) === submission.execution;
    if (!isFirst) return yield* startAgain(params, executionId, mask);
    yield* create(params, executionId, instanceId);
    return { status: "started" };
  },
);
