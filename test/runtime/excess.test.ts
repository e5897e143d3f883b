import * as Effect from "effect/Effect";
import { describe, expect, test } from "vitest";
import type { Workflow } from "#core/workflow";
import { ServiceFailure } from "#services/errors";
import { makeCreditWorld as makeWorld, statusesOf } from "../support/credit-world.ts";
import { graph } from "../support/graph.ts";
import { openInstances } from "../support/instances.ts";
import { namesOf } from "../support/recording-steps.ts";

const noRoom = (nodeId: string, usage: number, limits = "limit"): string =>
  `Insufficient compute credits: node '${nodeId}' reported a usage of ${usage}, for which the ${limits} has no room. Raise it and redrive the run.`;

/** Every node of the chain reports what its id says. */
const reporting = (line: string, type = "reports"): Workflow => {
  const types = Object.fromEntries(line.split(" -> ").map((id) => [id, type]));
  return graph(line, { types });
};

describe("a node that reports more than its type costs", () => {
  test("is completed and billed, and nothing starts behind it where the plan has no room", async () => {
    const world = makeWorld();
    await Effect.runPromise(world.credits.setPlan("org", { type: "fixed", allowance: 12 }));
    const { execution } = await world.run(reporting("a4 -> b4 -> c9 -> d9"));
    expect(execution).toMatchObject({ status: "exhausted", error: noRoom("a4", 4) });
    expect(statusesOf(execution)).toEqual(["a4 completed", "b4 idle", "c9 idle", "d9 idle"]);
    expect(world.called).toEqual(["a4"]);
    expect(await world.account()).toMatchObject({ reserved: 0, spent: 4 });
  });

  test("goes on as long as the limit of the start has room, to the last credit", async () => {
    const world = makeWorld();
    const workflow = reporting("a5 -> b5 -> c6 -> d9");
    const { execution } = await world.run(workflow, { computeCredits: 16 });
    expect(execution).toMatchObject({ status: "exhausted", error: noRoom("c6", 6) });
    expect(world.called).toEqual(["a5", "b5", "c6"]);
    const enough = await world.run(reporting("a5 -> b5 -> c6"), {
      id: "second",
      computeCredits: 32,
    });
    expect(enough.execution.status).toBe("completed");
    expect(await world.account()).toMatchObject({ reserved: 0, spent: 32 });
  });

  test("reserves it before the next one starts, so that another run finds it gone", async () => {
    const world = makeWorld();
    const seen: number[] = [];
    const { extend } = world.credits;
    world.credits.extend = (extension) =>
      Effect.tap(extend(extension), () =>
        Effect.map(world.credits.account("org"), ({ reserved }) => seen.push(reserved)),
      );
    await world.run(reporting("a5 -> b5 -> c1 -> d6"));
    // Of an estimate of 12: what was saved is known by then.
    expect(seen).toEqual([14, 16, 17]);
  });

  test("may take what others have saved", async () => {
    const world = makeWorld();
    const types = { r0: "reports", r6: "reports", r1: "reports", r5: "reports" };
    const workflow = graph("r0 -> r6 -> r1 -> r5 -> e", { types });
    const { execution } = await world.run(workflow, { computeCredits: 15 });
    expect(execution.status).toBe("completed");
    expect(await world.account()).toMatchObject({ reserved: 0, spent: 15 });
    const failing = graph("bad -> x", "r6 -> e", { types, settings: { maxConcurrency: 1 } });
    const second = await world.run(failing, { id: "second", computeCredits: 27 });
    expect(statusesOf(second.execution)).toEqual([
      "bad failed",
      "x skipped",
      "r6 completed",
      "e completed",
    ]);
  });

  test("leaves what does not hang on it alone, and what is behind it idle, skips among it", async () => {
    const world = makeWorld();
    const workflow = graph("a -> r9 -> b -> c", "a -> d -> e -> c", "bad -> s", "r9 -> s", {
      types: { r9: "reports" },
    });
    const { execution } = await world.run(workflow, { computeCredits: 24 });
    expect(execution.error).toBe(noRoom("r9", 9));
    expect(statusesOf(execution).toSorted()).toEqual([
      "a completed",
      "b idle",
      "bad failed",
      "c idle",
      "d completed",
      "e completed",
      "r9 completed",
      "s idle",
    ]);
  });

  test("that nothing hangs on ends its run as it would", async () => {
    const world = makeWorld();
    const { execution } = await world.run(reporting("a3 -> b100"), { computeCredits: 6 });
    expect(execution).toMatchObject({ status: "completed" });
    expect(await world.account()).toMatchObject({ reserved: 0, spent: 103 });
    expect(
      (await world.run(graph("c"), { id: "second", computeCredits: 50 })).execution,
    ).toMatchObject({ status: "exhausted", error: "Insufficient compute credits" });
  });

  test("is counted beside another that ends together with it, and the first of the graph speaks for both", async () => {
    const world = makeWorld();
    const workflow = graph("a5 -> b", "c5 -> d", { types: { a5: "reports", c5: "reports" } });
    const fits = await world.run(workflow, { computeCredits: 16 });
    expect(fits.execution.status).toBe("completed");
    const one = await world.run(workflow, { id: "second", computeCredits: 16 + 15 });
    expect(statusesOf(one.execution).filter((status) => status.endsWith("idle"))).toHaveLength(1);
    expect(one.execution.status).toBe("exhausted");
    const both = await world.run(workflow, { id: "third", computeCredits: 29 + 13 });
    expect(both.execution.error).toBe(noRoom("a5", 5));
    expect(statusesOf(both.execution)).toEqual([
      "a5 completed",
      "b idle",
      "c5 completed",
      "d idle",
    ]);
  });

  test.each(["retries", "steps", "computes"])(
    "is asked for whatever steps it takes: %s",
    async (type) => {
      for (const steps of ["all", "effects"] as const) {
        const world = makeWorld();
        const workflow = { ...reporting("r9 -> b9", type), settings: { steps } };
        const { execution, platform } = await world.run(workflow, { computeCredits: 10 });
        expect(execution).toMatchObject({ status: "exhausted", error: noRoom("r9", 9) });
        expect(statusesOf(execution)).toEqual(["r9 completed", "b9 idle"]);
        // Where it only computes it takes a step for it: an answer of the ledger is on record.
        expect(platform.results.get("run node r9")).toMatchObject({
          isBeyondLimit: true,
          usage: 9,
        });
      }
    },
  );

  test("asks the ledger nothing as long as nodes cost what their types cost or less", async () => {
    const world = makeWorld(() => ({ extend: () => Effect.die("asked") }));
    const { execution } = await world.run(reporting("a3 -> b0 -> c2 -> d3"));
    expect(execution.status).toBe("completed");
  });

  test("goes on in a redrive once the limit is raised, without running again", async () => {
    const world = makeWorld();
    const workflow = reporting("a4 -> b3 -> c3");
    await world.run(workflow, { id: "first", computeCredits: 9 });
    const redrive = { executionId: "first" };
    const second = await world.run(workflow, { id: "second", computeCredits: 10, redrive });
    expect(second.execution.status).toBe("completed");
    expect(world.called).toEqual(["b3", "c3"]);
    expect(await world.account()).toMatchObject({ reserved: 0, spent: 10 });
  });
});

describe("a node that reports more, in a run with a budget", () => {
  test("reserves no more than the budget", async () => {
    const asked: number[] = [];
    const world = makeWorld(({ extend, account }) => ({
      extend: (extension) =>
        Effect.tap(extend(extension), () =>
          Effect.map(account("org"), ({ reserved }) => asked.push(reserved)),
        ),
    }));
    const workflow = { ...reporting("a4 -> b9 -> c9"), settings: { budget: 12 } };
    const { execution } = await world.run(workflow, { computeCredits: 12 });
    expect(asked).toEqual([10, 12]);
    expect(statusesOf(execution)).toEqual(["a4 completed", "b9 completed", "c9 idle"]);
    expect(execution.error).toMatch(/^The budget of 12 /);
  });

  test("stops where the limit has no room, also when the budget has", async () => {
    const world = makeWorld();
    const workflow = { ...reporting("a4 -> b3 -> c3"), settings: { budget: 12 } };
    const { execution } = await world.run(workflow, { computeCredits: 9 });
    expect(execution.error).toBe(noRoom("a4", 4, "limit or the budget"));
    expect(statusesOf(execution)).toEqual(["a4 completed", "b3 idle", "c3 idle"]);
  });
});

const away = new ServiceFailure({ operation: "CreditService.extend", message: "away" });

describe("a ledger that cannot be asked for more", () => {
  test("is asked again", async () => {
    let failures = 2;
    const world = makeWorld(({ extend }) => ({
      extend: (extension) =>
        Effect.suspend(() => (failures-- > 0 ? Effect.fail(away) : extend(extension))),
    }));
    const { execution } = await world.run(reporting("a4 -> b3"));
    expect(execution.status).toBe("completed");
  });

  test("stops what is behind the node when it stays away, and the node does not run again", async () => {
    let asked = 0;
    const final = new ServiceFailure({ ...away, isFinal: true });
    const world = makeWorld(() => ({
      extend: () => Effect.suspend(() => (asked++, Effect.fail(final))),
    }));
    const { execution, platform } = await world.run(reporting("a4 -> b3"));
    expect(execution.error).toBe(noRoom("a4", 4));
    expect([asked, world.called]).toEqual([1, ["a4"]]);
    expect(namesOf(platform).filter((name) => name.startsWith("run node"))).toEqual([
      "run node a4",
    ]);
  });
});

describe("a replay", () => {
  const documents = [
    reporting("a4 -> b4 -> c4"),
    graph("a5 -> b", "c5 -> d", "e -> f", { types: { a5: "reports", c5: "reports" } }),
    graph("a5 -> b", "c5 -> d", "b -> e", "d -> e", "g -> h", {
      types: { a5: "retries", c5: "steps" },
      settings: { maxConcurrency: 2 },
    }),
  ];
  const limits = [10, 20, 23];

  test.each([0, 1, 2])(
    "from every prefix of what is on record stops the same nodes (%#)",
    async (which) => {
      const workflow = documents[which]!;
      const computeCredits = limits[which]!;
      const { execution, platform } = await makeWorld().run(workflow, { computeCredits });
      expect(execution.error).toMatch(/^Insufficient compute credits: node/);
      const entries = [...platform.results];
      for (let length = 0; length <= entries.length; length++) {
        const world = makeWorld();
        // Nothing is settled: the process died, and its ledger remembers what it had asked.
        world.credits.settle = () => Effect.void;
        await world.run(workflow, { computeCredits });
        const recorded = new Map(entries.slice(0, length));
        const replayed = await world.run(workflow, { computeCredits }, recorded);
        expect(statusesOf(replayed.execution)).toEqual(statusesOf(execution));
        expect(replayed.execution.error).toBe(execution.error);
      }
    },
  );

  test("in which what is on record ends in another order comes to the same", async () => {
    const workflow = documents[1]!;
    const { execution, platform } = await makeWorld().run(workflow, { computeCredits: 20 });
    const recorded = new Map([...platform.results].toReversed());
    const replayed = await makeWorld().run(workflow, { computeCredits: 20 }, recorded);
    expect(statusesOf(replayed.execution)).toEqual(statusesOf(execution));
  });
});

describe("a run that is spread", () => {
  const inTwos = { stepLimit: 6, partSteps: 2 } as const;

  test("stops the same nodes as one instance, in all of its parts, and goes on in a redrive", async () => {
    const { nodes } = makeWorld();
    const types = { a3: "reports", b9: "reports", g6: "reports" };
    // In the order a3, b9 | c, d | e, f | g6, h: what is behind b9 is in other parts, and so is what is not.
    const workflow = graph("a3 -> b9 -> c -> d", "a3 -> e -> f", "a3 -> g6 -> h", { types });
    const start = { workflow, userId: "user", organizationId: "org", computeCredits: 27 };
    const whole = await makeWorld().run(workflow, { computeCredits: 27 });
    expect(whole.execution.error).toBe(noRoom("b9", 9));
    const instances = openInstances({ nodes, ...inTwos });
    const execution = await instances.run(start);
    expect(instances.created.length).toBeGreaterThan(2);
    expect(execution.error).toBe(whole.execution.error);
    expect(statusesOf(execution)).toEqual(statusesOf(whole.execution));
    expect(await instances.record()).toEqual(execution);
    const spent = execution.nodeExecutions.reduce((sum, { usage }) => sum + usage, 0);
    expect(await Effect.runPromise(instances.credits.account("org"))).toEqual({
      plan: undefined,
      reserved: 0,
      spent,
    });
    const redrive = { executionId: "run" };
    const again = await instances.run({ ...start, computeCredits: 100, redrive }, "again");
    expect(again.status).toBe("completed");
    const anew = again.nodeExecutions.filter(({ reusedFrom }) => reusedFrom === undefined);
    expect(anew.map(({ nodeId }) => nodeId)).toEqual(
      execution.nodeExecutions
        .filter(({ status }) => status === "idle")
        .map(({ nodeId }) => nodeId),
    );
  });

  test("reserves what nodes of several parts take as one", async () => {
    const { nodes } = makeWorld();
    const instances = openInstances({ nodes, ...inTwos });
    const workflow = reporting("a4 -> b4 -> c4 -> d4 -> e4 -> f4");
    const start = { workflow, userId: "user", organizationId: "org", computeCredits: 22 };
    const execution = await instances.run(start);
    expect(execution.error).toBe(noRoom("e4", 4));
    expect(statusesOf(execution).slice(3)).toEqual(["d4 completed", "e4 completed", "f4 idle"]);
  });
});
