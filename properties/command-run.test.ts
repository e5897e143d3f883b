/** Counts what runs that are told things at random come to. */
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { settleOrder } from "./arbitraries.ts";
import type { CommandedRun } from "./command-run.ts";
import { runCommanded, script } from "./command-run.ts";
import { durable } from "./lives.ts";

const samples: CommandedRun[] = [];

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const told = fc.tuple(durable, settleOrder, script("pause", "pause", "resume", "cancel"));
  for (const [played, order, commands] of fc.sample(told, { numRuns: 300, seed: 7 })) {
    samples.push(await runCommanded(played, order, commands));
  }
});
afterAll(() => {
  vi.useRealTimers();
});

const nodes = ({ execution }: CommandedRun) => execution.nodeExecutions;

const traits: readonly (readonly [
  name: string,
  atLeast: number,
  trait: (run: CommandedRun) => boolean,
])[] = [
  ["ended cancelled", 60, ({ execution }) => execution.status === "cancelled"],
  ["left a node idle", 50, (run) => nodes(run).some(({ status }) => status === "idle")],
  [
    "cancelled a node under way",
    40,
    (run) => nodes(run).some(({ error }) => error === "Cancelled"),
  ],
  [
    "cancelled a node with an attempt behind it",
    3,
    (run) => nodes(run).some(({ error, attempts }) => error === "Cancelled" && attempts.length > 0),
  ],
  [
    "kept a node that had completed before the cancel",
    30,
    (run) =>
      run.execution.status === "cancelled" &&
      nodes(run).some(({ status }) => status === "completed"),
  ],
  ["stood paused", 60, ({ hasStoodPaused }) => hasStoodPaused],
  [
    "stood paused and ended by itself",
    40,
    ({ hasStoodPaused, execution }) => hasStoodPaused && execution.status !== "cancelled",
  ],
  [
    "was told the same twice",
    40,
    ({ results }) => results.some(([command], at) => results[at + 1]?.[0] === command),
  ],
  [
    "refused something",
    60,
    ({ results }) => results.some(([, { status }]) => status !== "accepted"),
  ],
];

it.each(traits)(
  "of 300 runs that were told things one %s at least %i times",
  (_name, atLeast, trait) => {
    expect(samples.filter(trait).length).toBeGreaterThanOrEqual(atLeast);
  },
);
