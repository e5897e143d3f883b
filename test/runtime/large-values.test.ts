/** Outputs beyond the inline limit go to the object store and come back unseen by the nodes (VALUE-5). */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import { storedValueType } from "#core/stored-value";
import type { JsonValue } from "#core/value";
import type { Parameter } from "#core/workflow";
import {
  createDirectRuntime,
  defineNode,
  DurableStep,
  type ExecuteParams,
  type NodeDefinition,
  NodeFailure,
  ObjectStore,
  type Workflow,
  type WorkflowExecution,
} from "../../src/index.ts";
import { graph } from "../support/graph.ts";
import { namesOf, type Platform, recordingPlatform } from "../support/recording-steps.ts";

const resultLimit = 1_000_000;

const params = (workflow: Workflow, more: Partial<ExecuteParams> = {}): ExecuteParams => ({
  workflow,
  userId: "user",
  organizationId: "org",
  computeCredits: 100_000,
  ...more,
});

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

/** Puts out what it is told, whatever it gets. */
const maker = (type: string, outputs: (attempt: number) => Record<string, unknown>) =>
  defineNode({ ...facts, type, run: (_inputs, { attempt }) => outputs(attempt) as never });

/** Keeps what it gets under its id. */
const watcher = (seen: Map<string, unknown>, type = "test") =>
  defineNode({
    ...facts,
    type,
    run: (inputs, { nodeId }) => {
      seen.set(nodeId, (inputs as { in?: unknown }).in);
      return { out: nodeId };
    },
  });

const reference = (nodeId: string, output = "out", run = "run") => ({
  id: `${run}/${nodeId}%2F${output}%2F0.json`,
  mimeType: storedValueType,
});

type Store = ObjectStore["Service"];

const openStore = (): Store => Effect.runSync(Effect.provide(ObjectStore, ObjectStore.layerMemory));

/** A platform whose results have a limit, over a store that outlives its runs. */
const limited = (
  nodes: readonly NodeDefinition[],
  { store = openStore(), recorded }: { store?: Store; recorded?: Platform["results"] } = {},
) => {
  const platform = recordingPlatform(recorded === undefined ? {} : { recorded });
  const steps = Layer.effect(
    DurableStep,
    Effect.map(DurableStep, (all) => ({ ...all, resultLimit })),
  ).pipe(Layer.provide(platform.layer));
  const runtime = createDirectRuntime({
    nodes,
    layers: Layer.merge(steps, Layer.succeed(ObjectStore, store)),
  });
  return {
    platform,
    store,
    run: (document: Workflow, more: Partial<ExecuteParams> = {}, id = "run") =>
      runtime.run(params(document, more), id),
  };
};

const outputsOf = ({ nodeExecutions }: WorkflowExecution, nodeId: string) =>
  nodeExecutions.find((node) => node.nodeId === nodeId)?.outputs;

const errorOf = ({ nodeExecutions }: WorkflowExecution, nodeId: string) =>
  nodeExecutions.find((node) => node.nodeId === nodeId)?.error;

const long = "x".repeat(200_000);

describe("an output", () => {
  test.each<readonly [string, JsonValue, JsonValue]>([
    ["a text", "x".repeat(131_070), "x".repeat(131_071)],
    ["a text that JSON escapes", "\u0001".repeat(21_845), "\u0001".repeat(21_846)],
    ["a text of wide characters", "ł".repeat(65_535), "ł".repeat(65_536)],
    ["a list", ["x".repeat(65_000), "x".repeat(66_065)], ["x".repeat(65_000), "x".repeat(66_066)]],
    ["an object", { a: "x".repeat(131_064) }, { a: "x".repeat(131_065) }],
  ])(
    "that is %s of 128 KiB stays in its step's result, and a larger one is stored",
    async (_, fits, tooLarge) => {
      const seen = new Map<string, unknown>();
      const nodes = [
        maker("fits", () => ({ out: fits })),
        maker("large", () => ({ out: tooLarge })),
        watcher(seen),
      ];
      const { run, platform } = limited(nodes);
      const execution = await run(graph("a -> b", "c -> d", { types: { a: "fits", c: "large" } }));
      expect(execution.nodeExecutions.map(({ inputs, outputs }) => [inputs, outputs])).toEqual([
        [{}, { out: fits }],
        [{ in: fits }, { out: "b" }],
        [{}, { out: reference("c") }],
        [{ in: reference("c") }, { out: "d" }],
      ]);
      expect(platform.results.get("run node c")).toMatchObject({
        outputs: { out: reference("c") },
      });
      expect(seen).toEqual(
        new Map([
          ["b", fits],
          ["d", tooLarge],
        ]),
      );
    },
  );

  test("stays in its step's result up to its node's share of 12 MiB in a large graph", async () => {
    const ids = Array.from({ length: 1_024 }, (_, index) => `n${index}`);
    const types = { n0: "fits", n1: "large" };
    const nodes = [
      maker("fits", () => ({ out: "x".repeat(12_286) })),
      maker("large", () => ({ out: "x".repeat(12_287) })),
      watcher(new Map()),
    ];
    const execution = await limited(nodes).run(graph(...ids, { types }));
    expect(outputsOf(execution, "n0")).toEqual({ out: "x".repeat(12_286) });
    expect(outputsOf(execution, "n1")).toEqual({ out: reference("n1") });
  });

  test("is stored together with its larger siblings until the rest fits, in its place", async () => {
    const outputs = {
      a: "a".repeat(50_000),
      b: ["b".repeat(60_000)],
      c: 1,
      d: "d".repeat(70_000),
      e: "e".repeat(100),
    };
    const execution = await limited([maker("test", () => outputs)]).run(graph("n"));
    expect(outputsOf(execution, "n")).toEqual({ ...outputs, d: reference("n", "d") });
    expect(Object.keys(outputsOf(execution, "n") ?? {})).toEqual(Object.keys(outputs));
  });

  test("of a thousand at one node is stored too, and what is too much even so fails the node", async () => {
    const many = (count: number, length: number) => () =>
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`out${index}`, "x".repeat(length)]),
      );
    const nodes = [maker("many", many(1_000, 100_000)), maker("small", many(20_000, 100))];
    const { run, store } = limited(nodes);
    const execution = await run(graph("a", "b", { types: { a: "many", b: "small" } }));
    const stored = Object.values(outputsOf(execution, "a") ?? {});
    expect(stored.filter((value) => typeof value === "object")).toHaveLength(999);
    // What is smaller than a reference is not stored.
    const objects = await Effect.runPromise(
      store.list({ organizationId: "org", executionId: "run" }),
    );
    expect(objects).toHaveLength(999);
    expect(errorOf(execution, "b")).toMatch(
      /^The outputs take about 24\d{5} bytes although the large ones are stored, and a step keeps 1000000\. Put out fewer\.$/,
    );
  });

  test("that no store should hold fails its node", async () => {
    const nodes = [maker("test", () => ({ out: "x".repeat(33_554_431) }))];
    const execution = await limited(nodes).run(graph("a"));
    expect(errorOf(execution, "a")).toBe(
      "Output 'out' takes more than 33554432 bytes of JSON. Put out less, or a file.",
    );
  });

  test("that was stored is populated: the edges from it are live", async () => {
    const seen = new Map<string, unknown>();
    const nodes = [maker("fork", () => ({ yes: long, no: null })), watcher(seen)];
    const execution = await limited(nodes).run(
      graph("a:yes -> b", "a:no -> c", { types: { a: "fork" } }),
    );
    expect(execution.nodeExecutions.map(({ status }) => status)).toEqual([
      "completed",
      "completed",
      "skipped",
    ]);
    expect(seen.get("b")).toBe(long);
  });

  test("is written under one name by every attempt, and not at all by a replay", async () => {
    const names: string[] = [];
    const inner = openStore();
    const store: Store = {
      ...inner,
      write: (scope, name, value) => {
        names.push(name);
        return names.length === 1 ? Effect.die("down") : inner.write(scope, name, value);
      },
    };
    const seen = new Map<string, unknown>();
    const nodes = [maker("large", (attempt) => ({ out: `${attempt}${long}` })), watcher(seen)];
    const retries = { limit: 1, delay: 0, backoff: "constant" } as const;
    const document = graph("a -> b", { types: { a: "large" }, policies: { a: { retries } } });
    const first = limited(nodes, { store });
    const execution = await first.run(document);
    expect(names).toEqual(["a/out/0.json", "a/out/0.json"]);
    expect(execution.nodeExecutions[0]?.attempts).toMatchObject([
      { error: "Output 'out' could not be stored" },
      {},
    ]);
    expect(seen.get("b")).toBe(`2${long}`);

    const again = limited(nodes, { store, recorded: first.platform.results });
    expect(await again.run(document)).toEqual(execution);
    expect(names).toHaveLength(2);
    expect(again.platform.performed).toEqual([]);
  });

  test("that the engine did not store is no file of the engine's own type", async () => {
    const file = { data: new TextEncoder().encode("1"), mimeType: storedValueType };
    const execution = await limited([maker("test", () => ({ out: file }))]).run(graph("a"));
    expect(errorOf(execution, "a")).toBe(
      `Output 'out' is a file of the type ${storedValueType}, which no node may write`,
    );
  });
});

describe("a node", () => {
  /** What the node `z` gets in a run with a limit and in a run without, and how it ends in both. */
  const inBoth = async (document: Workflow, nodes: readonly NodeDefinition[]) => {
    const ways = [
      limited(nodes).run,
      (workflow: Workflow) => createDirectRuntime({ nodes }).run(params(workflow), "run"),
    ];
    const [stored, direct] = await Promise.all(ways.map((way) => way(document)));
    const endOf = (execution: WorkflowExecution | undefined) => {
      const end = execution?.nodeExecutions.find(({ nodeId }) => nodeId === "z");
      return end?.error ?? end?.outputs;
    };
    expect(outputsOf(stored!, "a")).toEqual({ out: reference("a") });
    expect(endOf(stored)).toEqual(endOf(direct));
    return endOf(direct);
  };

  const list = [long, null, ["nested"], { a: 1 }];

  /** Says what it got, with the long text by its length. */
  const teller = defineNode({
    ...facts,
    type: "tell",
    run: (inputs) => ({
      got: JSON.parse(
        JSON.stringify({ ...inputs }, (_, value: unknown) =>
          typeof value === "string" && value.length > 1_000 ? value.length : value,
        ),
      ) as never,
    }),
  });

  interface Told {
    readonly types: Readonly<Record<string, string>>;
    readonly inputs?: Readonly<Record<string, Partial<Parameter>>>;
  }
  const tell = (value: unknown, options: Told) =>
    inBoth(graph("a -> z", options), [maker("test", () => ({ out: value })), teller]);
  const types = { z: "tell" };

  test.each<readonly [string, unknown, unknown]>([
    ["text", long, 200_000],
    ["a list", list, [200_000, null, ["nested"], { a: 1 }]],
    [
      "an object of any keys",
      JSON.parse(`{"__proto__":1,"constructor":"${long}","é🐾":{}}`),
      JSON.parse(`{"__proto__":1,"constructor":200000,"é🐾":{}}`),
    ],
    ["a text of odd characters", `\ufeff\ud800${"\u2028\u0000".repeat(490)}${long}`, 200_982],
  ])("gets %s as it was put out, whatever was stored", async (_, value, expected) => {
    const end = await tell(value, { types });
    expect(JSON.stringify(end)).toBe(JSON.stringify({ got: { in: expected } }));
  });

  test("gets stored lists flattened by one level where edges gather, in edge order", async () => {
    const nodes = [
      maker("test", () => ({ out: list })),
      maker("one", () => ({ out: 1 })),
      maker("text", () => ({ out: long })),
      teller,
    ];
    const document = graph("a -> z", "b -> z", "c -> z", {
      types: { ...types, b: "one", c: "text" },
      inputs: { "z:in": { repeated: true } },
    });
    expect(await inBoth(document, nodes)).toEqual({
      got: { in: [200_000, null, ["nested"], { a: 1 }, 1, 200_000] },
    });
  });

  test("gets a stored text for a json input as the text that it is", async () => {
    const json = JSON.stringify([long]);
    expect(await tell(json, { types, inputs: { "z:in": { type: "json" } } })).toEqual({
      got: { in: json.length },
    });
  });

  test.each<readonly [string, unknown, string]>([
    ["number", long, "Input 'in' expects number, got string"],
    ["string", list, "Input 'in' expects string, got an array"],
    ["blob", long, "Input 'in' expects blob, got string"],
    ["image", { id: "a", text: long }, "Input 'in' expects image, got an object"],
  ])("that wants %s refuses a stored value of another type", async (type, value, error) => {
    const inputs = { "z:in": { type: type as never } };
    expect(await tell(value, { types, inputs })).toBe(error);
  });

  test("gets the files of a list that was stored", async () => {
    const files = Array.from({ length: 3_000 }, (_, index) => ({
      data: new Uint8Array([index % 256]),
      mimeType: "text/plain",
    }));
    const reader = defineNode({
      ...facts,
      type: "read",
      inputs: [{ name: "in", type: "blob", repeated: true }],
      run: (inputs) => ({ got: inputs.in?.map(({ data }) => data[0]!) }),
    });
    const document = graph("a -> z", {
      types: { z: "read" },
      outputs: { "a:out": { type: "blob", repeated: true } },
      inputs: { "z:in": { type: "blob", repeated: true } },
    });
    const nodes = [maker("test", () => ({ out: files })), reader];
    expect(await inBoth(document, nodes)).toEqual({ got: files.map(({ data }) => data[0]) });
  });

  test("cannot change what was stored", async () => {
    const changer = defineNode({
      ...facts,
      type: "change",
      run: (inputs) => {
        (inputs as unknown as { in: { deep: unknown[] } }).in.deep.push(1);
        return {};
      },
    });
    const nodes = [maker("test", () => ({ out: { long, deep: [] } })), changer];
    expect(await inBoth(graph("a -> z", { types: { z: "change" } }), nodes)).toBe(
      "Cannot add property 0, object is not extensible",
    );
  });

  test("that gets one stored value twice has it read once", async () => {
    let reads = 0;
    const inner = openStore();
    const store: Store = {
      ...inner,
      read: (...of) => {
        reads++;
        return inner.read(...of);
      },
    };
    const execution = await limited([maker("test", () => ({ out: long })), teller], { store }).run(
      graph("a -> z:in", "a -> z:again", { types }),
    );
    expect(outputsOf(execution, "z")).toEqual({ got: { in: 200_000, again: 200_000 } });
    expect(reads).toBe(1);
  });

  test("tries again when a stored value could not be read", async () => {
    let reads = 0;
    const inner = openStore();
    const store: Store = {
      ...inner,
      read: (...of) => (++reads === 1 ? Effect.die("down") : inner.read(...of)),
    };
    const seen = new Map<string, unknown>();
    const retries = { limit: 1, delay: 0, backoff: "constant" } as const;
    const execution = await limited([maker("large", () => ({ out: long })), watcher(seen)], {
      store,
    }).run(graph("a -> b", { types: { a: "large" }, policies: { b: { retries } } }));
    expect(execution.nodeExecutions[1]).toMatchObject({
      status: "completed",
      attempts: [{ error: "Input 'in' could not be read" }, {}],
    });
    expect(seen.get("b")).toBe(long);
  });
});

describe("a reference that a document or a node makes up", () => {
  const given = async (value: unknown, type: "any" | "blob" | "json", organizationId = "org") => {
    const seen = new Map<string, unknown>();
    const store = openStore();
    const nodes = [
      maker("large", () => ({
        out: long,
        file: { data: new Uint8Array([1]), mimeType: "text/plain" },
      })),
      watcher(seen),
    ];
    const { run } = limited(nodes, { store });
    await run(graph("a", { types: { a: "large" } }), {}, "earlier");
    const execution = await run(
      graph("b", { inputs: { "b:in": { type, value: value as JsonValue } } }),
      { organizationId },
    );
    return errorOf(execution, "b") ?? seen.get("b");
  };
  const earlier = reference("a", "out", "earlier");
  const nothing = "Input 'in' points to a stored value that does not exist";

  test("reads what an earlier run of the organization stored", async () => {
    expect(await given(earlier, "any")).toBe(long);
    expect(await given(earlier, "json")).toBe(long);
    expect(await given(earlier, "blob")).toBe("Input 'in' expects blob, got string");
  });

  test("reads nothing of another organization, and nothing that is not there", async () => {
    expect(await given(earlier, "any", "other")).toBe(nothing);
    expect(await given({ ...earlier, id: "earlier/b" }, "any")).toBe(nothing);
  });

  test("reads no file as a value, and no value as a file", async () => {
    expect(await given({ ...earlier, id: "earlier/a%2Ffile%2F0" }, "any")).toBe(nothing);
    expect(await given({ ...earlier, mimeType: "text/plain" }, "blob")).toBe(
      "Input 'in' points to a stored object that does not exist",
    );
  });
});

describe("a node of several steps", () => {
  const stepper = (seen: unknown[]) =>
    defineNode({
      ...facts,
      type: "steps",
      multiStep: true,
      policy: { retries: { limit: 1, delay: 0, backoff: "constant" } },
      run: async (inputs, { doStep, attempt }) => {
        const { in: given } = inputs as unknown as { in: string };
        seen.push(given.length);
        const length = await doStep("inputs", () => given.length);
        if (attempt === 1) throw new NodeFailure({ message: "again", retryable: true });
        return { length };
      },
    });
  const document = graph("a -> b", { types: { a: "large", b: "steps" } });

  test("gets a stored value from one sub-step for all its attempts, also when it is replayed", async () => {
    const seen: unknown[] = [];
    const nodes = [maker("large", () => ({ out: long })), stepper(seen)];
    const first = limited(nodes);
    const execution = await first.run(document);
    expect(execution.nodeExecutions[1]).toMatchObject({
      status: "completed",
      inputs: { in: reference("a") },
      outputs: { length: 200_000 },
    });
    const reading = namesOf(first.platform).filter((name) => name.includes("stored"));
    expect(reading).toEqual(["run node b / stored / inputs"]);

    const again = limited(nodes, { recorded: first.platform.results });
    expect(await again.run(document)).toEqual(execution);
    expect(again.platform.performed).toEqual([]);
    expect(seen).toEqual([200_000, 200_000, 200_000, 200_000]);
  });

  test("fails when a step's result cannot hold the stored value", async () => {
    const seen: unknown[] = [];
    const nodes = [maker("large", () => ({ out: long.repeat(5) })), stepper(seen)];
    const execution = await limited(nodes).run(document);
    expect(errorOf(execution, "b")).toBe(
      "Input 'in' takes about 1000060 bytes, and a node of several steps takes at most 1000000. Take out what it needs in a node of one step before it, or hand it a file.",
    );
    expect(seen).toEqual([]);
  });

  test("gets a stored value although the store fails at first, and fails when it does not recover", async () => {
    const inner = openStore();
    const failing = (times: number) => {
      let reads = 0;
      const store: Store = {
        ...inner,
        read: (...of) => (++reads <= times ? Effect.die("down") : inner.read(...of)),
      };
      return limited([maker("large", () => ({ out: long })), stepper([])], { store }).run(document);
    };
    const [recovered, failed] = await Promise.all([failing(2), failing(100)]);
    expect(outputsOf(recovered, "b")).toEqual({ length: 200_000 });
    expect(errorOf(failed, "b")).toBe("Input 'in' could not be read");
  });
});

test("nothing is measured or stored where results have no limit", async () => {
  const untouched = (): never => {
    throw new Error("The store was asked");
  };
  const store: Store = {
    idOf: untouched,
    write: untouched,
    read: untouched,
    remove: untouched,
    list: untouched,
  };
  // 2^60 parts in the end: whoever counted them would never be done.
  const doubler = defineNode({
    ...facts,
    type: "test",
    run: (inputs) => {
      const given = (inputs as { in?: JsonValue }).in;
      return { out: given === undefined ? long : [given, given] };
    },
  });
  const ids = Array.from({ length: 60 }, (_, index) => `n${index}`);
  const execution = await createDirectRuntime({
    nodes: [doubler],
    layers: Layer.succeed(ObjectStore, store),
  }).run(params(graph(ids.join(" -> "))), "run");
  expect(execution.status).toBe("completed");
});
