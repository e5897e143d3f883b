import { describe, expect, test } from "vitest";
import {
  createDirectRuntime,
  defineNode,
  type ExecuteParams,
  type MultiStepContext,
  NodeFailure,
  type NodeExecution,
  type Policy,
  type Settings,
  type WorkflowExecution,
} from "../../src/index.ts";
import { runInstanceId } from "#runtime/instance-id";
import { StepTimedOut } from "#services/durable-step";
import { graph } from "../support/graph.ts";
import { namesOf, type Platform, recordingPlatform } from "../support/recording-steps.ts";
import { runVirtually } from "../support/run-virtually.ts";

interface Options {
  readonly policies?: Readonly<Record<string, Policy>>;
  readonly settings?: Settings;
}

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, millis));

/** A node that does what the test says; what that resolves to is its output `out`. */
const multiStep = (run: (context: MultiStepContext) => Promise<unknown>) =>
  defineNode({
    ...facts,
    type: "multi",
    multiStep: true,
    run: async (_inputs, context) => ({ out: (await run(context)) as never }),
  });

const single = (run: () => unknown) =>
  defineNode({ ...facts, type: "single", run: async () => ({ out: (await run()) as never }) });

const runOn = (
  platform: Platform,
  run: (context: MultiStepContext) => Promise<unknown>,
  options: Options = {},
  other: () => unknown = () => 1,
): Promise<WorkflowExecution> => {
  const document = graph("a", "b", { types: { a: "multi", b: "single" }, ...options });
  const params: ExecuteParams = {
    workflow: document,
    userId: "user",
    organizationId: "org",
    computeCredits: 1_000,
  };
  return createDirectRuntime({
    nodes: [multiStep(run), single(other)],
    layers: platform.layer,
  }).run(params, "execution");
};

/** Everything of node a's alone. */
const stepsOfNode = (platform: Platform): Platform["asked"] =>
  platform.asked.filter(([name]) => name.startsWith("run node a"));

const resultOf = async (
  run: (context: MultiStepContext) => Promise<unknown>,
  platform: Platform = recordingPlatform(),
  options: Options = {},
): Promise<NodeExecution | undefined> =>
  (await runOn(platform, run, options)).nodeExecutions.find(({ nodeId }) => nodeId === "a");

const retrying = (limit: number, timeout?: number): Options => ({
  policies: {
    a: {
      retries: { limit, delay: "3 seconds", backoff: "linear" },
      ...(timeout === undefined ? {} : { timeout }),
    },
  },
});

describe("a multi-step node", () => {
  test("takes a step for each thing it does, none of which the platform repeats, and one to end", async () => {
    const platform = recordingPlatform();
    const result = await resultOf(async ({ doStep, sleep }) => {
      const doubled = await doStep("double", () => 2 * 21);
      await sleep("short", 250);
      await sleep("long", "2 hours");
      return doStep("tell", async () => ({ doubled }));
    }, platform);
    expect(result).toMatchObject({
      status: "completed",
      outputs: { out: { doubled: 42 } },
      usage: 1,
    });
    expect(stepsOfNode(platform)).toEqual([
      ["run node a / double", { retry: false }],
      ["run node a / short", 250],
      ["run node a / long", 7_200_000],
      ["run node a / tell", { retry: false }],
      ["run node a", { retry: false }],
    ]);
  });

  test("fails when two of its steps have one name, also when one is a sleep", async () => {
    const error = "Step 'twice' stands twice in node 'a'";
    const steps = recordingPlatform();
    const twoSteps = await resultOf(async ({ doStep }) => {
      await doStep("twice", () => 1);
      await doStep("twice", () => 2);
    }, steps);
    expect(twoSteps).toMatchObject({ status: "failed", error, outputs: null });
    expect(steps.performed.filter((name) => name === "run node a / twice")).toHaveLength(1);
    const withSleep = await resultOf(async ({ doStep, sleep }) => {
      await sleep("twice", 1);
      await doStep("twice", () => 2);
    });
    expect(withSleep).toMatchObject({ status: "failed", error });
  });

  test("fails with the failure of a step that it does not catch", async () => {
    const platform = recordingPlatform();
    const result = await resultOf(async ({ doStep }) => {
      await doStep("break", () => {
        throw new Error("broken");
      });
      await doStep("never", () => 1);
    }, platform);
    expect(result).toMatchObject({ status: "failed", error: "broken", outputs: null, usage: 0 });
    expect(stepsOfNode(platform).map(([name]) => name)).toEqual([
      "run node a / break",
      "run node a",
    ]);
  });

  test("may catch the failure of a step and go on", async () => {
    const caught: unknown[] = [];
    const result = await resultOf(async ({ doStep }) => {
      try {
        await doStep("break", () => {
          throw new NodeFailure({ message: "broken", retryable: true, retryAfter: 70 });
        });
      } catch (failure) {
        caught.push(failure);
      }
      return doStep("mend", () => "mended");
    });
    expect(caught).toEqual([
      new NodeFailure({ message: "broken", retryable: true, retryAfter: 70 }),
    ]);
    expect(result).toMatchObject({ status: "completed", outputs: { out: "mended" } });
  });

  test.each([
    ["a function", () => (() => 1) as never],
    ["nothing", () => undefined as never],
    ["a number that is none", () => Number.NaN],
    ["a date", () => new Date(0) as never],
  ])("fails when a step returns %s", async (_what, perform) => {
    const result = await resultOf(({ doStep }) => doStep("odd", perform));
    expect(result).toMatchObject({
      status: "failed",
      error: "Step 'odd' returned something that is not JSON",
    });
  });

  test("fails when a sleep has no duration", async () => {
    const result = await resultOf(({ sleep }) => sleep("nap", "a while"));
    expect(result).toMatchObject({
      status: "failed",
      error: "Sleep 'nap' has no duration: a while",
    });
  });

  test("does nothing again on a replay, and ends in the same record", async () => {
    let performances = 0;
    const run = async ({ doStep, sleep }: MultiStepContext): Promise<unknown> => {
      const one = await doStep("one", () => ++performances);
      await sleep("nap", 1_000);
      const missed = await doStep("two", () => {
        performances++;
        throw new Error("missed");
      }).catch((failure: unknown) => (failure as Error).message);
      return [one, missed];
    };
    const first = recordingPlatform();
    const execution = await runOn(first, run);
    expect(execution.nodeExecutions[0]).toMatchObject({ outputs: { out: [1, "missed"] } });
    const again = recordingPlatform({ recorded: first.results });
    expect(await runOn(again, run)).toEqual(execution);
    expect([performances, again.performed]).toEqual([2, []]);
    expect(namesOf(again)).toEqual(namesOf(first));
  });

  test("goes on where its record ends", async () => {
    const told: string[] = [];
    const run = async ({ doStep }: MultiStepContext): Promise<unknown> => {
      const one = await doStep("one", () => told.push("one"));
      return one + (await doStep("two", () => told.push("two")));
    };
    const first = recordingPlatform({
      instead: (name) =>
        name === "run node a / two" ? Promise.reject(new Error("process gone")) : undefined,
    });
    await expect(runOn(first, run)).rejects.toThrow("process gone");
    const again = recordingPlatform({
      recorded: new Map([...first.results].filter(([name]) => name.startsWith("run node a / "))),
    });
    expect((await runOn(again, run)).nodeExecutions[0]).toMatchObject({ outputs: { out: 3 } });
    expect(told).toEqual(["one", "two"]);
  });

  test("gives each step a key of its own, the same for every attempt", async () => {
    const keys: string[] = [];
    const result = await resultOf(
      async ({ doStep, attempt }) => {
        const keep = ({ idempotencyKey }: { readonly idempotencyKey: string }): number =>
          keys.push(idempotencyKey);
        await doStep("one", keep);
        await doStep("two", keep);
        if (attempt === 1) throw new Error("again");
      },
      recordingPlatform(),
      retrying(1),
    );
    expect(result?.status).toBe("completed");
    const node = `${await runInstanceId("org", "execution")}/a`;
    expect(keys).toEqual([`${node}/one`, `${node}/two`, `${node}/one`, `${node}/two`]);
  });
});

describe("the policy of a multi-step node", () => {
  test("begins it anew, under names that tell the attempt, after the platform's own sleep", async () => {
    const platform = recordingPlatform();
    const result = await resultOf(
      async ({ doStep, attempt }) => {
        const doubled = await doStep("double", () => attempt * 2);
        if (attempt < 3) throw new Error(`no ${attempt}`);
        return doubled;
      },
      platform,
      retrying(5),
    );
    expect(result).toMatchObject({
      status: "completed",
      outputs: { out: 6 },
      attempts: [{ error: "no 1" }, { error: "no 2" }, {}],
    });
    expect(result?.attempts[2]).not.toHaveProperty("error");
    expect(stepsOfNode(platform)).toEqual([
      ["run node a / double", { retry: false }],
      ["run node a / retry 1", 3_000],
      ["run node a / double (attempt 2)", { retry: false }],
      ["run node a / retry 2", 6_000],
      ["run node a / double (attempt 3)", { retry: false }],
      ["run node a", { retry: false }],
    ]);
  });

  test("ends with the last failure, and at once when trying again is useless", async () => {
    const run =
      (retryable: boolean) =>
      ({ doStep, attempt }: MultiStepContext): Promise<unknown> =>
        doStep("break", () => {
          throw new NodeFailure({ message: `no ${attempt}`, retryable });
        });
    expect(await resultOf(run(true), recordingPlatform(), retrying(2))).toMatchObject({
      status: "failed",
      error: "no 3",
      attempts: [{ error: "no 1" }, { error: "no 2" }, { error: "no 3" }],
    });
    const platform = recordingPlatform();
    expect(await resultOf(run(false), platform, retrying(2))).toMatchObject({
      status: "failed",
      error: "no 1",
      attempts: [{ error: "no 1" }],
    });
    expect(stepsOfNode(platform).map(([name]) => name)).toEqual([
      "run node a / break",
      "run node a",
    ]);
  });

  test("waits as long as a failed step asks", async () => {
    const platform = recordingPlatform();
    await resultOf(
      ({ doStep, attempt }) =>
        doStep("ask", () => {
          if (attempt > 1) return attempt;
          throw new NodeFailure({ message: "busy", retryable: true, retryAfter: 70 });
        }),
      platform,
      retrying(1),
    );
    expect(platform.asked).toContainEqual(["run node a / retry 1", 70]);
  });

  test("goes the same way on a replay that begins between two attempts", async () => {
    const told: number[] = [];
    const run = async ({ doStep, attempt }: MultiStepContext): Promise<unknown> => {
      const kept = await doStep("keep", () => told.push(attempt));
      if (attempt === 1) throw new Error("again");
      return kept;
    };
    const first = recordingPlatform();
    const execution = await runOn(first, run, retrying(1));
    const cut = [...first.results].filter(
      ([name]) => name !== "run node a" && !name.includes("attempt 2"),
    );
    const again = recordingPlatform({ recorded: new Map(cut) });
    const resumed = await runOn(again, run, retrying(1));
    expect(told).toEqual([1, 2, 2]);
    expect(resumed.nodeExecutions[0]).toMatchObject({ outputs: { out: 3 } });
    expect(resumed.nodeExecutions[0]?.attempts[0]).toEqual(
      execution.nodeExecutions[0]?.attempts[0],
    );
    expect(namesOf(again)).toEqual(namesOf(first));
  });

  test("never takes two steps of one name, whatever the node calls its own", async () => {
    const platform = recordingPlatform();
    await resultOf(
      async ({ doStep, attempt }) => {
        for (const name of ["double", "double (attempt 2)", "retry 1"]) {
          await doStep(name, () => attempt);
        }
        if (attempt === 1) throw new Error("again");
      },
      platform,
      retrying(1),
    );
    expect(namesOf(platform).length).toBeGreaterThan(4);
    expect(new Set(namesOf(platform)).size).toBe(namesOf(platform).length);
  });

  test("bounds each step by its time limit, and not all of them together", async () => {
    const slowly = await resultOf(
      async ({ doStep }) => {
        for (const name of ["one", "two", "three"]) {
          await doStep(name, async () => {
            await pause(100);
            return 1;
          });
        }
        return "done";
      },
      recordingPlatform(),
      { policies: { a: { timeout: 200 } } },
    );
    expect(slowly).toMatchObject({ status: "completed", outputs: { out: "done" } });
    const stuck = await resultOf(
      ({ doStep }) => doStep("stuck", () => new Promise<number>(() => {})),
      recordingPlatform(),
      { policies: { a: { timeout: 20 } } },
    );
    expect(stuck).toMatchObject({ status: "failed", error: "Timed out after 20 ms" });
  });
});

describe("a step of a multi-step node", () => {
  test("that the platform cannot keep rejects the run, even when the node catches it", async () => {
    const platform = recordingPlatform({
      instead: (name) =>
        name === "run node a / write" ? Promise.reject(new Error("platform gone")) : undefined,
    });
    const run = runOn(platform, async ({ doStep }) => {
      try {
        await doStep("write", () => 1);
      } catch {
        return "went on";
      }
    });
    await expect(run).rejects.toThrow("platform gone");
    expect(platform.results.has("run node a")).toBe(false);
  });

  test("that takes longer than the platform allows fails the node, and the run goes on", async () => {
    const platform = recordingPlatform({
      instead: (name) =>
        name === "run node a / write"
          ? Promise.reject(new StepTimedOut({ step: name }))
          : undefined,
    });
    const execution = await runOn(platform, ({ doStep }) => doStep("write", () => 1));
    expect(execution.nodeExecutions).toMatchObject([
      { nodeId: "a", status: "failed", error: "Took longer than its step may take" },
      { nodeId: "b", status: "completed" },
    ]);
  });

  test.each([
    ["completes", false],
    ["fails", true],
  ])(
    "that the node does not wait for and that %s ends before the node does",
    async (_how, fails) => {
      const platform = recordingPlatform();
      const result = await resultOf(async ({ doStep }) => {
        void doStep("forgotten", async () => {
          await pause(20);
          if (fails) throw new Error("nobody looks");
          return 1;
        });
        return "early";
      }, platform);
      expect(result).toMatchObject({ status: "completed", outputs: { out: "early" } });
      expect([...platform.results.keys()].filter((name) => name.startsWith("run node a"))).toEqual([
        "run node a / forgotten",
        "run node a",
      ]);
    },
  );

  test("never begins after the node's last one, not even behind one that nobody waits for", async () => {
    const platform = recordingPlatform();
    await resultOf(async ({ doStep }) => {
      const forgotten = async (): Promise<void> => {
        await doStep("first", () => 1);
        await doStep("second", async () => {
          await pause(20);
          return 2;
        });
      };
      forgotten().catch(() => {});
      return "early";
    }, platform);
    await pause(40);
    const ofNode = (names: Iterable<string>): readonly string[] =>
      [...names].filter((name) => name.startsWith("run node a"));
    expect(ofNode(platform.performed).at(-1)).toBe("run node a");
    expect(ofNode(platform.results.keys()).at(-1)).toBe("run node a");
  });

  test("that sleeps leaves its node's place to another", async () => {
    const told: string[] = [];
    const platform = recordingPlatform({
      sleep: async () => {
        await pause(20);
        told.push("a wakes");
      },
    });
    const execution = await runOn(
      platform,
      ({ sleep }) => sleep("nap", 1),
      { settings: { maxConcurrency: 1 } },
      () => told.push("b runs"),
    );
    expect(execution.status).toBe("completed");
    expect(told).toEqual(["b runs", "a wakes"]);
  });

  test("leaves the place to another while the next attempt is waited for", async () => {
    const told: string[] = [];
    const platform = recordingPlatform({
      sleep: async (name) => {
        await pause(20);
        told.push(name);
      },
    });
    await runOn(
      platform,
      ({ doStep, attempt }) =>
        doStep("try", () => {
          told.push(`a tries ${attempt}`);
          if (attempt === 1) throw new Error("again");
          return 1;
        }),
      { ...retrying(1), settings: { maxConcurrency: 1 } },
      () => told.push("b runs"),
    );
    expect(told).toEqual(["a tries 1", "b runs", "run node a / retry 1", "a tries 2"]);
  });
});

test("a node that sleeps before its first step has begun when its upstream had ended", async () => {
  const document = graph("first -> pauses", "pauses:value -> last", {
    types: { first: "test", pauses: "delay", last: "test" },
    inputs: { "pauses:duration": { type: "any", value: 5_000 } },
  });
  const wired = {
    ...document,
    edges: document.edges.map((edge) =>
      edge.target === "pauses" ? { ...edge, targetInput: "value" } : edge,
    ),
  };
  const node = defineNode({
    type: "test",
    name: "Test",
    category: "test",
    description: "Puts one out.",
    inputs: [],
    outputs: [],
    run: () => ({ out: 1 }),
  });
  const { nodeExecutions } = await runVirtually(wired, [node], { tick: 1_000 });
  const [first, pauses] = nodeExecutions.map(({ startedAt, endedAt }) =>
    [startedAt, endedAt].map((time) => Date.parse(time!)),
  );
  expect(pauses?.[0]).toBe(first?.[1]);
  expect(pauses![1]! - pauses![0]!).toBeGreaterThanOrEqual(5_000);
});
