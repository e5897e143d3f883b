/** Stores that do not answer for a while: what a run needs of them later must not end it now. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import { defineNode } from "#nodes/define-node";
import { CreditService } from "#services/credit-service";
import type { Steps } from "#services/durable-step";
import { DurableStep } from "#services/durable-step";
import { ServiceFailure } from "#services/errors";
import { ExecutionStore } from "#services/execution-store";
import type { RunCommand } from "#services/run-command";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";
import { recordingPlatform } from "../support/recording-steps.ts";
import { runVirtually } from "../support/run-virtually.ts";

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

const quick = defineNode({ ...facts, type: "test", run: (_, { nodeId }) => ({ out: nodeId }) });

/** Takes hours, in virtual time. */
const slow = defineNode({
  ...facts,
  type: "slow",
  run: () => Effect.as(Effect.sleep("3 hours"), { out: "slept" }),
});

const busy = new ServiceFailure({ operation: "ExecutionStore", message: "D1_ERROR: busy" });

/** The platform's own retries. */
const againAfterFailures = (steps: Steps): Steps => ({
  ...steps,
  do: (name, options, perform) =>
    steps.do(name, options, async (step) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await perform({ ...step, attempt });
        } catch (failure) {
          if (!options.retry || attempt > 5) throw failure;
        }
      }
    }),
});

const endsOf = ({ nodeExecutions }: WorkflowExecution): readonly (readonly unknown[])[] =>
  nodeExecutions.map(({ nodeId, status, outputs, error }: NodeExecution) => [
    nodeId,
    status,
    outputs?.["out"] ?? error,
  ]);

describe("a store that does not answer", () => {
  test("when the progress of a run is saved does not fail the run", async () => {
    const held = holdServices();
    const refused: WorkflowExecutionStatus[] = [];
    const store = Layer.succeed(ExecutionStore, {
      ...held.executions,
      save: (saved) => {
        const { execution, isInitial = false } = saved;
        if (isInitial || execution.endedAt !== null) return held.executions.save(saved);
        refused.push(execution.status);
        return Effect.fail(busy);
      },
    });
    const document = graph("a -> b -> c", { types: { a: "slow", b: "slow" } });
    const execution = await runVirtually(document, [quick, slow], {
      tick: 3_600_000,
      layers: store,
    });
    expect(refused).toEqual(["executing", "executing"]);
    expect(execution.status).toBe("completed");
    expect(endsOf(execution)).toEqual([
      ["a", "completed", "slept"],
      ["b", "completed", "slept"],
      ["c", "completed", "c"],
    ]);
    expect(await Effect.runPromise(held.executions.get("org", "execution"))).toEqual(execution);
  });

  test("when a run begins again asks for commands does not end the run", async () => {
    const held = holdServices();
    let asked = 0;
    const store = Layer.succeed(ExecutionStore, {
      ...held.executions,
      readCommand: () =>
        Effect.suspend(() => {
          asked++;
          return Effect.fail(busy);
        }),
    });
    // The process died in its first step.
    const platform = recordingPlatform({ begins: () => 2 });
    const execution = await runVirtually(graph("a -> b"), [quick], {
      layers: Layer.merge(platform.layer, store),
    });
    expect(asked).toBeGreaterThan(6);
    expect(execution.status).toBe("completed");
    expect(endsOf(execution)).toEqual([
      ["a", "completed", "a"],
      ["b", "completed", "b"],
    ]);
  });

  test("when a command comes makes no run deaf: it hears of it when the watchdog says it again", async () => {
    const held = holdServices();
    let isDown = false;
    const store = Layer.succeed(ExecutionStore, {
      ...held.executions,
      readCommand: (organizationId, executionId) =>
        Effect.suspend(() =>
          isDown ? Effect.fail(busy) : held.executions.readCommand(organizationId, executionId),
        ),
    });
    const command = (told: RunCommand) =>
      Effect.runPromise(held.executions.command("org", "execution", told));
    const platform = recordingPlatform({
      waitForEvent: async (name) => {
        if (name === "listen for command 1") {
          isDown = true;
          await command("pause");
          return true;
        }
        if (name !== "listen for command 1 again 2") return new Promise<never>(() => {});
        isDown = false;
        await command("cancel");
        return true;
      },
    });
    const execution = await runVirtually(graph("a -> b", { types: { a: "slow" } }), [quick, slow], {
      layers: Layer.merge(platform.layer, store),
    });
    expect(platform.performed).toEqual([
      "initialise workflow",
      "preload organization resources",
      "run node a",
      "take command 1",
      "take command 1 again 2",
      "persist final execution record",
    ]);
    expect(execution.status).toBe("cancelled");
    expect(endsOf(execution)).toEqual([
      ["a", "failed", "Cancelled"],
      ["b", "idle", undefined],
    ]);
  });
});

describe("the ledger", () => {
  test("and the nodes are spared when an instance whose run has ended begins again", async () => {
    const held = holdServices();
    const credits = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
    let calls = 0;
    const counting = defineNode({ ...facts, type: "test", run: () => ({ out: ++calls }) });
    const layers = Layer.merge(held.layer, Layer.succeed(CreditService, credits));
    const first = await runVirtually(graph("a"), [counting], { layers });
    const again = await runVirtually(graph("a"), [counting], { layers });
    expect(calls).toBe(1);
    expect(again).toEqual(first);
    expect(await Effect.runPromise(credits.account("org"))).toMatchObject({ spent: 1 });
  });

  /** Cannot store the record, or stores it, settles and then cannot say so: the step runs again. */
  test("has a run once, however often its last step begins again", async () => {
    const held = holdServices();
    const credits = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
    let settled = 0;
    let saved = 0;
    const forgetful = Layer.succeed(CreditService, {
      ...credits,
      settle: (settlement) =>
        Effect.flatMap(credits.settle(settlement), () =>
          ++settled === 1 ? Effect.fail(busy) : Effect.void,
        ),
    });
    const store = Layer.succeed(ExecutionStore, {
      ...held.executions,
      save: (execution) =>
        execution.execution.endedAt !== null && ++saved === 1
          ? Effect.fail(busy)
          : held.executions.save(execution),
    });
    const platform = recordingPlatform();
    const again = Layer.succeed(
      DurableStep,
      againAfterFailures(Effect.runSync(Effect.provide(DurableStep, platform.layer))),
    );
    const layers = Layer.mergeAll(again, store, forgetful);
    const execution = await runVirtually(graph("a -> b"), [quick], { layers });
    expect([settled, saved]).toEqual([2, 3]);
    expect(execution.status).toBe("completed");
    const entries = await Effect.runPromise(credits.listEntries("org", { limit: 10 }));
    expect(entries).toMatchObject([{ executionId: "execution", status: "settled", usage: 2 }]);
    expect(await Effect.runPromise(credits.account("org"))).toMatchObject({
      reserved: 0,
      spent: 2,
    });
  });
});
