/** Runs a workflow in virtual time: its delays and time limits pass as the test says. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { TestClock } from "effect/testing";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import { memoryServices } from "#runtime/default-services";
import { directSteps } from "#runtime/direct-steps";
import { executeWorkflow } from "#runtime/execute-workflow";
import type { MonitoringMessage } from "#services/monitoring-service";
import { MonitoringService } from "#services/monitoring-service";
import type { NodeDefinition } from "#services/node-definition";

interface VirtualOptions {
  /** Milliseconds that pass at a time. With 0, time stands still, and all times of the record are the same. */
  readonly tick?: number;
  /** Services in place of the memory ones. */
  readonly layers?: Layer.Layer<never>;
  readonly params?: Partial<ExecuteParams>;
  readonly listen?: (message: MonitoringMessage) => void;
}

/** Lets everything happen that waits for no time. */
const settle = Effect.promise(() => new Promise<void>((resolve) => void setTimeout(resolve, 1)));

/** The record, after as many virtual milliseconds as it takes; time moves `tick` by `tick`. */
export const runVirtually = (
  workflow: Workflow,
  nodes: readonly NodeDefinition[],
  { tick = 100, layers = Layer.empty, params, listen }: VirtualOptions = {},
): Promise<WorkflowExecution> =>
  Effect.runPromise(
    Effect.gen(function* () {
      let execution: WorkflowExecution | undefined;
      // Time stands still until the run has begun: before it, the definition is hashed in real time.
      let begun = false;
      const watcher = MonitoringService.layerListener((message) => {
        begun = true;
        listen?.(message);
      });
      yield* Effect.forkChild(
        executeWorkflow(
          { workflow, userId: "user", organizationId: "org", computeCredits: 1_000, ...params },
          "execution",
        ).pipe(
          Effect.provide(Layer.mergeAll(memoryServices(nodes), directSteps, watcher, layers)),
          Effect.map((done) => {
            execution = done;
          }),
        ),
      );
      for (;;) {
        yield* settle;
        if (execution !== undefined) return execution;
        if (begun) yield* TestClock.adjust(tick);
      }
    }).pipe(Effect.provide(TestClock.layer())),
  );
