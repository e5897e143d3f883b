/** Counts what durable runs of random workflows hold: retries, waits, sleeps, crashes in every place. */
import * as fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { settleOrder } from "./arbitraries.ts";
import type { Stretch } from "./durable-run.ts";
import { takeUp } from "./durable-run.ts";
import type { DurableScenario } from "./lives.ts";
import { durableScenario } from "./lives.ts";
import type { World } from "./world.ts";
import { newWorld } from "./world.ts";

interface Sample {
  readonly played: DurableScenario;
  readonly world: World;
  readonly first: Stretch;
  readonly second: Stretch;
  /** Steps on record when the second process began. */
  readonly recorded: number;
}

const samples: Sample[] = [];

beforeAll(async () => {
  const cuts = fc.tuple(durableScenario, settleOrder, fc.nat(10_000));
  for (const [played, order, cut] of fc.sample(cuts, { numRuns: 300, seed: 7 })) {
    const { moments } = (await takeUp(played, newWorld(), order)).process;
    const world = newWorld();
    const first = await takeUp(played, world, order, cut % moments());
    const recorded = world.journal.size;
    samples.push({ played, world, first, recorded, second: await takeUp(played, world, order) });
  }
});

type Trait = (sample: Sample) => boolean;

const recordsStep =
  (pattern: RegExp): Trait =>
  ({ world }) =>
    [...world.journal.keys()].some((name) => pattern.test(name));

const traits: readonly (readonly [name: string, atLeast: number, trait: Trait])[] = [
  ["a node of one step", 150, ({ played }) => hasLife(played, "once")],
  ["a node that only computes", 150, ({ played }) => hasLife(played, "pure")],
  ["a node of several steps", 150, ({ played }) => hasLife(played, "steps")],
  ["a retry", 60, recordsStep(/ \/ retry \d+$/)],
  ["a retry of a node of several steps", 30, recordsStep(/\(attempt 2\)$/)],
  ["a wait", 80, recordsStep(/\(ask\)$/)],
  ["a wait that is woken by something else", 40, recordsStep(/\(wait 2\)$/)],
  [
    "a wait that is answered",
    60,
    ({ world }) => world.held.waitsOf("execution").some(({ status }) => status === "answered"),
  ],
  [
    "a wait that times out",
    40,
    ({ world }) => world.held.waitsOf("execution").some(({ status }) => status === "expired"),
  ],
  [
    "a sleep",
    60,
    ({ played }) =>
      [...played.lives.values()].some(
        (life) => life.kind === "steps" && life.turns.some(({ does }) => does === "sleep"),
      ),
  ],
  ["a crash before the first record", 5, ({ recorded }) => recorded === 0],
  [
    "a crash with half of the record",
    60,
    ({ recorded, world }) => recorded > world.journal.size / 2,
  ],
  [
    "a step that begins twice",
    100,
    ({ world }) => [...world.begins.values()].some((begins) => begins > 1),
  ],
  [
    "an effect that happens again",
    40,
    ({ world }) => [...world.effects.values()].some(({ times }) => times > 1),
  ],
  [
    "two places whose names are one when put together",
    5,
    ({ world }) => {
      const joined = [...world.effects.values()].map(({ places }) =>
        (JSON.parse([...places][0]!) as readonly (string | null)[])
          .filter((part) => part !== null)
          .join("/"),
      );
      return new Set(joined).size < joined.length;
    },
  ],
];

const hasLife = ({ lives }: DurableScenario, kind: string): boolean =>
  [...lives.values()].some((life) => life.kind === kind);

it.each(traits)(
  "300 durable runs with one crash have %s at least %i times",
  (_name, atLeast, trait) => {
    expect(samples.filter(trait).length).toBeGreaterThanOrEqual(atLeast);
  },
);
