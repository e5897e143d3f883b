import { env, introspectWorkflowInstance } from "cloudflare:test";
import * as Effect from "effect/Effect";
import { describe, expect, test } from "vitest";
import { d1CreditServiceLayer } from "#cloudflare/d1-credit-service";
import { d1ExecutionStoreLayer } from "#cloudflare/d1-execution-store";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import type { Parameter, Workflow } from "#core/workflow";
import { CreditService } from "#services/credit-service";
import { ExecutionStore, type ExecutionRow } from "#services/execution-store";

const organizationId = "acme";

const number = (name: string, value?: number): Parameter => ({
  name,
  type: "number",
  required: true,
  ...(value === undefined ? {} : { value }),
});
const result: readonly Parameter[] = [{ name: "result", type: "number" }];
const addition = (id: string, a?: number, b?: number): Workflow["nodes"][number] => ({
  id,
  name: id,
  type: "addition",
  inputs: [number("a", a), number("b", b)],
  outputs: result,
});
const edge = (source: string, target: string, targetInput = "a", sourceOutput = "result") => ({
  source,
  sourceOutput,
  target,
  targetInput,
});
const workflow = (
  nodes: Workflow["nodes"],
  edges: Workflow["edges"] = [],
  settings: Workflow["settings"] = {},
): Workflow => ({ id: "sums", name: "Sums", trigger: "manual", nodes, edges, settings });

const paramsFor = (document: Workflow, computeCredits = 1_000): ExecuteParams => ({
  workflow: document,
  userId: "ada",
  organizationId,
  computeCredits,
});

const inStore = <A>(
  use: (store: ExecutionStore["Service"]) => Effect.Effect<A, unknown>,
): Promise<A> =>
  Effect.runPromise(
    ExecutionStore.use(use).pipe(Effect.provide(d1ExecutionStoreLayer(env.DB, env.OBJECTS))),
  );
const recordOf = (id: string): Promise<WorkflowExecution | undefined> =>
  inStore((store) => store.get(organizationId, id));
const rowOf = async (id: string): Promise<ExecutionRow | undefined> =>
  (await inStore((store) => store.list(organizationId, { limit: 1_000 }))).find(
    (row) => row.id === id,
  );

/** The record without what differs from run to run. */
const timeless = (record: WorkflowExecution | undefined): unknown =>
  JSON.parse(
    JSON.stringify(record, (key, value: unknown) =>
      key === "startedAt" || key === "endedAt" || key === "id" ? undefined : value,
    ),
  );

/** Creates an instance and waits for its end; the steps' results can be asked for while it is kept. */
const start = async (id: string, params: ExecuteParams) => {
  const instance = await introspectWorkflowInstance(env.EXECUTE, id);
  await env.EXECUTE.create({ id, params });
  return instance;
};

describe("a run on Cloudflare Workflows", () => {
  test("records each node's transition as its step's result", async () => {
    const instanceId = "seed-example";
    const params = paramsFor(
      workflow([addition("five", 2, 3), addition("add", undefined, 3)], [edge("five", "add")]),
    );

    // Create introspection BEFORE the workflow instance, as the seed's example does.
    await using instance = await introspectWorkflowInstance(env.EXECUTE, instanceId);
    await env.EXECUTE.create({ id: instanceId, params });
    await instance.waitForStatus("complete");

    const stepResult = await instance.waitForStepResult({ name: "run node add" });
    expect(stepResult).toEqual({
      nodeId: "add",
      status: "completed",
      outputs: { result: 8 },
      usage: 1,
      attempts: [{ startedAt: expect.any(Number), endedAt: expect.any(Number) }],
    });
    expect(await instance.getOutput()).toEqual({
      executionId: instanceId,
      status: "completed",
      usage: 2,
    });
    expect(await rowOf(instanceId)).toMatchObject({
      status: "completed",
      userId: "ada",
      workflowId: "sums",
      workflowName: "Sums",
      usage: 2,
      error: null,
    });
  });

  test("gives failed and skipped nodes their results", async () => {
    await using instance = await start(
      "failing",
      paramsFor(
        workflow(
          [
            { id: "bad", name: "", type: "test-fail", inputs: [], outputs: result },
            addition("after", undefined, 1),
            addition("alone", 1, 1),
          ],
          [edge("bad", "after")],
        ),
      ),
    );
    await instance.waitForStatus("complete");

    expect(await instance.waitForStepResult({ name: "run node bad" })).toEqual({
      nodeId: "bad",
      status: "failed",
      error: "Failed on purpose",
      attempts: [
        {
          startedAt: expect.any(Number),
          endedAt: expect.any(Number),
          error: "Failed on purpose",
        },
      ],
    });
    expect(await instance.waitForStepResult({ name: "run node after" })).toEqual({
      nodeId: "after",
      status: "skipped",
      skipReason: "upstream_failure",
      blockedBy: ["bad"],
      cause: "failure",
    });
    expect((await recordOf("failing"))?.nodeExecutions.map((node) => node.status)).toEqual([
      "failed",
      "skipped",
      "completed",
    ]);
  });

  test("stops a cyclic document with one NonRetryableError and a stored record", async () => {
    await using instance = await start(
      "cyclic",
      paramsFor(
        workflow(
          [addition("a", undefined, 1), addition("b", undefined, 1)],
          [edge("a", "b"), edge("b", "a")],
        ),
      ),
    );
    await instance.waitForStatus("errored");

    const message =
      "Workflow validation failed: CYCLE_DETECTED at edges: Workflow contains a cycle: b -> a -> b. Remove one of these edges.";
    expect(await instance.getError()).toEqual({ name: "NonRetryableError", message });
    expect(await recordOf("cyclic")).toMatchObject({
      status: "error",
      error: message,
      nodeExecutions: [
        { nodeId: "a", status: "idle" },
        { nodeId: "b", status: "idle" },
      ],
    });
    expect(await rowOf("cyclic")).toMatchObject({ status: "error", error: message });
  });

  test("replays to the same record when it is paused and resumed in mid-run", async () => {
    const document = workflow(
      [
        addition("first", 1, 2),
        {
          id: "slow",
          name: "",
          type: "test-slow",
          inputs: [number("millis", 300), { name: "value", type: "number" }],
          outputs: result,
        },
        { id: "bad", name: "", type: "test-fail", inputs: [], outputs: result },
        addition("last", undefined, 4),
        addition("never", undefined, 1),
      ],
      [edge("first", "slow", "value"), edge("slow", "last"), edge("bad", "never")],
    );
    await using undisturbed = await start("undisturbed", paramsFor(document));
    await undisturbed.waitForStatus("complete");

    await using disturbed = await start("disturbed", paramsFor(document));
    const before = await disturbed.waitForStepResult({ name: "run node first" });
    const instance = await env.EXECUTE.get("disturbed");
    await instance.pause();
    await disturbed.waitForStatus("paused");
    expect((await rowOf("disturbed"))?.status).toBe("executing");
    await instance.resume();
    await disturbed.waitForStatus("complete");

    expect(await disturbed.waitForStepResult({ name: "run node first" })).toEqual(before);
    const record = await recordOf("disturbed");
    expect(timeless(record)).toEqual(timeless(await recordOf("undisturbed")));
    expect(record?.nodeExecutions.map(({ nodeId, status }) => [nodeId, status])).toEqual([
      ["first", "completed"],
      ["slow", "completed"],
      ["bad", "failed"],
      ["last", "completed"],
      ["never", "skipped"],
    ]);
    const first = before as { readonly attempts: readonly { readonly startedAt: number }[] };
    expect(record?.nodeExecutions[0]?.startedAt).toBe(
      new Date(first.attempts[0]?.startedAt ?? Number.NaN).toISOString(),
    );
  });

  test("lists a live run and finds its record", async () => {
    await using instance = await start(
      "live",
      paramsFor(
        workflow([
          {
            id: "slow",
            name: "",
            type: "test-slow",
            inputs: [number("millis", 200)],
            outputs: result,
          },
        ]),
      ),
    );
    await instance.waitForStepResult({ name: "initialise workflow" });
    expect(await rowOf("live")).toMatchObject({ status: "executing", endedAt: null });
    expect(await recordOf("live")).toMatchObject({
      status: "executing",
      nodeExecutions: [{ nodeId: "slow", status: "idle" }],
    });
    await instance.waitForStatus("complete");
    expect(await rowOf("live")).toMatchObject({ status: "completed" });
  });

  test("ends exhausted, with every node idle, when the estimate does not fit", async () => {
    await using instance = await start(
      "poor",
      paramsFor(workflow([addition("a", 1, 1), addition("b", 1, 1)]), 1),
    );
    await instance.waitForStatus("complete");
    expect(await instance.getOutput()).toEqual({
      executionId: "poor",
      status: "exhausted",
      usage: 0,
    });
    expect(await recordOf("poor")).toMatchObject({
      status: "exhausted",
      error: "Insufficient compute credits",
      nodeExecutions: [{ status: "idle" }, { status: "idle" }],
    });
  });

  test("starts nothing behind a node that took more than there was room for, and goes on in a redrive", async () => {
    const costly = (id: string, credits?: number): Workflow["nodes"][number] => ({
      id,
      name: id,
      type: "test-costly",
      inputs: [number("credits", credits)],
      outputs: result,
    });
    const document = workflow(
      [costly("a", 40), costly("b"), addition("c", 1, 1)],
      [edge("a", "b", "credits")],
    );
    const credits = Effect.runSync(
      Effect.provide(CreditService, d1CreditServiceLayer(env.DB, env.CACHE)),
    );
    const params = { ...paramsFor(document), organizationId: "costly" };
    const allow = (allowance: number): Promise<void> =>
      Effect.runPromise(credits.setPlan("costly", { type: "fixed", allowance }));
    const run = async (id: string, more: Partial<ExecuteParams> = {}) => {
      await using instance = await start(id, { ...params, ...more });
      await instance.waitForStatus("complete");
      const record = await inStore((store) => store.get("costly", id));
      const { reserved, spent } = await Effect.runPromise(credits.account("costly"));
      return { record, reserved, spent };
    };
    await allow(41);
    const stopped = await run("stopped");
    expect(stopped).toMatchObject({ reserved: 0, spent: 41 });
    expect(stopped.record).toMatchObject({
      status: "exhausted",
      error:
        "Insufficient compute credits: node 'a' reported a usage of 40, for which the limit has no room. Raise it and redrive the run.",
      nodeExecutions: [
        { nodeId: "a", status: "completed", usage: 40 },
        { nodeId: "b", status: "idle" },
        { nodeId: "c", status: "completed" },
      ],
    });
    await allow(81);
    const wentOn = await run("went-on", { redrive: { executionId: "stopped" } });
    expect(wentOn).toMatchObject({ record: { status: "completed" }, reserved: 0, spent: 81 });
  });

  test("runs a multi-step node as steps under its own name", async () => {
    await using instance = await start(
      "multi",
      paramsFor(
        workflow([
          {
            id: "two",
            name: "",
            type: "test-two-steps",
            inputs: [number("value", 4)],
            outputs: result,
          },
        ]),
      ),
    );
    await instance.waitForStatus("complete");
    expect(await instance.waitForStepResult({ name: "run node two / double" })).toMatchObject({
      status: "completed",
      value: 8,
    });
    expect(await instance.waitForStepResult({ name: "run node two" })).toMatchObject({
      status: "completed",
      outputs: { result: 9 },
    });
  });

  test("stores a node's bytes in R2 and hands them to the next node", async () => {
    const file: readonly Parameter[] = [{ name: "file", type: "blob" }];
    const node = (id: string): Workflow["nodes"][number] => ({
      id,
      name: "",
      type: "test-reverse-bytes",
      inputs: file,
      outputs: file,
    });
    await using instance = await start(
      "bytes",
      paramsFor(workflow([node("make"), node("turn")], [edge("make", "turn", "file", "file")])),
    );
    await instance.waitForStatus("complete");
    const outputs = (await recordOf("bytes"))?.nodeExecutions.map((one) => one.outputs);
    expect(outputs).toEqual([
      { file: { id: "bytes/make%2Ffile%2F0", mimeType: "application/octet-stream" } },
      { file: { id: "bytes/turn%2Ffile%2F0", mimeType: "application/octet-stream" } },
    ]);
  });

  test("keeps nodes with nasty ids apart", async () => {
    const ids = [
      "__proto__",
      "constructor",
      " ",
      "🧮",
      "x".repeat(10_000),
      "x".repeat(9_999),
      "a\nb",
    ];
    await using instance = await start(
      "nasty",
      paramsFor(
        workflow(
          ids.map((id, index) => addition(id, index === 0 ? 1 : undefined, 1)),
          ids.slice(1).map((id, index) => edge(ids[index] ?? "", id)),
        ),
      ),
    );
    await instance.waitForStatus("complete");
    expect(
      (await recordOf("nasty"))?.nodeExecutions.map(({ nodeId, outputs }) => [nodeId, outputs]),
    ).toEqual(ids.map((id, index) => [id, { result: index + 2 }]));
  });

  test("ends in error, and says so in its record, when an overriding input is none", async () => {
    const params = {
      ...paramsFor(workflow([addition("a", 1, 1)])),
      inputOverrides: { a: null },
    } as unknown as ExecuteParams;
    await using instance = await start("overrides", params);
    await instance.waitForStatus("errored");
    expect(await rowOf("overrides")).toMatchObject({ status: "error" });
  });

  test("refuses params that are not Pawl's", async () => {
    await using instance = await start("strange", { hello: 1 } as unknown as ExecuteParams);
    await instance.waitForStatus("errored");
    expect(await instance.getError()).toMatchObject({
      name: "NonRetryableError",
      message:
        "The instance's params lack organizationId (a string). Pawl takes { workflow, userId, organizationId, computeCredits }.",
    });
  });
});
