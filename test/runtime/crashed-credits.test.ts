/** Credits of runs whose process died at a bad moment. Each test is a story that the properties of credits have found. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test, vi } from "vitest";
import { allotStepName, nodeStepName, persistStep } from "#core/step-name";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { wakeRuns } from "#runtime/wake-runs";
import { CreditService } from "#services/credit-service";
import { ExecutionStore } from "#services/execution-store";
import { WorkflowInstances } from "#services/workflow-instances";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";
import { recordingPlatform } from "../support/recording-steps.ts";

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

const openWorld = (usage: () => number = () => 3) => {
  const held = holdServices();
  const credits = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
  const node = defineNode({
    ...facts,
    type: "test",
    computeCost: 3,
    run: (_inputs, { nodeId, reportUsage }) => {
      reportUsage(usage());
      return { out: nodeId };
    },
  });
  const run = (
    workflow: Workflow,
    options: Parameters<typeof recordingPlatform>[0] = {},
    store: ExecutionStore["Service"] = held.executions,
  ) => {
    const platform = recordingPlatform(options);
    const layers = Layer.mergeAll(
      held.layer,
      Layer.succeed(ExecutionStore, store),
      Layer.succeed(CreditService, credits),
      platform.layer,
    );
    const params = { workflow, userId: "user", organizationId: "org", computeCredits: 1_000 };
    const execution = createDirectRuntime({ nodes: [node], layers }).run(params, "run");
    return { execution, platform };
  };
  const account = () => Effect.runPromise(credits.account("org"));
  return { held, credits, run, account };
};

const dying = (step: string) => (name: string) =>
  name === step ? Promise.reject<never>(new Error("The process died")) : undefined;

describe("a run that is cancelled when all its nodes have ended", () => {
  test("ends as they have, although its process had died before it could say so", async () => {
    const { held, run, account } = openWorld();
    const first = run(graph("a -> b"), { instead: dying(persistStep) });
    await expect(first.execution).rejects.toThrow("The process died");
    await Effect.runPromise(held.executions.command("org", "run", "cancel"));
    const { execution } = run(graph("a -> b"), {
      recorded: first.platform.results,
      waitForEvent: async () => true,
    });
    expect((await execution).status).toBe("completed");
    expect(await account()).toEqual({ plan: undefined, reserved: 0, spent: 6 });
  });
});

describe("the ledger", () => {
  test("follows the record that stands, when that is another than the run would leave now", async () => {
    const { held, run, account } = openWorld();
    const { execution } = run(
      graph("a -> b"),
      {},
      {
        ...held.executions,
        save: (saved) =>
          Effect.map(held.executions.save(saved), (standing) =>
            saved.execution.endedAt === null
              ? standing
              : { ...standing, nodeExecutions: standing.nodeExecutions.slice(0, 1) },
          ),
      },
    );
    await execution;
    expect(await account()).toEqual({ plan: undefined, reserved: 0, spent: 3 });
  });

  test("is not written before the record stands: a run that is lost there is billed by the watchdog", async () => {
    const { held, run, account } = openWorld();
    const failing = {
      ...held.executions,
      save: (saved: Parameters<ExecutionStore["Service"]["save"]>[0]) =>
        saved.execution.endedAt === null
          ? held.executions.save(saved)
          : Effect.die(new Error("The process died")),
    };
    await expect(run(graph("a -> b"), {}, failing).execution).rejects.toThrow("died");
    expect(await account()).toEqual({ plan: undefined, reserved: 6, spent: 0 });
  });
});

describe("a run that the platform ends after its nodes, before it could store its end", () => {
  test("is billed for all of them", async () => {
    const { held, credits, run, account } = openWorld();
    const stuck = (name: string) =>
      name === persistStep ? new Promise<never>(() => {}) : undefined;
    void run(graph("a -> b -> c"), { instead: stuck });
    const live = () => Effect.runPromise(held.executions.get("org", "run"));
    await vi.waitFor(
      async () =>
        expect(await live()).toMatchObject({
          status: "executing",
          nodeExecutions: ["a", "b", "c"].map((nodeId) => ({ nodeId, status: "completed" })),
        }),
      { timeout: 5_000 },
    );
    const terminated = Layer.mock(WorkflowInstances, {
      canCreate: true,
      endOf: () => Effect.succeed("terminated"),
    });
    const services = Layer.mergeAll(held.layer, Layer.succeed(CreditService, credits), terminated);
    const round = { now: Date.now(), before: undefined, patience: 0 };
    await Effect.runPromise(Effect.provide(wakeRuns(round), services));
    expect((await live())?.status).toBe("error");
    expect(await account()).toEqual({ plan: undefined, reserved: 0, spent: 9 });
  });
});

describe("a budget", () => {
  test("counts what a node reported the last time, when its process had died after another report", async () => {
    const reports = [0.5, 3, 3];
    const { run } = openWorld(() => reports.shift()!);
    const workflow = graph("a -> b", { settings: { budget: 5 } });
    // It has told the ledger what it cost, and dies before its step is on record.
    const first = run(workflow, { instead: dying(allotStepName("b")) });
    await expect(first.execution).rejects.toThrow("The process died");
    const recorded = new Map(first.platform.results);
    recorded.delete(nodeStepName("a"));
    const { execution } = run(workflow, { recorded, begins: () => 2 });
    expect((await execution).nodeExecutions.map(({ status }) => status)).toEqual([
      "completed",
      "idle",
    ]);
  });

  test("of more than six decimals is reserved as it is allotted", async () => {
    const asked: number[] = [];
    const credits = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
    const platform = recordingPlatform();
    const layers = Layer.mergeAll(
      platform.layer,
      Layer.succeed(CreditService, {
        ...credits,
        reserve: (one) => {
          asked.push(one.estimate);
          return credits.reserve(one);
        },
      }),
    );
    const node = defineNode({ ...facts, type: "test", computeCost: 3, run: () => ({}) });
    const workflow = graph("a -> b", { settings: { budget: 4.000_000_6 } });
    const params = { workflow, userId: "user", organizationId: "org", computeCredits: 1_000 };
    await createDirectRuntime({ nodes: [node], layers }).run(params, "run");
    expect(asked).toEqual([4]);
  });
});

describe("an ended run that the platform begins again", () => {
  test.each([true, false])(
    "keeps nothing reserved (settled with its record: %s)",
    async (isSettledWithRecord) => {
      const held = holdServices();
      const memory = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
      const credits = Layer.succeed(CreditService, { ...memory, isSettledWithRecord });
      const node = defineNode({ ...facts, type: "test", computeCost: 5, run: () => ({}) });
      const runtime = createDirectRuntime({
        nodes: [node],
        layers: Layer.merge(held.layer, credits),
      });
      const params = {
        workflow: graph("a -> b"),
        userId: "user",
        organizationId: "org",
        computeCredits: 1_000,
      };
      await Effect.runPromise(memory.setPlan("org", { type: "fixed", allowance: 1 }));
      const ended = await runtime.run(params, "run");
      expect(ended.status).toBe("exhausted");
      await Effect.runPromise(memory.setPlan("org", { type: "fixed", allowance: 15 }));
      expect(await runtime.run(params, "run")).toEqual(ended);
      expect(await Effect.runPromise(memory.account("org"))).toMatchObject({
        reserved: 0,
        spent: 0,
      });
    },
  );
});
