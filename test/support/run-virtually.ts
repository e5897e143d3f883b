/** Runs a workflow in virtual time: its delays and time limits pass as the test says. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { TestClock } from "effect/testing";
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import { memoryServices } from "#runtime/default-services";
import { directSteps } from "#runtime/direct-runtime";
import { executeWorkflow } from "#runtime/execute-workflow";
import { MonitoringService } from "#services/monitoring-service";
import type { NodeDefinition } from "#services/node-definition";

/** Lets everything happen that waits for no time. */
const settle = Effect.promise(() => new Promise<void>((resolve) => void setTimeout(resolve, 1)));

/** The record, after as many virtual milliseconds as it takes; time moves `tick` by `tick`. */
export const runVirtually = (
  workflow: Workflow,
  nodes: readonly NodeDefinition[],
  tick = 100,
): Promise<WorkflowExecution> =>
  Effect.runPromise(
    Effect.gen(function* () {
      let execution: WorkflowExecution | undefined;
      // Time stands still until the first node runs: before it, the definition is hashed in real time.
      let begun = false;
      const watcher = MonitoringService.layerListener(({ type }) => {
        begun ||= type === "node";
      });
      yield* Effect.forkChild(
        executeWorkflow(
          { workflow, userId: "user", organizationId: "org", computeCredits: 1_000 },
          "execution",
        ).pipe(
          Effect.provide(Layer.mergeAll(memoryServices(nodes), directSteps, watcher)),
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
