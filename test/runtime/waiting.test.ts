import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test, vi } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import { waitEventType } from "#core/step-name";
import type { JsonValue } from "#core/value";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { createDirectEvents, directStepsWith } from "#runtime/direct-steps";
import { ExecutionStore } from "#services/execution-store";
import { MonitoringService } from "#services/monitoring-service";
import type { MultiStepContext, NodeDefinition } from "#services/node-definition";
import { WaitStore } from "#services/wait-store";
import { graph } from "../support/graph.ts";
import { type HeldServices, holdServices } from "../support/held-services.ts";
import { namesOf, recordingPlatform } from "../support/recording-steps.ts";
import { runVirtually } from "../support/run-virtually.ts";

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

/** A node whose output `out` is what the function resolves to. */
const multiStep = (run: (context: MultiStepContext) => Promise<unknown>, type = "test") =>
  defineNode({
    ...facts,
    type,
    multiStep: true,
    run: async (_, context) => ({ out: (await run(context)) as never }),
  });

const asking = multiStep(async ({ waitForEvent }) => {
  const answer = await waitForEvent("event");
  return answer.status === "answered" ? answer.data : "nobody";
});

const other = defineNode({ ...facts, type: "other", run: () => ({ out: 1 }) });

const params = (workflow: Workflow): ExecuteParams => ({
  workflow,
  userId: "user",
  organizationId: "org",
  computeCredits: 1_000,
});

/** A run in this process whose nodes can be answered as soon as they wait. */
const startRun = (workflow: Workflow, nodes: readonly NodeDefinition[]) => {
  const held = holdServices();
  const opened = new Map<string, PromiseWithResolvers<void>>();
  const opening = (wait: string): PromiseWithResolvers<void> => {
    const moment = opened.get(wait) ?? Promise.withResolvers<void>();
    opened.set(wait, moment);
    return moment;
  };
  const watcher = MonitoringService.layerListener((message) => {
    if (message.type === "node" && message.status === "waiting") {
      opening(`${message.nodeId} ${message.name}`).resolve();
    }
  });
  const runtime = createDirectRuntime({ nodes, layers: Layer.merge(held.layer, watcher) });
  return {
    ended: runtime.run(params(workflow), "run"),
    held,
    /** Resolves once the node waits. */
    waiting: (nodeId: string, name = "event") => opening(`${nodeId} ${name}`).promise,
    answer: (nodeId: string, data: JsonValue, name?: string) =>
      runtime.answer("run", nodeId, data, name),
  };
};

const outputsOf = ({ nodeExecutions }: Awaited<ReturnType<typeof runVirtually>>) =>
  nodeExecutions.map(({ nodeId, outputs }) => [nodeId, outputs?.["out"]]);

const hour = 60 * 60 * 1000;
const at = (millis: number): string => new Date(millis).toISOString();

describe("nodes that wait", () => {
  test.each(["abc", "acb", "bac", "bca", "cab", "cba"])(
    "in parallel branches are answered in the order %s",
    async (order) => {
      const document = graph("a -> x", "b -> x", "c -> y", { types: { x: "other", y: "other" } });
      const run = startRun(document, [asking, other]);
      await Promise.all(["a", "b", "c"].map((nodeId) => run.waiting(nodeId)));
      for (const nodeId of order) {
        expect(await run.answer(nodeId, `for ${nodeId}`)).toMatchObject({ status: "accepted" });
      }
      const execution = await run.ended;
      expect(execution.status).toBe("completed");
      expect(outputsOf(execution)).toEqual([
        ["a", "for a"],
        ["x", 1],
        ["b", "for b"],
        ["c", "for c"],
        ["y", 1],
      ]);
    },
  );

  test("may wait for several things at once, and an answer says for which", async () => {
    const both = multiStep(async ({ waitForEvent }) => {
      const answers = await Promise.all(["left", "right"].map((name) => waitForEvent(name)));
      return answers.map((answer) => (answer.status === "answered" ? answer.data : null));
    });
    const run = startRun(graph("a"), [both]);
    await run.waiting("a", "left");
    await run.waiting("a", "right");
    expect(await run.answer("a", 0)).toEqual({ status: "ambiguous", names: ["left", "right"] });
    expect(await run.answer("a", 2, "right")).toMatchObject({ status: "accepted" });
    expect(await run.answer("a", 3, "middle")).toEqual({ status: "unknown" });
    // Only one is left to be meant.
    expect(await run.answer("a", 1)).toMatchObject({ status: "accepted" });
    expect(outputsOf(await run.ended)).toEqual([["a", [1, 2]]]);
  });

  test("tell early, second, late and stray answers apart", async () => {
    const impatient = multiStep(async ({ waitForEvent }) => {
      return (await waitForEvent("event", { timeout: 1 })).status;
    }, "impatient");
    const gate = Promise.withResolvers<void>();
    const late = defineNode({
      ...facts,
      type: "late",
      run: async () => {
        await gate.promise;
        return { out: 1 };
      },
    });
    const document = graph("gate -> a", "b", "c -> d", {
      types: { gate: "late", c: "impatient", d: "impatient" },
    });
    const run = startRun(document, [asking, late, impatient]);
    await run.waiting("b");
    await run.waiting("d");
    expect(await run.answer("a", "early")).toEqual({ status: "unknown" });
    expect(await run.answer("nobody", 1)).toEqual({ status: "unknown" });
    expect(await run.answer("gate", 1)).toEqual({ status: "unknown" });
    expect(await run.answer("c", "late")).toEqual({ status: "late" });
    gate.resolve();
    await run.waiting("a");
    const first = await run.answer("a", "first");
    expect(first).toMatchObject({ status: "accepted", wait: { nodeId: "a", name: "event" } });
    const [stored] = run.held.waitsOf("run").filter(({ nodeId }) => nodeId === "a");
    expect(await run.answer("a", "second")).toEqual({
      status: "duplicate",
      answeredAt: stored?.status === "answered" ? stored.answeredAt : "not answered",
    });
    await run.answer("b", "last");
    expect(outputsOf(await run.ended)).toEqual([
      ["gate", 1],
      ["a", "first"],
      ["b", "last"],
      ["c", "timedOut"],
      ["d", "timedOut"],
    ]);
    expect(await run.answer("b", "after the end")).toEqual({ status: "unknown" });
  });

  test("hold no place, so that what answers them can run", async () => {
    const document = graph("a", "b", {
      types: { b: "answering" },
      settings: { maxConcurrency: 1 },
    });
    const answering = defineNode({
      ...facts,
      type: "answering",
      run: async () => ({ out: (await run.answer("a", "from b")).status }),
    });
    const run = startRun(document, [asking, answering]);
    expect(outputsOf(await run.ended)).toEqual([
      ["a", "from b"],
      ["b", "accepted"],
    ]);
  });

  test("go on to their deadline when something that is no answer wakes them", async () => {
    const events = createDirectEvents();
    const poke = defineNode({
      ...facts,
      type: "poke",
      run: () =>
        Effect.as(
          Effect.andThen(
            Effect.sleep("10 hours"),
            Effect.sync(() => events.send(waitEventType("a", "event"))),
          ),
          { out: "poked" },
        ),
    });
    const execution = await runVirtually(
      graph("a", "b", { types: { b: "poke" } }),
      [asking, poke],
      { layers: directStepsWith(events), tick: hour / 2 },
    );
    expect(execution.nodeExecutions).toMatchObject([
      { nodeId: "a", outputs: { out: "nobody" }, startedAt: at(0), endedAt: at(24 * hour) },
      { nodeId: "b", outputs: { out: "poked" }, endedAt: at(10 * hour) },
    ]);
  });

  test("look again in steps of their own each time they are woken", async () => {
    const held = holdServices();
    let woken = 0;
    const platform = recordingPlatform({
      waitForEvent: async (name) => {
        if (name.startsWith("listen")) return new Promise<never>(() => {});
        if (++woken === 3) await answerAs(held, "a", "at last");
        return true;
      },
    });
    const execution = await runVirtually(graph("a"), [asking], {
      layers: Layer.merge(platform.layer, held.layer),
      tick: 0,
    });
    expect(outputsOf(execution)).toEqual([["a", "at last"]]);
    const day = 24 * hour;
    expect(platform.asked.filter(([name]) => name.startsWith("run node"))).toEqual([
      ["run node a / event (ask)", { retry: true }],
      ["run node a / event (wait)", day],
      ["run node a / event (answer)", { retry: true }],
      ["run node a / event (wait 2)", day],
      ["run node a / event (answer 2)", { retry: true }],
      ["run node a / event (wait 3)", day],
      ["run node a / event (answer 3)", { retry: true }],
      ["run node a", { retry: false }],
    ]);
  });

  test("take an answer that came with the end of their time, whatever the platform says", async () => {
    const held = holdServices();
    const platform = recordingPlatform({
      waitForEvent: async (name) => {
        if (name.startsWith("listen")) return new Promise<never>(() => {});
        await answerAs(held, "a", "just in time");
        return false;
      },
    });
    const execution = await runVirtually(graph("a"), [asking], {
      layers: Layer.merge(platform.layer, held.layer),
    });
    expect(outputsOf(execution)).toEqual([["a", "just in time"]]);
  });

  test("end in the same record wherever a replay begins, and ask nobody twice", async () => {
    const document = graph("a -> b -> c", "d", { types: { b: "other" } });
    const waits = multiStep(async ({ nodeId, doStep, sleep, waitForEvent }) => {
      const before = await doStep("prepare", () => `${nodeId} asks`);
      const [first, second] = await Promise.all([
        waitForEvent("one", { question: before }),
        waitForEvent("two", { timeout: "1 hour" }),
      ]);
      await sleep("rest", 1_000);
      const third = await waitForEvent("three");
      return [first, second, third];
    });
    const held = holdServices();
    // A run that has ended is not begun again, and so each has a record of its own.
    const asked = Layer.succeed(WaitStore, held.waits);
    /** People answer what is asked of them, once, and leave `two` alone. */
    const people = (recorded: ReadonlyMap<string, unknown>) =>
      recordingPlatform({
        recorded,
        waitForEvent: async (name) => {
          if (name.startsWith("listen")) return new Promise<never>(() => {});
          const [, nodeId, wait] = /^run node (\w+) \/ (\w+)/.exec(name)!;
          if (wait === "two") {
            // Its hour passes.
            await Effect.runPromise(
              held.waits.settle(
                { organizationId: "org", executionId: "execution", nodeId: nodeId!, name: "two" },
                2 * hour,
              ),
            );
            return false;
          }
          await answerAs(held, nodeId!, `${nodeId} ${wait}`, wait);
          return true;
        },
      });
    const first = people(new Map());
    const undisturbed = await runVirtually(document, [waits, other], {
      layers: Layer.merge(first.layer, asked),
      tick: 0,
    });
    const answered = (data: string) => ({ status: "answered", data, answeredAt: 0 });
    expect(outputsOf(undisturbed)).toEqual([
      ["a", [answered("a one"), { status: "timedOut" }, answered("a three")]],
      ["b", 1],
      ["c", [answered("c one"), { status: "timedOut" }, answered("c three")]],
      ["d", [answered("d one"), { status: "timedOut" }, answered("d three")]],
    ]);
    const standing = held.waitsOf("execution");
    const recorded = [...first.results];
    expect(recorded.length).toBeGreaterThan(30);
    for (let length = 0; length <= recorded.length; length++) {
      const known = new Map(recorded.slice(0, length));
      const again = people(known);
      const execution = await runVirtually(document, [waits, other], {
        layers: Layer.merge(again.layer, asked),
        tick: 0,
      });
      expect(execution).toEqual(undisturbed);
      expect(again.performed.filter((name) => known.has(name))).toEqual([]);
      expect([...namesOf(again)].sort()).toEqual([...namesOf(first)].sort());
    }
    expect(held.waitsOf("execution")).toEqual(standing);
  });

  test("fail alone when they cannot be asked for, and the run goes on", async () => {
    const bad = multiStep(async ({ nodeId, waitForEvent }) => {
      const options = {
        a: { timeout: "soon" },
        b: { timeout: -1 },
        c: { timeout: "2 years" },
        d: { question: (() => 1) as never },
      }[nodeId];
      return (await waitForEvent("event", options)).status;
    });
    const run = startRun(graph("a", "b", "c", "d", "e", { types: { e: "other" } }), [bad, other]);
    const execution = await run.ended;
    const time = "Wait 'event' takes a time of at most a year, such as \"2 days\", not";
    expect(execution.nodeExecutions.map(({ error }) => error)).toEqual([
      `${time} soon`,
      `${time} -1`,
      `${time} 2 years`,
      "The question of wait 'event' is not JSON",
      undefined,
    ]);
    expect(run.held.waitsOf("run")).toEqual([]);
  });

  test("are waited for no more once their run has ended", async () => {
    const forgetful = multiStep(async ({ waitForEvent }) => {
      void waitForEvent("forgotten", { timeout: 30 });
      throw new Error("gone");
    });
    const run = startRun(graph("a"), [forgetful]);
    const execution = await run.ended;
    expect(execution.nodeExecutions[0]).toMatchObject({ status: "failed", error: "gone" });
    expect(run.held.waitsOf("run").filter(({ status }) => status === "open")).toEqual([]);
  });

  test("are stored together when they begin to wait together, whatever each of them costs", async () => {
    const held = holdServices();
    const saved: number[] = [];
    const store = Layer.succeed(ExecutionStore, {
      ...held.executions,
      save: (row) => {
        saved.push(row.execution.nodeExecutions.length);
        return held.executions.save(row);
      },
    });
    const ids = Array.from({ length: 100 }, (_, index) => `n${index}`);
    const runtime = createDirectRuntime({
      nodes: [asking],
      layers: Layer.merge(held.layer, store),
    });
    const running = runtime.run(params(graph(...ids)), "run");
    const record = () => Effect.runPromise(held.executions.get("org", "run"));
    await vi.waitFor(async () => {
      const statuses = (await record())?.nodeExecutions.map(({ status }) => status);
      expect(statuses).toEqual(ids.map(() => "executing"));
    });
    // The first lists no nodes; a slow machine may need more than one for all that wait.
    expect(saved.length).toBeLessThan(10);
    expect(saved.slice(0, 2)).toEqual([0, 100]);
    await runtime.command("run", "cancel");
    expect((await running).status).toBe("cancelled");
  });

  test("have a wait of its own in each attempt", async () => {
    const twice = multiStep(async ({ attempt, waitForEvent }) => {
      const answer = await waitForEvent("event", { question: attempt });
      if (attempt === 1) throw new Error("once more");
      return answer.status === "answered" ? answer.data : null;
    });
    const retries = { limit: 1, delay: 0, backoff: "constant" } as const;
    const run = startRun(graph("a", { policies: { a: { retries } } }), [twice]);
    await run.waiting("a", "event");
    await run.answer("a", "first");
    await run.waiting("a", "event (attempt 2)");
    await run.answer("a", "second");
    expect(outputsOf(await run.ended)).toEqual([["a", "second"]]);
    expect(run.held.waitsOf("run").map(({ name, question }) => [name, question])).toEqual([
      ["event", 1],
      ["event (attempt 2)", 2],
    ]);
  });
});

function answerAs(held: HeldServices, nodeId: string, data: JsonValue, name?: string) {
  return Effect.runPromise(
    held.waits.answer({
      organizationId: "org",
      executionId: "execution",
      nodeId,
      data,
      now: 0,
      ...(name === undefined ? {} : { name }),
    }),
  );
}

describe("a node that sleeps", () => {
  const sleeping = multiStep(async ({ sleep }) => {
    await sleep("nap", "2 hours");
    return "awake";
  });

  test("sleeps as long as it says, and holds no place meanwhile", async () => {
    const told: string[] = [];
    const execution = await runVirtually(
      graph("a -> b", "c", { types: { b: "other", c: "other" }, settings: { maxConcurrency: 1 } }),
      [sleeping, other],
      {
        tick: hour,
        listen: (message) => {
          if (message.type === "node")
            told.push(`${message.nodeId} ${message.status} ${message.at}`);
        },
      },
    );
    expect(execution.status).toBe("completed");
    expect(told).toEqual([
      "c executing 0",
      "c completed 0",
      `a completed ${2 * hour}`,
      `b executing ${2 * hour}`,
      `b completed ${2 * hour}`,
    ]);
  });

  test.each([-1, Number.NaN, "2 years"])("fails alone when its time is %s", async (duration) => {
    const bad = multiStep(({ sleep }) => sleep("nap", duration));
    const { nodeExecutions } = await runVirtually(graph("a"), [bad]);
    expect(nodeExecutions[0]).toMatchObject({
      status: "failed",
      error: `Sleep 'nap' has no duration: ${duration}`,
    });
  });

  test("leaves no timer behind when its run is over, which would keep the process alive", async () => {
    const timers = new Set<unknown>();
    const { setTimeout: set, clearTimeout: clear } = globalThis;
    const minute = 60_000;
    vi.stubGlobal("setTimeout", (wake: () => void, millis = 0) => {
      const timer = set(wake, millis);
      if (millis > minute) timers.add(timer);
      return timer;
    });
    vi.stubGlobal("clearTimeout", (timer: Parameters<typeof clear>[0]) => {
      timers.delete(timer);
      clear(timer);
    });
    try {
      const nap = multiStep(({ sleep }) => sleep("nap", 250), "nap");
      const runtime = createDirectRuntime({ nodes: [nap, sleeping] });
      // A run that has lasted a moment listens to commands, for a year.
      const listening = await runtime.run(params(graph("a", { types: { a: "nap" } })), "listens");
      expect([listening.status, timers.size]).toEqual(["completed", 0]);
      const document = graph("a", "b", "c", { types: { b: "wait-for-event", c: "nap" } });
      const run = runtime.run(params(document), "cancelled");
      while (timers.size < 2) await new Promise((resolve) => set(resolve, 1));
      await runtime.command("cancelled", "cancel");
      expect([(await run).status, timers.size]).toEqual(["cancelled", 0]);
    } finally {
      vi.unstubAllGlobals();
      for (const timer of timers) clear(timer as never);
    }
  });
});
