import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import {
  createDirectRuntime,
  defineNode,
  DurableStep,
  ExecutionStore,
  type ExecuteParams,
  type MonitoringMessage,
  MonitoringService,
  NodeFailure,
  ServiceFailure,
  type WorkflowExecution,
} from "../../src/index.ts";
import type { Workflow } from "#core/workflow";
import { graph } from "../support/graph.ts";

const params = (workflow: Workflow, computeCredits = 1_000): ExecuteParams => ({
  workflow,
  userId: "user",
  organizationId: "org",
  computeCredits,
});

const node = (type: string, run: (id: string) => unknown) =>
  defineNode({
    type,
    name: type,
    category: "test",
    description: "Does what the test says.",
    inputs: [],
    outputs: [],
    run: async (_inputs, { nodeId }) => ({ out: (await run(nodeId)) as never }),
  });

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, millis));

const statusesOf = ({ nodeExecutions }: WorkflowExecution): Record<string, string> =>
  Object.fromEntries(nodeExecutions.map(({ nodeId, status }) => [nodeId, status]));

describe("the direct runtime", () => {
  test("runs one node after the other in topological order when one may run at a time", async () => {
    const begun: string[] = [];
    const runtime = createDirectRuntime({
      nodes: [
        node("test", async (id) => {
          begun.push(id);
          await pause(id.length % 3);
          return 1;
        }),
      ],
    });
    const document = graph("d", "a -> bb -> c", "d -> bb", "eee -> c", {
      settings: { maxConcurrency: 1 },
    });
    await runtime.run(params(document), "one");
    expect(begun).toEqual(["d", "a", "eee", "bb", "c"]);
  });

  test("never runs more nodes at a time than the settings allow, and as many as they allow", async () => {
    let running = 0;
    let most = 0;
    const runtime = createDirectRuntime({
      nodes: [
        node("test", async () => {
          most = Math.max(most, ++running);
          await pause(2);
          running--;
        }),
      ],
    });
    const wide = Array.from({ length: 40 }, (_, index) => `n${index}`);
    await runtime.run(params(graph(...wide, { settings: { maxConcurrency: 7 } })), "seven");
    expect(most).toBe(7);
    most = 0;
    await runtime.run(params(graph(...wide)), "default");
    expect(most).toBe(16);
  });

  test("does not hold a branch back for another", async () => {
    const ended: string[] = [];
    const runtime = createDirectRuntime({
      nodes: [
        node("slow", async (id) => {
          await pause(40);
          ended.push(id);
          return 1;
        }),
        node("test", (id) => ended.push(id)),
      ],
    });
    await runtime.run(params(graph("s -> t", "a -> b -> c", { types: { s: "slow" } })), "branches");
    expect(ended).toEqual(["a", "b", "c", "s", "t"]);
  });

  test("keeps a node from changing what other nodes were given", async () => {
    const runtime = createDirectRuntime({
      nodes: [
        node("source", () => ({ list: [1] })),
        defineNode({
          type: "vandal",
          name: "Vandal",
          category: "test",
          description: "Changes its input.",
          inputs: [{ name: "in", type: "any" }],
          outputs: [],
          run: (inputs) => {
            (inputs.in as { list: number[] }).list.push(2);
            return {};
          },
        }),
      ],
    });
    const execution = await runtime.run(
      params(graph("a -> b", { types: { a: "source", b: "vandal" } })),
      "vandal",
    );
    expect(execution.nodeExecutions[0]?.outputs).toEqual({ out: { list: [1] } });
    expect(execution.nodeExecutions[1]).toMatchObject({ status: "failed" });
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("thrown");
      },
      "thrown",
    ],
    [
      "throws nothing to read",
      () => {
        throw undefined;
      },
      "undefined",
    ],
    ["rejects", () => Promise.reject(new TypeError("rejected")), "rejected"],
    ["returns a failure", () => new NodeFailure({ message: "returned" }), "returned"],
    ["fails as an effect", () => Effect.fail(new NodeFailure({ message: "failed" })), "failed"],
    ["dies as an effect", () => Effect.die(new Error("died")), "died"],
    ["returns nothing", () => undefined, "The node returned no outputs"],
    ["returns a list", () => [1], "The node returned no outputs"],
    [
      "puts out a function",
      () => ({ x: () => 1 }),
      "Output 'x' is not JSON: it holds something that JSON cannot say",
    ],
    [
      "puts out what its port does not take",
      () => ({ n: "1" }),
      "Output 'n' expects number, got string",
    ],
    [
      "puts out a number that is none",
      () => ({ n: Number.NaN }),
      "Output 'n' is not JSON: it holds something that JSON cannot say",
    ],
  ])("records a node that %s as failed and goes on", async (_name, run, error) => {
    const runtime = createDirectRuntime({
      nodes: [
        defineNode({
          type: "bad",
          name: "Bad",
          category: "test",
          description: "Fails.",
          inputs: [],
          outputs: [{ name: "n", type: "number" }],
          run: run as never,
        }),
        node("test", () => 1),
      ],
    });
    const execution = await runtime.run(
      params(graph("a -> b", "c", { types: { a: "bad" } })),
      "failures",
    );
    expect(statusesOf(execution)).toEqual({ a: "failed", b: "skipped", c: "completed" });
    expect(execution.nodeExecutions[0]?.error).toBe(error);
    expect(execution.status).toBe("error");
  });

  test("shortens an error that would crowd out the record", async () => {
    const runtime = createDirectRuntime({
      nodes: [
        node("test", () => {
          throw new Error("x".repeat(5_000));
        }),
      ],
    });
    const execution = await runtime.run(params(graph("a")), "long");
    expect(execution.nodeExecutions[0]?.error).toBe(`${"x".repeat(500)}... (4500 characters more)`);
  });

  test("answers with a record whatever it is given as a document", async () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    for (const document of [
      undefined,
      null,
      5,
      "x",
      [],
      {},
      circular,
      { nodes: deep },
      { nodes: [1n] },
    ]) {
      const execution = await createDirectRuntime().run(params(document as Workflow), "odd");
      expect(execution).toMatchObject({ id: "odd", status: "error", nodeExecutions: [] });
      expect(execution.error).toMatch(/^Workflow validation failed: MALFORMED/);
    }
  });

  test("completes an empty workflow", async () => {
    const empty: Workflow = { id: "w", name: "", trigger: "manual", nodes: [], edges: [] };
    expect(await createDirectRuntime().run(params(empty), "empty")).toMatchObject({
      status: "completed",
      nodeExecutions: [],
      endedAt: expect.any(String),
    });
  });

  test("refuses a run of more steps than it may take, since it has nothing to spread it over", async () => {
    const ran: string[] = [];
    const runtime = createDirectRuntime({
      nodes: [node("test", (id) => ran.push(id))],
      stepLimit: 6,
      partSteps: 2,
    });
    expect((await runtime.run(params(graph("a -> b -> c")), "fits")).status).toBe("completed");
    expect(ran.splice(0)).toEqual(["a", "b", "c"]);
    const execution = await runtime.run(params(graph("a -> b -> c -> d")), "too many");
    expect([execution.status, execution.error]).toEqual([
      "error",
      "Workflow validation failed: STEP_BUDGET_EXCEEDED at nodes: The run would take 7 durable steps, and 6 are allowed. Split the workflow, or raise the limit.",
    ]);
    expect([statusesOf(execution), ran]).toEqual([
      { a: "idle", b: "idle", c: "idle", d: "idle" },
      [],
    ]);
  });

  test("overrides inputs that a node declares and no others", async () => {
    const document = graph("a", {
      types: { a: "addition" },
      inputs: { "a:a": { type: "number", value: 1 }, "a:b": { type: "number", value: 2 } },
    });
    const execution = await createDirectRuntime().run(
      { ...params(document), inputOverrides: { a: { b: 40, c: 3 }, z: { b: 1 } } },
      "overridden",
    );
    expect(execution.nodeExecutions[0]).toMatchObject({
      inputs: { a: 1, b: 40 },
      outputs: { result: 41 },
    });
  });

  test("gives a node what its type states and the document leaves out", async () => {
    const total = defineNode({
      type: "total",
      name: "Total",
      category: "test",
      description: "Adds up.",
      inputs: [
        { name: "values", type: "number", repeated: true, required: true },
        { name: "factor", type: "number", value: 10 },
      ],
      outputs: [{ name: "sum", type: "number" }],
      run: ({ values, factor }) => ({
        sum: values.reduce((sum, value) => sum + value, 0) * factor,
      }),
    });
    const runtime = createDirectRuntime({
      nodes: [total, node("one", () => 1), node("two", () => 2)],
    });
    const types = { a: "one", b: "two", c: "total", d: "total", e: "total" };
    const bare = graph("a -> c:values", "b -> c:values", "d", "e", { types });
    const execution = await runtime.run(
      { ...params(bare), inputOverrides: { d: { values: [4], factor: 2 } } },
      "merged",
    );
    const totals = execution.nodeExecutions.filter(({ nodeId }) => "cde".includes(nodeId));
    expect(totals).toMatchObject([
      { nodeId: "c", inputs: { values: [1, 2], factor: 10 }, outputs: { sum: 30 } },
      { nodeId: "d", inputs: { values: [4], factor: 2 }, outputs: { sum: 8 } },
      { nodeId: "e", status: "failed", error: "Input 'values' is required" },
    ]);
  });

  test("tells a watcher each transition once, and survives one that throws", async () => {
    const told: string[] = [];
    const listener = (message: MonitoringMessage): void => {
      told.push(message.type === "run" ? message.status : `${message.nodeId} ${message.status}`);
      throw new Error("a broken watcher");
    };
    const runtime = createDirectRuntime({
      nodes: [
        node("test", () => 1),
        node("bad", () => {
          throw new Error("no");
        }),
      ],
      layers: MonitoringService.layerListener(listener),
    });
    const execution = await runtime.run(
      params(graph("a -> b", "x -> y", { types: { x: "bad" }, settings: { maxConcurrency: 1 } })),
      "watched",
    );
    expect(execution.status).toBe("error");
    expect(told).toEqual([
      "executing",
      "a executing",
      "a completed",
      "x executing",
      "x failed",
      "b executing",
      "b completed",
      "y skipped",
      "error",
    ]);
  });

  test("bills what a node reports in place of its type's cost", async () => {
    const saved: number[] = [];
    const store = Layer.mock(ExecutionStore, {
      save: ({ execution }) =>
        Effect.sync(() => {
          saved.push(execution.nodeExecutions.reduce((sum, { usage }) => sum + usage, 0));
          return execution;
        }),
    });
    const reporting = defineNode({
      type: "reporting",
      name: "",
      category: "test",
      description: "",
      inputs: [],
      outputs: [],
      computeCost: 2,
      run: (_inputs, { nodeId, reportUsage }) => {
        if (nodeId === "a") reportUsage(7);
        if (nodeId === "c") reportUsage(Number.NaN);
        return {};
      },
    });
    const types = { a: "reporting", b: "reporting", c: "reporting" };
    const execution = await createDirectRuntime({ nodes: [reporting], layers: store }).run(
      params(graph("a", "b", "c", { types })),
      "billed",
    );
    expect(execution.nodeExecutions.map(({ usage, error }) => [usage, error])).toEqual([
      [7, undefined],
      [2, undefined],
      [0, "The node reported a usage of NaN"],
    ]);
    expect(saved).toEqual([0, 9]);
  });

  test("rejects with the service's own failure when a service fails for good", async () => {
    const failure = new ServiceFailure({ operation: "ExecutionStore.save", message: "disk full" });
    const store = Layer.mock(ExecutionStore, {
      save: () => Effect.fail(failure),
    });
    await expect(
      createDirectRuntime({ layers: store }).run(params(graph()), "broken"),
    ).rejects.toBe(failure);
  });

  test("waits for the nodes under way before it gives up on a broken platform", async () => {
    const ended: string[] = [];
    const broken = Layer.succeed(DurableStep, {
      do: (name, _options, perform) =>
        name === "run node b"
          ? Promise.reject(new Error("platform gone"))
          : perform({ attempt: 1 }),
      sleep: () => Promise.resolve(),
      waitForEvent: () => new Promise(() => {}),
    });
    const runtime = createDirectRuntime({
      nodes: [
        node("test", async (id) => {
          await pause(20);
          ended.push(id);
        }),
      ],
      layers: broken,
    });
    await expect(runtime.run(params(graph("a -> c", "b")), "gone")).rejects.toThrow(
      "platform gone",
    );
    expect(ended).toEqual(["a"]);
  });

  test("tells the end that is stored when its last step runs twice", async () => {
    const saved: WorkflowExecution[] = [];
    const store = Layer.mock(ExecutionStore, {
      save: ({ execution }) =>
        Effect.sync(() => {
          const standing = saved.find(({ endedAt }) => endedAt !== null);
          saved.push(execution);
          return standing ?? execution;
        }),
    });
    const dyingOnce = Layer.succeed(DurableStep, {
      do: async (name, _options, perform) => {
        if (name !== "persist final execution record") return perform({ attempt: 1 });
        await perform({ attempt: 1 });
        await pause(5);
        return perform({ attempt: 1 });
      },
      sleep: () => Promise.resolve(),
      waitForEvent: () => new Promise(() => {}),
    });
    const execution = await createDirectRuntime({ layers: Layer.merge(store, dyingOnce) }).run(
      params(graph("a")),
      "twice",
    );
    expect(saved.map(({ status }) => status)).toEqual(["executing", "error", "error"]);
    expect(saved[2]?.endedAt).not.toBe(saved[1]?.endedAt);
    expect(execution.endedAt).toBe(saved[1]?.endedAt);
  });
});
