import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { MonitoringService } from "#services/monitoring-service";
import type { NodeContext, NodeDefinition } from "#services/node-definition";
import type { RunCommand } from "#services/run-command";
import { graph } from "../support/graph.ts";
import { type HeldServices, holdServices } from "../support/held-services.ts";
import { recordingPlatform } from "../support/recording-steps.ts";
import { runVirtually } from "../support/run-virtually.ts";

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

const nodeThat = (run: (context: NodeContext) => unknown, type = "test") =>
  defineNode({
    ...facts,
    type,
    run: async (_, context) => ({ out: (await run(context)) as never }),
  });

const quick = nodeThat(() => 1, "quick");

const failing = nodeThat(() => {
  throw new Error("no");
}, "failing");

/** Ends when the test says so, whatever its signal says. */
const gated = () => {
  const gate = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<AbortSignal>();
  const node = nodeThat(({ signal }) => {
    begun.resolve(signal);
    return gate.promise;
  }, "gated");
  return { node, open: () => gate.resolve("opened"), begun: begun.promise };
};

const params = (workflow: Workflow): ExecuteParams => ({
  workflow,
  userId: "user",
  organizationId: "org",
  computeCredits: 1_000,
});

const startRun = (workflow: Workflow, nodes: readonly NodeDefinition[]) => {
  const held = holdServices();
  const begun: string[] = [];
  const watcher = MonitoringService.layerListener((message) => {
    if (message.type === "node" && message.status === "executing") begun.push(message.nodeId);
  });
  const runtime = createDirectRuntime({
    nodes: [...nodes, quick, failing],
    layers: Layer.merge(held.layer, watcher),
  });
  const record = () => Effect.runPromise(held.executions.get("org", "run"));
  return {
    ended: runtime.run(params(workflow), "run"),
    held,
    begun,
    record,
    command: (command: RunCommand) => runtime.command("run", command),
    answer: (nodeId: string) => runtime.answer("run", nodeId, "answered"),
    /** Resolves once the stored record is one that the test waits for. */
    until: async (isThere: (execution: WorkflowExecution) => boolean): Promise<void> => {
      for (;;) {
        const execution = await record();
        if (execution !== undefined && isThere(execution)) return;
        await pause(1);
      }
    },
  };
};

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, millis));

const isPaused = ({ status }: WorkflowExecution): boolean => status === "paused";
const isActive = ({ status }: WorkflowExecution): boolean => status === "executing";

/** What a record says of each node, without times. */
const endsOf = ({ nodeExecutions }: WorkflowExecution): readonly (readonly unknown[])[] =>
  nodeExecutions.map(({ nodeId, status, outputs, error }: NodeExecution) => [
    nodeId,
    status,
    outputs?.["out"] ?? error,
  ]);

describe("cancel", () => {
  test("aborts what runs, leaves idle what has not begun, and stores the record", async () => {
    const reasons: unknown[] = [];
    const obedient = nodeThat(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            reasons.push((signal.reason as Error).message);
            reject(signal.reason as Error);
          });
        }),
    );
    const run = startRun(
      graph("done -> a -> b", "bad -> never", "c", {
        types: { done: "quick", b: "quick", bad: "failing", never: "quick", c: "quick" },
      }),
      [obedient],
    );
    // Long before the run begins to listen.
    await run.until(isActive);
    expect(await run.command("cancel")).toEqual({ status: "accepted", number: 1 });
    const execution = await run.ended;
    expect(reasons).toEqual(["Cancelled"]);
    expect(execution.status).toBe("cancelled");
    expect(execution.endedAt).not.toBeNull();
    expect(endsOf(execution)).toEqual([
      ["done", "completed", 1],
      ["a", "failed", "Cancelled"],
      ["b", "idle", undefined],
      ["bad", "failed", "no"],
      ["never", "skipped", undefined],
      ["c", "completed", 1],
    ]);
    expect(await run.record()).toEqual(execution);
  });

  test("ends the run also when a node ignores its signal, and its late answer changes nothing", async () => {
    const gate = gated();
    const run = startRun(graph("a -> b", { types: { a: "gated", b: "quick" } }), [gate.node]);
    const signal = await gate.begun;
    await run.command("cancel");
    const execution = await run.ended;
    expect([signal.aborted, execution.status]).toEqual([true, "cancelled"]);
    const ends = [
      ["a", "failed", "Cancelled"],
      ["b", "idle", undefined],
    ];
    expect(endsOf(execution)).toEqual(ends);
    gate.open();
    await pause(5);
    expect(await run.record()).toEqual(execution);
    expect(run.begun).toEqual(["a"]);
  });

  test("reaches a run at once in which everything is parked, and closes its waits", async () => {
    const retries = { limit: 3, delay: "2 hours", backoff: "constant" } as const;
    const flaky = nodeThat(() => {
      throw new Error("busy");
    });
    const run = startRun(
      graph("ask -> b", "retry", "sleep", {
        types: { ask: "wait-for-event", b: "quick", sleep: "delay" },
        inputs: { "sleep:duration": { value: "2 hours" } },
        policies: { retry: { retries } },
      }),
      [flaky],
    );
    const before = Date.now();
    while (run.held.waitsOf("run").length === 0) await pause(1);
    await run.command("cancel");
    const execution = await run.ended;
    expect(Date.now() - before).toBeLessThan(150);
    expect(execution.status).toBe("cancelled");
    expect(endsOf(execution)).toEqual([
      ["ask", "failed", "Cancelled"],
      ["b", "idle", undefined],
      ["retry", "failed", "Cancelled"],
      ["sleep", "failed", "Cancelled"],
    ]);
    expect(execution.nodeExecutions[2]?.attempts).toMatchObject([{ error: "busy" }]);
    expect(run.held.waitsOf("run")).toMatchObject([{ nodeId: "ask", status: "closed" }]);
    expect(await run.record()).toEqual(execution);
  });

  test("comes also by the signal that a run was given", async () => {
    const gate = gated();
    const controller = new AbortController();
    const runtime = createDirectRuntime({ nodes: [gate.node], signal: controller.signal });
    const ended = runtime.run(params(graph("a", { types: { a: "gated" } })), "run");
    await gate.begun;
    controller.abort();
    expect(endsOf(await ended)).toEqual([["a", "failed", "Cancelled"]]);
    const never = await runtime.run(params(graph("a", { types: { a: "gated" } })), "never");
    expect([never.status, endsOf(never)]).toEqual(["cancelled", [["a", "idle", undefined]]]);
  });
});

describe("pause", () => {
  test("lets what runs end and starts no more, until resume", async () => {
    const gate = gated();
    const run = startRun(graph("a -> b -> c", { types: { a: "gated", b: "quick", c: "quick" } }), [
      gate.node,
    ]);
    await gate.begun;
    expect(await run.command("pause")).toEqual({ status: "accepted", number: 1 });
    await run.until(isPaused);
    gate.open();
    await pause(10);
    expect(run.begun).toEqual(["a"]);
    expect(await run.command("resume")).toEqual({ status: "accepted", number: 2 });
    const execution = await run.ended;
    expect(execution.status).toBe("completed");
    expect(endsOf(execution)).toEqual([
      ["a", "completed", "opened"],
      ["b", "completed", 1],
      ["c", "completed", 1],
    ]);
    expect(await run.record()).toEqual(execution);
  });

  test("and resume may follow each other, and the record tells which holds", async () => {
    const run = startRun(
      graph("ask:data -> b", { types: { ask: "wait-for-event", b: "quick" } }),
      [],
    );
    await run.until(isActive);
    for (const number of [1, 3, 5]) {
      expect(await run.command("pause")).toEqual({ status: "accepted", number });
      await run.until(isPaused);
      expect(await run.command("pause")).toEqual({ status: "accepted", number });
      expect(await run.command("resume")).toEqual({ status: "accepted", number: number + 1 });
      await run.until(isActive);
      expect(await run.command("resume")).toEqual({ status: "notPaused" });
      const [row] = await Effect.runPromise(run.held.executions.listLive({ limit: 1 }));
      expect(row?.acknowledgedNumber).toBe(number + 1);
    }
    expect(await run.answer("ask")).toMatchObject({ status: "accepted" });
    expect((await run.ended).status).toBe("completed");
  });

  test("lets a node that waits take its answer, and holds what hangs on it", async () => {
    const run = startRun(
      graph("ask:data -> b", { types: { ask: "wait-for-event", b: "quick" } }),
      [],
    );
    while (run.held.waitsOf("run").length === 0) await pause(1);
    await run.command("pause");
    await run.until(isPaused);
    await run.answer("ask");
    await pause(10);
    expect(run.begun).toEqual([]);
    await run.command("resume");
    expect((await run.ended).nodeExecutions).toMatchObject([
      { nodeId: "ask", status: "completed", outputs: { data: "answered" } },
      { nodeId: "b", status: "completed" },
    ]);
  });

  test("ends the run when nothing is left to start", async () => {
    const run = startRun(graph("ask", { types: { ask: "wait-for-event" } }), []);
    while (run.held.waitsOf("run").length === 0) await pause(1);
    await run.command("pause");
    await run.until(isPaused);
    await run.answer("ask");
    expect((await run.ended).status).toBe("completed");
  });

  test("gives way to cancel", async () => {
    const gate = gated();
    const run = startRun(graph("a -> b", { types: { a: "gated", b: "quick" } }), [gate.node]);
    await gate.begun;
    await run.command("pause");
    await run.until(isPaused);
    gate.open();
    await pause(10);
    expect(await run.command("cancel")).toEqual({ status: "accepted", number: 2 });
    expect(await run.command("pause")).toEqual({ status: "cancelling" });
    expect(await run.command("resume")).toEqual({ status: "cancelling" });
    const execution = await run.ended;
    expect(execution.status).toBe("cancelled");
    expect(endsOf(execution)).toEqual([
      ["a", "completed", "opened"],
      ["b", "idle", undefined],
    ]);
  });

  test("that resume and cancel have overtaken before the run heard of it is none", async () => {
    const gate = gated();
    const run = startRun(graph("a -> b", { types: { a: "gated", b: "quick" } }), [gate.node]);
    await gate.begun;
    await run.command("pause");
    await run.command("resume");
    await run.command("cancel");
    expect((await run.ended).status).toBe("cancelled");
  });
});

describe("a command", () => {
  test("to a run that has ended, or never was, changes nothing", async () => {
    const run = startRun(graph("a", { types: { a: "quick" } }), []);
    const execution = await run.ended;
    for (const command of ["pause", "resume", "cancel"] as const) {
      expect(await run.command(command)).toEqual({ status: "unknown" });
      expect(await Effect.runPromise(run.held.executions.command("org", "run", command))).toEqual({
        status: "ended",
        as: "completed",
      });
    }
    expect(await run.record()).toEqual(execution);
    expect(await createDirectRuntime().command("nobody", "cancel")).toEqual({ status: "unknown" });
  });

  test("is performed once and acknowledged, and a replay takes it at its place", async () => {
    const document = graph("a -> b", { types: { a: "delay", b: "quick" } });
    const held = holdServices();
    const platform = recordingPlatform({
      sleep: () => pause(20),
      waitForEvent: async (name) => {
        if (name !== "listen for command 1") return new Promise<never>(() => {});
        await Effect.runPromise(held.executions.command("org", "execution", "cancel"));
        return true;
      },
    });
    const options = { layers: Layer.merge(platform.layer, held.layer), tick: 0 };
    const delayed = { ...document, nodes: document.nodes.map(withDuration) };
    const cancelled = await runVirtually(delayed, [quick], options);
    expect(cancelled.status).toBe("cancelled");
    expect(platform.performed).toEqual([
      "initialise workflow",
      "preload organization resources",
      "run node a / delay",
      "take command 1",
      "persist final execution record",
    ]);
    const again = recordingPlatform({
      recorded: platform.results,
      sleep: () => new Promise<never>(() => {}),
    });
    const replayed = await runVirtually(delayed, [quick], {
      layers: Layer.merge(again.layer, held.layer),
      tick: 0,
    });
    // It sleeps on while the command comes off the record.
    expect(again.performed).toEqual(["run node a / delay"]);
    expect(replayed).toEqual(cancelled);
  });
});

const withDuration = (node: Workflow["nodes"][number]): Workflow["nodes"][number] =>
  node.type === "delay"
    ? { ...node, inputs: [{ name: "duration", type: "any", value: "1 hour" }] }
    : node;

describe("a run whose process died", () => {
  const types = { b: "counted", c: "counted", d: "counted", e: "counted" };
  const document = graph("a -> b -> c -> d", "a -> e", {
    types: { a: "quick", ...types },
    settings: { maxConcurrency: 1 },
  });

  /** What stands on record and in the store when the process dies with so many steps performed. */
  const died = async (
    steps: number,
  ): Promise<{
    readonly held: HeldServices;
    readonly recorded: ReadonlyMap<string, unknown>;
    readonly undisturbed: WorkflowExecution;
  }> => {
    const first = recordingPlatform();
    const counted = nodeThat(() => 1, "counted");
    const undisturbed = await runVirtually(document, [quick, counted], {
      layers: first.layer,
      tick: 0,
    });
    const held = holdServices();
    const live: WorkflowExecution = { ...undisturbed, status: "executing", endedAt: null };
    const facts = { userId: "user", workflowName: "Workflow", definitionHash: "" };
    await Effect.runPromise(
      held.executions.save({ organizationId: "org", ...facts, execution: live }),
    );
    return { held, recorded: new Map([...first.results].slice(0, steps)), undisturbed };
  };

  const goOn = async (
    { held, recorded }: Awaited<ReturnType<typeof died>>,
    waitForEvent?: (name: string) => Promise<boolean>,
    called: string[] = [],
  ) => {
    const counted = nodeThat(({ nodeId }) => {
      called.push(nodeId);
      return 1;
    }, "counted");
    const platform = recordingPlatform({
      recorded,
      ...(waitForEvent === undefined ? {} : { waitForEvent }),
    });
    const execution = await runVirtually(document, [quick, counted], {
      layers: Layer.merge(platform.layer, held.layer),
      tick: 0,
    });
    return { execution, called, platform };
  };

  test("folds what is on record and ends cancelled when that was said meanwhile", async () => {
    // Two steps of the run's own, then a, b, e, c, d: one at a time in their order.
    for (const [steps, completed] of [
      [2, []],
      [3, ["a"]],
      [4, ["a", "b"]],
      [5, ["a", "b", "e"]],
    ] as const) {
      const before = await died(steps);
      await Effect.runPromise(before.held.executions.command("org", "execution", "cancel"));
      const { execution, called, platform } = await goOn(before);
      expect(called).toEqual([]);
      expect(execution.status).toBe("cancelled");
      for (const { nodeId, status, outputs } of execution.nodeExecutions) {
        const isCompleted = (completed as readonly string[]).includes(nodeId);
        expect([nodeId, status === "completed", outputs]).toEqual(
          isCompleted ? [nodeId, true, { out: 1 }] : [nodeId, false, null],
        );
      }
      const cancelled = execution.nodeExecutions.filter(({ error }) => error === "Cancelled");
      expect(cancelled).toHaveLength(1);
      expect([...platform.results.keys()]).toEqual([
        ...before.recorded.keys(),
        "persist final execution record",
      ]);
      expect(await Effect.runPromise(before.held.executions.get("org", "execution"))).toEqual(
        execution,
      );
    }
  });

  test("folds waits and sleeps that are on record too before it ends cancelled", async () => {
    const waits = graph("a -> b", "c", {
      types: { a: "delay", b: "quick", c: "delay" },
      inputs: { "a:duration": { value: "1 hour" }, "c:duration": { value: "2 hours" } },
      outputs: { "a:value": {} },
    });
    const held = holdServices();
    const live = { id: "execution", workflowId: "w", status: "executing", startedAt: "" } as const;
    await Effect.runPromise(
      held.executions.save({
        organizationId: "org",
        userId: "user",
        workflowName: "",
        definitionHash: "",
        execution: { ...live, nodeExecutions: [], endedAt: null },
        savedAt: 0,
      }),
    );
    await Effect.runPromise(held.executions.command("org", "execution", "cancel"));
    const completed = { status: "completed", outputs: { value: true }, usage: 0, attempts: [] };
    const platform = recordingPlatform({
      recorded: new Map<string, unknown>([
        ["initialise workflow", { startedAt: 0, status: "ready" }],
        ["preload organization resources", { status: "ready" }],
        ["listen for command 1", true],
        ["take command 1", { command: "cancel", number: 1 }],
        ["run node a / delay", null],
        ["run node a", { nodeId: "a", ...completed }],
      ]),
      sleep: () => new Promise<never>(() => {}),
    });
    const execution = await runVirtually(waits, [quick], {
      layers: Layer.merge(platform.layer, held.layer),
      tick: 0,
    });
    expect(execution.status).toBe("cancelled");
    expect(execution.nodeExecutions).toMatchObject([
      { nodeId: "a", status: "completed", outputs: { value: true } },
      { nodeId: "b" },
      { nodeId: "c", status: "failed", error: "Cancelled" },
    ]);
    expect(platform.results.has("run node b")).toBe(false);
  });

  test("ends cancelled with all idle that had not begun when it died", async () => {
    const apart = graph("a", "b", "c", {
      types: { a: "counted", b: "counted", c: "counted" },
      settings: { maxConcurrency: 1 },
    });
    const { held, recorded } = await died(2);
    await Effect.runPromise(held.executions.command("org", "execution", "cancel"));
    const called: string[] = [];
    const counted = nodeThat(({ nodeId }) => called.push(nodeId), "counted");
    const platform = recordingPlatform({
      recorded,
      begins: (name) => (name === "run node a" ? 2 : 1),
      waitForEvent: () => Promise.resolve(true),
    });
    const execution = await runVirtually(apart, [counted], {
      layers: Layer.merge(platform.layer, held.layer),
      tick: 0,
    });
    expect(endsOf(execution)).toEqual([
      ["a", "failed", "Cancelled"],
      ["b", "idle", undefined],
      ["c", "idle", undefined],
    ]);
    expect([execution.status, called]).toEqual(["cancelled", []]);
  });

  test("goes on to the record of an undisturbed run when nobody said anything", async () => {
    for (const steps of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const before = await died(steps);
      const { execution, called } = await goOn(before);
      expect(execution).toEqual(before.undisturbed);
      expect(called).toHaveLength(Math.max(0, Math.min(4, 7 - steps)));
    }
  });

  test("starts no node while it is paused, and goes on when it is told to", async () => {
    const before = await died(3);
    const { executions } = before.held;
    await Effect.runPromise(executions.command("org", "execution", "pause"));
    const taken = [
      ["listen for command 1", true],
      ["take command 1", { command: "pause", number: 1 }],
    ] as const;
    const resume = Promise.withResolvers<boolean>();
    const called: string[] = [];
    const running = goOn(
      { ...before, recorded: new Map<string, unknown>([...before.recorded, ...taken]) },
      (name) => (name === "listen for command 2" ? resume.promise : new Promise<never>(() => {})),
      called,
    );
    await pause(10);
    expect(called).toEqual([]);
    await Effect.runPromise(executions.command("org", "execution", "resume"));
    resume.resolve(true);
    const { execution, platform } = await running;
    expect(execution).toEqual(before.undisturbed);
    expect(called).toEqual(["b", "e", "c", "d"]);
    expect(platform.performed[0]).toBe("take command 2");
  });

  test("starts no node when it was paused after its process had died", async () => {
    const before = await died(3);
    const { executions } = before.held;
    await Effect.runPromise(executions.command("org", "execution", "pause"));
    const events = [Promise.withResolvers<boolean>(), Promise.withResolvers<boolean>()] as const;
    const called: string[] = [];
    const running = goOn(
      before,
      (name) => events[name === "listen for command 1" ? 0 : 1].promise,
      called,
    );
    await pause(5);
    events[0].resolve(true);
    await pause(5);
    expect(called).toEqual([]);
    expect(await Effect.runPromise(executions.get("org", "execution"))).toMatchObject({
      status: "paused",
    });
    await Effect.runPromise(executions.command("org", "execution", "cancel"));
    events[1].resolve(true);
    const { execution } = await running;
    expect([execution.status, called]).toEqual(["cancelled", []]);
    expect(execution.nodeExecutions[0]).toMatchObject({ status: "completed", outputs: { out: 1 } });
  });
});
