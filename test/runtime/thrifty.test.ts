import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import { storedValueType } from "#core/stored-value";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { DurableStep } from "#services/durable-step";
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { graph } from "../support/graph.ts";
import { namesOf, type Platform, recordingPlatform } from "../support/recording-steps.ts";
import { runVirtually } from "../support/run-virtually.ts";

const facts = { category: "test", name: "", description: "", outputs: [] } as const;
const input = [{ name: "in", type: "any" }] as const;

/** One more than what came in. */
const counting = defineNode({
  ...facts,
  type: "test",
  pure: true,
  inputs: input,
  run: (inputs) => ({ out: (typeof inputs.in === "number" ? inputs.in : 0) + 1 }),
});
const failing = defineNode({
  ...facts,
  type: "failing",
  pure: true,
  inputs: [],
  run: () => new NodeFailure({ message: "no" }),
});
const throwing = defineNode({
  ...facts,
  type: "throwing",
  pure: true,
  inputs: [],
  run: async () => {
    throw new TypeError("thrown");
  },
});
const fork = defineNode({
  ...facts,
  type: "fork",
  pure: true,
  inputs: input,
  run: (inputs) => ({ left: inputs.in }),
});
const effect = defineNode({
  ...facts,
  type: "effect",
  inputs: input,
  run: (inputs) => ({ out: inputs.in ?? "done" }),
});
const nodes: readonly NodeDefinition[] = [counting, failing, throwing, fork, effect];

const own = [
  "initialise workflow",
  "preload organization resources",
  "persist final execution record",
];

const thrifty = (document: Workflow): Workflow => ({
  ...document,
  settings: { ...document.settings, steps: "effects" },
});

const run = (
  document: Workflow,
  platform: Platform = recordingPlatform(),
): Promise<WorkflowExecution> => runVirtually(document, nodes, { tick: 0, layers: platform.layer });

const withoutTimes = (execution: WorkflowExecution): unknown => ({
  ...execution,
  startedAt: null,
  endedAt: null,
  nodeExecutions: execution.nodeExecutions.map((node: NodeExecution) => ({
    ...node,
    startedAt: null,
    endedAt: null,
    attempts: node.attempts.map(({ error }) => error ?? null),
  })),
});

describe("the thrifty plan", () => {
  test("takes a step for what has an effect, and for nothing else", async () => {
    const platform = recordingPlatform();
    await run(
      thrifty(
        graph("a -> e -> b", "bad -> skipped -> too", "a -> f", "f:left -> l", "f:right -> r", {
          types: { e: "effect", bad: "failing", f: "fork", skipped: "effect", r: "effect" },
        }),
      ),
      platform,
    );
    expect(platform.asked).toEqual([
      ["initialise workflow", { retry: true }],
      ["preload organization resources", { retry: true }],
      ["run node e", { retry: false }],
      ["persist final execution record", { retry: true }],
    ]);
  });

  test("takes three steps for a thousand nodes that only compute", async () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `n${index}`);
    const platform = recordingPlatform();
    const execution = await run(thrifty(graph(ids.join(" -> "))), platform);
    expect(namesOf(platform)).toEqual(own);
    expect(execution.status).toBe("completed");
    expect(execution.nodeExecutions.at(-1)?.outputs).toEqual({ out: 1_000 });
  });

  test.each<readonly [string, Workflow]>([
    ["a chain", graph("a -> b -> c")],
    ["effects among them", graph("a -> e -> b -> g", { types: { e: "effect", g: "effect" } })],
    [
      "failures, returned and thrown, and what hangs on them",
      graph("a -> b -> c", "x -> y", "c -> z", "y -> z", {
        types: { b: "failing", x: "throwing", y: "effect" },
      }),
    ],
    [
      "forks and joins",
      graph("a -> f", "f:left -> l", "f:right -> r", "l -> j", "r -> j", "r -> only", {
        types: { f: "fork", r: "effect" },
      }),
    ],
    [
      "an unknown type and a missing node",
      graph("a -> u -> b", "gone -> c", {
        types: { u: "unknown" },
        missing: ["gone"],
      }),
    ],
    [
      "a required input that is not there",
      graph("a", { inputs: { "a:need": { required: true } } }),
    ],
    ["nothing at all", graph()],
  ])("comes to the record of the full plan but for times: %s", async (_, document) => {
    const full = await run(document);
    expect(withoutTimes(await run(thrifty(document)))).toEqual(withoutTimes(full));
  });

  test("gives what is computed the time of what it was computed from", async () => {
    const slow = defineNode({
      ...facts,
      type: "slow",
      inputs: [],
      run: () => Effect.as(Effect.sleep("3 seconds"), { out: 1 }),
    });
    const document = thrifty(graph("a", "s -> b -> c", "a -> c", { types: { s: "slow" } }));
    const execution = await runVirtually(document, [...nodes, slow]);
    const at = (millis: number): string => new Date(millis).toISOString();
    expect(
      execution.nodeExecutions.map(({ nodeId, startedAt, endedAt }) => [
        nodeId,
        startedAt,
        endedAt,
      ]),
    ).toEqual([
      ["a", at(0), at(0)],
      ["s", at(0), at(3_000)],
      ["b", at(3_000), at(3_000)],
      ["c", at(3_000), at(3_000)],
    ]);
  });

  test("computes again on a replay, performs nothing again, and comes to the same record", async () => {
    const document = thrifty(
      graph("a -> e -> b -> g", "x -> y", { types: { e: "effect", g: "effect", x: "failing" } }),
    );
    const first = recordingPlatform();
    const execution = await run(document, first);
    const recorded = [...first.results];
    expect(recorded).toHaveLength(5);
    for (let length = 0; length <= recorded.length; length++) {
      const known = new Map(recorded.slice(0, length));
      const again = recordingPlatform({ recorded: known });
      expect(await run(document, again)).toEqual(execution);
      expect([...again.performed].sort()).toEqual(
        recorded
          .slice(length)
          .map(([name]) => name)
          .sort(),
      );
    }
    // Years later.
    const params = { workflow: document, userId: "user", organizationId: "org", computeCredits: 9 };
    const { layer } = recordingPlatform({ recorded: first.results });
    const later = createDirectRuntime({ nodes, layers: layer }).run(params, "execution");
    expect(await later).toEqual(execution);
  });

  test("tells nobody of what is computed, since a replay would tell it again", async () => {
    const told: string[] = [];
    await runVirtually(thrifty(graph("a -> e -> b", { types: { e: "effect" } })), nodes, {
      listen: (message) => {
        if (message.type === "node") told.push(`${message.nodeId} ${message.status}`);
      },
    });
    expect(told).toEqual(["e executing", "e completed"]);
  });

  test("takes a step for a file and for a value that has to be fetched, even to compute", async () => {
    const length = defineNode({
      ...facts,
      type: "length",
      pure: true,
      inputs: [{ name: "in", type: "string", required: true }],
      outputs: [{ name: "out", type: "number" }],
      run: (inputs) => ({ out: inputs.in.length }),
    });
    const large = defineNode({
      ...facts,
      type: "large",
      inputs: [],
      run: () => ({ out: "x".repeat(200_000) }),
    });
    const file = defineNode({
      ...facts,
      type: "file",
      pure: true,
      inputs: [],
      outputs: [{ name: "out", type: "blob" }],
      run: () => ({ out: { data: new Uint8Array([7, 8]), mimeType: "x/y" } }),
    });
    const size = defineNode({
      ...facts,
      type: "size",
      pure: true,
      inputs: [{ name: "in", type: "blob", required: true }],
      outputs: [{ name: "out", type: "number" }],
      run: (inputs) => ({ out: inputs.in.data.length }),
    });
    const document = thrifty(
      graph("l -> n -> plus", "f -> s -> more", "g:out -> h", {
        types: { l: "large", n: "length", f: "file", s: "size", g: "file" },
        outputs: { "f:out": { type: "blob" } },
        inputs: { "s:in": { type: "blob" } },
      }),
    );
    const platform = recordingPlatform();
    // A platform that keeps large results inline gives nothing to fetch.
    const limited = Layer.effect(
      DurableStep,
      Effect.map(DurableStep, (steps) => ({ ...steps, resultLimit: 1_000_000 })),
    ).pipe(Layer.provide(platform.layer));
    const execution = await runVirtually(document, [...nodes, length, large, file, size], {
      layers: limited,
    });
    expect([...namesOf(platform)].filter((name) => !own.includes(name)).sort()).toEqual([
      "run node f",
      "run node g",
      "run node l",
      "run node n",
      "run node s",
    ]);
    const outputs = execution.nodeExecutions.map(({ nodeId, outputs }) => [
      nodeId,
      outputs?.["out"],
    ]);
    expect(outputs.slice(1, 3)).toEqual([
      ["n", 200_000],
      ["plus", 200_001],
    ]);
    expect(outputs.slice(4)).toEqual([
      ["s", 2],
      ["more", 3],
      // Its port says any, and its bytes came out all the same.
      ["g", expect.objectContaining({ mimeType: "x/y" })],
      ["h", 1],
    ]);
  });

  test("takes a step for what is computed and too large to travel, as the full plan does", async () => {
    const large = defineNode({
      ...facts,
      type: "large",
      pure: true,
      inputs: [],
      run: () => ({ out: "x".repeat(200_000) }),
    });
    const document = graph("a -> b", { types: { a: "large" } });
    const platform = recordingPlatform();
    const limited = Layer.effect(
      DurableStep,
      Effect.map(DurableStep, (steps) => ({ ...steps, resultLimit: 1_000_000 })),
    ).pipe(Layer.provide(platform.layer));
    const options = { layers: limited, tick: 0 };
    const execution = await runVirtually(thrifty(document), [...nodes, large], options);
    // Its reference is read in a step as well.
    expect(namesOf(platform).filter((name) => !own.includes(name))).toEqual([
      "run node a",
      "run node b",
    ]);
    expect(execution.nodeExecutions.map(({ outputs }) => outputs)).toEqual([
      { out: expect.objectContaining({ mimeType: storedValueType }) },
      { out: 1 },
    ]);
  });

  test("bills what is computed like everything else", async () => {
    const costly: NodeDefinition = { ...counting, type: "costly", computeCost: 5 };
    const document = thrifty(graph("a -> b", { types: { a: "costly" } }));
    const execution = await runVirtually(document, [...nodes, costly]);
    expect(execution.nodeExecutions.map(({ usage }) => usage)).toEqual([5, 1]);
  });
});
