import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import type { WorkflowExecution } from "#core/report";
import type { Policy } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { mostBegins } from "#runtime/execute-node";
import { ExecutionStore } from "#services/execution-store";
import type { MonitoringMessage } from "#services/monitoring-service";
import { type NodeContext, NodeFailure } from "#services/node-definition";
import { graph } from "../support/graph.ts";
import { namesOf, recordingPlatform } from "../support/recording-steps.ts";
import { runVirtually } from "../support/run-virtually.ts";

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

const nodeThat = (run: (context: NodeContext) => unknown, type = "test") =>
  defineNode({ ...facts, type, run: async (_, context) => (await run(context)) as never });

/** Fails until the attempt of that number. */
const succeedsAt = (last: number, calls: string[] = []) =>
  nodeThat(({ nodeId, attempt }) => {
    calls.push(`${nodeId} ${attempt}`);
    if (attempt < last) throw new Error(`no ${attempt}`);
    return { out: attempt };
  });

const other = nodeThat(() => ({ out: 1 }), "other");

const retrying = (limit: number, delay: number | string = "1 second"): Policy => ({
  retries: { limit, delay, backoff: "constant" },
});

const at = (millis: number): string => new Date(millis).toISOString();

const nodeSteps = (names: readonly string[]): readonly string[] =>
  names.filter((name) => name.startsWith("run node"));

describe("the attempts of a node", () => {
  test("are sub-steps with sleeps between them, and a last step has the node's own name", async () => {
    const platform = recordingPlatform();
    await runVirtually(
      graph("a", { policies: { a: { ...retrying(5), timeout: "1 minute" } } }),
      [succeedsAt(3)],
      { layers: platform.layer },
    );
    const options = { retry: false, timeout: 120_000 };
    expect(platform.asked.filter(([name]) => name.startsWith("run node"))).toEqual([
      ["run node a / attempt 1", options],
      ["run node a / retry 1", 1_000],
      ["run node a / attempt 2", options],
      ["run node a / retry 2", 1_000],
      ["run node a / attempt 3", options],
      ["run node a", { retry: true }],
    ]);
  });

  test("leave each its outcome, and the last step the transition", async () => {
    const platform = recordingPlatform();
    await runVirtually(graph("a", { policies: { a: retrying(1) } }), [succeedsAt(2)], {
      layers: platform.layer,
      tick: 0,
    });
    const times = { startedAt: 0, endedAt: 0 };
    expect([...platform.results].filter(([name]) => name.startsWith("run node"))).toEqual([
      ["run node a / attempt 1", { ...times, status: "failed", message: "no 1", retryable: true }],
      ["run node a / retry 1", null],
      ["run node a / attempt 2", { ...times, status: "completed", outputs: { out: 2 }, usage: 1 }],
      [
        "run node a",
        {
          nodeId: "a",
          status: "completed",
          outputs: { out: 2 },
          usage: 1,
          attempts: [{ ...times, error: "no 1" }, times],
        },
      ],
    ]);
  });

  const failure = new NodeFailure({ message: "busy", retryable: true });
  test.each<readonly [string, () => unknown]>([
    [
      "threw",
      () => {
        throw failure;
      },
    ],
    ["returned", () => failure],
    ["failed with", () => Effect.fail(failure)],
  ])("follow a failure that the node %s alike", async (_how, fail) => {
    const node = defineNode({
      ...facts,
      type: "test",
      run: (_, { attempt }) => (attempt === 1 ? fail() : { out: attempt }) as never,
    });
    const execution = await runVirtually(graph("a", { policies: { a: retrying(3) } }), [node]);
    expect(execution.nodeExecutions).toEqual([
      {
        nodeId: "a",
        status: "completed",
        inputs: {},
        outputs: { out: 2 },
        usage: 1,
        startedAt: at(0),
        endedAt: at(1_000),
        attempts: [
          { startedAt: at(0), endedAt: at(0), error: "busy" },
          { startedAt: at(1_000), endedAt: at(1_000) },
        ],
      },
    ]);
  });

  test.each([
    [7_000, 7_000],
    [0, 0],
    [-1, 1_000],
    [Number.NaN, 1_000],
  ])(
    "sleep the %d ms that a failure asked for, if that is a time: %d",
    async (retryAfter, slept) => {
      const platform = recordingPlatform();
      const node = nodeThat(({ attempt }) =>
        attempt === 1 ? new NodeFailure({ message: "busy", retryable: true, retryAfter }) : {},
      );
      await runVirtually(graph("a", { policies: { a: retrying(1) } }), [node], {
        layers: platform.layer,
      });
      expect(platform.asked.find(([name]) => name === "run node a / retry 1")?.[1]).toBe(slept);
    },
  );

  test("are not performed again wherever a replay begins, and end in the same record", async () => {
    const document = graph("a -> b", "c", {
      policies: { a: retrying(3), c: retrying(1) },
      types: { b: "other" },
    });
    const first = recordingPlatform();
    const calls: string[] = [];
    const undisturbed = await runVirtually(document, [succeedsAt(3, calls), other], {
      layers: first.layer,
      tick: 0,
    });
    expect(calls.sort()).toEqual(["a 1", "a 2", "a 3", "c 1", "c 2"]);
    const recorded = [...first.results];
    for (let length = 0; length <= recorded.length; length++) {
      const known = new Map(recorded.slice(0, length));
      const again = recordingPlatform({ recorded: known });
      const called: string[] = [];
      const execution = await runVirtually(document, [succeedsAt(3, called), other], {
        layers: again.layer,
        tick: 0,
      });
      expect(execution).toEqual(undisturbed);
      expect(again.performed.filter((name) => known.has(name))).toEqual([]);
      expect(called.sort()).toEqual(
        calls.filter((call) => !known.has(`run node ${call.replace(" ", " / attempt ")}`)),
      );
    }
  });

  test("tell a watcher what is retried, once each", async () => {
    const told: string[] = [];
    const listen = (message: MonitoringMessage): void => {
      if (message.type !== "node") return;
      const { nodeId, status } = message;
      const attempt = "attempt" in message ? ` ${message.attempt}` : "";
      const error = "error" in message ? `: ${message.error}` : "";
      told.push(`${nodeId} ${status}${attempt}${error}`);
    };
    const platform = recordingPlatform();
    const options = { layers: platform.layer, tick: 0, listen };
    const document = graph("a", { policies: { a: retrying(1) } });
    await runVirtually(document, [succeedsAt(3)], options);
    expect(told).toEqual([
      "a executing 1",
      "a retrying 1: no 1",
      "a executing 2",
      "a failed: no 2",
    ]);
    told.length = 0;
    const replayed = recordingPlatform({ recorded: platform.results });
    await runVirtually(document, [succeedsAt(3)], { ...options, layers: replayed.layer });
    expect(told).toEqual([]);
  });

  test("stand in the live record while the next one is waited for", async () => {
    const saved: WorkflowExecution[] = [];
    const store = Layer.mock(ExecutionStore, {
      save: ({ execution }) => Effect.sync(() => (saved.push(execution), execution)),
      readCommand: () => Effect.succeed(undefined),
    });
    const slow = defineNode({
      ...facts,
      type: "slow",
      run: () => Effect.as(Effect.sleep("5 seconds"), {}),
    });
    await runVirtually(
      graph("a", "b", { types: { b: "slow" }, policies: { a: retrying(1, "10 seconds") } }),
      [succeedsAt(2), slow],
      { layers: store },
    );
    // Stored as the slow one ends, in the middle of the pause.
    const live = saved.find(({ nodeExecutions }) => (nodeExecutions[0]?.attempts.length ?? 0) > 0);
    expect(live).toMatchObject({ status: "executing", endedAt: null });
    expect(live?.nodeExecutions[0]).toEqual({
      nodeId: "a",
      status: "executing",
      inputs: {},
      outputs: null,
      usage: 0,
      startedAt: at(0),
      endedAt: at(0),
      attempts: [{ startedAt: at(0), endedAt: at(0), error: "no 1" }],
    });
  });

  test("hold no place while the next one is waited for", async () => {
    const told: string[] = [];
    const document = graph("a", "b -> c", {
      types: { b: "other", c: "other" },
      policies: { a: retrying(1) },
      settings: { maxConcurrency: 1 },
    });
    await runVirtually(document, [succeedsAt(2), other], {
      listen: (message) => {
        if (message.type === "node" && message.status === "executing") {
          told.push(`${message.nodeId} ${message.at}`);
        }
      },
    });
    expect(told).toEqual(["a 0", "b 0", "c 0", "a 1000"]);
  });

  test("are given up when their time is over, also when the node ignores its signal", async () => {
    const answers: ((outputs: object) => void)[] = [];
    const aborted: boolean[] = [];
    const node = nodeThat(({ attempt, signal }) => {
      if (attempt === 3) {
        for (const answer of answers) answer({ out: "late" });
        aborted.push(signal.aborted);
        return { out: "in time" };
      }
      return new Promise((resolve) => {
        answers.push(resolve);
        signal.addEventListener("abort", () => aborted.push(signal.aborted));
      });
    });
    const policy = { ...retrying(2), timeout: "2 seconds" };
    const { nodeExecutions } = await runVirtually(graph("a", { policies: { a: policy } }), [node]);
    const error = "Timed out after 2000 ms";
    expect(aborted).toEqual([true, true, false]);
    expect(nodeExecutions[0]).toMatchObject({
      status: "completed",
      outputs: { out: "in time" },
      attempts: [
        { startedAt: at(0), endedAt: at(2_000), error },
        { startedAt: at(3_000), endedAt: at(5_000), error },
        { startedAt: at(6_000), endedAt: at(6_000) },
      ],
    });
  });
});

describe("a step that begins again and again because the process dies in it", () => {
  const message = `The process died ${mostBegins} times while this node ran. It is not tried again.`;
  const beginning = (times: Readonly<Record<string, number>>) =>
    recordingPlatform({ begins: (name) => times[name] ?? 1 });

  test("still runs its node as often as the bound says, and then fails it while the rest goes on", async () => {
    const document = graph("a -> b", "c", { types: { b: "other", c: "other" } });
    for (const [times, calls, statuses] of [
      [mostBegins, ["a 1"], ["completed", "completed", "completed"]],
      [mostBegins + 1, [], ["failed", "skipped", "completed"]],
    ] as const) {
      const called: string[] = [];
      const platform = beginning({ "run node a": times });
      const execution = await runVirtually(document, [succeedsAt(1, called), other], {
        layers: platform.layer,
        tick: 0,
      });
      expect(called).toEqual(calls);
      expect(execution.nodeExecutions.map(({ status }) => status)).toEqual(statuses);
      expect(execution.status).toBe(times === mostBegins ? "completed" : "error");
      expect(execution.nodeExecutions[0]?.attempts).toEqual([
        { startedAt: at(0), endedAt: at(0), ...(times === mostBegins ? {} : { error: message }) },
      ]);
    }
  });

  test("eats no retries until then, and is not retried after", async () => {
    const document = graph("a", { policies: { a: retrying(2) } });
    const patient = beginning({
      "run node a / attempt 1": mostBegins,
      "run node a / attempt 2": mostBegins,
    });
    const completed = await runVirtually(document, [succeedsAt(3)], { layers: patient.layer });
    expect(completed.nodeExecutions[0]).toMatchObject({ status: "completed", outputs: { out: 3 } });

    const deadly = beginning({ "run node a / attempt 2": mostBegins + 1 });
    const calls: string[] = [];
    const failed = await runVirtually(document, [succeedsAt(3, calls)], {
      layers: deadly.layer,
      tick: 0,
    });
    expect(calls).toEqual(["a 1"]);
    expect(failed.nodeExecutions[0]).toMatchObject({
      status: "failed",
      error: message,
      attempts: [{ error: "no 1" }, { error: message }],
    });
    expect(nodeSteps(namesOf(deadly))).toEqual([
      "run node a / attempt 1",
      "run node a / retry 1",
      "run node a / attempt 2",
      "run node a",
    ]);
  });

  test("fails a multi-step node from within, which may go on without it", async () => {
    const node = defineNode({
      ...facts,
      type: "test",
      multiStep: true,
      run: async (_, { nodeId, doStep }) => {
        const poisoned = doStep("poison", () => "survived");
        return { out: nodeId === "a" ? await poisoned : await poisoned.catch(() => "went on") };
      },
    });
    const deadly = beginning({
      "run node a / poison": mostBegins + 1,
      "run node b / poison": mostBegins + 1,
      "run node c / poison": mostBegins,
    });
    const { nodeExecutions } = await runVirtually(graph("a", "b", "c"), [node], {
      layers: deadly.layer,
    });
    expect(nodeExecutions).toMatchObject([
      { nodeId: "a", status: "failed", error: message },
      { nodeId: "b", status: "completed", outputs: { out: "went on" } },
      { nodeId: "c", status: "completed", outputs: { out: "survived" } },
    ]);
  });
});
