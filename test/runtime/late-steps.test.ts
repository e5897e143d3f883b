/** What random runs have found, said plainly: steps that a pause or a cancel overtakes, and what stands apart only just. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { createDirectEvents, directStepsWith } from "#runtime/direct-steps";
import { runInstanceId } from "#runtime/instance-id";
import type { Steps } from "#services/durable-step";
import { DurableStep } from "#services/durable-step";
import type { NodeDefinition } from "#services/node-definition";
import { commandEventType } from "#core/step-name";
import type { RunCommand } from "#services/run-command";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

const one = defineNode({ ...facts, type: "test", run: () => ({ out: 1 }) });

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, millis));

/** A run whose platform takes its time before it performs one of the steps. */
const startRun = (workflow: Workflow, nodes: readonly NodeDefinition[], slow = "") => {
  const held = holdServices();
  const events = createDirectEvents();
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const steps = Effect.map(DurableStep, (direct): Steps => ({
    ...direct,
    do: async (name, options, perform) => {
      if (name === slow) {
        asked.resolve();
        await gate.promise;
      }
      return direct.do(name, options, perform);
    },
  }));
  const layers = Layer.merge(
    held.layer,
    Layer.effect(DurableStep, steps).pipe(Layer.provide(directStepsWith(events))),
  );
  const params = { workflow, userId: "user", organizationId: "org", computeCredits: 100 };
  const record = () => Effect.runPromise(held.executions.get("org", "run"));
  return {
    ended: createDirectRuntime({ nodes, layers }).run(params, "run"),
    asked: asked.promise,
    open: () => gate.resolve(),
    command: async (command: RunCommand): Promise<void> => {
      const result = await Effect.runPromise(held.executions.command("org", "run", command));
      expect(result.status).toBe("accepted");
      if (result.status === "accepted") events.send(commandEventType(result.number));
    },
    until: async (status: WorkflowExecution["status"]): Promise<void> => {
      while ((await record())?.status !== status) await pause(1);
    },
  };
};

const endsOf = ({ nodeExecutions }: WorkflowExecution) =>
  nodeExecutions.map(({ nodeId, status, outputs, error }) => [
    nodeId,
    status,
    outputs?.["out"] ?? error,
  ]);

describe("a step that is under way", () => {
  test("may skip its node in a run that has been paused meanwhile", async () => {
    const fork = defineNode({ ...facts, type: "fork", run: () => ({}) });
    const run = startRun(graph("a -> b -> c", { types: { a: "fork" } }), [fork, one], "run node b");
    await run.asked;
    await run.command("pause");
    await run.until("paused");
    run.open();
    await pause(5);
    await run.command("resume");
    expect(endsOf(await run.ended).map(([, status]) => status)).toEqual([
      "completed",
      "skipped",
      "skipped",
    ]);
  });

  test.each([
    ["of a node of one step", "run node a", false],
    ["of a node of several", "run node a / effect", true],
  ])(
    "does nothing when the run was cancelled before it began: %s",
    async (_what, slow, isMulti) => {
      const done: string[] = [];
      const node = isMulti
        ? defineNode({
            ...facts,
            type: "effect",
            multiStep: true,
            run: async (_inputs, { doStep }) => ({
              out: await doStep("effect", () => done.push("x")),
            }),
          })
        : defineNode({ ...facts, type: "effect", run: () => ({ out: done.push("x") }) });
      const run = startRun(graph("a -> b", { types: { a: "effect" } }), [node, one], slow);
      await run.asked;
      await run.command("cancel");
      const execution = await run.ended;
      run.open();
      await pause(5);
      expect(endsOf(execution)).toEqual([
        ["a", "failed", "Cancelled"],
        ["b", "idle", undefined],
      ]);
      expect(done).toEqual([]);
    },
  );
});

describe("an idempotency key", () => {
  test("belongs to one node or one step of a node, also when ids hold slashes", async () => {
    const keys: string[] = [];
    const single = defineNode({
      ...facts,
      type: "single",
      run: (_inputs, { idempotencyKey }) => ({ out: keys.push(idempotencyKey) }),
    });
    const double = defineNode({
      ...facts,
      type: "double",
      multiStep: true,
      run: async (_inputs, { doStep }) => {
        const keep = (key: string): number => keys.push(key);
        await doStep("b", ({ idempotencyKey }) => keep(idempotencyKey));
        return { out: await doStep("b/c", ({ idempotencyKey }) => keep(idempotencyKey)) };
      },
    });
    const workflow = graph("a -> a/b -> a/b/c -> a%2Fb", {
      types: { a: "double", "a/b": "single", "a/b/c": "single", "a%2Fb": "single" },
    });
    await startRun(workflow, [single, double]).ended;
    const run = await runInstanceId("org", "run");
    expect(keys).toEqual(
      ["a/b", "a/b%2Fc", "a%2Fb", "a%2Fb%2Fc", "a%252Fb"].map((key) => `${run}/${key}`),
    );
  });
});

describe("the thrifty plan", () => {
  test("leaves a pure node its attempts and its time limit", async () => {
    let calls = 0;
    const stubborn = defineNode({
      ...facts,
      type: "stubborn",
      pure: true,
      run: () => {
        if (++calls < 3) throw new Error("not yet");
        return { out: calls };
      },
    });
    const endless = defineNode({
      ...facts,
      type: "endless",
      pure: true,
      run: () => new Promise<never>(() => {}),
    });
    const workflow = graph("a", "b", {
      types: { a: "stubborn", b: "endless" },
      policies: {
        a: { retries: { limit: 2, delay: 0, backoff: "constant" } },
        b: { timeout: 5 },
      },
      settings: { steps: "effects" },
    });
    expect(endsOf(await startRun(workflow, [stubborn, endless]).ended)).toEqual([
      ["a", "completed", 3],
      ["b", "failed", "Timed out after 5 ms"],
    ]);
  });
});

test("a list with holes is no list of files, and fails its node alone", async () => {
  const holey = defineNode({ ...facts, type: "holey", run: () => ({ out: Array(2) as never }) });
  const execution = await startRun(graph("a", "b", { types: { a: "holey" } }), [holey, one]).ended;
  expect(endsOf(execution)).toEqual([
    ["a", "failed", "Output 'out' is not JSON: it holds something that JSON cannot say"],
    ["b", "completed", 1],
  ]);
});
