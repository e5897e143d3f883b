/** Nodes and documents that try the engine: whatever they do becomes a record. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { expect, test } from "vitest";
import type { Workflow } from "#core/workflow";
import {
  createDirectRuntime,
  defineNode,
  DurableStep,
  type ExecuteParams,
  ExecutionStore,
  type WorkflowExecution,
} from "../../src/index.ts";
import { graph } from "../support/graph.ts";

const params = (workflow: Workflow): ExecuteParams => ({
  workflow,
  userId: "user",
  organizationId: "org",
  computeCredits: 1_000,
});

const node = (type: string, run: (input: unknown) => unknown) =>
  defineNode({
    type,
    name: type,
    category: "test",
    description: "Does what the test says.",
    inputs: [],
    outputs: [],
    run: async (inputs) => ({ out: (await run((inputs as { in?: unknown }).in)) as never }),
  });

test("gathers a list of 200,000 into a repeated input", async () => {
  const list = Array.from({ length: 200_000 }, (_, at) => at);
  const runtime = createDirectRuntime({
    nodes: [node("list", () => list), node("count", (input) => (input as unknown[]).length)],
  });
  const document = graph("a -> b", {
    types: { a: "list", b: "count" },
    inputs: { "b:in": { repeated: true } },
  });
  const execution = await runtime.run(params(document), "long");
  expect(execution.nodeExecutions[1]?.outputs).toEqual({ out: 200_000 });
});

test("fails a node that puts out what is nested beyond use, also when a document's text said so", async () => {
  const deep = `${"[".repeat(20_000)}1${"]".repeat(20_000)}`;
  const document: Workflow = {
    ...graph("a"),
    nodes: [
      {
        id: "a",
        name: "",
        type: "json-input",
        inputs: [{ name: "json", type: "json", value: deep }],
        outputs: [],
      },
    ],
  };
  const execution = await createDirectRuntime().run(params(document), "deep");
  expect(execution.nodeExecutions[0]).toMatchObject({
    status: "failed",
    error: "Output 'json' is not JSON: it holds something that JSON cannot say",
  });
});

test("takes a proxy or a getter for the value that it first shows", async () => {
  let reads = 0;
  const odd = {
    get twice() {
      if (++reads > 1) throw new Error("read again");
      return 1;
    },
    proxy: new Proxy({ a: 1 }, { preventExtensions: () => false }),
  };
  const execution = await createDirectRuntime({ nodes: [node("test", () => odd)] }).run(
    params(graph("a", { outputs: { "a:out": {} } })),
    "odd",
  );
  expect(execution.nodeExecutions[0]?.outputs).toEqual({ out: { twice: 1, proxy: { a: 1 } } });
});

test("does not copy what passes through, however often it is doubled", async () => {
  const runtime = createDirectRuntime({
    nodes: [node("test", (input) => (input === undefined ? ["x"] : [input, input]))],
  });
  const ids = Array.from({ length: 40 }, (_, at) => `n${at}`);
  const begin = performance.now();
  const execution = await runtime.run(params(graph(ids.join(" -> "))), "doubled");
  expect(execution.status).toBe("completed");
  expect(performance.now() - begin).toBeLessThan(2_000);
});

test("stores nothing of an attempt that came too late", async () => {
  const file = defineNode({
    type: "file",
    name: "File",
    category: "test",
    description: "Makes a file.",
    inputs: [],
    outputs: [{ name: "file", type: "blob" }],
    policy: { timeout: 20, retries: { limit: 1, delay: 0, backoff: "constant" } },
    run: async (_inputs, { attempt }) => {
      if (attempt === 1) await new Promise((resolve) => void setTimeout(resolve, 50));
      return { file: { data: new Uint8Array([attempt]), mimeType: "text/plain" } };
    },
  });
  const read = defineNode({
    type: "read",
    name: "Read",
    category: "test",
    description: "Reads a file, late.",
    inputs: [
      { name: "file", type: "any" },
      { name: "again", type: "blob" },
    ],
    outputs: [{ name: "first", type: "number" }],
    run: ({ again }) => ({ first: again?.data[0] ?? null }),
  });
  const slow = node("slow", async (input) => {
    await new Promise((resolve) => void setTimeout(resolve, 80));
    return input;
  });
  const document = graph("a:file -> s", "s -> b:again", {
    types: { a: "file", s: "slow", b: "read" },
    inputs: { "b:again": { type: "blob" } },
    outputs: { "a:file": { type: "blob" } },
  });
  const execution = await createDirectRuntime({ nodes: [file, read, slow] }).run(
    params(document),
    "late",
  );
  expect(execution.nodeExecutions[2]?.outputs).toEqual({ first: 2 });
});

test("refuses overrides that are none", async () => {
  for (const inputOverrides of [null, { a: null }, { a: 1 }, []] as never[]) {
    const given = { ...params(graph("a")), inputOverrides };
    expect(await createDirectRuntime().run(given, "overrides")).toMatchObject({
      status: "error",
      error:
        "Workflow validation failed: MALFORMED: inputOverrides are not of the form { node: { input: value } }.",
    });
  }
});

test.each([Number.NaN, -1, Number.POSITIVE_INFINITY, "5", null, undefined])(
  "refuses %s as what an organization may spend",
  async (computeCredits) => {
    const given = { ...params(graph("a")), computeCredits } as unknown as ExecuteParams;
    expect(await createDirectRuntime().run(given, "credits")).toMatchObject({
      status: "error",
      error:
        "Workflow validation failed: MALFORMED: computeCredits is what the organization may spend, a number of at least 0: 4294967296 or more for no limit.",
    });
  },
);

test("refuses parameters that JSON cannot say, since nobody could begin the run again", async () => {
  const itself: Record<string, unknown> = {};
  itself["self"] = itself;
  for (const odd of [{ trigger: { n: 5n } }, { trigger: itself }, { redrive: { from: 1n } }]) {
    const given = { ...params(graph("a")), ...odd } as unknown as ExecuteParams;
    expect(await createDirectRuntime().run(given, "odd")).toMatchObject({
      status: "error",
      error:
        "Workflow validation failed: MALFORMED: The run's parameters cannot be written as JSON. Give plain data that does not contain itself.",
    });
  }
});

test("stores no end of a run that the platform stops, since it may go on later", async () => {
  const saved: WorkflowExecution[] = [];
  const store = Layer.mock(ExecutionStore, {
    save: ({ execution }) =>
      Effect.sync(() => {
        saved.push(execution);
        return execution;
      }),
  });
  const stopping = Layer.succeed(DurableStep, {
    do: (name, _options, perform) =>
      name === "run node b" ? Promise.reject(new Error("Paused")) : perform({ attempt: 1 }),
    sleep: () => Promise.resolve(),
    waitForEvent: () => new Promise(() => {}),
  });
  const runtime = createDirectRuntime({
    nodes: [node("test", () => 1)],
    layers: Layer.merge(store, stopping),
  });
  await expect(runtime.run(params(graph("a", "b -> c")), "paused")).rejects.toThrow("Paused");
  expect(saved.map(({ status }) => status)).toEqual(["executing"]);
});
