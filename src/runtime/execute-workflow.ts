/**
 * A run from its parameters to its record, over whatever remembers steps: validate, reserve credits, preload, run the
 * nodes, persist. Outside steps it only computes on the parameters and on step results, so it may be run again from the
 * top at any time (STEP-2).
 */
import * as Effect from "effect/Effect";
import { estimateCredits } from "#core/credits";
import type { ExecuteParams } from "#core/execution-context";
import { NewerStepNames } from "#core/errors";
import { contextOf } from "#core/execution-context";
import type { ExecutionState } from "#core/execution-state";
import { initialState, withLifecycle } from "#core/execution-state";
import type { WorkflowGraph } from "#core/graph";
import type { WorkflowExecutionStatus, WorkflowLifecycle } from "#core/lifecycle";
import { isFinalStatus } from "#core/lifecycle";
import { refusalMessage } from "#core/problem";
import type { WorkflowExecution } from "#core/report";
import type { Part } from "#core/plan-parts";
import { countSteps, planParts } from "#core/plan-parts";
import { emptyRecord, reportExecution, reportLoss, reportRefusal, usageOf } from "#core/report";
import { getExecutionStatus } from "#core/status";
import {
  handOverStep,
  initialiseStep,
  keyPart,
  persistStep,
  preloadStep,
  reuseStepName,
  stepNameScheme,
} from "#core/step-name";
import { isInputOverrides } from "#core/inputs";
import { inlineLimitOf } from "#core/stored-value";
import type { Validation, ValidationOptions } from "#core/validate";
import { validateWorkflow } from "#core/validate";
import type { Workflow } from "#core/workflow";
import { cancel, exhaust, start } from "#machines/index";
import type { DurableStep } from "#services/durable-step";
import type { SavedExecution } from "#services/execution-store";
import { ExecutionStore } from "#services/execution-store";
import { NodeRegistry } from "#services/node-registry";
import { ObjectStore } from "#services/object-store";
import type { WorkflowInstances } from "#services/workflow-instances";
import type { RedriveRefusal, ReusedNode } from "./reuse-nodes.ts";
import { partsOf, readRedrivePlan, withReusedNodes } from "./reuse-nodes.ts";
import { hashDefinition } from "./definition-hash.ts";
import type { Run, RunServices } from "./run.ts";
import { makeRun } from "./run.ts";
import type { Commands } from "./run-commands.ts";
import { listenToCommands } from "./run-commands.ts";
import { foldParts, resultsIn, writeResults } from "./part-results.ts";
import { runParts } from "./run-parts.ts";
import { runNodes } from "./run-nodes.ts";

export interface RunOptions {
  /** Durable steps that one instance may take; a run that takes more is spread over several. Unlimited unless told. */
  readonly stepLimit?: number;
  /** Durable steps of each part of a run that is spread; fewer are faster on a local runtime. 1,800 unless told. */
  readonly partSteps?: number;
  /** Aborted to cancel the run. */
  readonly signal?: AbortSignal;
}

/** What of a run is stored beside its record. */
type Definition = Pick<SavedExecution, "workflowName" | "definitionHash">;

/** The record at a moment, in milliseconds since 1970; null while the run is live. */
type RecordAt = (endedAt: number | null) => WorkflowExecution | Promise<WorkflowExecution>;

/** What the first step decides, and when. */
type Initialised = {
  readonly startedAt: number;
  /** By which steps are named; the first one unless told. */
  readonly scheme?: number;
} & (
  | {
      readonly status: "ready";
      /** Steps that hand over what a redrive reuses. */
      readonly reusedParts?: number;
    }
  | { readonly status: "exhausted" }
  | { readonly status: "refused"; readonly error: string }
);

/** A run that goes on under other names would do everything again. */
const checkScheme = (
  executionId: string,
  { scheme: recorded = 1 }: Pick<Initialised, "scheme">,
): void => {
  if (recorded > stepNameScheme) {
    throw new NewerStepNames({ executionId, recorded, known: stepNameScheme });
  }
};

/** Gives the record that stands: a step that runs twice finds the one of its first time. */
const saveRecord = (
  { store, params, perform }: Run,
  definition: Definition,
  facts: Pick<SavedExecution, "execution" | "isInitial" | "savedAt" | "start">,
): Promise<WorkflowExecution> => {
  const { organizationId, userId } = params;
  return perform(store.save({ organizationId, userId, ...definition, ...facts }));
};

const save = async (
  run: Run,
  definition: Definition,
  facts: Pick<SavedExecution, "execution" | "isInitial" | "savedAt" | "start">,
): Promise<WorkflowExecution> => {
  const standing = await saveRecord(run, definition, facts);
  run.publishStatus(standing);
  return standing;
};

/** Settles the credits and stores the record; the time of the end is taken here, once. */
const persist = async (
  run: Run,
  definition: Definition,
  recordAt: RecordAt,
  start?: ExecuteParams,
): Promise<WorkflowExecution> => {
  let execution: WorkflowExecution | undefined;
  const { endedAt } = await run.steps.do(persistStep, { retry: true }, async () => {
    const now = run.now();
    const ended = await recordAt(now);
    const { organizationId } = run.params;
    const usage = usageOf(ended);
    await run.perform(run.credits.settle({ organizationId, executionId: run.executionId, usage }));
    await run.perform(run.waits.close(organizationId, run.executionId));
    const saved = { execution: ended, savedAt: now, ...(start === undefined ? {} : { start }) };
    execution = await save(run, definition, saved);
    return { endedAt: execution.endedAt, status: execution.status };
  });
  // A replay did not run the step: the same record is made again from what the step left.
  return execution ?? { ...(await recordAt(null)), endedAt };
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

/** Reserves the estimate and stores the live record, so that the run is listed and found. */
const initialise = async (
  run: Run,
  definition: Definition,
  started: ExecutionState,
  reusedParts: ReusedParts | undefined,
): Promise<Initialised> => {
  const { organizationId, computeCredits } = run.params;
  const { executionId } = run;
  const startedAt = run.now();
  const begun = { startedAt, scheme: stepNameScheme };
  const parts = await reusedParts?.();
  if (parts !== undefined && "refusal" in parts) {
    return { ...begun, status: "refused", error: parts.refusal };
  }
  const reused = new Set(parts?.flat().map(({ nodeId }) => nodeId));
  const costOf = (type: string): number | undefined => run.registry.get(type)?.computeCost;
  const estimate = estimateCredits(started.graph, costOf, reused);
  const isReserved = await run.perform(
    run.credits.reserve({ organizationId, executionId, estimate, limit: computeCredits }),
  );
  if (!isReserved) return { ...begun, status: "exhausted" };
  const status = getExecutionStatus(started);
  // An empty workflow is complete as soon as it starts; its record waits for the time of the end.
  if (!isFinalStatus(status)) {
    const execution = emptyRecord(started.graph.workflow.id, executionId, status, startedAt);
    const start = run.params;
    await save(run, definition, { execution, savedAt: startedAt, start, isInitial: true });
    // After the row is there, or the watchdog could look between the two and find nothing to look after.
    await run.perform(run.watch.begin);
  }
  return {
    ...begun,
    status: "ready",
    ...(parts === undefined ? {} : { reusedParts: parts.length }),
  };
};

type ReusedParts = () => Promise<readonly (readonly ReusedNode[])[] | RedriveRefusal>;

/** Inside a step: what a redrive takes over, planned once in this process. */
const reusedPartsOf = (run: Run, graph: WorkflowGraph): ReusedParts | undefined => {
  const { redrive, organizationId, inputOverrides } = run.params;
  if (redrive === undefined) return undefined;
  let planned: ReturnType<ReusedParts> | undefined;
  const plan = async (): ReturnType<ReusedParts> => {
    const read = await run.perform(
      readRedrivePlan(organizationId, redrive, graph, inputOverrides).pipe(
        Effect.provideService(ExecutionStore, run.store),
        Effect.provideService(NodeRegistry, run.registry),
      ),
    );
    return "refusal" in read ? read : partsOf(read);
  };
  return () => (planned ??= plan());
};

/** The state with what an earlier run has done: a step for each part of it. */
const takeOver = async (
  run: Run,
  started: ExecutionState,
  reusedParts: ReusedParts | undefined,
  count: number,
): Promise<ExecutionState> => {
  let state = started;
  for (let part = 1; part <= count; part++) {
    const reused = await run.steps.do(reuseStepName(part), { retry: true }, async () => {
      const parts = await reusedParts?.();
      return parts === undefined || "refusal" in parts ? [] : (parts[part - 1] ?? []);
    });
    state = withReusedNodes(state, reused, run.params.inputOverrides);
  }
  return state;
};

/** Milliseconds between two saves of how far a run has come. */
const progressInterval = 2_000;

/** The record of a live run, as often as there is reason to store it. */
const liveRecord = (run: Run, definition: Definition, startedAt: number) => {
  const { executionId } = run;
  let savedAt = startedAt;
  let told: WorkflowExecutionStatus = "executing";
  /** What a command has led to, until the loop has come there too: steps that end meanwhile must not take it back. */
  let ahead: WorkflowLifecycle | undefined;
  const save = async (state: ExecutionState): Promise<void> => {
    savedAt = run.now();
    const execution = reportExecution(state, { executionId, startedAt, endedAt: null });
    if (isFinalStatus(execution.status)) return;
    const standing = await saveRecord(run, definition, { execution, savedAt });
    if (standing.status !== told) run.publishStatus(standing);
    told = standing.status;
  };
  const current = (state: ExecutionState): ExecutionState => {
    if (ahead === state.lifecycle) ahead = undefined;
    return ahead === undefined || isFinalStatus(getExecutionStatus(state))
      ? state
      : withLifecycle(state, ahead);
  };
  return {
    /** After a command. */
    save: (state: ExecutionState): Promise<void> => {
      ahead = state.lifecycle;
      return save(state);
    },
    saveProgress: (state: ExecutionState, exact?: "exact"): Promise<void> | undefined =>
      exact === undefined && run.now() - savedAt < progressInterval
        ? undefined
        : save(current(state)),
  };
};

/** Local runtimes get slow past 2,000 steps an instance. */
const defaultPartSteps = 1_800;

/** What a redrive took over is to the parts like what an earlier part has done. */
const handOver = async (run: Run, begun: ExecutionState): Promise<void> => {
  if (begun.counts.completed === 0) return;
  await run.steps.do(handOverStep, { retry: true }, async () => {
    const scope = { organizationId: run.params.organizationId, executionId: run.executionId };
    const writing = writeResults(scope, 0, resultsIn(begun, begun.graph.nodes));
    await run.perform(Effect.provideService(writing, ObjectStore, run.objects));
    return { part: 0 };
  });
};

/** Runs the nodes in parts, and gives the record that the last step makes of what the parts have left. */
const spread = async (
  run: Run,
  instances: WorkflowInstances["Service"],
  begun: ExecutionState,
  parts: readonly Part[],
  startedAt: number,
  commands: Commands,
): Promise<RecordAt> => {
  const { executionId, params } = run;
  await handOver(run, begun);
  const { isCancelled, error } = await runParts(run, instances, parts, begun, commands);
  const facts = { executionId, startedAt };
  return async (endedAt) => {
    // A replay, whose record was stored long ago, is not the time to read what the parts have left.
    if (endedAt === null) return reportExecution(begun, { ...facts, endedAt });
    const scope = { organizationId: params.organizationId, executionId };
    const state = await run.perform(
      foldParts(scope, begun, parts, params.inputOverrides).pipe(
        Effect.provideService(ObjectStore, run.objects),
      ),
    );
    if (error !== undefined) {
      return reportLoss(reportExecution(state, { ...facts, endedAt: null }), error, endedAt);
    }
    const over = isCancelled ? Effect.runSync(cancel(state, {})) : state;
    return reportExecution(over, { ...facts, endedAt });
  };
};

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
  // Neither needs the other, and each is a round trip before the first node.
  const [initialised, preloaded] = await Promise.allSettled([
    steps.do(initialiseStep, { retry: true }, ({ attempt }) => {
      isResumed = attempt > 1;
      return initialise(run, definition, started, reusedParts);
    }),
    steps.do(preloadStep, { retry: true }, async () => {
      await run.perform(run.resources.initialize(params.organizationId));
      return { status: "ready" };
    }),
  ]);
  if (initialised.status === "rejected") throw initialised.reason;
  if (preloaded.status === "rejected") throw preloaded.reason;
  const first = initialised.value;
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
  const context = contextOf(graph, params, executionId);
  const inlineLimit =
    steps.resultLimit === undefined ? Number.POSITIVE_INFINITY : inlineLimitOf(graph.nodes.length);
  const live = liveRecord(run, definition, startedAt);
  const begun = await takeOver(run, started, reusedParts, first.reusedParts ?? 0);
  const commands = listenToCommands(run, { isResumed, signal, saveLive: live.save });
  const { instances } = run;
  if (instances !== undefined && countSteps(graph, run.registry.get) > stepLimit) {
    const parts = planParts(graph, run.registry.get, Math.min(partSteps, stepLimit));
    return persist(
      run,
      definition,
      await spread(run, instances, begun, parts, startedAt, commands),
    );
  }
  const { state, failure } = await runNodes(
    {
      ...run,
      context,
      nodes: graph.nodes,
      keyPrefix: `${keyPart(executionId)}/`,
      startedAt,
      inlineLimit,
      saveProgress: live.saveProgress,
    },
    begun,
    params.inputOverrides,
    commands,
  );
  if (failure === undefined) return finish(state);
  // No record of it: a platform also rejects a step of an instance that it pauses, and that run goes on later.
  throw failure.reason;
};

const malformed = (message: string): Validation => ({
  workflow: undefined,
  graph: undefined,
  problems: [{ severity: "error", code: "MALFORMED", path: [], message }],
});

/** Documents and overrides come from anywhere: what is no data at all is refused before it is read. */
const checkParams = (
  params: ExecuteParams,
  isData: boolean,
  options: ValidationOptions,
): Validation => {
  if (!isData) {
    return malformed(
      "The document cannot be written as JSON. Give plain data that does not contain itself.",
    );
  }
  const { inputOverrides = {} } = params;
  return isInputOverrides(inputOverrides)
    ? validateWorkflow(params.workflow, options)
    : malformed("inputOverrides are not of the form { node: { input: value } }.");
};

/**
 * Runs a workflow to its record. Dies with the platform's or a service's own error when they fail for good; whatever is
 * wrong with the document or happens in a node is in the record instead.
 */
export const executeWorkflow: (
  params: ExecuteParams,
  executionId: string,
  options?: RunOptions,
) => Effect.Effect<WorkflowExecution, never, DurableStep | RunServices> = Effect.fnUntraced(
  function* (params, executionId, options = {}) {
    const run = yield* makeRun(params, executionId);
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
