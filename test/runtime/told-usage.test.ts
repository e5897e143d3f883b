/** What nodes tell of their cost: it is what is billed, also when the process dies in between. */
import { describe, expect, test } from "vitest";
import type { MultiStepContext, NodeExecution, WorkflowExecution } from "../../src/index.ts";
import { createDirectRuntime, defineNode, NodeFailure } from "../../src/index.ts";
import { graph } from "../support/graph.ts";
import { type Platform, recordingPlatform } from "../support/recording-steps.ts";

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;

type Run = (context: MultiStepContext) => Promise<unknown>;

const runOn = async (platform: Platform, run: Run): Promise<NodeExecution> => {
  const node = defineNode({
    ...facts,
    type: "test",
    multiStep: true,
    run: async (_inputs, context) => {
      await run(context);
      return {};
    },
  });
  const { nodeExecutions }: WorkflowExecution = await createDirectRuntime({
    nodes: [node],
    layers: platform.layer,
  }).run({ workflow: graph("a"), userId: "user", organizationId: "org", computeCredits: 1e6 }, "r");
  return nodeExecutions[0]!;
};

/** What the run bills, and what it bills after the process has died behind each of its steps. */
const billsOf = async (run: Run): Promise<readonly number[]> => {
  const first = recordingPlatform();
  const { status, usage } = await runOn(first, run);
  expect(status).toBe("completed");
  const steps = [...first.results];
  const bills = [usage];
  for (let recorded = 0; recorded <= steps.length; recorded++) {
    const platform = recordingPlatform({ recorded: new Map(steps.slice(0, recorded)) });
    bills.push((await runOn(platform, run)).usage);
  }
  return bills;
};

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe("what a multi-step node tells of its cost is billed the same by every replay", () => {
  test.each<readonly [string, number, Run]>([
    ["nothing", 1, async ({ doStep }) => doStep("a", () => 1)],
    [
      "in a step",
      50,
      async ({ doStep, sleep }) => {
        await doStep("a", ({ reportUsage }) => {
          reportUsage(50);
          return 1;
        });
        await sleep("b", 1_000);
        await doStep("c", () => 1);
      },
    ],
    [
      "in a step by the node's own context",
      50,
      async ({ doStep, sleep, reportUsage }) => {
        await doStep("a", async () => {
          await turns(1);
          reportUsage(50);
          return 1;
        });
        await sleep("b", 1_000);
      },
    ],
    [
      "in a step that fails",
      50,
      async ({ doStep }) => {
        const failing = doStep("a", ({ reportUsage }): number => {
          reportUsage(50);
          throw new Error("no");
        });
        await failing.catch(() => {});
        await doStep("b", () => 1);
      },
    ],
    [
      "in one step and then in another",
      3,
      async ({ doStep }) => {
        for (const credits of [2, 9, 3]) {
          await doStep(`step ${credits}`, ({ reportUsage }) => {
            reportUsage(credits + 1);
            reportUsage(credits);
            return 1;
          });
        }
      },
    ],
    [
      "between steps, after them",
      4,
      async ({ doStep, reportUsage }) => {
        const cost = await doStep("a", ({ reportUsage: inside }) => {
          inside(50);
          return 4;
        });
        reportUsage(cost);
        await doStep("b", () => 1);
      },
    ],
    [
      "between steps, before one that tells it too",
      50,
      async ({ doStep, reportUsage }) => {
        reportUsage(2);
        reportUsage(3);
        await doStep("a", ({ reportUsage: inside }) => {
          inside(50);
          return 4;
        });
        await doStep("b", () => 1);
      },
    ],
    [
      "in a step that it does not wait for",
      50,
      async ({ doStep, reportUsage }) => {
        reportUsage(3);
        void doStep("a", async ({ reportUsage: inside }) => {
          await turns(2);
          inside(50);
          return 1;
        });
      },
    ],
  ])("%s", async (_told, usage, run) => {
    const bills = await billsOf(run);
    expect(bills).toEqual(bills.map(() => usage));
  });

  // The order in which a replay asks for the later steps is another one: what stands on record comes at once.
  test.each([
    ["a", 10],
    ["b", 20],
  ])("in steps side by side, the last one by the slow branch %s", async (slow, usage) => {
    const bills = await billsOf(async ({ doStep, sleep }) => {
      const branch = async (name: string, credits: number): Promise<void> => {
        await doStep(`first ${name}`, async () => {
          await turns(name === slow ? 6 : 1);
          return 1;
        });
        await doStep(`then ${name}`, ({ reportUsage }) => {
          reportUsage(credits);
          return 1;
        });
      };
      await Promise.all([branch("a", 10), branch("b", 20)]);
      await sleep("c", 1_000);
    });
    expect(bills).toEqual(bills.map(() => usage));
  });
});

test("what a step tells after it has ended is not billed", async () => {
  const late = Promise.withResolvers<void>();
  const { usage } = await runOn(recordingPlatform(), async ({ doStep }) => {
    await doStep("a", ({ reportUsage }) => {
      reportUsage(5);
      void late.promise.then(() => reportUsage(50));
      return 1;
    });
    late.resolve();
    await turns(2);
    await doStep("b", () => 1);
  });
  expect(usage).toBe(5);
});

test("a step that fails by itself keeps its failure, also when what it told is no usage", async () => {
  const failures: unknown[] = [];
  const { usage } = await runOn(recordingPlatform(), async ({ doStep }) => {
    const step = doStep("a", ({ reportUsage }): number => {
      reportUsage(Number.NaN);
      throw new NodeFailure({ message: "no", retryable: true });
    });
    await step.catch((failure: unknown) => failures.push(failure));
  });
  expect([usage, failures]).toEqual([1, [new NodeFailure({ message: "no", retryable: true })]]);
});

test("a record without a usage, as it was written before, is replayed", async () => {
  const recorded = new Map([
    ["run node a / a", { startedAt: 1, endedAt: 2, status: "completed", value: 7 }],
  ]);
  const values: unknown[] = [];
  const { usage } = await runOn(recordingPlatform({ recorded }), async ({ doStep }) => {
    values.push(await doStep("a", () => 1));
  });
  expect([usage, values]).toEqual([1, [7]]);
});

describe("a usage that is no number of credits", () => {
  let looks = 0;
  const odd: readonly (readonly [unknown, string])[] = [
    [Number.NaN, "NaN"],
    [-1, "-1"],
    [2 ** 32 + 1, "4294967297"],
    ["7", "'7'"],
    [[3], "type object"],
    [null, "type object"],
    [undefined, "type undefined"],
    [5n, "type bigint"],
    [Symbol("x"), "type symbol"],
    [Object.create(null), "type object"],
    [{ valueOf: () => (looks++ === 0 ? 0 : 1e9) }, "type object"],
  ];

  test.each(odd)("fails the node, whatever it compares like: %o", async (usage, word) => {
    const node = defineNode({
      ...facts,
      type: "test",
      run: (_inputs, { reportUsage }) => {
        reportUsage(usage as number);
        return {};
      },
    });
    const { nodeExecutions } = await createDirectRuntime({ nodes: [node] }).run(
      { workflow: graph("a"), userId: "user", organizationId: "org", computeCredits: 10 },
      "run",
    );
    expect(nodeExecutions).toMatchObject([
      { status: "failed", error: `The node reported a usage of ${word}`, usage: 0 },
    ]);
  });

  test.each(odd)("fails the step that told it: %o", async (usage, word) => {
    const platform = recordingPlatform();
    const failures: unknown[] = [];
    const result = await runOn(platform, async ({ doStep }) => {
      const step = doStep("a", ({ reportUsage }) => {
        reportUsage(usage as number);
        return 1;
      });
      await step.catch((failure: unknown) => failures.push(failure));
    });
    const message = `Step 'a' reported a usage of ${word}`;
    expect(failures).toEqual([new NodeFailure({ message, retryable: false })]);
    expect(result).toMatchObject({ status: "completed", usage: 1 });
    expect(platform.results.get("run node a / a")).not.toHaveProperty("told");
  });
});
