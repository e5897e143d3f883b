/** Counts what random towns and budgets hold: credits that run out, deaths around a charge, nodes that cost more, budgets that stop. */
import * as fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { orderedRun, outcomesWithin, raisedBudgets } from "./budget-plans.ts";
import { allowed, millionths, runOf } from "./credit-model.ts";
import type { Happening } from "./credit-office.ts";
import { town } from "./credit-plans.ts";
import type { Town, TownRun } from "./credit-town.ts";
import { liveInTown } from "./credit-town.ts";
import { placeOf } from "./world.ts";

const towns: Town[] = [];

beforeAll(async () => {
  for (const plan of fc.sample(town, { numRuns: 200, seed: 7 })) towns.push(await liveInTown(plan));
});

const own = ({ log }: Town, { key }: TownRun, does: Happening["does"]): readonly Happening[] =>
  log.filter((one) => one.does === does && one.key.executionId === key.executionId);

const total = ({ after }: Happening): number => after.reserved + after.spent;

type Trait = (run: TownRun, lived: Town) => boolean;

const traits: readonly (readonly [name: string, atLeast: number, trait: Trait])[] = [
  [
    "is exhausted for lack of credits",
    80,
    ({ execution }) => execution?.error === "Insufficient compute credits",
  ],
  [
    "takes the last of what its organization may spend",
    15,
    (run, lived) =>
      own(lived, run, "reserve").some(
        (one) =>
          one.does === "reserve" &&
          one.after.reserved > one.before.reserved &&
          total(one) === Math.min(allowed(one.asked.limit), one.most),
      ),
  ],
  [
    "is refused by the plan, where its own limit would allow it",
    20,
    (run, lived) =>
      own(lived, run, "reserve").some(
        (one) =>
          one.does === "reserve" &&
          !one.isGranted &&
          total(one) + millionths(one.asked.estimate) <= allowed(one.asked.limit),
      ),
  ],
  [
    "dies between its reservation and the record of it",
    30,
    (run, lived) => own(lived, run, "reserve").length > 1,
  ],
  [
    "dies between its settlement and the record of it",
    4,
    (run, lived) => own(lived, run, "settle").length > 1,
  ],
  [
    "reserves more on its way",
    20,
    (run, lived) =>
      own(lived, run, "extend").some((one) => one.after.reserved > one.before.reserved),
  ],
  [
    "is stopped behind a node that took more than there was room for",
    12,
    ({ execution }) => execution?.error?.startsWith("Insufficient compute credits: node") === true,
  ],
  [
    "takes more than there was room for at its end alone",
    5,
    (run, lived) =>
      run.execution?.error === undefined &&
      own(lived, run, "extend").some((one) => one.does === "extend" && !one.isGranted),
  ],
  [
    "dies between its extension and the record of it",
    4,
    (run, lived) => {
      const asked = own(lived, run, "extend").map((one) =>
        one.does === "extend" ? one.asked.nodeId : "",
      );
      return new Set(asked).size < asked.length;
    },
  ],
  [
    "costs more than was expected",
    20,
    (run, lived) =>
      own(lived, run, "settle").some(
        (one) =>
          one.does === "settle" && one.usage > (runOf(lived.model, run.key)?.estimate ?? Infinity),
      ),
  ],
  [
    "runs a node again that reports something else",
    15,
    ({ world, played }) =>
      [...played.prices].some(
        ([id, { reports }]) =>
          new Set(reports).size > 1 &&
          [...world.effects.values()].some(
            ({ places, times }) => times > 1 && places.has(placeOf(id, null)),
          ),
      ),
  ],
  [
    "is stopped by its budget",
    60,
    ({ execution }) => execution?.error?.startsWith("The budget") === true,
  ],
  ["is cancelled", 15, ({ execution }) => execution?.status === "cancelled"],
  ["dies three times", 30, ({ died }) => died >= 3],
  [
    "is lost, and what it had reserved is given back",
    12,
    ({ execution, key }, { model }) => execution === undefined && runOf(model, key)?.usage === 0,
  ],
  [
    "is lost, and billed for what it had done",
    4,
    ({ execution, key }, { model }) =>
      execution === undefined && (runOf(model, key)?.usage ?? 0) > 0,
  ],
  [
    "reserves while another of its organization is under way",
    60,
    (run, lived) =>
      lived.log.some(
        (one) =>
          one.does === "reserve" &&
          one.key.executionId === run.key.executionId &&
          one.key.organizationId === run.key.organizationId &&
          one.before.reserved > 0,
      ),
  ],
];

it.each(traits)("200 towns have a run that %s at least %i times", (_name, atLeast, trait) => {
  const found = towns.flatMap((lived) => lived.runs.filter((run) => trait(run, lived)));
  expect(found.length).toBeGreaterThanOrEqual(atLeast);
});

it("plans change while credits are reserved, and some organizations spend their overage", () => {
  const changes = towns.flatMap(({ log }) =>
    log.filter(({ does, before }) => does === "plan" && before.reserved > 0),
  );
  expect(changes.length).toBeGreaterThanOrEqual(20);
  const overdrawn = towns.flatMap(({ model }) =>
    model.plans.filter(({ plan, organizationId }) => {
      if (plan.type !== "overage") return false;
      const runs = model.runs.filter((run) => run.organizationId === organizationId);
      const spent = runs.reduce((sum, { usage }) => sum + (usage ?? 0), 0);
      return spent > millionths(plan.allowance);
    }),
  );
  expect(overdrawn.length).toBeGreaterThanOrEqual(15);
});

it("runs in order are stopped at the beginning, in the middle and not at all", () => {
  const ends = fc.sample(orderedRun, { numRuns: 300, seed: 7 }).map(({ played, budget }) => {
    const { outcomes, refused } = outcomesWithin(played, budget);
    const hasSpent = [...outcomes.values()].some((one) => one.status === "completed" && one.usage);
    return refused === undefined ? "not at all" : hasSpent ? "in the middle" : "at the beginning";
  });
  for (const [end, atLeast] of [
    ["not at all", 60],
    ["in the middle", 60],
    ["at the beginning", 30],
  ] as const) {
    expect(ends.filter((one) => one === end).length).toBeGreaterThanOrEqual(atLeast);
  }
});

it("raised budgets are first too small for what the nodes cost", () => {
  const chains = fc.sample(raisedBudgets, { numRuns: 300, seed: 7 });
  const isTight = ({ budgets }: (typeof chains)[number]): boolean => budgets[0]! < budgets.at(-1)!;
  expect(chains.filter(isTight).length).toBeGreaterThanOrEqual(150);
});
