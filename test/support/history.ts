/**
 * A run as a platform has it on record: what it was started with, every step's name, options and result, and the record that
 * it came to. In virtual time, so that a year's sleep takes none.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { TestClock } from "effect/testing";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import { memoryServices } from "#runtime/default-services";
import { executeWorkflow } from "#runtime/execute-workflow";
import type { DurableStep, StepOptions } from "#services/durable-step";
import type { NodeDefinition } from "#services/node-definition";
import type { RunCommand } from "#services/run-command";
import type { HeldServices } from "./held-services.ts";

export interface HistoryStep {
  readonly name: string;
  readonly options:
    | StepOptions
    /** Milliseconds. */
    | { readonly sleep: number }
    | { readonly event: string; readonly timeout: number };
  /** Absent when the step was asked for and the run ended before it did. */
  readonly result?: unknown;
}

export interface History {
  /** The version of Pawl that recorded it. */
  readonly release: string;
  readonly about: string;
  readonly executionId: string;
  readonly params: ExecuteParams;
  /** What the run was told, in order. */
  readonly commands: readonly RunCommand[];
  readonly steps: readonly HistoryStep[];
  readonly execution: WorkflowExecution;
}

interface VirtualRun {
  readonly executionId: string;
  readonly params: ExecuteParams;
  readonly nodes: readonly NodeDefinition[];
  readonly steps: Layer.Layer<DurableStep>;
  readonly held: HeldServices;
}

/** When recorded runs begin. */
const start = Date.UTC(2026, 0, 1);
const tick = 10 * 60 * 1000;

/** Lets everything happen that waits for no time. */
const settle = Effect.promise(() => new Promise<void>((resolve) => void setTimeout(resolve, 2)));

export const runInVirtualTime = ({
  executionId,
  params,
  nodes,
  steps,
  held,
}: VirtualRun): Promise<WorkflowExecution> =>
  Effect.runPromise(
    Effect.gen(function* () {
      yield* TestClock.adjust(start);
      let end: { readonly execution: WorkflowExecution } | undefined;
      let failure: { readonly reason: unknown } | undefined;
      let begun = false;
      const services = Layer.mergeAll(memoryServices(nodes), steps, held.layer);
      yield* Effect.forkChild(
        executeWorkflow(params, executionId).pipe(
          Effect.provide(services),
          Effect.map((execution) => {
            end = { execution };
          }),
          Effect.catchDefect((reason) =>
            Effect.sync(() => {
              failure = { reason };
            }),
          ),
        ),
      );
      for (;;) {
        yield* settle;
        if (end !== undefined) return end.execution;
        if (failure !== undefined) return yield* Effect.die(failure.reason);
        // Before the first step the definition is hashed, in real time.
        begun ||= (yield* held.executions.get(params.organizationId, executionId)) !== undefined;
        if (begun) yield* TestClock.adjust(tick);
      }
    }).pipe(Effect.provide(TestClock.layer())),
  );
