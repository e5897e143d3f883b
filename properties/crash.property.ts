/** The laws of crashes: a run that dies at any moment goes on where it stood, and what it did is there once. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { settleOrder } from "./arbitraries.ts";
import { expectedPlaces, takeUp } from "./durable-run.ts";
import type { DurableScenario } from "./lives.ts";
import { durable } from "./lives.ts";
import { expectedNodes, timeless } from "./perform.ts";
import { holdsAsync } from "./runs.ts";
import type { World } from "./world.ts";
import { keysByPlace, newWorld } from "./world.ts";

const moment = fc.nat(10_000);

const sorted = (names: Iterable<string>): readonly string[] => [...names].sort();

it("REPLAY-1 after a crash at any moment the steps that are not on record are performed, to one record", async () => {
  await holdsAsync(
    fc.asyncProperty(durable, settleOrder, settleOrder, moment, async (played, order, later, n) => {
      const undisturbed = newWorld();
      const whole = await takeUp(played, undisturbed, order);
      expect(timeless(whole.execution!)).toEqual(expectedNodes(played));

      const world = newWorld();
      const first = await takeUp(played, world, order, n % whole.process.moments());
      expect(first.execution).toBeUndefined();
      const recorded = [...world.journal.keys()];
      const second = await takeUp(played, world, later);
      expect(second.execution!.status).toBe(whole.execution!.status);
      expect(timeless(second.execution!)).toEqual(timeless(whole.execution!));
      expect(sorted([...recorded, ...second.process.performed])).toEqual(
        sorted(undisturbed.journal.keys()),
      );
    }),
  );
});

it("REPLAY-1 with everything on record nothing is performed, and the record is the same to the times", async () => {
  await holdsAsync(
    fc.asyncProperty(durable, settleOrder, settleOrder, async (played, order, later) => {
      const world = newWorld();
      const first = await takeUp(played, world, order);
      const effects = structuredClone(world.effects);
      const second = await takeUp(played, world, later);
      expect(second.process.performed).toEqual([]);
      expect(world.effects).toEqual(effects);
      expect(second.execution).toEqual(first.execution);
    }),
  );
});

/** Process after process, until one lives to the end. Each step may run again only when it is not on record. */
const runThrough = async (
  played: DurableScenario,
  world: World,
  order: number,
  deaths: readonly number[],
) => {
  for (const [at, death] of [...deaths, undefined].entries()) {
    const recorded = new Set(world.journal.keys());
    const stretch = await takeUp(played, world, order + at, death);
    expect(stretch.process.performed.filter((name) => recorded.has(name))).toEqual([]);
    if (stretch.execution !== undefined) return stretch.execution;
  }
  throw new Error("The last process died");
};

it("REPLAY-2 however often the process dies, the run ends with the record of an undisturbed one, its steps recorded once", async () => {
  await holdsAsync(
    fc.asyncProperty(
      durable,
      settleOrder,
      fc.array(fc.nat(12), { minLength: 1, maxLength: 8, size: "max" }),
      async (played, order, deaths) => {
        const world = newWorld();
        const execution = await runThrough(played, world, order, deaths);
        const undisturbed = newWorld();
        const whole = await takeUp(played, undisturbed, order);
        expect(execution.status).toBe(whole.execution!.status);
        expect(timeless(execution)).toEqual(timeless(whole.execution!));
        expect(sorted(world.journal.keys())).toEqual(sorted(undisturbed.journal.keys()));
      },
    ),
  );
});

it("REPLAY-4 whatever a node does is in the world once by its key, which is its own and no attempt's", async () => {
  await holdsAsync(
    fc.asyncProperty(
      durable,
      settleOrder,
      fc.array(moment, { maxLength: 6 }),
      async (played, order, picks) => {
        const { moments } = (await takeUp(played, newWorld(), order)).process;
        const world = newWorld();
        const deaths = picks.map((n) => n % moments());
        const { nodeExecutions } = await runThrough(played, world, order, deaths);
        const keys = keysByPlace(world);
        const isHurried = (place: string): boolean => {
          const [nodeId] = JSON.parse(place) as [string];
          return played.behaviours.get(nodeId)?.does === "time out";
        };
        const expected = sorted(expectedPlaces(played)).filter((place) => !isHurried(place));
        expect(sorted(keys.keys()).filter((place) => !isHurried(place))).toEqual(expected);
        expect([...keys].filter(([, { length }]) => length !== 1)).toEqual([]);
        expect([...world.effects].filter(([, { places }]) => places.size !== 1)).toEqual([]);
        expect(nodeExecutions).toHaveLength(expectedNodes(played).length);
      },
    ),
  );
});
