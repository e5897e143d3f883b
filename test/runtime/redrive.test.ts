import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import type { JsonValue } from "#core/value";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import type { Reservation } from "#services/credit-service";
import { CreditService } from "#services/credit-service";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";
import { namesOf, recordingPlatform } from "../support/recording-steps.ts";

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

/** A world in which some nodes fail until they are mended, and every call is written down. */
const makeWorld = () => {
  const held = holdServices();
  const broken = new Set<string>();
  const called: string[] = [];
  const reserved: Reservation[] = [];
  const credits = Layer.effect(
    CreditService,
    Effect.map(CreditService, (service) => ({
      ...service,
      reserve: (reservation: Reservation) => {
        reserved.push(reservation);
        return service.reserve(reservation);
      },
    })),
  ).pipe(Layer.provide(CreditService.layerMemory));
  const node = defineNode({
    ...facts,
    type: "test",
    computeCost: 3,
    inputs: [{ name: "in", type: "any" }],
    run: (inputs, { nodeId }) => {
      called.push(nodeId);
      if (broken.has(nodeId)) throw new Error(`${nodeId} is broken`);
      return { out: `${(inputs.in as string | undefined) ?? ""}${nodeId}` };
    },
  });
  return {
    held,
    broken,
    called,
    reserved,
    /** With a platform of its own, so that its steps can be seen. */
    run: async (id: string, workflow: Workflow, more: Partial<ExecuteParams> = {}) => {
      called.length = 0;
      const platform = recordingPlatform();
      const runtime = createDirectRuntime({
        nodes: [node],
        layers: Layer.mergeAll(held.layer, credits, platform.layer),
      });
      const execution = await runtime.run(
        { workflow, userId: "user", organizationId: "org", computeCredits: 1_000, ...more },
        id,
      );
      return {
        execution,
        platform,
        steps: namesOf(platform).filter((name) => name.startsWith("run node")),
      };
    },
  };
};

const again = (executionId: string, from?: string): Partial<ExecuteParams> => ({
  redrive: { executionId, ...(from === undefined ? {} : { from }) },
});

const endsOf = ({ nodeExecutions }: WorkflowExecution): readonly (readonly unknown[])[] =>
  nodeExecutions.map(({ nodeId, status, outputs, reusedFrom }) => [
    nodeId,
    status,
    outputs?.["out"] ?? null,
    reusedFrom ?? null,
  ]);

const document = graph("a -> b -> c -> d", "a -> e -> f", "x");

describe("a redrive", () => {
  test("runs failed and skipped nodes again, and takes the rest over without a step", async () => {
    const world = makeWorld();
    world.broken.add("c");
    const first = await world.run("first", document);
    expect(first.execution.status).toBe("error");
    world.broken.clear();
    const { execution, steps, platform } = await world.run("second", document, again("first"));
    expect(world.called).toEqual(["c", "d"]);
    expect(steps).toEqual(["run node c", "run node d"]);
    expect(execution.status).toBe("completed");
    expect(endsOf(execution)).toEqual([
      ["a", "completed", "a", "first"],
      ["b", "completed", "ab", "first"],
      ["c", "completed", "abc", null],
      ["d", "completed", "abcd", null],
      ["e", "completed", "ae", "first"],
      ["f", "completed", "aef", "first"],
      ["x", "completed", "x", "first"],
    ]);
    expect(execution.nodeExecutions[1]).toEqual({
      nodeId: "b",
      status: "completed",
      inputs: { in: "a" },
      outputs: { out: "ab" },
      usage: 0,
      reusedFrom: "first",
      reusedUsage: 3,
      startedAt: null,
      endedAt: null,
      attempts: [],
    });
    expect(namesOf(platform).slice(0, 3)).toEqual([
      "initialise workflow",
      "preload organization resources",
      "take over earlier nodes 1",
    ]);
    expect(await Effect.runPromise(world.held.executions.get("org", "second"))).toEqual(execution);
    expect(await Effect.runPromise(world.held.executions.get("org", "first"))).toEqual(
      first.execution,
    );
  });

  test("reserves and bills what runs, and nothing for what was taken over", async () => {
    const world = makeWorld();
    world.broken.add("f");
    await world.run("first", document);
    world.broken.clear();
    const { execution } = await world.run("second", document, again("first"));
    expect(world.reserved.map(({ executionId, estimate }) => [executionId, estimate])).toEqual([
      ["first", 21],
      ["second", 3],
    ]);
    expect(execution.nodeExecutions.map(({ usage }) => usage)).toEqual([0, 0, 0, 0, 0, 3, 0]);
  });

  test("may fail once more, and the next one goes on from there, with the first run's name", async () => {
    const world = makeWorld();
    world.broken.add("c").add("f");
    await world.run("first", document);
    world.broken.delete("f");
    const second = await world.run("second", document, again("first"));
    expect(world.called.sort()).toEqual(["c", "f"]);
    expect(endsOf(second.execution)[2]).toEqual(["c", "failed", null, null]);
    world.broken.clear();
    const third = await world.run("third", document, again("second"));
    expect(world.called).toEqual(["c", "d"]);
    expect(endsOf(third.execution)).toEqual([
      ["a", "completed", "a", "first"],
      ["b", "completed", "ab", "first"],
      ["c", "completed", "abc", null],
      ["d", "completed", "abcd", null],
      ["e", "completed", "ae", "first"],
      ["f", "completed", "aef", "second"],
      ["x", "completed", "x", "first"],
    ]);
  });

  test("of a completed run runs nothing, unless it is told from where", async () => {
    const world = makeWorld();
    const first = await world.run("first", document);
    const nothing = await world.run("second", document, again("first"));
    expect([nothing.execution.status, world.called, nothing.steps]).toEqual(["completed", [], []]);
    expect(endsOf(nothing.execution).map((end) => end.slice(0, 3))).toEqual(
      endsOf(first.execution).map((end) => end.slice(0, 3)),
    );
    const from = await world.run("third", document, again("first", "b"));
    expect(from.execution.status).toBe("completed");
    expect(world.called).toEqual(["b", "c", "d"]);
  });

  test("runs again what a corrected document or input changes, and what hangs on it", async () => {
    const world = makeWorld();
    await world.run("first", document);
    const corrected: Workflow = {
      ...document,
      nodes: document.nodes.map((node) =>
        node.id === "e" ? { ...node, policy: { timeout: "1 minute" } } : node,
      ),
    };
    await world.run("second", corrected, again("first"));
    expect(world.called).toEqual(["e", "f"]);
    // A literal, since an edge would win.
    const withInput = graph("a -> b -> c -> d", "a -> e -> f", "x", { inputs: { "x:in": {} } });
    await world.run("third", withInput);
    const inputOverrides: Record<string, Record<string, JsonValue>> = { x: { in: "new " } };
    const { execution } = await world.run("fourth", withInput, {
      ...again("third"),
      inputOverrides,
    });
    expect(world.called).toEqual(["x"]);
    expect(endsOf(execution).at(-1)).toEqual(["x", "completed", "new x", null]);
  });

  test("goes on from a run that was cancelled", async () => {
    const world = makeWorld();
    const asking = graph("a -> w", "w:data -> b", { types: { w: "wait-for-event" } });
    const runtime = createDirectRuntime({
      nodes: [defineNode({ ...facts, type: "test", run: (_, { nodeId }) => ({ out: nodeId }) })],
      layers: world.held.layer,
    });
    const params = { workflow: asking, userId: "user", organizationId: "org", computeCredits: 9 };
    const first = runtime.run(params, "first");
    while (world.held.waitsOf("first").length === 0) await new Promise(setImmediate);
    await runtime.command("first", "cancel");
    expect((await first).status).toBe("cancelled");
    const second = runtime.run({ ...params, ...again("first") }, "second");
    while (world.held.waitsOf("second").length === 0) await new Promise(setImmediate);
    await runtime.answer("second", "w", "go on");
    const { status, nodeExecutions } = await second;
    expect(status).toBe("completed");
    expect(nodeExecutions).toMatchObject([
      { nodeId: "a", outputs: { out: "a" }, reusedFrom: "first" },
      { nodeId: "w", outputs: { data: "go on" } },
      { nodeId: "b", outputs: { out: "b" } },
    ]);
  });

  test.each<readonly [string, Partial<ExecuteParams>, string]>([
    ["an unknown run", again("nobody"), "There is no run 'nobody'."],
    [
      "another organization's run",
      { ...again("first"), organizationId: "another" },
      "There is no run 'first'.",
    ],
    [
      "a live run",
      again("live"),
      "Run 'live' is still executing. Wait for its end, or cancel it first.",
    ],
    ["an unknown node", again("first", "z"), "The workflow has no node 'z' to run again from."],
  ])("of %s is refused, runs nothing and reserves nothing", async (_, more, error) => {
    const world = makeWorld();
    const first = await world.run("first", document);
    const live: WorkflowExecution = {
      ...first.execution,
      id: "live",
      status: "executing",
      endedAt: null,
    };
    await Effect.runPromise(
      world.held.executions.save({
        organizationId: "org",
        userId: "user",
        workflowName: "",
        definitionHash: "",
        execution: live,
      }),
    );
    const { execution, steps } = await world.run("second", document, more);
    expect(execution).toMatchObject({ id: "second", status: "error", error });
    expect(execution.endedAt).not.toBeNull();
    expect(execution.nodeExecutions.map(({ status }) => status)).toEqual(
      document.nodes.map(() => "idle"),
    );
    expect([world.called, steps, world.reserved.length]).toEqual([[], [], 1]);
  });

  test("replays to the same record, also when the earlier run has gone since", async () => {
    const world = makeWorld();
    world.broken.add("c");
    await world.run("first", document);
    world.broken.clear();
    const { execution, platform } = await world.run("second", document, again("first"));
    const replayed = recordingPlatform({ recorded: platform.results });
    const runtime = createDirectRuntime({
      nodes: [defineNode({ ...facts, type: "test", run: () => ({}) })],
      layers: replayed.layer,
    });
    const params = { workflow: document, userId: "user", organizationId: "org", computeCredits: 9 };
    expect(await runtime.run({ ...params, ...again("first") }, "second")).toEqual(execution);
    expect(replayed.performed).toEqual([]);
  });

  test("takes over more than one step's result can hold, in parts", async () => {
    const held = holdServices();
    const big = defineNode({
      ...facts,
      type: "test",
      run: (_, { nodeId }) => ({ out: `${nodeId} ${"x".repeat(200_000)}` }),
    });
    const ids = Array.from({ length: 9 }, (_, index) => `n${index}`);
    const wide = graph(...ids);
    const params = { workflow: wide, userId: "user", organizationId: "org", computeCredits: 99 };
    const layers = held.layer;
    const first = await createDirectRuntime({ nodes: [big], layers }).run(params, "first");
    const platform = recordingPlatform();
    const second = await createDirectRuntime({
      nodes: [big],
      layers: Layer.merge(layers, platform.layer),
    }).run({ ...params, ...again("first") }, "second");
    expect(namesOf(platform).filter((name) => name.startsWith("take over"))).toEqual([
      "take over earlier nodes 1",
      "take over earlier nodes 2",
      "take over earlier nodes 3",
      "take over earlier nodes 4",
      "take over earlier nodes 5",
    ]);
    expect(second.nodeExecutions.map(({ outputs }) => outputs)).toEqual(
      first.nodeExecutions.map(({ outputs }) => outputs),
    );
  });
});
