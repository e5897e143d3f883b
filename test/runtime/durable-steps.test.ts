import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import {
  createDirectRuntime,
  CreditService,
  defineNode,
  ExecutionStore,
  type ExecuteParams,
  type NodeContext,
  ObjectStore,
  ResourceProvider,
  type Workflow,
} from "../../src/index.ts";
import { noMask } from "#core/mask";
import { runInstanceId } from "#runtime/instance-id";
import { StepTimedOut } from "#services/durable-step";
import type { SavedExecution } from "#services/execution-store";
import { graph } from "../support/graph.ts";
import { namesOf, recordingPlatform } from "../support/recording-steps.ts";

const params = (workflow: Workflow, more: Partial<ExecuteParams> = {}): ExecuteParams => ({
  workflow,
  userId: "user",
  organizationId: "org",
  computeCredits: 1_000,
  ...more,
});

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

/** A node with effects: what it returns is its output `out`. */
const effectful = (type: string, run: (context: NodeContext) => unknown = () => 1) =>
  defineNode({
    ...facts,
    type,
    run: async (_inputs, context) => ({ out: (await run(context)) as never }),
  });

const pureNode = defineNode({ ...facts, type: "pure", pure: true, run: () => ({ out: 1 }) });

const failing = effectful("failing", () => {
  throw new Error("no");
});

const bookkeeping = { retry: true };

describe("the steps of a run", () => {
  test("are named after what they do, and only pure nodes and bookkeeping may be retried", async () => {
    const platform = recordingPlatform();
    const types = { a: "pure", b: "test", c: "failing", d: "test" };
    await createDirectRuntime({
      nodes: [effectful("test"), pureNode, failing],
      layers: platform.layer,
    }).run(
      params(graph("a -> b -> c -> d", { types, settings: { maxConcurrency: 1 } })),
      "execution",
    );
    expect(platform.asked).toEqual([
      ["initialise workflow", bookkeeping],
      ["preload organization resources", bookkeeping],
      ["run node a", { retry: true }],
      ["run node b", { retry: false }],
      ["run node c", { retry: false }],
      ["run node d", bookkeeping],
      ["persist final execution record", bookkeeping],
    ]);
  });

  test("that run an attempt may take a minute longer than its policy allows", async () => {
    const platform = recordingPlatform();
    const retries = { limit: 2, delay: "10 seconds", backoff: "exponential" } as const;
    const policies = { a: { timeout: "1 minute", retries }, b: { timeout: 5 } };
    await createDirectRuntime({
      nodes: [effectful("test"), { ...effectful("typed"), policy: { timeout: "2 hours" } }],
      layers: platform.layer,
    }).run(params(graph("a", "b", "c", "d", { policies, types: { c: "typed" } })), "execution");
    const nodeSteps = platform.asked.filter(([name]) => name.startsWith("run node"));
    expect(nodeSteps).toEqual([
      ["run node a / attempt 1", { retry: false, timeout: 120_000 }],
      ["run node b", { retry: false, timeout: 60_005 }],
      ["run node c", { retry: false, timeout: 7_260_000 }],
      ["run node d", { retry: false }],
      ["run node a", { retry: true }],
    ]);
  });

  test("that take too long fail their node, and the run goes on", async () => {
    const platform = recordingPlatform({
      instead: (name) =>
        name === "run node a" ? Promise.reject(new StepTimedOut({ step: name })) : undefined,
    });
    const execution = await createDirectRuntime({
      nodes: [effectful("test")],
      layers: platform.layer,
    }).run(params(graph("a -> b", "c")), "execution");
    expect(execution.status).toBe("error");
    expect(execution.nodeExecutions).toMatchObject([
      { nodeId: "a", status: "failed", error: "Took longer than its step may take", attempts: [] },
      { nodeId: "b", status: "skipped" },
      { nodeId: "c", status: "completed", outputs: { out: 1 } },
    ]);
  });

  test("are not performed again on a replay, and give the same record", async () => {
    let runs = 0;
    const document = graph("a -> b -> c", "a -> d", { types: { c: "failing" } });
    const nodes = [effectful("test", () => ++runs), failing];
    const first = recordingPlatform();
    const execution = await createDirectRuntime({ nodes, layers: first.layer }).run(
      params(document),
      "execution",
    );
    const again = recordingPlatform({ recorded: first.results });
    const replayed = await createDirectRuntime({ nodes, layers: again.layer }).run(
      params(document),
      "execution",
    );
    expect(runs).toBe(3);
    expect(again.performed).toEqual([]);
    expect(namesOf(again)).toEqual(namesOf(first));
    expect(replayed).toEqual(execution);
  });
});

describe("the services of a run", () => {
  const costly = defineNode({ ...facts, type: "costly", computeCost: 5, run: () => ({ out: 1 }) });

  const recordingCredits = (isReserved: boolean) => {
    const asked: (readonly [string, object])[] = [];
    const layer = Layer.mock(CreditService, {
      isSettledWithRecord: false,
      reserve: ({ now: _now, ...reservation }) =>
        Effect.sync(() => {
          asked.push(["reserve", reservation]);
          return isReserved;
        }),
      settle: ({ now: _now, ...settlement }) =>
        Effect.sync(() => void asked.push(["settle", settlement])),
      publishUsage: () => Effect.void,
    });
    return { asked, layer };
  };

  const ids = { organizationId: "org", executionId: "execution" };

  test("reserve the estimate once and settle what completed nodes cost once", async () => {
    const credits = recordingCredits(true);
    const types = { a: "costly", b: "failing", c: "costly", d: "unknown", e: "costly" };
    await createDirectRuntime({ nodes: [costly, failing], layers: credits.layer }).run(
      params(graph("a", "b -> c", "d", "e -> gone", { types, missing: ["gone"] }), {
        computeCredits: 70,
      }),
      "execution",
    );
    expect(credits.asked).toEqual([
      // Three costly ones, the failing one, and 1 each for what is unknown or missing.
      ["reserve", { ...ids, estimate: 18, limit: 70 }],
      ["settle", { ...ids, usage: 10 }],
    ]);
  });

  test("settle nothing and run nothing when the estimate does not fit", async () => {
    const credits = recordingCredits(false);
    const platform = recordingPlatform();
    const execution = await createDirectRuntime({
      nodes: [costly],
      layers: Layer.merge(credits.layer, platform.layer),
    }).run(params(graph("a", { types: { a: "costly" } })), "execution");
    expect(execution.status).toBe("exhausted");
    expect(credits.asked).toEqual([
      ["reserve", { ...ids, estimate: 5, limit: 1_000 }],
      ["settle", { ...ids, usage: 0 }],
    ]);
    expect(namesOf(platform)).toEqual([
      "initialise workflow",
      "preload organization resources",
      "persist final execution record",
    ]);
  });

  test("prepare the organization's resources once before any node, and give it its secrets", async () => {
    const told: string[] = [];
    const resources = Layer.succeed(ResourceProvider, {
      initialize: (organizationId) =>
        Effect.promise(async () => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          told.push(`prepared ${organizationId}`);
        }),
      createNodeContext: (context) => ({
        ...context,
        getSecret: async (name) => `${context.organizationId}'s ${name}`,
        getIntegration: async () => undefined,
      }),
      maskFor: () => noMask,
      maskAtHand: () => noMask,
    });
    const node = effectful("test", async ({ nodeId, getSecret }) => {
      told.push(`${nodeId} has ${await getSecret("key")}`);
    });
    await createDirectRuntime({ nodes: [node], layers: resources }).run(
      params(graph("a", "b")),
      "execution",
    );
    expect(told).toEqual(["prepared org", "a has org's key", "b has org's key"]);
  });

  test("store the run under the SHA-256 of the document as it was given", async () => {
    const saved: SavedExecution[] = [];
    const store = Layer.mock(ExecutionStore, {
      save: (execution) =>
        Effect.sync(() => {
          saved.push(execution);
          return execution.execution;
        }),
    });
    // A key that the document's schema does not know is still part of what was given.
    const document = { ...graph("a é", "b"), name: "Łódź", note: "kept" };
    await createDirectRuntime({ nodes: [effectful("test")], layers: store }).run(
      params(document),
      "execution",
    );
    const definitionHash = createHash("sha256").update(JSON.stringify(document)).digest("hex");
    const whose = { organizationId: "org", userId: "user", workflowName: "Łódź", definitionHash };
    expect(saved).toMatchObject([
      { ...whose, execution: { id: "execution", status: "executing", endedAt: null } },
      { ...whose, execution: { id: "execution", status: "completed" } },
    ]);
  });
});

describe("a node's context", () => {
  test("holds what started the run, or null", async () => {
    const triggers: unknown[] = [];
    const nodes = [effectful("test", ({ trigger }) => triggers.push(trigger))];
    const trigger = { body: { rows: [1, "two", null] } };
    await createDirectRuntime({ nodes }).run(params(graph("a"), { trigger }), "one");
    await createDirectRuntime({ nodes }).run(params(graph("a")), "two");
    expect(triggers).toEqual([trigger, null]);
  });

  test("holds one idempotency key for every attempt of a node, and another for every node and run", async () => {
    const keys: string[] = [];
    const node = effectful("test", ({ nodeId, attempt, idempotencyKey }) => {
      keys.push(`${nodeId} ${attempt}: ${idempotencyKey}`);
      if (nodeId === "a" && attempt < 3) throw new Error("again");
      return 1;
    });
    const retries = { limit: 2, delay: 0, backoff: "constant" } as const;
    const document = graph("a -> b", { policies: { a: { retries } } });
    const runtime = createDirectRuntime({ nodes: [node] });
    await runtime.run(params(document), "first");
    await runtime.run(params(document), "second");
    const [first, second] = await Promise.all(
      ["first", "second"].map((id) => runInstanceId("org", id)),
    );
    expect(keys).toEqual([
      `a 1: ${first}/a`,
      `a 2: ${first}/a`,
      `a 3: ${first}/a`,
      `b 1: ${first}/b`,
      `a 1: ${second}/a`,
      `a 2: ${second}/a`,
      `a 3: ${second}/a`,
      `b 1: ${second}/b`,
    ]);
  });
});

describe("files", () => {
  test("of one repeated output are stored apart and read back in their order", async () => {
    const maker = defineNode({
      ...facts,
      type: "maker",
      outputs: [{ name: "out", type: "blob", repeated: true }],
      run: () => ({
        out: [1, 2].map((byte) => ({ data: new Uint8Array([byte]), mimeType: `text/${byte}` })),
      }),
    });
    const reader = defineNode({
      ...facts,
      type: "reader",
      inputs: [{ name: "in", type: "blob", repeated: true, required: true }],
      outputs: [{ name: "read", type: "json" }],
      run: (inputs) => ({
        read: inputs.in.map(({ data, mimeType }) => [mimeType, ...data]),
      }),
    });
    const names: string[] = [];
    const store = Layer.effect(
      ObjectStore,
      Effect.map(ObjectStore, (memory) => ({
        ...memory,
        write: (scope, name, value) => {
          names.push(name);
          return memory.write(scope, name, value);
        },
      })),
    ).pipe(Layer.provide(ObjectStore.layerMemory));
    const execution = await createDirectRuntime({ nodes: [maker, reader], layers: store }).run(
      params(
        graph("a -> b", {
          types: { a: "maker", b: "reader" },
          outputs: { "a:out": { type: "blob", repeated: true }, "b:read": { type: "json" } },
          inputs: { "b:in": { type: "blob", repeated: true, required: true } },
        }),
      ),
      "execution",
    );
    expect(new Set(names).size).toBe(2);
    expect(execution.nodeExecutions[1]).toMatchObject({
      status: "completed",
      outputs: {
        read: [
          ["text/1", 1],
          ["text/2", 2],
        ],
      },
    });
  });
});
