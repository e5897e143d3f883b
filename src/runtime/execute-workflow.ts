/**
 * A run from its parameters to its record, over whatever remembers steps: validate, reserve credits, preload, run the
 * nodes, persist. Outside steps it only computes on the parameters and on step results, so it may be run again from the
 * top at any time (STEP-2).
 */
import * as Effect from "effect/Effect";
import type { ExecuteParams } from "#core/execution-context";
import { contextOf } from "#core/execution-context";
import type { ExecutionState } from "#core/execution-state";
import { initialState } from "#core/execution-state";
import type { WorkflowGraph } from "#core/graph";
import { refusalMessage } from "#core/problem";
import { storableStart } from "#core/secret-literals";
import type { WorkflowExecution } from "#core/report";
import { countSteps, partsOf, planParts } from "#core/plan-parts";
import { reportExecution, reportRefusal, usageOf } from "#core/report";
import { initialiseStep, persistStep, preloadStep, stepNameScheme } from "#core/step-name";
import { inlineLimitOf } from "#core/stored-value";
import type { JsonObject } from "#core/value";
import type { Workflow } from "#core/workflow";
import { exhaust, start } from "#machines/index";
import type { DurableStep } from "#services/durable-step";
import type { SavedExecution } from "#services/execution-store";
import { checkParams } from "./check-params.ts";
import { hashDefinition } from "./definition-hash.ts";
import { checkScheme, initialise } from "./initialise-run.ts";
import { liveRecordOf } from "./live-record.ts";
import { budgetOf, carriedUsage } from "./budget.ts";
import { readMask } from "./masking.ts";
import type { Definition, Run, RunServices } from "./run.ts";
import { makeRun, saveRecord } from "./run.ts";
import { listenToCommands } from "./run-commands.ts";
import { runNodes } from "./run-nodes.ts";
import { spreadRun } from "./spread-run.ts";
import { reusedPartsOf, takeOver } from "./take-over.ts";

export interface RunOptions {
  /** Durable steps that one instance may take; a run that takes more is spread over several. Unlimited unless told. */
  readonly stepLimit?: number;
  /** Durable steps of each part of a run that is spread; fewer are faster on a local runtime. 1,800 unless told. */
  readonly partSteps?: number;
  /** Aborted to cancel the run. */
  readonly signal?: AbortSignal;
}

export interface InstanceOptions extends RunOptions {
  /** The platform's instance that runs the run, when it has another id than the run. */
  readonly instanceId?: string;
}

/** The record at a moment, in milliseconds since 1970; null while the run is live. */
type RecordAt = (endedAt: number | null) => WorkflowExecution | Promise<WorkflowExecution>;

/**
 * What ran nothing was not checked either: a secret may stand in whatever it was started with. What nobody can tell secrets in
 * is not stored.
 */
const withoutSecrets = async (
  run: Run,
  execution: WorkflowExecution,
  start: ExecuteParams,
): Promise<
  Pick<SavedExecution, "execution" | "start"> & Partial<Pick<Definition, "workflowName">>
> => {
  const mask = await readMask(run);
  if ("refusal" in mask) return { execution, workflowName: "" };
  if (mask.isEmpty) return { execution, start };
  const stored = storableStart(mask, start);
  const masked = mask.json(execution as unknown as JsonObject) as unknown as WorkflowExecution;
  const told = { ...masked, id: execution.id };
  return stored === undefined
    ? { execution: told, workflowName: "" }
    : { execution: told, start: stored };
};

/** Stores the record and settles the credits by it; the time of the end is taken here, once. */
const persist = async (
  run: Run,
  definition: Definition,
  recordAt: RecordAt,
  start?: ExecuteParams,
): Promise<WorkflowExecution> => {
  let execution: WorkflowExecution | undefined;
  const { endedAt, error } = await run.steps.do(persistStep, { retry: true }, async () => {
    const now = run.now();
    const ended = await recordAt(now);
    const { workflowName = definition.workflowName, ...told } =
      start === undefined ? { execution: ended } : await withoutSecrets(run, ended, start);
    const saved = { ...told, savedAt: now };
    execution = await saveRecord(run, { ...definition, workflowName }, saved);
    // By the record that stands, whoever stored it: a process that dies here is followed by one that may know more of what a
    // cancelled run had under way, or by the watchdog, which may know less.
    const usage = usageOf(execution);
    const { executionId } = run;
    const { organizationId } = run.params;
    // A record that stood already was final before this run of it reserved anything: nothing has settled that yet.
    const isSettled = run.credits.isSettledWithRecord && execution === told.execution;
    await Promise.all([
      ...(isSettled
        ? []
        : [run.perform(run.credits.settle({ organizationId, executionId, usage, now }))]),
      // A replay asks again what it had asked, so that this is known without a look into the store.
      ...(run.asked.hasWaits ? [run.perform(run.waits.close(organizationId, executionId))] : []),
    ]);
    run.publishStatus(execution);
    const { endedAt, status, error = null } = execution;
    return { endedAt, status, error };
  });
  // A replay did not run the step: the same record is made again from what the step left.
  if (execution !== undefined) return execution;
  const again = await recordAt(null);
  return { ...again, endedAt, ...(error === null || error === undefined ? {} : { error }) };
};

/** A refused document leaves its record and runs nothing (ERROR-1). */
const refuse = async (
  run: Run,
  definition: Definition,
  workflow: Workflow | undefined,
  error: string,
): Promise<WorkflowExecution> => {
  const initialised = await run.steps.do(initialiseStep, { retry: true }, async () => ({
    startedAt: run.now(),
    scheme: stepNameScheme,
    status: "refused" as const,
  }));
  checkScheme(run.executionId, initialised);
  const { startedAt } = initialised;
  const { executionId, params } = run;
  return persist(
    run,
    definition,
    (endedAt) => reportRefusal(workflow, error, { executionId, startedAt, endedAt }),
    params,
  );
};

/** Local runtimes get slow past 2,000 steps an instance. */
const defaultPartSteps = 1_800;

const execute = async (
  run: Run,
  definition: Definition,
  graph: WorkflowGraph,
  { signal, stepLimit = Number.POSITIVE_INFINITY, partSteps = defaultPartSteps }: RunOptions,
): Promise<WorkflowExecution> => {
  const { executionId, params, steps } = run;
  /** A step that is on record is not performed again: whoever finds the first one there begins again. */
  let isResumed = true;
  const submitted = initialState(graph);
  const started = Effect.runSync(start(submitted, {}));
  const reusedParts = reusedPartsOf(run, graph);
  const { instances } = run;
  /** Undefined for a run that one instance is enough for. */
  const cut = (): readonly number[] | undefined =>
    instances === undefined || countSteps(graph, run.registry.get) <= stepLimit
      ? undefined
      : planParts(graph, run.registry.get, Math.min(partSteps, stepLimit));
  // Neither needs the other, and each is a round trip before the first node.
  const [initialised, preloaded] = await Promise.allSettled([
    steps.do(initialiseStep, { retry: true }, ({ attempt }) => {
      isResumed = attempt > 1;
      return initialise(run, definition, started, reusedParts, cut());
    }),
    steps.do(preloadStep, { retry: true }, async () => {
      await run.perform(run.resources.initialize(params.organizationId));
      return { status: "ready" };
    }),
  ]);
  if (initialised.status === "rejected") throw initialised.reason;
  const first = initialised.value;
  if (preloaded.status === "rejected" && first.status !== "refused") throw preloaded.reason;
  checkScheme(executionId, first);
  const { startedAt } = first;
  // What ran nothing was not stored before: a redrive finds here what it was started with.
  const finish = (state: ExecutionState, unstored?: ExecuteParams): Promise<WorkflowExecution> =>
    persist(
      run,
      definition,
      (endedAt) => reportExecution(state, { executionId, startedAt, endedAt }),
      unstored,
    );
  if (first.status === "refused") {
    return persist(
      run,
      definition,
      (endedAt) => reportRefusal(graph.workflow, first.error, { executionId, startedAt, endedAt }),
      params,
    );
  }
  if (first.status === "exhausted") {
    const error = "Insufficient compute credits";
    return finish(Effect.runSync(exhaust(submitted, { error })), params);
  }
  const { maskedTrigger = params.trigger ?? null } = first;
  const context = contextOf(graph, { ...params, trigger: maskedTrigger }, executionId);
  const inlineLimit =
    steps.resultLimit === undefined ? Number.POSITIVE_INFINITY : inlineLimitOf(graph.nodes.length);
  const live = liveRecordOf(run, definition, startedAt, graph.nodes.length);
  const begun = await takeOver(run, started, reusedParts, first.reusedParts ?? 0);
  const commands = listenToCommands(run, { isResumed, signal, saveLive: live.save });
  if (first.partEnds !== undefined && instances !== undefined) {
    const parts = partsOf(graph, first.partEnds);
    const facts = { executionId, startedAt };
    return persist(run, definition, await spreadRun(run, instances, begun, parts, facts, commands));
  }
  try {
    const { state, failure } = await runNodes(
      {
        ...run,
        context,
        nodes: graph.nodes,
        startedAt,
        inlineLimit,
        saveProgress: live.saveProgress,
        budget: budgetOf(run, graph.workflow, carriedUsage(begun)),
      },
      begun,
      params.inputOverrides,
      commands,
    );
    // No record of it: a platform also rejects a step of an instance that it pauses, and that run goes on later.
    if (failure !== undefined) throw failure.reason;
    return await finish(state);
  } finally {
    live.close();
  }
};

/**
 * Runs a workflow to its record. Dies with the platform's or a service's own error when they fail for good; whatever is
 * wrong with the document or happens in a node is in the record instead.
 */
export const executeWorkflow: (
  params: ExecuteParams,
  executionId: string,
  options?: InstanceOptions,
) => Effect.Effect<WorkflowExecution, never, DurableStep | RunServices> = Effect.fnUntraced(
  function* (params, executionId, options = {}) {
    const run = yield* makeRun(params, executionId, options.instanceId);
    const hashing = hashDefinition(params.workflow);
    const { problems, workflow, graph } = checkParams(params, hashing !== undefined, {
      nodeTypeOf: run.registry.get,
      // Where there are no other instances to spread it over, a run that takes too many steps is refused.
      ...(options.stepLimit === undefined || run.instances !== undefined
        ? {}
        : { stepLimit: options.stepLimit }),
    });
    return yield* Effect.promise(async () => {
      const definition = {
        workflowName: workflow?.name ?? "",
        definitionHash: (await hashing) ?? "",
      };
      return graph === undefined
        ? refuse(run, definition, workflow, refusalMessage(problems))
        : execute(run, definition, graph, options);
    });
  },
);
