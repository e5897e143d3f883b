/** What is too large for a step's result, on the platform itself: values and bytes go by way of R2 (VALUE-4, VALUE-5). */
import { env, introspectWorkflowInstance } from "cloudflare:test";
import * as Effect from "effect/Effect";
import { expect, test } from "vitest";
import { d1ExecutionStoreLayer } from "#cloudflare/d1-execution-store";
import type { NodeExecution } from "#core/report";
import { inlineLimitOf, storedValueType } from "#core/stored-value";
import type { Parameter, Workflow } from "#core/workflow";
import { ExecutionStore } from "#services/execution-store";
import { largeValueNodes } from "../support/large-value-nodes.ts";

const organizationId = "acme";

const typeOf = (type: string) => largeValueNodes.find((node) => node.type === type)!;

const node = (id: string, type: string, literals: Record<string, number> = {}) => {
  const { inputs, outputs } = typeOf(type);
  const withLiteral = (port: Parameter): Parameter =>
    Object.hasOwn(literals, port.name) ? { ...port, value: literals[port.name]! } : port;
  return { id, name: id, type, inputs: inputs.map(withLiteral), outputs };
};

/** `"a:text -> b:texts"` */
const edge = (line: string): Workflow["edges"][number] => {
  const [[source, sourceOutput], [target, targetInput]] = line
    .split(" -> ")
    .map((end) => end.split(":")) as [[string, string], [string, string]];
  return { source, sourceOutput, target, targetInput };
};

const workflow = (nodes: Workflow["nodes"], ...edges: readonly string[]): Workflow => ({
  id: "large",
  name: "Large",
  trigger: "manual",
  nodes,
  edges: edges.map(edge),
});

/** Starts an instance; its steps' results can be asked for while it is kept. */
const start = async (id: string, document: Workflow) => {
  const instance = await introspectWorkflowInstance(env.EXECUTE, id);
  const params = { workflow: document, userId: "ada", organizationId, computeCredits: 10_000 };
  await env.EXECUTE.create({ id, params });
  return instance;
};

const nodesOf = async (id: string): Promise<readonly NodeExecution[]> => {
  const record = await Effect.runPromise(
    ExecutionStore.use((store) => store.get(organizationId, id)).pipe(
      Effect.provide(d1ExecutionStoreLayer(env.DB, env.OBJECTS)),
    ),
  );
  return record?.nodeExecutions ?? [];
};

test("measures a text of 5 MB that another node made", async () => {
  const document = workflow(
    [
      node("make", "large-text", { length: 5_000_000 }),
      node("small", "large-text", { length: 3 }),
      node("measure", "text-length"),
      node("count", "count-texts"),
    ],
    "make:text -> measure:text",
    "make:text -> count:texts",
    "small:text -> count:texts",
  );
  await using instance = await start("text", document);
  await instance.waitForStatus("complete");

  const text = { id: "text/make%2Ftext%2F0.json", mimeType: storedValueType };
  expect(await instance.waitForStepResult({ name: "run node make" })).toMatchObject({
    status: "completed",
    outputs: { text },
  });
  expect(
    (await nodesOf("text")).map(({ inputs, outputs, error }) => ({ inputs, outputs, error })),
  ).toEqual([
    { inputs: { length: 5_000_000 }, outputs: { text } },
    { inputs: { length: 3 }, outputs: { text: "x🐾" } },
    { inputs: { text }, outputs: { length: 5_000_000, end: "x🐾" } },
    { inputs: { texts: [text, "x🐾"] }, outputs: { count: 2, length: 5_000_003 } },
  ]);
});

test("hands a stored text to a node of several steps as long as a step's result can hold it", async () => {
  const chain = (length: number): Workflow =>
    workflow(
      [node("make", "large-text", { length }), node("measure", "text-length-in-step")],
      "make:text -> measure:text",
    );
  await using fitting = await start("steps", chain(400_000));
  await fitting.waitForStatus("complete");
  expect(
    await fitting.waitForStepResult({ name: "run node measure / stored / inputs" }),
  ).toMatchObject({ values: [["steps/make%2Ftext%2F0.json", `${"x".repeat(399_998)}🐾`]] });
  expect((await nodesOf("steps"))[1]?.outputs).toEqual({ length: 400_000 });

  await using tooLarge = await start("too-large-for-steps", chain(600_000));
  await tooLarge.waitForStatus("complete");
  expect((await nodesOf("too-large-for-steps"))[1]?.error).toBe(
    "Input 'text' takes about 1200080 bytes, and a node of several steps takes at most 1032192. Take out what it needs in a node of one step before it, or hand it a file.",
  );
});

test("passes 40 MB of bytes from node to node", async () => {
  const length = 40_000_000;
  const document = workflow(
    [
      node("make", "large-file", { length }),
      node("pass", "file-length"),
      node("measure", "file-length"),
    ],
    "make:file -> pass:file",
    "pass:file -> measure:file",
  );
  await using instance = await start("bytes", document);
  await instance.waitForStatus("complete");

  const file = (id: string) => ({
    id: `bytes/${id}%2Ffile%2F0`,
    mimeType: "video/mp4",
    filename: "large.mp4",
  });
  expect((await nodesOf("bytes")).map(({ outputs }) => outputs)).toEqual([
    { file: file("make") },
    { file: file("pass"), length, last: 7 },
    { file: file("measure"), length, last: 7 },
  ]);
}, 60_000);

test("joins 1,000 outputs of 100 KB each, and the platform still knows the instance", async () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => `make${index}`);
  const document = workflow(
    [...ids.map((id) => node(id, "large-text", { length: 100_000 })), node("count", "count-texts")],
    ...ids.map((id) => `${id}:text -> count:texts`),
  );
  await using instance = await start("thousand", document);
  await instance.waitForStatus("complete");

  const nodes = await nodesOf("thousand");
  expect(nodes.at(-1)?.outputs).toEqual({ count: 1_000, length: 100_000_000 });
  expect(nodes.slice(0, -1).map(({ outputs }) => outputs)).toEqual(
    ids.map((id) => ({
      text: { id: `thousand/${id}%2Ftext%2F0.json`, mimeType: storedValueType },
    })),
  );
  expect(await (await env.EXECUTE.get("thousand")).status()).toMatchObject({
    status: "complete",
    output: { executionId: "thousand", status: "completed" },
  });
}, 120_000);

test("keeps the instance known when every result is as large as it may be, and stands there twice", async () => {
  // Two bytes a character, and the two quotes.
  const length = Math.floor((inlineLimitOf(200) - 2) / 2);
  const policy = { retries: { limit: 1, delay: 0, backoff: "constant" } } as const;
  const ids = Array.from({ length: 200 }, (_, index) => `make${index}`);
  const document = workflow(ids.map((id) => ({ ...node(id, "large-text", { length }), policy })));
  await using instance = await start("twice", document);
  await instance.waitForStatus("complete");

  const nodes = await nodesOf("twice");
  const text = `${"x".repeat(length - 2)}🐾`;
  expect(nodes.map(({ outputs }) => outputs?.["text"] === text)).toEqual(ids.map(() => true));
  expect(await (await env.EXECUTE.get("twice")).status()).toMatchObject({ status: "complete" });
}, 60_000);
