import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import { noMask } from "#core/mask";
import type { WorkflowExecution } from "#core/report";
import type { Edge, Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { ServiceFailure } from "#services/errors";
import { MonitoringService } from "#services/monitoring-service";
import type { MultiStepContext, NodeContext, NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { ObjectStore } from "#services/object-store";
import { ResourceProvider } from "#services/resource-provider";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";
import { recordingPlatform } from "../support/recording-steps.ts";

const secret = "s3cr3t-value/with+odd chars";
const token = "ya29.a-token-of-somebody";
const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

const resources = ResourceProvider.layerMemory({
  org: {
    secrets: { KEY: secret },
    integrations: { mail: { id: "mail", provider: "google-mail", token } },
  },
});

const single = (run: (context: NodeContext) => unknown, more: object = {}) =>
  defineNode({
    ...facts,
    inputs: [{ name: "in", type: "any" }],
    type: "test",
    ...more,
    run: async (_inputs, context) => ({ out: (await run(context)) as never }),
  });

const several = (run: (context: MultiStepContext) => unknown) =>
  defineNode({
    ...facts,
    type: "test",
    multiStep: true,
    run: async (_inputs, context) => ({ out: (await run(context)) as never }),
  });

/** Runs the node as `a`, and gives its record and all that was kept of the run anywhere. */
const runWith = async (
  node: NodeDefinition,
  workflow: Workflow = graph("a"),
  more: Partial<ExecuteParams> = {},
  layer: Layer.Layer<ResourceProvider> = resources,
) => {
  const held = holdServices();
  const platform = recordingPlatform({
    // Nobody answers.
    waitForEvent: () => new Promise((resolve) => void setTimeout(() => resolve(false), 5)),
  });
  const told: unknown[] = [];
  const written: string[] = [];
  const objects = Layer.effect(
    ObjectStore,
    Effect.map(ObjectStore, (store) => ({
      ...store,
      write: (...[scope, name, file]: Parameters<typeof store.write>) => {
        written.push(name, new TextDecoder().decode(file.data), file.mimeType, file.filename ?? "");
        return store.write(scope, name, file);
      },
    })),
  ).pipe(Layer.provide(ObjectStore.layerMemory));
  const listener = MonitoringService.layerListener((message) => told.push(message));
  const layers = Layer.mergeAll(held.layer, platform.layer, objects, listener, layer);
  const params = { workflow, userId: "user", organizationId: "org", computeCredits: 1_000 };
  const execution = await createDirectRuntime({ nodes: [node], layers }).run(
    { ...params, ...more },
    "run",
  );
  const started = await Effect.runPromise(held.executions.readStart("org", "run"));
  const kept = JSON.stringify([
    execution,
    [...platform.results],
    platform.asked,
    told,
    written,
    started ?? null,
    held.waitsOf("run"),
  ]);
  return { execution, node: execution.nodeExecutions[0], kept };
};

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const expectKept = (kept: string): void => {
  expect(kept).not.toContain(secret);
  expect(kept).not.toContain(token);
  expect(kept).not.toContain(base64(secret));
  expect(kept).not.toContain(encodeURIComponent(secret));
};

describe("what a node puts out", () => {
  test.each<readonly [string, (value: string) => unknown, unknown]>([
    ["the secret itself", (value) => value, "[secret:KEY]"],
    ["it in a larger text", (value) => `Bearer ${value}!`, "Bearer [secret:KEY]!"],
    ["it in base64", base64, "[secret:KEY]"],
    [
      "it in a URL",
      (value) => `https://a.b/?k=${encodeURIComponent(value)}&x`,
      "https://a.b/?k=[secret:KEY]&x",
    ],
    ["it deep in JSON", (value) => ({ a: [{ b: value }] }), { a: [{ b: "[secret:KEY]" }] }],
    ["it as a key", (value) => ({ [value]: 1 }), { "[secret:KEY]": 1 }],
  ])("holds a mask in the place of %s", async (_name, put, expected) => {
    const { node, kept } = await runWith(
      single(async ({ getSecret }) => put((await getSecret("KEY")) ?? "")),
    );
    expect(node).toMatchObject({ status: "completed", outputs: { out: expected } });
    expectKept(kept);
  });

  test("holds a mask in the place of a token, and of what is in a file, its name and its port", async () => {
    const node = defineNode({
      ...facts,
      type: "test",
      outputs: [{ name: "file", type: "document" }],
      run: async (_inputs, { getSecret, getIntegration }) => ({
        file: {
          data: new TextEncoder().encode(`header\n${await getSecret("KEY")}\n`),
          mimeType: "text/plain",
          filename: `${await getSecret("KEY")}.txt`,
        },
        [`port ${(await getIntegration("mail"))?.token}`]: [(await getIntegration("mail"))?.token],
      }),
    });
    const { node: entry, kept } = await runWith(node);
    expect(entry?.status).toBe("completed");
    expect(entry?.outputs?.["port [secret:mail]"]).toEqual(["[secret:mail]"]);
    expect(kept).toContain("header\\n[secret:KEY]\\n");
    expect(kept).toContain("[secret:KEY].txt");
    expectKept(kept);
  });

  test("is masked also when the node did not read the secret: somebody told it", async () => {
    const { node, kept } = await runWith(
      single(({ trigger }) => trigger),
      graph("a"),
      {
        trigger: { body: `look: ${secret}` },
      },
    );
    expect(node?.outputs).toEqual({ out: { body: "look: [secret:KEY]" } });
    expectKept(kept);
  });
});

describe("what goes wrong in a node", () => {
  test.each<readonly [string, (value: string) => unknown]>([
    ["thrown", (value) => Promise.reject(new Error(`401 for ${value}`))],
    ["meant", (value) => Promise.reject(new NodeFailure({ message: `401 for ${value}` }))],
    ["a plain text", (value) => Promise.reject(`401 for ${value}`)],
  ])("is told without the secret when it is %s", async (_name, fail) => {
    const { node, kept } = await runWith(
      single(async ({ getSecret }) => fail((await getSecret("KEY")) ?? "")),
    );
    expect(node).toMatchObject({ status: "failed", error: "401 for [secret:KEY]" });
    expectKept(kept);
  });

  test("is masked before it is shortened, so that no half of a secret stands at the cut", async () => {
    const filler = "x".repeat(490);
    const { node, kept } = await runWith(
      single(async ({ getSecret }) => {
        throw new Error(filler + (await getSecret("KEY")));
      }),
    );
    expect(node?.error?.slice(490)).toMatch(/^\[secret:KE/);
    expect(kept).not.toContain(secret.slice(0, 8));
  });

  test("is masked in each attempt", async () => {
    const policies = { a: { retries: { limit: 2, delay: 1, backoff: "constant" } } } as const;
    const { node, kept } = await runWith(
      single(async ({ getSecret, attempt }) => {
        throw new Error(`${attempt}: ${await getSecret("KEY")}`);
      }),
      graph("a", { policies }),
    );
    expect(node?.attempts.map(({ error }) => error)).toEqual([
      "1: [secret:KEY]",
      "2: [secret:KEY]",
      "3: [secret:KEY]",
    ]);
    expectKept(kept);
  });
});

describe("a node of several steps", () => {
  test("reads secrets inside its steps, and what those give is masked", async () => {
    const { node, kept } = await runWith(
      several(async ({ doStep }) => {
        const read = await doStep("read", async ({ getSecret, getIntegration }) => [
          (await getSecret("KEY")) ?? null,
          (await getIntegration("mail"))?.token ?? null,
        ]);
        return read;
      }),
    );
    expect(node?.outputs).toEqual({ out: ["[secret:KEY]", "[secret:mail]"] });
    expectKept(kept);
  });

  test("masks what a step fails with", async () => {
    const { node, kept } = await runWith(
      several(({ doStep }) =>
        doStep("read", async ({ getSecret }) => {
          throw new Error(`no ${await getSecret("KEY")}`);
        }),
      ),
    );
    expect(node).toMatchObject({ status: "failed", error: "no [secret:KEY]" });
    expectKept(kept);
  });

  test("may not carry a secret out of a step by another way: into a question, an error, an output", async () => {
    const leaks: readonly ((context: MultiStepContext, value: string) => unknown)[] = [
      ({ waitForEvent }, value) => waitForEvent("ask", { timeout: 1, question: { value } }),
      (_context, value) => Promise.reject(new Error(value)),
      (_context, value) => value,
    ];
    for (const leak of leaks) {
      const { kept } = await runWith(
        several(async (context) => {
          let value = "";
          await context.doStep("read", async ({ getSecret }) => {
            value = (await getSecret("KEY")) ?? "";
            return null;
          });
          return leak(context, value);
        }),
      );
      expectKept(kept);
    }
  });

  test("is told where to read them, when it does so between its steps", async () => {
    const { node } = await runWith(
      several((context) => (context as unknown as NodeContext).getSecret("KEY")),
    );
    expect(node?.error).toBe(
      "A multi-step node reads secrets and integrations inside its steps: doStep(name, ({ getSecret }) => ...)",
    );
  });
});

test("a pure node reads no secrets", async () => {
  const { node } = await runWith(single(({ getSecret }) => getSecret("KEY"), { pure: true }));
  expect(node?.error).toBe(
    "A pure node reads no secrets and no integrations. Define it without 'pure'.",
  );
});

describe("a secret that somebody wrote into what a run is started with", () => {
  const node = single(() => 1);
  const literal = (value: unknown): Workflow =>
    graph("a", { inputs: { "a:in": { value: value as never } } });

  test("in the document refuses the run, names the place, and is stored nowhere", async () => {
    const { execution, kept } = await runWith(node, literal({ header: `Bearer ${secret}` }));
    expect(execution.status).toBe("error");
    expect(execution.error).toBe(
      "The workflow holds the value of a secret, [secret:KEY], at nodes[0].inputs[0] (node 'a'). Give the name of the secret instead: a node reads its value by that name.",
    );
    expectKept(kept);
  });

  const edge = { source: "a", sourceOutput: "out", target: "b", targetInput: "in" };

  test.each<readonly [string, Workflow]>([
    ["name", { ...literal(1), name: `for ${secret}` }],
    ["id", { ...literal(1), id: secret }],
    ["edges", { ...graph("a -> b"), edges: [{ ...edge, note: secret } as Edge] }],
    ["the document", Object.assign(literal(1), { [secret]: 1 })],
    ["nodes[0]", graph(`n-${secret}`)],
  ])("at %s is told with that place", async (place, workflow) => {
    const { execution, kept } = await runWith(node, workflow);
    expect(execution.error).toContain(`[secret:KEY], at ${place}. Give the name`);
    expectKept(kept);
  });

  test("in an input of the run does so too", async () => {
    const { execution, kept } = await runWith(node, literal(1), {
      inputOverrides: { a: { in: [secret] } },
    });
    expect(execution.error).toMatch(
      /^The value for input 'in' of node 'a' holds the value of a secret, \[secret:KEY\]\./,
    );
    expectKept(kept);
  });

  test("in a document that is refused anyway is not stored either", async () => {
    const cyclic = {
      ...literal(secret),
      edges: [{ source: "a", sourceOutput: "out", target: "a", targetInput: "in" }],
    };
    const { execution, kept } = await runWith(node, cyclic);
    expect(execution.status).toBe("error");
    expectKept(kept);
  });

  test.each<readonly [string, Workflow]>([
    ["the workflow's name", { ...literal(1), name: `for ${secret}` }],
    ["the workflow's id", { ...literal(1), id: secret }],
    ["a node's id", graph(`n ${secret}`)],
    [
      "a port of a document that is refused for another reason",
      {
        ...graph("a -> b"),
        edges: [{ source: "a", sourceOutput: secret, target: "b", targetInput: "in" }],
      },
    ],
  ])("in %s is not told by the record of the refusal", async (_place, workflow) => {
    const { execution, kept } = await runWith(node, workflow);
    expect(execution.status).toBe("error");
    expectKept(kept);
    expect(kept).not.toContain("s3cr3t");
  });

  test("in a trigger too large to be kept without it refuses the run", async () => {
    const rows = Array.from({ length: 40_000 }, () => secret);
    const { execution, kept } = await runWith(node, literal(1), { trigger: { rows } });
    expect(execution.error).toBe(
      "What triggered the run holds a secret, and is too large to be kept without it.",
    );
    expectKept(kept);
  });

  test("by its name is what it should be", async () => {
    const { execution } = await runWith(node, literal("KEY"));
    expect(execution.status).toBe("completed");
  });
});

describe("an organization whose secrets cannot be read", () => {
  const failing = (isFinal: boolean, times: number): Layer.Layer<ResourceProvider> => {
    let left = times;
    return Layer.succeed(ResourceProvider, {
      initialize: () => Effect.void,
      createNodeContext: (context) => ({
        ...context,
        getSecret: async () => undefined,
        getIntegration: async () => undefined,
      }),
      maskAtHand: () => noMask,
      maskFor: () => {
        if (left-- <= 0) return noMask;
        const message = "There is no master key";
        return Promise.reject(
          new ServiceFailure({ operation: "MasterKey.read", message, isFinal }),
        );
      },
    });
  };
  const statusOf = ({ status, error }: WorkflowExecution): readonly unknown[] => [status, error];

  test("for good has its run refused in those words", async () => {
    const layer = failing(true, Number.POSITIVE_INFINITY);
    const { execution } = await runWith(
      single(() => 1),
      graph("a"),
      {},
      layer,
    );
    expect(statusOf(execution)).toEqual(["error", "There is no master key"]);
  });

  /** The first step has read them, and the process that goes on with the node cannot. */
  const inNode = async (isFinal: boolean, times: number) => {
    let calls = 0;
    const provider = await Effect.runPromise(
      Effect.provide(ResourceProvider, failing(isFinal, times)),
    );
    let isNode = false;
    const layer = Layer.succeed(ResourceProvider, {
      ...provider,
      maskFor: (organization) => (isNode ? provider.maskFor(organization) : noMask),
    });
    const platform = recordingPlatform({
      instead: (name) => {
        isNode ||= name === "run node b";
        return undefined;
      },
    });
    const execution = await createDirectRuntime({
      nodes: [single(() => 1), single(() => calls++, { type: "second" })],
      layers: Layer.merge(platform.layer, layer),
    }).run(
      {
        workflow: graph("a -> b", { types: { b: "second" } }),
        userId: "user",
        organizationId: "org",
        computeCredits: 9,
      },
      "run",
    );
    return { node: execution.nodeExecutions[1], calls };
  };

  test("for a moment keeps the node waiting that long", async () => {
    const { node, calls } = await inNode(false, 2);
    expect([node?.status, calls]).toEqual(["completed", 1]);
  });

  test("when it is its turn does not run: it fails and says why", async () => {
    const { node, calls } = await inNode(true, Number.POSITIVE_INFINITY);
    expect(node).toMatchObject({
      status: "failed",
      error:
        "The organization's secrets could not be read, so that none could be kept out of the record",
    });
    expect(calls).toBe(0);
  });
});
