/** Runs that are spread over several instances: what holds for one instance holds for all of them together. */
import { describe, expect, test, vi } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import type { RunOptions } from "#runtime/execute-workflow";
import { commandEventType } from "#core/step-name";
import { partInstanceId } from "#runtime/instance-id";
import type { NodeContext, NodeDefinition } from "#services/node-definition";
import { graph } from "../support/graph.ts";
import { type Instances, openInstances } from "../support/instances.ts";

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

const nodeThat = (run: (context: NodeContext) => unknown, type = "test") =>
  defineNode({
    ...facts,
    type,
    run: async (_, context) => ({ out: (await run(context)) as never }),
  });

const failing = nodeThat(() => {
  throw new Error("no");
}, "failing");

const params = (workflow: Workflow): ExecuteParams => ({
  workflow,
  userId: "user",
  organizationId: "org",
  computeCredits: 1_000,
});

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, millis));

/** Nodes that write down that they begin. Some end when the test says so, and some never do. */
const makeNodes = () => {
  const begun: string[] = [];
  const gate = Promise.withResolvers<string>();
  const nodes: readonly NodeDefinition[] = [
    failing,
    nodeThat(({ nodeId }) => begun.push(nodeId)),
    nodeThat(({ nodeId }) => {
      begun.push(nodeId);
      return gate.promise;
    }, "gated"),
    nodeThat(({ nodeId }) => {
      begun.push(nodeId);
      return new Promise(() => {});
    }, "stuck"),
  ];
  return { begun, nodes, open: () => gate.resolve("opened") };
};

/** Any run of two nodes or more is spread, two nodes to a part. */
const inTwos = { stepLimit: 6, partSteps: 2 } as const;

const chain = "a -> b -> c -> d";

const until = (isThere: () => boolean): Promise<void> =>
  vi.waitFor(
    () => {
      if (!isThere()) throw new Error("not yet");
    },
    { timeout: 2_000, interval: 1 },
  );

const untilStatus = (instances: Instances, status: WorkflowExecution["status"]): Promise<void> =>
  vi.waitFor(async () => expect((await instances.record())?.status).toBe(status), {
    timeout: 2_000,
    interval: 1,
  });

/** What a record says of each node, without times. */
const endsOf = ({ nodeExecutions }: WorkflowExecution): readonly (readonly unknown[])[] =>
  nodeExecutions.map(({ nodeId, status, outputs, error }: NodeExecution) => [
    nodeId,
    status,
    outputs?.["out"] ?? error,
  ]);

const timeless = ({ nodeExecutions, ...execution }: WorkflowExecution) => ({
  ...execution,
  startedAt: null,
  endedAt: null,
  nodeExecutions: nodeExecutions.map((node) => ({
    ...node,
    startedAt: null,
    endedAt: null,
    attempts: node.attempts.length,
  })),
});

describe("a run that is spread", () => {
  test("runs each node once, and ends with the record that one instance gives", async () => {
    const document = graph("a -> b -> d", "a -> c -> d", "bad -> e -> f", "g", {
      types: { bad: "failing" },
    });
    const ran: string[] = [];
    const noting = nodeThat(({ nodeId }) => {
      ran.push(nodeId);
      return `by ${nodeId}`;
    });
    const nodes = [failing, noting];
    const whole = await createDirectRuntime({ nodes }).run(params(document), "run");
    expect(ran.splice(0).sort()).toEqual(["a", "b", "c", "d", "g"]);
    const instances = openInstances({ nodes, ...inTwos });
    const spread = await instances.run(params(document));
    expect(ran.sort()).toEqual(["a", "b", "c", "d", "g"]);
    // Parts that are ready at once are created in any order.
    const created = instances.created.toSorted((a, b) => a.part - b.part);
    expect(created.map(({ from, to }) => [from, to])).toEqual([
      [0, 2],
      [2, 4],
      [4, 6],
      [6, 8],
    ]);
    expect(timeless(spread)).toEqual(timeless(whole));
    expect(await instances.record()).toEqual(spread);
  });

  test.each([1, 3])("never runs more nodes at a time than its settings allow: %i", async (most) => {
    let running = 0;
    let seen = 0;
    const busy = nodeThat(async () => {
      seen = Math.max(seen, ++running);
      await pause(20);
      running--;
    });
    const document = graph("a", "b", "c", "d", "e", "f", { settings: { maxConcurrency: most } });
    const instances = openInstances({ nodes: [busy], ...inTwos });
    expect((await instances.run(params(document))).status).toBe("completed");
    expect(seen).toBe(most);
  });

  test("shares no part with a run whose long id begins like its own", async () => {
    const ran: string[] = [];
    const node = nodeThat(({ executionId, nodeId }) => ran.push(`${executionId.at(-1)}${nodeId}`));
    const instances = openInstances({ nodes: [node], ...inTwos });
    const ends = await Promise.all(
      ["1", "2"].map((end) => instances.run(params(graph(chain)), `${"x".repeat(95)}${end}`)),
    );
    expect(ends.map(({ status }) => status)).toEqual(["completed", "completed"]);
    expect(ran.sort()).toEqual(["1a", "1b", "1c", "1d", "2a", "2b", "2c", "2d"]);
  });

  test("is cancelled in its last node, which its record names", async () => {
    const { nodes, begun } = makeNodes();
    const instances = openInstances({ nodes, ...inTwos });
    const running = instances.run(params(graph(chain, { types: { d: "stuck" } })));
    await until(() => begun.includes("d"));
    expect(await instances.command("cancel")).toEqual({ status: "accepted", number: 1 });
    const execution = await running;
    expect(execution.status).toBe("cancelled");
    expect(endsOf(execution)).toEqual([
      ["a", "completed", 1],
      ["b", "completed", 2],
      ["c", "completed", 3],
      ["d", "failed", "Cancelled"],
    ]);
    expect(await instances.record()).toEqual(execution);
  });

  test("is stored as what it was told last, and cancelled in a part that began after that", async () => {
    const { nodes, begun, open } = makeNodes();
    const instances = openInstances({ nodes, ...inTwos });
    const document = graph(chain, { types: { a: "gated", c: "stuck" } });
    const running = instances.run(params(document));
    await until(() => begun.includes("a"));
    await instances.command("pause");
    await untilStatus(instances, "paused");
    await instances.command("resume");
    await untilStatus(instances, "executing");
    open();
    await until(() => begun.includes("c"));
    await instances.command("cancel");
    const execution = await running;
    expect(execution.status).toBe("cancelled");
    expect(endsOf(execution)).toEqual([
      ["a", "completed", "opened"],
      ["b", "completed", 2],
      ["c", "failed", "Cancelled"],
      ["d", "idle", undefined],
    ]);
  });
});

describe("a run that is spread and whose process died", () => {
  test.each<readonly [string, RunOptions]>([
    ["larger", { stepLimit: 10_000 }],
    ["smaller", { partSteps: 1 }],
  ])("stays as it was cut when its parts would be %s by now", async (_, changes) => {
    const { nodes, begun, open } = makeNodes();
    const instances = openInstances({ nodes, ...inTwos });
    const start = params(graph(chain, { types: { a: "gated" } }));
    void instances.run(start);
    await until(() => begun.includes("a"));
    instances.kill();
    const running = instances.run(start, "run", changes);
    await pause(5);
    open();
    expect((await running).status).toBe("completed");
    expect(begun).toEqual(["a", "b", "c", "d"]);
    expect(instances.created.map(({ from, to }) => [from, to])).toEqual([
      [0, 2],
      [2, 4],
    ]);
  });

  test("begins no node while it is paused, and the rest once it is resumed", async () => {
    const { nodes, begun, open } = makeNodes();
    const instances = openInstances({ nodes, stepLimit: 6, partSteps: 1 });
    // Eight parts are under way at a time: the first two end and make room while the run is paused.
    const ids = Array.from({ length: 10 }, (_, index) => `n${index}`);
    const types = Object.fromEntries(ids.map((id) => [id, "gated"]));
    const start = params(graph(...ids, { types }));
    void instances.run(start);
    await until(() => begun.length === 8);
    for (const command of ["pause", "resume", "pause"] as const) {
      await instances.command(command);
      await untilStatus(instances, command === "pause" ? "paused" : "executing");
    }
    open();
    await until(() => instances.sent.filter((event) => event.startsWith("run part_")).length === 8);
    instances.kill();
    const running = instances.run(start);
    await pause(20);
    expect(begun.toSorted()).toEqual(ids.slice(0, 8));
    await instances.command("resume");
    expect(endsOf(await running)).toEqual(ids.map((id) => [id, "completed", "opened"]));
    expect(begun.toSorted()).toEqual(ids);
  });
});

describe("a run that is spread, and is stopped, and whose process then died", () => {
  const statusesOf = ({ status, nodeExecutions }: WorkflowExecution): readonly string[] => [
    status,
    ...nodeExecutions.map((node) => `${node.nodeId} ${node.status}`),
  ];

  test("has all in its record that was done before it was cancelled", async () => {
    const { nodes, begun } = makeNodes();
    const instances = openInstances({ nodes, ...inTwos });
    const start = params(graph("a -> b -> c -> d -> e -> f -> g", { types: { f: "stuck" } }));
    void instances.run(start);
    await until(() => begun.includes("f"));
    await instances.command("cancel");
    const isCommand = (event: string): boolean => event.endsWith(commandEventType(1));
    await until(() => instances.sent.filter(isCommand).length === 2);
    instances.kill();
    expect(statusesOf(await instances.run(start))).toEqual([
      "cancelled",
      ..."abcde".split("").map((id) => `${id} completed`),
      "f failed",
      "g idle",
    ]);
  });

  test("has all in its record that was done before its budget was spent", async () => {
    const { nodes, begun, open } = makeNodes();
    const last = Promise.withResolvers<string>();
    const held = nodeThat(({ nodeId }) => {
      begun.push(nodeId);
      return last.promise;
    }, "held");
    const instances = openInstances({ nodes: [...nodes, held], stepLimit: 6, partSteps: 4 });
    const start = params(
      graph("x", "y", "b -> c", "b2 -> d", {
        types: { x: "gated", d: "held" },
        settings: { budget: 5, maxConcurrency: 2 },
      }),
    );
    void instances.run(start);
    // x holds the only place of its part, so that y is asked for once d has begun, and refused.
    await until(() => begun.includes("d"));
    open();
    await until(() => instances.sent.includes("run part_1"));
    await pause(20);
    instances.kill();
    const running = instances.run(start);
    await pause(20);
    last.resolve("ended");
    const completed = ["b completed", "c completed", "b2 completed", "d completed"];
    expect(statusesOf(await running)).toEqual(["exhausted", "x completed", "y idle", ...completed]);
  });
});

describe("the watchdog", () => {
  test.each(["lost", "lives"] as const)(
    "creates a part in whose creation the process died, once: the instance %s",
    async (fate) => {
      const { nodes, begun } = makeNodes();
      let rounds = 0;
      const instances = openInstances({
        nodes,
        ...inTwos,
        fateOf: async () => {
          if (rounds++ > 0) return "lives";
          // The part's wait stands by now, and its instance does not.
          if (fate === "lives") await instances.lookAfter();
          return fate;
        },
      });
      const running = instances.run(params(graph(chain)));
      if (fate === "lost") {
        await pause(5);
        expect(begun).toEqual([]);
        await instances.lookAfter();
      }
      const execution = await running;
      expect(execution.status).toBe("completed");
      expect(begun).toEqual(["a", "b", "c", "d"]);
      expect(instances.created.map(({ part }) => part)).toEqual([1, 2]);
    },
  );

  test("says nothing more of a part whose end the run has heard", async () => {
    const { nodes, begun, open } = makeNodes();
    const instances = openInstances({ nodes, ...inTwos });
    const running = instances.run(params(graph(chain, { types: { c: "gated" } })));
    await until(() => begun.includes("c"));
    instances.sent.length = 0;
    for (let round = 0; round < 3; round++) await instances.lookAfter();
    const second = await partInstanceId("org", "run", 2);
    const sent = ["run wake", `${second} wake`];
    expect(instances.sent).toEqual([...sent, ...sent, ...sent]);
    open();
    expect((await running).status).toBe("completed");
  });
});
