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
import { initialiseStep, persistStep, preloadStep } from "#core/step-name";
import { isInputOverrides } from "#core/inputs";
import type { Validation, ValidationOptions } from "#core/validate";
import { validateWorkflow } from "#core/validate";
import type { Workflow } from "#core/workflow";
import { exhaust, start } from "#machines/index";
import type { DurableStep } from "#services/durable-step";
import type { SavedExecution } from "#services/execution-store";
import type { Run, RunServices } from "./run.ts";
import { makeRun } from "./run.ts";
import { runNodes } from "./run-nodes.ts";

export interface RunOptions {
  /** Durable steps that the run may take; unlimited unless told. */
  readonly stepLimit?: number;
  /** Aborted to abort the attempts under way. */
  readonly signal?: AbortSignal;
}

/** What of a run is stored beside its record. */
type Definition = Pick<SavedExecution, "workflowName" | "definitionHash">;

/** The record at a moment, in milliseconds since 1970; null while the run is live. */
type RecordAt = (endedAt: number | null) => WorkflowExecution;

/** What the first step decides, and when. */
interface Initialised {
  readonly startedAt: number;
  readonly status: "ready" | "exhausted";
}

/**
 * SHA-256 of the definition as it was given, in hex; undefined for what no file can hold: a value that contains itself, or
 * nests deeper than JSON can be written. Keeps no hold of the text, which is as large as the document.
 */
const hashDefinition = (document: unknown): Promise<string> | undefined => {
  let text: string | undefined;
  try {
    text = JSON.stringify(document);
  } catch {
    return undefined;
  }
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text ?? "")).then(hexOf);
};

const hexOf = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Gives the record that stands: a step that runs twice finds the one of its first time. */
const save = async (
  { store, params, perform, publishStatus }: Run,
  definition: Definition,
  execution: WorkflowExecution,
): Promise<WorkflowExecution> => {
  const { organizationId, userId } = params;
  const standing = await perform(store.save({ organizationId, userId, ...definition, execution }));
  publishStatus(standing);
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
    const ended = recordAt(run.clock.currentTimeMillisUnsafe());
    const { organizationId } = run.params;
    const usage = usageOf(ended);
    await run.perform(run.credits.settle({ organizationId, executionId: run.executionId, usage }));
    execution = await save(run, definition, ended);
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
    startedAt: run.clock.currentTimeMillisUnsafe(),
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
): Promise<Initialised> => {
  const { organizationId, computeCredits } = run.params;
  const { executionId } = run;
  const startedAt = run.clock.currentTimeMillisUnsafe();
  const estimate = estimateCredits(started.graph, (type) => run.registry.get(type)?.computeCost);
  const isReserved = await run.perform(
    run.credits.reserve({ organizationId, executionId, estimate, limit: computeCredits }),
  );
  if (!isReserved) return { startedAt, status: "exhausted" };
  const live = reportExecution(started, { executionId, startedAt, endedAt: null });
  // An empty workflow is complete as soon as it starts; its record waits for the time of the end.
  if (!isFinalStatus(live.status)) await save(run, definition, live);
  return { startedAt, status: "ready" };
};

const execute = async (
  run: Run,
  definition: Definition,
  graph: WorkflowGraph,
  signal: AbortSignal,
): Promise<WorkflowExecution> => {
  const { executionId, params, steps } = run;
  const submitted = initialState(graph);
  const started = Effect.runSync(start(submitted, {}));
  // Neither needs the other, and each is a round trip before the first node.
  const [initialised, preloaded] = await Promise.allSettled([
    steps.do(initialiseStep, { retry: true }, () => initialise(run, definition, started)),
    steps.do(preloadStep, { retry: true }, async () => {
      await run.perform(run.resources.initialize(params.organizationId));
      return { status: "ready" };
    }),
  ]);
  if (initialised.status === "rejected") throw initialised.reason;
  if (preloaded.status === "rejected") throw preloaded.reason;
  const { startedAt, status } = initialised.value;
  const finish = (state: ExecutionState): Promise<WorkflowExecution> =>
    persist(run, definition, (endedAt) =>
      reportExecution(state, { executionId, startedAt, endedAt }),
    );
  if (status === "exhausted") {
    return finish(Effect.runSync(exhaust(submitted, { error: "Insufficient compute credits" })));
  }
  const context = contextOf(graph, params, executionId);
  const { state, failure } = await runNodes(
    { ...run, context, keyPrefix: `${executionId}/`, signal },
    started,
    params.inputOverrides,
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
  function* (params, executionId, { stepLimit, signal = new AbortController().signal } = {}) {
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
