/** SPEED-1 to SPEED-4: the loop in this process, beside what one Effect fiber for each node costs on the same graph. */
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Result from "effect/Result";
import * as Semaphore from "effect/Semaphore";
import { buildGraph } from "#core/graph";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import type { NodeDefinition } from "#services/node-definition";
import type { Figure } from "./figure.ts";
import { growthExponent, median, timings } from "./figure.ts";
import type { Shape } from "./graphs.ts";
import { benchWorkflow, diamondLadder } from "./graphs.ts";

const ports = {
  inputs: [{ name: "value", type: "number" }],
  outputs: [{ name: "result", type: "number" }],
} as const;

const trivial = defineNode({
  type: "bench-trivial",
  name: "Trivial",
  category: "bench",
  description: "Adds one.",
  pure: true,
  ...ports,
  run: ({ value = 0 }) => ({ result: value + 1 }),
});

const failing = defineNode({
  type: "bench-fail",
  name: "Fail",
  category: "bench",
  description: "Throws.",
  ...ports,
  run: () => {
    throw new Error("on purpose");
  },
});

const runtime = createDirectRuntime({ nodes: [trivial, failing] });

const params = (workflow: Workflow) => ({
  workflow,
  userId: "bench",
  organizationId: "bench",
  computeCredits: Number.MAX_SAFE_INTEGER,
});

const run = async (workflow: Workflow, status: "completed" | "error"): Promise<void> => {
  const execution = await runtime.run(params(workflow), "bench");
  if (execution.status !== status) throw new Error(`${workflow.id} ended ${execution.status}`);
};

/**
 * What Effect itself asks for the same duty: a fiber a node, which awaits its upstreams and takes one of as many places
 * as the engine has.
 */
const fiberPerNode = (workflow: Workflow): Promise<void> => {
  const { nodes, nodesById } = Result.getOrThrow(buildGraph(workflow));
  return Effect.runPromise(
    Effect.gen(function* () {
      const places = yield* Semaphore.make(16);
      const done = nodes.map(() => Deferred.makeUnsafe<number>());
      const fibers = [];
      for (const { index, inbound } of nodes) {
        const node = Effect.gen(function* () {
          let value = index;
          for (const { source } of inbound) {
            value = yield* Deferred.await(done[nodesById.get(source)!.index]!);
          }
          const result = yield* Semaphore.withPermits(places, 1)(Effect.sync(() => value + 1));
          yield* Deferred.succeed(done[index]!, result);
        });
        fibers.push(yield* Effect.forkChild(node));
      }
      for (const fiber of fibers) yield* Fiber.join(fiber);
    }),
  );
};

const shapes: readonly Shape[] = ["chain", "fan", "layered"];
const sizes = [10, 100, 1_000, 10_000, 100_000];

/** A call's median in milliseconds beside another's, taken turn by turn, so that a busy moment of the machine hits both. */
const sideBySide = async (
  rounds: number,
  first: () => unknown,
  second: () => unknown,
): Promise<readonly [number, number]> => {
  const times: [number[], number[]] = [[], []];
  // Enough warm-ups for the compiler to have seen both, however small the graph.
  for (let round = -Math.ceil(rounds / 2); round < rounds; round++) {
    const [firstTime = 0] = await timings(1, 0, first);
    const [secondTime = 0] = await timings(1, 0, second);
    if (round < 0) continue;
    times[0].push(firstTime);
    times[1].push(secondTime);
  }
  return [median(times[0]), median(times[1])];
};

/**
 * What a node costs is what a run costs beyond an empty one: services, hash and record are paid once, however small the
 * graph. The same is taken off the fibers' side.
 */
const speed1 = async (tell: (line: string) => void): Promise<readonly Figure[]> => {
  const empty = benchWorkflow("fan", 0, trivial.type);
  const [ownEmpty, bareEmpty] = await sideBySide(
    2_000,
    () => run(empty, "completed"),
    () => fiberPerNode(empty),
  );
  const figures: Figure[] = [
    { id: "SPEED-1", what: "an empty run", value: ownEmpty * 1_000, unit: "us" },
  ];
  for (const shape of shapes) {
    const points: { readonly size: number; readonly time: number }[] = [];
    for (const size of sizes) {
      tell(`${shape} of ${size} nodes`);
      const workflow = benchWorkflow(shape, size, trivial.type);
      const rounds = size >= 100_000 ? 7 : size >= 10_000 ? 25 : Math.max(50, 10_000 / size);
      const [own, bare] = await sideBySide(
        rounds,
        () => run(workflow, "completed"),
        () => fiberPerNode(workflow),
      );
      if (size >= 1_000) points.push({ size, time: own });
      const node = (own - ownEmpty) / size;
      figures.push(
        {
          id: "SPEED-1",
          what: `${shape} of ${size}: a node, to an Effect fiber`,
          value: node / ((bare - bareEmpty) / size),
          unit: "x",
          target: 3,
        },
        { id: "SPEED-1", what: `${shape} of ${size}: a node`, value: node * 1_000, unit: "us" },
      );
    }
    figures.push({
      id: "SPEED-1",
      what: `${shape}: growth exponent from 1,000 to 100,000`,
      value: growthExponent(points),
      unit: "",
      target: 1.15,
    });
  }
  return figures;
};

/** Cost of a transition over in-degree: one node with many edges against a chain with as many. */
const speed2 = async (tell: (line: string) => void): Promise<readonly Figure[]> => {
  tell("a hub");
  const edges = 20_000;
  const hub = benchWorkflow("fan", edges, trivial.type);
  const turned: Workflow = {
    ...hub,
    edges: hub.edges.map(({ source, target, ...ports }) => ({
      ...ports,
      source: target,
      target: source,
    })),
  };
  const chain = benchWorkflow("chain", edges, trivial.type);
  const [hubTime, chainTime] = await sideBySide(
    9,
    () => run(turned, "completed"),
    () => run(chain, "completed"),
  );
  return [
    {
      id: "SPEED-2",
      what: `${edges} edges into one node, to a chain of as many`,
      value: hubTime / chainTime,
      unit: "x",
      target: 1.5,
    },
  ];
};

const speed3 = async (tell: (line: string) => void): Promise<readonly Figure[]> => {
  tell("a failure above diamonds");
  const rungs = 1_000;
  const whole = diamondLadder(rungs, trivial.type, trivial.type);
  const broken = diamondLadder(rungs, failing.type, trivial.type);
  const [good, bad] = await sideBySide(
    15,
    () => run(whole, "completed"),
    () => run(broken, "error"),
  );
  return [
    {
      id: "SPEED-3",
      what: `failure above ${rungs} diamonds, to none`,
      value: bad / good,
      unit: "x",
      target: 1.1,
    },
  ];
};

/** Milliseconds that the node of that number waits: 1 to 20. */
const waitOf = (value: number): number => 1 + (value % 20);

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, millis));

/** When the nodes of one run began and ended, by the clock of the process. */
interface Span {
  began: number;
  ended: number;
  /** Milliseconds that every node waits beside its own. */
  extra: number;
}

const waitingNode = (span: Span): NodeDefinition =>
  defineNode({
    type: "bench-wait",
    name: "Wait",
    category: "bench",
    description: "Waits.",
    ...ports,
    run: async ({ value = 0 }) => {
      span.began = Math.min(span.began, performance.now());
      await pause(waitOf(value) + span.extra);
      span.ended = Math.max(span.ended, performance.now());
      return { result: value };
    },
  });

/** What the heap holds in the middle of the call, in bytes above what it held before. */
const heapAfter = async (millis: number, call: () => Promise<unknown>): Promise<number> => {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const called = call();
  await pause(millis);
  globalThis.gc?.();
  const held = process.memoryUsage().heapUsed - before;
  await called;
  return held;
};

/** The slowest of them is what as many bare timers take, all at once: none can be done sooner. */
const speed4 = async (tell: (line: string) => void): Promise<readonly Figure[]> => {
  tell("3,000 nodes that wait");
  const count = 3_000;
  const span: Span = { began: 0, ended: 0, extra: 0 };
  const waiting = createDirectRuntime({ nodes: [waitingNode(span)] });
  const fan = benchWorkflow("fan", count, "bench-wait", { maxConcurrency: count });
  const workflow = { ...fan, edges: [] };
  const bareWaits = (): Promise<unknown> =>
    Promise.all(
      workflow.nodes.map(async (_, value) => {
        await pause(waitOf(value) + span.extra);
        return { result: value };
      }),
    );
  const ratios: number[] = [];
  const totals: number[] = [];
  for (let round = -10; round < 25; round++) {
    const [bare = 0] = await timings(1, 0, bareWaits);
    Object.assign(span, { began: Number.POSITIVE_INFINITY, ended: 0 });
    const [total = 0] = await timings(1, 0, () => waiting.run(params(workflow), "bench"));
    if (round < 0) continue;
    ratios.push((span.ended - span.began) / bare);
    totals.push(total);
  }
  // What the nodes' own frames and timers hold is theirs.
  span.extra = 500;
  const held: number[] = [];
  for (let round = 0; round < 3; round++) {
    const bare = await heapAfter(250, bareWaits);
    const own = await heapAfter(250, () => waiting.run(params(workflow), "bench"));
    held.push((own - bare) / count);
  }
  const bytes = median(held);
  return [
    {
      id: "SPEED-4",
      what: `${count} waiting nodes: first start to last end, to bare timers`,
      value: median(ratios),
      unit: "x",
      target: 1.3,
    },
    {
      id: "SPEED-4",
      what: "the same: the whole run, with validation and record",
      value: median(totals),
      unit: "ms",
    },
    {
      id: "SPEED-4",
      what: "memory a node while they wait, beyond its own frame",
      value: bytes,
      unit: "bytes",
      target: 2_048,
    },
  ];
};

export const inProcessFigures = async (
  tell: (line: string) => void,
): Promise<readonly Figure[]> => [
  ...(await speed1(tell)),
  ...(await speed2(tell)),
  ...(await speed3(tell)),
  ...(await speed4(tell)),
];
