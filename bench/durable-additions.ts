/** What retries, waits and redrives add to a durable run. The spec sets no target for it. */
import { failingWorkflow } from "./durable-graphs.ts";
import { benchTypes } from "./durable-nodes.ts";
import type { Bench } from "./durable-runtime.ts";
import type { Figure } from "./figure.ts";
import { median, turnByTurn } from "./figure.ts";
import { benchWorkflow } from "./graphs.ts";

const size = 100;

const additions = [
  { id: "retry", type: benchTypes.patient, what: "that may be retried and need not" },
  { id: "retry", type: benchTypes.retried, what: "that fail once and are retried at once" },
  { id: "sleep", type: benchTypes.slept, what: "of a step and a sleep of 1 ms" },
  { id: "wait", type: benchTypes.waited, what: "that wait and are answered at once" },
] as const;

const nodeFigures = async (
  bench: Bench,
  { id, type, what }: (typeof additions)[number],
): Promise<readonly Figure[]> => {
  const own = benchWorkflow("layered", size, type);
  const plain = benchWorkflow("layered", size, benchTypes.trivial);
  const { ratios } = await turnByTurn(7, 1, {
    pawl: async () => (await bench.run("pawl", own)).millis,
    bare: async () => (await bench.run("bare", own)).millis,
    plain: async () => (await bench.run("pawl", plain)).millis,
  });
  return [
    { id, what: `${size} nodes ${what}, to plain ones`, value: ratios("pawl", "plain"), unit: "x" },
    {
      id,
      what: "the same, to a loop over as many bare steps",
      value: ratios("pawl", "bare"),
      unit: "x",
    },
  ].map((figure) => ({ ...figure, value: median(figure.value) }));
};

const redriveFigures = async (bench: Bench): Promise<readonly Figure[]> => {
  const workflow = failingWorkflow(1_000);
  let earlier = (await bench.run("pawl", workflow)).id;
  let steps = 0;
  const { times, ratios } = await turnByTurn(3, 0, {
    run: async () => {
      const { id, millis } = await bench.run("pawl", workflow);
      earlier = id;
      return millis;
    },
    redrive: async () => {
      const redriven = await bench.run("pawl", workflow, { redriveOf: earlier });
      steps = redriven.steps;
      return redriven.millis;
    },
  });
  return [
    {
      id: "redrive",
      what: "1,000 nodes of which one runs again, to the run of all",
      value: median(ratios("redrive", "run")),
      unit: "x",
    },
    { id: "redrive", what: "the same: the whole run", value: median(times.redrive), unit: "ms" },
    { id: "redrive", what: "the same: steps", value: steps, unit: "steps" },
  ];
};

export const additionFigures = async (
  bench: Bench,
  tell: (line: string) => void,
): Promise<readonly Figure[]> => {
  tell("what retries, sleeps and waits add");
  const figures: Figure[] = [];
  for (const addition of additions) figures.push(...(await nodeFigures(bench, addition)));
  tell("what a redrive takes");
  return [...figures, ...(await redriveFigures(bench))];
};
