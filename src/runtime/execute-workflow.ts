/**
 * A run from its parameters to its record, over whatever remembers steps: validate, reserve credits, preload, run the
 * nodes, persist. Outside steps it only computes on the parameters and on step results, so it may be run again from the
 * top at any time (STEP-2).
 */
import * as Effect from "effect/Effect";
import { estimateCredits } from "#core/credits";
import type { ExecuteParams } from "#core/execution-context";
import { contextOf } from "#core/execution-context";
import type { ExecutionState } from "#core/execution-state";
import { initialState } from "#core/execution-state";
import type { WorkflowGraph } from "#core/graph";
import { isFinalStatus } from "#core/lifecycle";
import { refusalMessage } from "#core/problem";
import type { WorkflowExecution } from "#core/report";
import { reportExecution, reportRefusal, usageOf } from "#core/report";
import { initialiseStep, persistStep, preloadStep, reuseStepName } from "#core/step-name";
import { isInputOverrides } from "#core/inputs";
import { inlineLimitOf } from "#core/stored-value";
import type { Validation, ValidationOptions } from "#core/validate";
import { validateWorkflow } from "#core/validate";
import type { Workflow } from "#core/workflow";
import { exhaust, start } from "#machines/index";
import type { DurableStep } from "#services/durable-step";
import type { SavedExecution } from "#services/execution-store";
import { ExecutionStore } from "#services/execution-store";
import { NodeRegistry } from "#services/node-registry";
import type { RedriveRefusal, ReusedNode } from "./reuse-nodes.ts";
import { partsOf, readRedrivePlan, withReusedNodes } from "./reuse-nodes.ts";
import { hashDefinition } from "./definition-hash.ts";
import type { Run, RunServices } from "./run.ts";
import { makeRun } from "./run.ts";
import { listenToCommands } from "./run-commands.ts";
import { runNodes } from "./run-nodes.ts";

export interface RunOptions {
  /** Durable steps that the run may take; unlimited unless told. */
  readonly stepLimit?: number;
  /** Aborted to cancel the run. */
  readonly signal?: AbortSignal;
}

/** What of a run is stored beside its record. */
type Definition = Pick<SavedExecution, "workflowName" | "definitionHash">;

/** The record at a moment, in milliseconds since 1970; null while the run is live. */
type RecordAt = (endedAt: number | null) => WorkflowExecution;

/** What the first step decides, and when. */
type Initialised = { readonly startedAt: number } & (
  | {
      readonly status: "ready";
      /** Steps that hand over what a redrive reuses. */
      readonly reusedParts?: number;
    }
  | { readonly status: "exhausted" }
  | { readonly status: "refused"; readonly error: string }
);

/** Gives the record that stands: a step that runs twice finds the one of its first time. */
const saveRecord = (
  { store, params, perform }: Run,
  definition: Definition,
  facts: Pick<SavedExecution, "execution" | "savedAt" | "start">,
): Promise<WorkflowExecution> => {
  const { organizationId, userId } = params;
  return perform(store.save({ organizationId, userId, ...definition, ...facts }));
};

const save = async (
  run: Run,
  definition: Definition,
  facts: Pick<SavedExecution, "execution" | "savedAt" | "start">,
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
): Promise<WorkflowExecution> => {
  let execution: WorkflowExecution | undefined;
  const { endedAt } = await run.steps.do(persistStep, { retry: true }, async () => {
    const now = run.now();
    const ended = recordAt(now);
    const { organizationId } = run.params;
    const usage = usageOf(ended);
    await run.perform(run.credits.settle({ organizationId, executionId: run.executionId, usage }));
    await run.perform(run.waits.close(organizationId, run.executionId));
    execution = await save(run, definition, { execution: ended, savedAt: now });
    return { endedAt: execution.endedAt, status: execution.status };
  });
  // A replay did not run the step: the same record is made again from what the step left.
  return execution ?? { ...recordAt(null), endedAt };
};

/** A refused document leaves its record and runs nothing (ERROR-1). */
const refuse = async (
  run: Run,
  definition: Definition,
  workflow: Workflow | undefined,
  error: string,
): Promise<WorkflowExecution> => {
  const { startedAt } = await run.steps.do(initialiseStep, { retry: true }, async () => ({
    startedAt: run.now(),
    status: "refused" as const,
  }));
  return persist(run, definition, (endedAt) =>
    reportRefusal(workflow, error, { executionId: run.executionId, startedAt, endedAt }),
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
  const parts = await reusedParts?.();
  if (parts !== undefined && "refusal" in parts) {
    return { startedAt, status: "refused", error: parts.refusal };
  }
  const reused = new Set(parts?.flat().map(({ nodeId }) => nodeId));
  const costOf = (type: string): number | undefined => run.registry.get(type)?.computeCost;
  const estimate = estimateCredits(started.graph, costOf, reused);
  const isReserved = await run.perform(
    run.credits.reserve({ organizationId, executionId, estimate, limit: computeCredits }),
  );
  if (!isReserved) return { startedAt, status: "exhausted" };
  const live = reportExecution(started, { executionId, startedAt, endedAt: null });
  // An empty workflow is complete as soon as it starts; its record waits for the time of the end.
  if (!isFinalStatus(live.status)) {
    const saved = { execution: live, savedAt: startedAt, start: run.params };
    await save(run, definition, saved);
    // After the row is there, or the watchdog could look between the two and find nothing to look after.
    await run.perform(run.watch.begin);
  }
  return {
    startedAt,
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
  const save = async (state: ExecutionState): Promise<void> => {
    savedAt = run.now();
    const execution = reportExecution(state, { executionId, startedAt, endedAt: null });
    if (!isFinalStatus(execution.status)) await saveRecord(run, definition, { execution, savedAt });
  };
  return {
    save,
    saveProgress: (state: ExecutionState): Promise<void> | undefined =>
      run.now() - savedAt < progressInterval ? undefined : save(state),
  };
};

const execute = async (
  run: Run,
  definition: Definition,
  graph: WorkflowGraph,
  signal: AbortSignal | undefined,
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
  const { startedAt } = first;
  const finish = (state: ExecutionState): Promise<WorkflowExecution> =>
    persist(run, definition, (endedAt) =>
      reportExecution(state, { executionId, startedAt, endedAt }),
    );
  if (first.status === "refused") {
    return persist(run, definition, (endedAt) =>
      reportRefusal(graph.workflow, first.error, { executionId, startedAt, endedAt }),
    );
  }
  if (first.status === "exhausted") {
    return finish(Effect.runSync(exhaust(submitted, { error: "Insufficient compute credits" })));
  }
  const context = contextOf(graph, params, executionId);
  const inlineLimit =
    steps.resultLimit === undefined ? Number.POSITIVE_INFINITY : inlineLimitOf(graph.nodes.length);
  const live = liveRecord(run, definition, startedAt);
  const { state, failure } = await runNodes(
    {
      ...run,
      context,
      nodes: graph.nodes,
      keyPrefix: `${executionId}/`,
      startedAt,
      inlineLimit,
      saveProgress: live.saveProgress,
    },
    await takeOver(run, started, reusedParts, first.reusedParts ?? 0),
    params.inputOverrides,
    listenToCommands(run, { isResumed, signal, saveLive: live.save }),
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
  function* (params, executionId, { stepLimit, signal } = {}) {
    const run = yield* makeRun(params, executionId);
    const hashing = hashDefinition(params.workflow);
    const { problems, workflow, graph } = checkParams(params, hashing !== undefined, {
      nodeTypeOf: run.registry.get,
      ...(stepLimit === undefined ? {} : { stepLimit }),
    });
    return yield* Effect.promise(async () => {
      const definition = {
        workflowName: workflow?.name ?? "",
        definitionHash: (await hashing) ?? "",
      };
      return graph === undefined
        ? refuse(run, definition, workflow, refusalMessage(problems))
        : execute(run, definition, graph, signal);
    });
  },
);
