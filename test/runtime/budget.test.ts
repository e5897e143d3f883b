import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test, vi } from "vitest";
import type { Workflow } from "#core/workflow";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { CreditService } from "#services/credit-service";
import { ServiceFailure } from "#services/errors";
import { makeCreditWorld as makeWorld, statusesOf } from "../support/credit-world.ts";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";
import { namesOf } from "../support/recording-steps.ts";

const spent = (budget: number): string =>
  `The budget of ${budget} compute credits is spent. Raise it and redrive the run.`;

describe("a run with a budget", () => {
  test("starts no node whose cost would pass it, and is exhausted", async () => {
    const world = makeWorld();
    const { execution } = await world.run(graph("a -> b -> c -> d", { settings: { budget: 8 } }));
    expect(execution).toMatchObject({ status: "exhausted", error: spent(8) });
    expect(statusesOf(execution)).toEqual(["a completed", "b completed", "c idle", "d idle"]);
    expect(world.called).toEqual(["a", "b"]);
    expect(await world.account()).toMatchObject({ reserved: 0, spent: 6 });
  });

  test("runs to its end when it fits exactly", async () => {
    const world = makeWorld();
    const { execution } = await world.run(graph("a -> b -> c", { settings: { budget: 9 } }));
    expect(execution.status).toBe("completed");
    expect(await world.account()).toMatchObject({ reserved: 0, spent: 9 });
  });

  test("lets what runs beside the refused node end", async () => {
    const world = makeWorld();
    const { execution } = await world.run(graph("a", "b", "c", "d", { settings: { budget: 6 } }));
    expect(statusesOf(execution)).toEqual(["a completed", "b completed", "c idle", "d idle"]);
  });

  test("starts no cheaper node either once one was refused", async () => {
    const world = makeWorld();
    const types = { free0: "reports", tail: "test" };
    const workflow = graph("a -> b", "a -> free0", { types, settings: { budget: 5 } });
    const { execution } = await world.run(workflow);
    expect(execution.status).toBe("exhausted");
    expect(statusesOf(execution)).toEqual(["a completed", "b idle", "free0 idle"]);
  });

  test("counts what a node did cost, and nothing for one that failed", async () => {
    const world = makeWorld();
    const types = { r0: "reports", r1: "reports" };
    const cheap = graph("r0 -> r1 -> c -> d", { types, settings: { budget: 7 } });
    expect(statusesOf((await world.run(cheap)).execution)).toEqual([
      "r0 completed",
      "r1 completed",
      "c completed",
      "d completed",
    ]);
    const failing = graph("bad1", "bad2", "bad3", { settings: { budget: 3, maxConcurrency: 1 } });
    const { execution } = await world.run(failing, { id: "second" });
    expect(execution.status).toBe("error");
    expect(world.called).toEqual(["bad1", "bad2", "bad3"]);
  });

  test("stops after a node that cost more than was expected of it", async () => {
    const world = makeWorld();
    const workflow = graph("r9 -> b", { types: { r9: "reports" }, settings: { budget: 10 } });
    const { execution } = await world.run(workflow);
    expect(statusesOf(execution)).toEqual(["r9 completed", "b idle"]);
    expect(await world.account()).toMatchObject({ reserved: 0, spent: 9 });
  });

  test("of nothing runs nothing, and still ends what costs nothing", async () => {
    const world = makeWorld();
    const { execution } = await world.run(graph("a", { settings: { budget: 0 } }));
    expect(execution).toMatchObject({ status: "exhausted", error: spent(0) });
    const free = graph("gone", { missing: ["gone"], settings: { budget: 0 } });
    expect((await world.run(free, { id: "second" })).execution.status).not.toBe("exhausted");
  });

  test("reserves no more than it may spend", async () => {
    const world = makeWorld();
    const workflow = graph("a -> b -> c -> d", { settings: { budget: 6 } });
    const { execution } = await world.run(workflow, { computeCredits: 6 });
    expect(execution.error).toBe(spent(6));
  });

  test("asks in a step of its own before each node, and for skipped ones in none", async () => {
    const world = makeWorld();
    const { platform } = await world.run(graph("bad -> b", { settings: { budget: 9 } }));
    expect(namesOf(platform).filter((name) => name.startsWith("run node"))).toEqual([
      "run node bad / (budget)",
      "run node bad",
      "run node b",
    ]);
  });

  test("asks in the thrifty plan too", async () => {
    const world = makeWorld();
    const settings = { budget: 1, steps: "effects" } as const;
    const types = { a: "addition", b: "addition" };
    const literal = { a: { value: 1 } };
    const inputs = { "a:a": literal.a, "a:b": literal.a, "b:a": literal.a, "b:b": literal.a };
    const { execution } = await world.run(
      graph("a:result -> b:a", { types, inputs, settings: { ...settings } }),
    );
    expect(execution.status).toBe("exhausted");
    expect(statusesOf(execution)).toEqual(["a completed", "b idle"]);
  });
});

describe("going on", () => {
  test("takes a raised budget, in which what was taken over counts", async () => {
    const world = makeWorld();
    const chain = (budget: number): Workflow =>
      graph("a -> b -> c -> d -> e", { settings: { budget } });
    await world.run(chain(6), { id: "first" });
    const second = await world.run(chain(9), {
      id: "second",
      redrive: { executionId: "first" },
    });
    expect(world.called).toEqual(["c"]);
    expect(second.execution).toMatchObject({ status: "exhausted", error: spent(9) });
    // What the first run cost counts on, also when it was taken over from a run that took it over.
    const third = await world.run(chain(14), { id: "third", redrive: { executionId: "second" } });
    expect(world.called).toEqual(["d"]);
    expect(third.execution.status).toBe("exhausted");
    const last = await world.run(chain(15), { id: "last", redrive: { executionId: "third" } });
    expect(last.execution.status).toBe("completed");
    expect(await world.account()).toMatchObject({ reserved: 0, spent: 15 });
  });

  test("with the same budget stops again at once", async () => {
    const world = makeWorld();
    const workflow = graph("a -> b", { settings: { budget: 3 } });
    await world.run(workflow, { id: "first" });
    const again = await world.run(workflow, { id: "second", redrive: { executionId: "first" } });
    expect(world.called).toEqual([]);
    expect(again.execution.error).toBe(spent(3));
  });
});

describe("a replay", () => {
  test.each(["a -> b -> c -> d", "a -> b", "x"].map((_, index) => index))(
    "from every prefix of what is on record comes to the same record (%#)",
    async (which) => {
      const workflow = [
        graph("a -> b -> c -> d", { settings: { budget: 8 } }),
        graph("a -> b", "a -> c", "a -> d -> e", "bad -> f", { settings: { budget: 10 } }),
        graph("a", "b", "c", "d", "e", { settings: { budget: 9, maxConcurrency: 2 } }),
      ][which]!;
      const { execution, platform } = await makeWorld().run(workflow);
      const entries = [...platform.results];
      for (let length = 0; length <= entries.length; length++) {
        const world = makeWorld();
        // The ledger remembers what the process that died had asked.
        await world.run(workflow);
        const replayed = await world.run(workflow, {}, new Map(entries.slice(0, length)));
        expect(statusesOf(replayed.execution)).toEqual(statusesOf(execution));
        expect(replayed.execution.error).toBe(execution.error);
      }
    },
  );
});

describe("a ledger that cannot be told what a node did cost", () => {
  const away = new ServiceFailure({ operation: "CreditService.correct", message: "away" });
  const types = { r100: "reports", r1: "reports" };

  test("is told again", async () => {
    let failures = 1;
    const world = makeWorld(({ correct }) => ({
      correct: (cost) => Effect.suspend(() => (failures-- > 0 ? Effect.fail(away) : correct(cost))),
    }));
    const workflow = graph("r100 -> b -> c -> d", { types, settings: { budget: 15 } });
    const { execution } = await world.run(workflow);
    expect(execution).toMatchObject({ status: "exhausted", error: spent(15) });
    expect(statusesOf(execution)).toEqual(["r100 completed", "b idle", "c idle", "d idle"]);
  });

  test("starts nothing behind a node that took more, when it cannot be told for good", async () => {
    const final = new ServiceFailure({ ...away, isFinal: true });
    const world = makeWorld(() => ({ correct: () => Effect.fail(final) }));
    const workflow = graph("r100 -> b -> c", "r1 -> d", { types, settings: { budget: 15 } });
    const { execution, platform } = await world.run(workflow);
    expect(execution.status).toBe("exhausted");
    expect(execution.error).toMatch(/^Insufficient compute credits: node 'r100' reported /);
    expect(statusesOf(execution).toSorted()).toEqual([
      "b idle",
      "c idle",
      "d completed",
      "r1 completed",
      "r100 completed",
    ]);
    const replayed = await world.run(workflow, {}, platform.results);
    expect(statusesOf(replayed.execution)).toEqual(statusesOf(execution));
    expect(replayed.execution.error).toBe(execution.error);
  });
});

test("a node that was admitted before a pause starts after it, also when another was refused meanwhile", async () => {
  const asked: string[] = [];
  const answers = Promise.withResolvers<void>();
  const { credits, nodes } = makeWorld(({ allot }) => ({
    allot: (allotment) =>
      Effect.andThen(
        Effect.promise(() => {
          asked.push(allotment.nodeId);
          return answers.promise;
        }),
        allot(allotment),
      ),
  }));
  const held = holdServices();
  const layers = Layer.merge(held.layer, Layer.succeed(CreditService, credits));
  const runtime = createDirectRuntime({ nodes, layers });
  const statusIs = (status: string): Promise<void> =>
    vi.waitFor(() => {
      const record = Effect.runSync(held.executions.get("org", "run"));
      expect(record?.status).toBe(status);
    });
  const workflow = graph("x", "y", { settings: { budget: 3 } });
  const params = { workflow, userId: "user", organizationId: "org", computeCredits: 100 };
  const running = runtime.run(params, "run");
  await vi.waitFor(() => expect(asked).toEqual(["x", "y"]));
  await runtime.command("run", "pause");
  await statusIs("paused");
  answers.resolve();
  await new Promise((resolve) => void setTimeout(resolve, 20));
  await runtime.command("run", "resume");
  const execution = await running;
  // As a process finds it that begins again over the same answers.
  expect(statusesOf(execution)).toEqual(["x completed", "y idle"]);
  expect(execution.error).toBe(spent(3));
});
