/** What people do to live runs, on real Workflows: answers, pause, resume, cancel; and what the watchdog does without them. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test, vi } from "vitest";
import { cloudflareServices } from "#cloudflare/layers";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import type { ExecuteParams } from "#core/execution-context";
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import { answerWait, commandRun } from "#runtime/control-run";
import { runInstanceId } from "#runtime/instance-id";
import { startRun } from "#runtime/start-run";
import { ExecutionStore } from "#services/execution-store";
import { WaitStore } from "#services/wait-store";
import { WorkflowInstances } from "#services/workflow-instances";
import { graph } from "../support/graph.ts";

const organizationId = "acme";

const services = Layer.merge(cloudflareServices(env), workflowInstancesLayer(env.EXECUTE));
type Services = Layer.Success<typeof services>;

const perform = <A>(effect: Effect.Effect<A, unknown, Services>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(services)));

const paramsFor = (workflow: ExecuteParams["workflow"]): ExecuteParams => ({
  workflow,
  userId: "ada",
  organizationId,
  computeCredits: 1_000,
});

const start = async (id: string, workflow: ExecuteParams["workflow"]): Promise<void> => {
  expect(await perform(startRun(paramsFor(workflow), id))).toEqual({ status: "started" });
};

const instanceOf = async (id: string): Promise<WorkflowInstance> =>
  env.EXECUTE.get(await runInstanceId(organizationId, id));

const read = (id: string): Promise<WorkflowExecution | undefined> =>
  perform(ExecutionStore.use((store) => store.get(organizationId, id)));

const ended = (id: string): Promise<WorkflowExecution> =>
  vi.waitFor(
    async () => {
      const execution = await read(id);
      if (execution === undefined || !isFinalStatus(execution.status)) {
        throw new Error(`run ${id} is ${execution?.status ?? "unknown"}`);
      }
      return execution;
    },
    { timeout: 10_000, interval: 20 },
  );

const openWaits = (id: string, count: number): Promise<readonly string[]> =>
  vi.waitFor(
    async () => {
      const waits = await perform(WaitStore.use((store) => store.list(organizationId, id)));
      const open = waits.filter(({ status }) => status === "open").map(({ nodeId }) => nodeId);
      if (open.length !== count) throw new Error(`${open.length} waits are open`);
      return open;
    },
    { timeout: 5_000, interval: 20 },
  );

const answer = (executionId: string, nodeId: string, data: string) =>
  perform(answerWait({ organizationId, executionId, nodeId, data }));

const tell = (id: string, command: "pause" | "resume" | "cancel") =>
  perform(commandRun(organizationId, id, command));

const summary = ({ status, nodeExecutions }: WorkflowExecution): unknown => [
  status,
  Object.fromEntries(nodeExecutions.map((node) => [node.nodeId, node.outputs ?? node.status])),
];

const slow = (millis: number) => ({ type: "number", value: millis }) as const;

test("a start that is made again is one: at once, while the run waits, and after its end", async () => {
  const workflow = graph("a", { types: { a: "wait-for-event" } });
  const begin = (changes: Partial<ExecuteParams> = {}) =>
    perform(startRun({ ...paramsFor(workflow), ...changes }, "again"));
  const results = await Promise.all([begin(), begin(), begin()]);
  expect(results).toEqual(results.map(() => ({ status: "started" })));
  await openWaits("again", 1);
  const before = await read("again");
  expect(await begin()).toEqual({ status: "started" });
  expect(await begin({ computeCredits: 1 })).toEqual({
    status: "refused",
    message: "There is a run 'again' already. Give the new one another id.",
  });
  expect(await read("again")).toEqual(before);
  await answer("again", "a", "x");
  const after = await ended("again");
  expect(after.status).toBe("completed");
  expect(await begin()).toEqual({ status: "ended", as: "completed" });
  expect(await read("again")).toEqual(after);
});

describe("a waiting run", () => {
  const waiting = graph("a:data -> after a:value", "b:data -> after b:value", {
    types: {
      a: "wait-for-event",
      b: "wait-for-event",
      "after a": "test-slow",
      "after b": "test-slow",
    },
    inputs: { "after a:millis": slow(1), "after b:millis": slow(1) },
  });

  test("takes its answers in any order, each once", async () => {
    await start("answers", waiting);
    expect(await answer("answers", "after a", "x")).toEqual({ status: "unknown" });
    await openWaits("answers", 2);
    expect(await answer("answers", "b", "second")).toMatchObject({ status: "accepted" });
    expect(await answer("answers", "b", "again")).toMatchObject({ status: "duplicate" });
    await openWaits("answers", 1);
    expect(await answer("answers", "a", "first")).toMatchObject({ status: "accepted" });
    expect(await ended("answers")).toMatchObject({
      nodeExecutions: [
        { nodeId: "a", outputs: { data: "first" } },
        { nodeId: "after a", status: "failed" },
        { nodeId: "b", outputs: { data: "second" } },
        { nodeId: "after b", status: "failed" },
      ],
    });
    expect(await answer("answers", "a", "late")).toMatchObject({ status: "duplicate" });
  });

  test("goes on after its instance was paused and resumed by the platform", async () => {
    await start("replayed", waiting);
    await openWaits("replayed", 2);
    expect(await answer("replayed", "a", "first")).toMatchObject({ status: "accepted" });
    const instance = await instanceOf("replayed");
    await instance.pause();
    await vi.waitFor(async () => expect((await instance.status()).status).toBe("paused"), 5_000);
    expect(await answer("replayed", "b", "second")).toMatchObject({ status: "accepted" });
    await instance.resume();
    expect(await ended("replayed")).toMatchObject({
      nodeExecutions: [
        { nodeId: "a", outputs: { data: "first" } },
        {},
        { nodeId: "b", outputs: { data: "second" } },
        {},
      ],
    });
  });

  test("goes on likewise after a wait whose time has a fraction of a millisecond", async () => {
    const document = graph("a:timeout -> b:value", {
      types: { a: "wait-for-event", b: "wait-for-event" },
      inputs: { "a:timeout": { value: 20.5 } },
    });
    await start("fraction", document);
    await vi.waitFor(async () => expect(await openWaits("fraction", 1)).toEqual(["b"]), 5_000);
    const instance = await instanceOf("fraction");
    await instance.pause();
    await vi.waitFor(async () => expect((await instance.status()).status).toBe("paused"), 5_000);
    await instance.resume();
    expect(await answer("fraction", "b", "x")).toMatchObject({ status: "accepted" });
    expect(summary(await ended("fraction"))).toEqual([
      "completed",
      { a: { timeout: true }, b: { data: "x" } },
    ]);
  });

  test("waits for no time at all when it is told so, and not for the platform's day", async () => {
    const inputs = { "a:timeout": { value: 0 } };
    await start("no-time", graph("a", { types: { a: "wait-for-event" }, inputs }));
    expect(await ended("no-time")).toMatchObject({
      status: "error",
      nodeExecutions: [{ nodeId: "a", status: "failed", error: "Nobody answered within 0 ms" }],
    });
  });

  test("goes on with the document that it was started with, whatever that has become since", async () => {
    const version = (value: number) =>
      graph("ask:data -> after:value", {
        types: { ask: "wait-for-event", after: "test-slow" },
        inputs: { "after:millis": slow(value), "after:value": { type: "number" } },
      });
    await start("first-version", version(1));
    await openWaits("first-version", 1);
    await start("second-version", version(2));
    await openWaits("second-version", 1);
    for (const id of ["first-version", "second-version"]) {
      expect(
        await perform(answerWait({ organizationId, executionId: id, nodeId: "ask", data: 7 })),
      ).toMatchObject({ status: "accepted" });
      const { nodeExecutions } = await ended(id);
      expect(nodeExecutions[1]?.inputs).toEqual({
        millis: id === "first-version" ? 1 : 2,
        value: 7,
      });
    }
    const hashes = await perform(
      ExecutionStore.use((store) =>
        store.list(organizationId, { workflowId: "workflow", limit: 200 }),
      ),
    );
    const hashOf = (id: string) => hashes.find((row) => row.id === id)?.definitionHash;
    expect(hashOf("first-version")).toMatch(/^[0-9a-f]{64}$/);
    expect(hashOf("first-version")).not.toBe(hashOf("second-version"));
  });

  test("is cancelled though nothing of it runs, and its waits are closed", async () => {
    await start("cancelled-waiting", waiting);
    await openWaits("cancelled-waiting", 2);
    expect(await tell("cancelled-waiting", "cancel")).toEqual({ status: "accepted", number: 1 });
    expect(summary(await ended("cancelled-waiting"))).toEqual([
      "cancelled",
      { a: "failed", "after a": "idle", b: "failed", "after b": "idle" },
    ]);
    await vi.waitFor(async () => {
      expect(await answer("cancelled-waiting", "a", "x")).toEqual({ status: "late" });
    });
  });
});

describe("a running run", () => {
  const running = (first: number) =>
    graph("a:result -> b:value", "b:result -> c:value", {
      types: { a: "test-slow", b: "test-slow", c: "test-slow" },
      inputs: { "a:millis": slow(first), "b:millis": slow(300), "c:millis": slow(1) },
      outputs: { "a:result": { type: "number" }, "b:result": { type: "number" } },
    });

  test("is cancelled at once: what had not begun stays idle", async () => {
    await start("cancelled-running", running(30_000));
    const before = Date.now();
    expect(await tell("cancelled-running", "cancel")).toMatchObject({ status: "accepted" });
    expect(summary(await ended("cancelled-running"))).toEqual([
      "cancelled",
      { a: "failed", b: "idle", c: "idle" },
    ]);
    expect(Date.now() - before).toBeLessThan(5_000);
    expect(await tell("cancelled-running", "resume")).toEqual({ status: "ended", as: "cancelled" });
  });

  test("lets its running nodes end when it is paused, starts no more, and goes on when resumed", async () => {
    await start("paused", running(600));
    expect(await tell("paused", "pause")).toEqual({ status: "accepted", number: 1 });
    await vi.waitFor(async () => expect((await read("paused"))?.status).toBe("paused"), 5_000);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await read("paused"))?.status).toBe("paused");
    expect(await tell("paused", "resume")).toEqual({ status: "accepted", number: 2 });
    expect(summary(await ended("paused"))).toEqual([
      "completed",
      { a: { result: 600 }, b: { result: 600 }, c: { result: 600 } },
    ]);
  });
});

describe("the watchdog", () => {
  test("creates the instance of a run whose creation was lost", async () => {
    const params = paramsFor(
      graph("a", { types: { a: "test-slow" }, inputs: { "a:millis": slow(1) } }),
    );
    const lost = Layer.merge(
      services,
      Layer.mock(WorkflowInstances, { canCreate: true, create: () => Effect.succeed("created") }),
    );
    await Effect.runPromise(startRun(params, "lost").pipe(Effect.provide(lost)));
    expect((await read("lost"))?.status).toBe("submitted");
    expect((await ended("lost")).status).toBe("completed");
  });

  test("ends the record of a run whose instance the platform has ended", async () => {
    await start("terminated", graph("a", { types: { a: "wait-for-event" } }));
    await openWaits("terminated", 1);
    await (await instanceOf("terminated")).terminate();
    expect(await ended("terminated")).toMatchObject({
      status: "error",
      error: "The platform ended the run: terminated",
    });
  });

  test("sends an answer's event again that was lost", async () => {
    await start("answered", graph("a", { types: { a: "wait-for-event" } }));
    await openWaits("answered", 1);
    const stored = {
      organizationId,
      executionId: "answered",
      nodeId: "a",
      data: 1,
      now: Date.now(),
    };
    await perform(WaitStore.use((store) => store.answer(stored)));
    expect(summary(await ended("answered"))).toEqual(["completed", { a: { data: 1 } }]);
  });

  test("sends a command again whose event was lost", async () => {
    await start("reminded", graph("a", { types: { a: "wait-for-event" } }));
    await openWaits("reminded", 1);
    await perform(
      ExecutionStore.use((store) => store.command(organizationId, "reminded", "cancel")),
    );
    expect((await ended("reminded")).status).toBe("cancelled");
  });
});
