import { describe, expect, test } from "vitest";
import { defineNode } from "#nodes/define-node";
import { type NodeContext, NodeFailure } from "#services/node-definition";
import { graph } from "../support/graph.ts";
import { runVirtually } from "../support/run-virtually.ts";

const nodeThat = (run: (attempt: number, context: NodeContext) => unknown) =>
  defineNode({
    type: "test",
    name: "Test",
    category: "test",
    description: "Does what the test says.",
    inputs: [],
    outputs: [{ name: "out", type: "any" }],
    run: async (_inputs, context) => ({ out: (await run(context.attempt, context)) as never }),
  });

const at = (millis: number): string => new Date(millis).toISOString();

describe("attempts of a node", () => {
  test("follow the policy's delays and leave each its time and error", async () => {
    const node = nodeThat((attempt) => {
      if (attempt < 4) throw new Error(`no ${attempt}`);
      return attempt;
    });
    const execution = await runVirtually(
      graph("a", {
        outputs: { "a:out": {} },
        policies: { a: { retries: { limit: 3, delay: "1 second", backoff: "exponential" } } },
      }),
      [node],
    );
    expect(execution.nodeExecutions).toEqual([
      {
        nodeId: "a",
        status: "completed",
        inputs: {},
        outputs: { out: 4 },
        usage: 1,
        startedAt: at(0),
        endedAt: at(7_000),
        attempts: [
          { startedAt: at(0), endedAt: at(0), error: "no 1" },
          { startedAt: at(1_000), endedAt: at(1_000), error: "no 2" },
          { startedAt: at(3_000), endedAt: at(3_000), error: "no 3" },
          { startedAt: at(7_000), endedAt: at(7_000) },
        ],
      },
    ]);
  });

  test("end with the last error when they run out", async () => {
    const node = nodeThat((attempt) => {
      throw new Error(`no ${attempt}`);
    });
    const execution = await runVirtually(
      graph("a", { policies: { a: { retries: { limit: 2, delay: 100, backoff: "linear" } } } }),
      [node],
    );
    expect(execution.nodeExecutions[0]).toMatchObject({
      status: "failed",
      error: "no 3",
      attempts: [
        { startedAt: at(0), error: "no 1" },
        { startedAt: at(100), error: "no 2" },
        { startedAt: at(300), error: "no 3" },
      ],
    });
  });

  test("end at once when the failure says that trying again is useless", async () => {
    const node = nodeThat(() => {
      throw new NodeFailure({ message: "never" });
    });
    const execution = await runVirtually(
      graph("a", { policies: { a: { retries: { limit: 5, delay: 100, backoff: "constant" } } } }),
      [node],
    );
    expect(execution.nodeExecutions[0]?.attempts).toEqual([
      { startedAt: at(0), endedAt: at(0), error: "never" },
    ]);
  });

  test("wait as long as the failure asks", async () => {
    const node = nodeThat((attempt) => {
      if (attempt === 1) {
        throw new NodeFailure({ message: "busy", retryable: true, retryAfter: 5_000 });
      }
      return attempt;
    });
    const execution = await runVirtually(
      graph("a", {
        outputs: { "a:out": {} },
        policies: { a: { retries: { limit: 1, delay: 100, backoff: "constant" } } },
      }),
      [node],
    );
    expect(execution.nodeExecutions[0]?.attempts[1]).toEqual({
      startedAt: at(5_000),
      endedAt: at(5_000),
    });
  });

  test("are aborted when their time is over, and a late answer is ignored", async () => {
    const aborted: unknown[] = [];
    let answerLate: (value: string) => void = () => {};
    const node = nodeThat((attempt, { signal }) => {
      if (attempt === 2) return "in time";
      signal.addEventListener("abort", () => {
        aborted.push((signal.reason as Error).message);
        answerLate("late");
      });
      return new Promise((resolve) => {
        answerLate = resolve;
      });
    });
    const execution = await runVirtually(
      graph("a", {
        outputs: { "a:out": {} },
        policies: {
          a: {
            timeout: "2 seconds",
            retries: { limit: 1, delay: "1 second", backoff: "constant" },
          },
        },
      }),
      [node],
    );
    expect(aborted).toEqual(["Timed out after 2000 ms"]);
    expect(execution.nodeExecutions[0]).toMatchObject({
      status: "completed",
      outputs: { out: "in time" },
      attempts: [
        { startedAt: at(0), endedAt: at(2_000), error: "Timed out after 2000 ms" },
        { startedAt: at(3_000), endedAt: at(3_000) },
      ],
    });
  });

  test("use the policy of the node's type when the node has none", async () => {
    const node = {
      ...nodeThat((attempt) => {
        throw new Error(`no ${attempt}`);
      }),
      policy: { retries: { limit: 1, delay: 100, backoff: "constant" as const } },
    };
    const execution = await runVirtually(graph("a"), [node]);
    expect(execution.nodeExecutions[0]?.attempts).toHaveLength(2);
  });

  test("are kept up to a hundred, the first and the last of them", async () => {
    const node = nodeThat((attempt) => {
      throw new Error(`no ${attempt}`);
    });
    const execution = await runVirtually(
      graph("a", { policies: { a: { retries: { limit: 149, delay: 0, backoff: "constant" } } } }),
      [node],
    );
    const errors = execution.nodeExecutions[0]?.attempts.map(({ error }) => error);
    expect(errors).toHaveLength(100);
    expect([errors?.[0], errors?.[49], errors?.[50], errors?.[99]]).toEqual([
      "no 1",
      "no 50",
      "no 101",
      "no 150",
    ]);
  });
});
