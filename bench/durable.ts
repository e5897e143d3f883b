/** SPEED-6 to 9: runs in a local workerd, turn by turn with what they are compared with. */
import type { Workflow } from "#core/workflow";
import { additionFigures } from "./durable-additions.ts";
import { everyKindWorkflow, gatedWorkflow } from "./durable-graphs.ts";
import { benchTypes } from "./durable-nodes.ts";
import type { Bench } from "./durable-runtime.ts";
import { withBench } from "./durable-runtime.ts";
import { weighedPrefix } from "./durable-types.ts";
import type { Figure } from "./figure.ts";
import { median, turnByTurn } from "./figure.ts";
import { benchWorkflow } from "./graphs.ts";

type Tell = (line: string) => void;

const speed6 = async (bench: Bench, tell: Tell): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const [size, rounds] of [
    [100, 31],
    [1_000, 7],
  ] as const) {
    tell(`${size} durable nodes`);
    const workflow = benchWorkflow("layered", size, benchTypes.trivial);
    const { times, ratios } = await turnByTurn(rounds, 1, {
      pawl: async () => (await bench.run("pawl", workflow)).millis,
      bare: async () => (await bench.run("bare", workflow)).millis,
    });
    figures.push(
      {
        id: "SPEED-6",
        what: `${size} durable nodes, to a loop over bare steps`,
        value: median(ratios("pawl", "bare")),
        unit: "x",
        target: 1.1,
      },
      {
        id: "SPEED-6",
        what: `${size} durable nodes: a node`,
        value: median(times.pawl) / size,
        unit: "ms",
      },
    );
  }
  return figures;
};

const speed8 = async (bench: Bench): Promise<readonly Figure[]> => {
  const layers = benchWorkflow("layered", 100, benchTypes.trivial);
  const { overhead } = await bench.run("pawl", layers, { prefix: weighedPrefix });
  return [
    {
      id: "SPEED-8",
      what: "a step's result beside its outputs",
      value: overhead,
      unit: "bytes",
      target: 1_024,
    },
  ];
};

const replayFigures = async (
  bench: Bench,
  what: string,
  workflow: Workflow,
  rounds: number,
): Promise<readonly Figure[]> => {
  const steps = { pawl: 0, bare: 0 };
  const replay = (kind: "pawl" | "bare") => async (): Promise<number> => {
    const replayed = await bench.replay(kind, workflow);
    steps[kind] = replayed.steps;
    return replayed.millis;
  };
  const { times } = await turnByTurn(rounds, 0, { pawl: replay("pawl"), bare: replay("bare") });
  const own = median(times.pawl);
  return [
    {
      id: "SPEED-7",
      what: `replay of ${what}, to a loop over cached steps`,
      value: own / median(times.bare),
      unit: "x",
      target: 3,
    },
    { id: "SPEED-7", what: `replay of ${what}`, value: own, unit: "ms" },
    { id: "SPEED-7", what: "the same: steps of the bare loop", value: steps.bare, unit: "steps" },
    {
      id: "SPEED-7",
      what: "the same: steps that Pawl takes beside those",
      value: steps.pawl - steps.bare,
      unit: "steps",
    },
  ];
};

const speed7 = async (bench: Bench, tell: Tell): Promise<readonly Figure[]> => {
  tell("a replay of 1,000 durable nodes");
  const plain = await replayFigures(bench, "1,000 nodes", gatedWorkflow(1_000), 3);
  tell("a replay of 1,000 durable nodes of every kind");
  const kinds = await replayFigures(bench, "1,000 nodes of every kind", everyKindWorkflow(100), 3);
  return [...plain, ...kinds];
};

const speed9 = async (bench: Bench, tell: Tell): Promise<readonly Figure[]> => {
  tell("1,000 durable nodes by the thrifty plan");
  const full = benchWorkflow("layered", 1_000, benchTypes.trivial);
  const thrifty: Workflow = { ...full, settings: { steps: "effects" } };
  let steps = 0;
  const { times, ratios } = await turnByTurn(3, 1, {
    thrifty: async () => {
      const run = await bench.run("pawl", thrifty);
      steps = Math.max(steps, run.steps);
      return run.millis;
    },
    full: async () => (await bench.run("pawl", full)).millis,
  });
  return [
    {
      id: "SPEED-9",
      what: "1,000 pure nodes by the thrifty plan: steps",
      value: steps,
      unit: "steps",
      target: 3,
    },
    {
      id: "SPEED-9",
      what: "the same, to the full plan",
      value: median(ratios("thrifty", "full")),
      unit: "x",
    },
    { id: "SPEED-9", what: "the same: the whole run", value: median(times.thrifty), unit: "ms" },
  ];
};

export const durableFigures = (tell: Tell): Promise<readonly Figure[]> =>
  withBench(async (bench) => [
    ...(await speed6(bench, tell)),
    ...(await speed8(bench)),
    ...(await speed7(bench, tell)),
    ...(await speed9(bench, tell)),
    ...(await additionFigures(bench, tell)),
  ]);
