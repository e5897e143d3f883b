/**
 * A run from its parameters to its record, over whatever remembers steps: validate, reserve credits, preload, run the
 * nodes, persist. Outside steps it only computes on the parameters and on step results, so it may be run again from the
 * top at any time (STEP-2).
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Cause from "effect/Cause";
import { estimateCredits } from "#core/credits";
import type { ExecuteParams } from "#core/execution-context";
import { contextOf } from "#core/execution-context";
import { initialState } from "#core/execution-state";
import type { WorkflowGraph } from "#core/graph";
import type { WorkflowExecution } from "#core/report";
import { reportExecution, reportRefusal, usageOf } from "#core/report";
import { initialiseStep, persistStep, preloadStep } from "#core/step-name";
import type { ValidationOptions } from "#core/validate";
import { refusalMessage, validateWorkflow } from "#core/validate";
import type { Workflow } from "#core/workflow";
import { exhaust, start } from "#machines/index";
import { CreditService } from "#services/credit-service";
import { DurableStep } from "#services/durable-step";
import { ExecutionStore } from "#services/execution-store";
import { MonitoringService } from "#services/monitoring-service";
import { NodeRegistry } from "#services/node-registry";
import { ObjectStore } from "#services/object-store";
import { ResourceProvider } from "#services/resource-provider";
import type { NodeEnvironment } from "./node-environment.ts";
import { runNodes } from "./run-nodes.ts";

export type RunServices =
  | CreditService
  | ExecutionStore
  | MonitoringService
  | NodeRegistry
  | ObjectStore
  | ResourceProvider;

/** What the first step decides and records. Times are milliseconds since 1970. */
type Initialised = {
  readonly startedAt: number;
  readonly definitionHash: string;
} & ({ readonly status: "ready" } | { readonly status: "exhausted"; readonly error: string });

/** The record of a run as it ends, but for the time of that end. */
type RecordAt = (endedAt: number | null) => WorkflowExecution;

export interface RunOptions {
  readonly stepLimit?: number;
  /** Aborted to abort the attempts under way. */
  readonly signal?: AbortSignal;
}

/** SHA-256 of the definition as it was given, in hex. */
const definitionHashOf = async (workflow: unknown): Promise<string> => {
  const text = new TextEncoder().encode(JSON.stringify(workflow) ?? "");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

const nameOf = (workflow: Workflow | undefined): string => workflow?.name ?? "";

/**
 * Runs a workflow to its record. Fails with the platform's or a service's own error when they fail for good; whatever is
 * wrong with the document or happens in a node is in the record instead.
 */
export const executeWorkflow = Effect.fn("executeWorkflow")(function* (
  params: ExecuteParams,
  executionId: string,
  options: RunOptions = {},
) {
  const services = yield* Effect.context<RunServices>();
  const steps = yield* DurableStep;
  const store = yield* ExecutionStore;
  const credits = yield* CreditService;
  const monitoring = yield* MonitoringService;
  const registry = yield* NodeRegistry;
  const resources = yield* ResourceProvider;
  const objects = yield* ObjectStore;
  const clock = yield* Clock.Clock;
  const { organizationId, userId, computeCredits } = params;

  const runExit: NodeEnvironment["runExit"] = Effect.runPromiseExitWith(services);
  /** Inside a step: rejects with the service's own failure, so that the platform tries the step again. */
  const perform = async <A, E>(effect: Effect.Effect<A, E>): Promise<A> => {
    const exit = await runExit(effect);
    if (Exit.isSuccess(exit)) return exit.value;
    throw Cause.squash(exit.cause);
  };
  const now = (): number => clock.currentTimeMillisUnsafe();
  const publishRun = (execution: WorkflowExecution): void => {
    const { status, error } = execution;
    const failure = error === undefined ? {} : { error };
    monitoring.publish({
      organizationId,
      executionId,
      at: now(),
      type: "run",
      status,
      ...failure,
    });
  };
  const save = (workflow: Workflow | undefined, definitionHash: string) =>
    async (execution: WorkflowExecution): Promise<void> => {
      const workflowName = nameOf(workflow);
      await perform(
        store.save({ organizationId, userId, workflowName, definitionHash, execution }),
      );
      publishRun(execution);
    };

  /** Stores the record and settles the credits; the end's time is taken here, once. */
  const persist = async (
    workflow: Workflow | undefined,
    definitionHash: string,
    recordAt: RecordAt,
  ): Promise<WorkflowExecution> => {
    let execution: WorkflowExecution | undefined;
    const { endedAt } = await steps.do(persistStep, { retry: true }, async () => {
      const endedAt = now();
      execution = recordAt(endedAt);
      await perform(
        credits.settle({ organizationId, executionId, usage: usageOf(execution) }),
      );
      await save(workflow, definitionHash)(execution);
      return { endedAt, status: execution.status };
    });
    // A replay did not run the step: the same record is made again from what the step left.
    return execution ?? recordAt(endedAt);
  };

  const refuse = async (
    workflow: Workflow | undefined,
    error: string,
  ): Promise<WorkflowExecution> => {
    const { startedAt, definitionHash } = await steps.do(
      initialiseStep,
      { retry: true },
      async () => ({
        startedAt: now(),
        definitionHash: await definitionHashOf(params.workflow),
      }),
    );
    return persist(workflow, definitionHash, (endedAt) =>
      reportRefusal(workflow, error, { executionId, startedAt, endedAt }),
    );
  };

  const initialise = async (graph: WorkflowGraph): Promise<Initialised> => {
    const estimate = estimateCredits(graph, (type) => registry.get(type)?.computeCost);
    const startedAt = now();
    const definitionHash = await definitionHashOf(params.workflow);
    const isReserved = await perform(
      credits.reserve({ organizationId, executionId, estimate, limit: computeCredits }),
    );
    if (!isReserved) {
      const error = "Insufficient compute credits";
      return { startedAt, definitionHash, status: "exhausted", error };
    }
    const state = Effect.runSync(start(initialState(graph), {}));
    await save(
      graph.workflow,
      definitionHash,
    )(reportExecution(state, { executionId, startedAt, endedAt: null }));
    return { startedAt, definitionHash, status: "ready" };
  };

  const run = async (graph: WorkflowGraph): Promise<WorkflowExecution> => {
    const initialised = await steps.do(initialiseStep, { retry: true }, () => initialise(graph));
    const { startedAt, definitionHash } = initialised;
    const finish = (state: Parameters<typeof reportExecution>[0]): Promise<WorkflowExecution> =>
      persist(graph.workflow, definitionHash, (endedAt) =>
        reportExecution(state, { executionId, startedAt, endedAt }),
      );
    if (initialised.status === "exhausted") {
      const { error } = initialised;
      return finish(Effect.runSync(exhaust(initialState(graph), { error })));
    }
    await steps.do(preloadStep, { retry: true }, () =>
      perform(Effect.as(resources.initialize(organizationId), { status: "ready" as const })),
    );
    const env: NodeEnvironment = {
      context: contextOf(graph, params, executionId),
      steps,
      registry,
      resources,
      objects,
      clock,
      signal: options.signal ?? new AbortController().signal,
      publish: (nodeId, progress) =>
        monitoring.publish({
          organizationId,
          executionId,
          at: now(),
          type: "node",
          nodeId,
          ...progress,
        }),
      runExit,
    };
    const started = Effect.runSync(start(initialState(graph), {}));
    return finish(await runNodes(env, started, params.inputOverrides));
  };

  const validationOptions: ValidationOptions = {
    nodeTypeOf: registry.get,
    ...(options.stepLimit === undefined ? {} : { stepLimit: options.stepLimit }),
  };
  const { problems, workflow, graph } = validateWorkflow(params.workflow, validationOptions);
  return yield* Effect.promise(() =>
    graph === undefined ? refuse(workflow, refusalMessage(problems)) : run(graph),
  );
});
