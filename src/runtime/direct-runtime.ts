/**
 * The same run in this process, without durability: for tests, for tools, for short work. Services are built for each run
 * unless they are given, so that two runs share nothing by accident.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import { DurableStep } from "#services/durable-step";
import type { NodeDefinition } from "#services/node-definition";
import { memoryServices } from "./default-services.ts";
import type { RunOptions } from "./execute-workflow.ts";
import { executeWorkflow } from "./execute-workflow.ts";

export interface DirectRuntimeOptions extends RunOptions {
  /** Beside the built-in nodes; one of the same type replaces the built-in one. */
  readonly nodes?: readonly NodeDefinition[];
  /** Services to use in place of the memory ones, merged into one layer. Layers built here are built once a run. */
  readonly layers?: Layer.Layer<never>;
}

export interface DirectRuntime {
  /**
   * Resolves to the record whatever the nodes do and whatever the document holds. Rejects only when a service fails for
   * good, with that service's failure.
   */
  readonly run: (params: ExecuteParams, instanceId: string) => Promise<WorkflowExecution>;
}

/** Remembers nothing: every step is performed, every sleep is slept. */
export const directSteps: Layer.Layer<DurableStep> = Layer.effect(
  DurableStep,
  Effect.map(Effect.context<never>(), (context) => ({
    do: (_name, _options, perform) => perform(),
    sleep: (_name, millis) => Effect.runPromiseWith(context)(Effect.sleep(millis)),
  })),
);

export const createDirectRuntime = (options: DirectRuntimeOptions = {}): DirectRuntime => {
  const { nodes, layers = Layer.empty, ...runOptions } = options;
  const services = Layer.mergeAll(memoryServices(nodes), directSteps, layers);
  return {
    run: (params, instanceId) =>
      Effect.runPromise(
        executeWorkflow(params, instanceId, runOptions).pipe(Effect.provide(services)),
      ),
  };
};
