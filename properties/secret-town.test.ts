/** Counts what random runs do with secrets: every way of writing, every place, every fate of a run. */
import * as fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { places, stepPlaces } from "./secret-moves.ts";
import { secretPlan } from "./secret-plans.ts";
import type { SecretRun, SecretStory } from "./secret-town.ts";
import { liveWithSecrets } from "./secret-town.ts";
import { secretsIn, writers } from "./secret-values.ts";

const plans = fc.sample(secretPlan, { numRuns: 150, seed: 7 });
const stories: SecretStory[] = [];

beforeAll(async () => {
  for (const plan of plans) stories.push(await liveWithSecrets(plan));
});

const leaks = plans
  .flatMap(({ runs }) => runs)
  .flatMap(({ played }) => [...played.moves.values()])
  .flatMap((moves) => moves.leaks.map((leak) => ({ ...leak, kind: moves.kind })));

it.each(Object.keys(writers))("many nodes are to write a secret %s", (writing) => {
  expect(leaks.filter((leak) => leak.writing === writing).length).toBeGreaterThanOrEqual(60);
});

it.each(places)("many nodes are to put a secret into: %s", (place) => {
  expect(leaks.filter((leak) => leak.place === place).length).toBeGreaterThanOrEqual(150);
});

it.each(stepPlaces)("many nodes of several steps are to put a secret into: %s", (place) => {
  const own = leaks.filter(({ kind, stepPlace }) => kind === "steps" && stepPlace === place);
  expect(own.length).toBeGreaterThanOrEqual(60);
});

type Trait = (run: SecretRun) => boolean;

/** A step's result that looks like this, as JSON. */
const records =
  (name: RegExp, result: RegExp): Trait =>
  ({ world }) =>
    [...world.journal].some(([step, text]) => name.test(step) && result.test(text));

const hasNode =
  (
    matches: (node: NonNullable<SecretRun["execution"]>["nodeExecutions"][number]) => boolean,
  ): Trait =>
  ({ execution }) =>
    execution?.nodeExecutions.some(matches) === true;

const masked = /\[secret/;

const traits: readonly (readonly [name: string, atLeast: number, trait: Trait])[] = [
  [
    "an output without its secret",
    120,
    hasNode(({ outputs }) => masked.test(JSON.stringify(outputs))),
  ],
  ["an input without its secret", 80, hasNode(({ inputs }) => masked.test(JSON.stringify(inputs)))],
  ["an error without its secret", 30, hasNode(({ error }) => masked.test(error ?? ""))],
  [
    "an error that was shortened after a secret",
    8,
    hasNode(({ error }) => /\[secret.*characters more\)$/s.test(error ?? "")),
  ],
  [
    "an attempt's error without its secret",
    30,
    hasNode(({ attempts }) => attempts.some(({ error }) => masked.test(error ?? ""))),
  ],
  ["a key without its secret", 30, records(/^run node/, /"[^"]*\[secret[^"]*":1/)],
  ["a port without its secret", 40, records(/^run node/, /"port [^"]*\[secret/)],
  ["a file name without its secret", 40, records(/^run node/, /"filename":"[^"]*\[secret/)],
  ["a sub-step's result without its secret", 60, records(/ \/ read$/, masked)],
  ["a sub-step's error without its secret", 20, records(/ \/ error \d/, /"failed".*\[secret/)],
  ["a read in a sub-step that is tried again", 10, records(/ \/ read \(attempt 2\)$/, masked)],
  [
    "a question without its secret",
    15,
    ({ world: { held, key } }) =>
      held.waitsOf(key.executionId).some(({ question }) => masked.test(JSON.stringify(question))),
  ],
  ["an answer without its secret", 15, records(/\(answer\)$/, /"answered".*\[secret/)],
  ["a trigger that was masked on the way", 20, records(/^initialise/, /"maskedTrigger"/)],
  [
    "a name of a secret on an edge",
    30,
    hasNode(({ inputs }) => /name of a/.test(JSON.stringify(inputs))),
  ],
  [
    "a node that computes, in a plan without a step for it",
    20,
    ({ played }) =>
      played.workflow.settings?.steps === "effects" &&
      [...played.moves.values()].some(({ kind }) => kind === "pure"),
  ],
  ["a time limit that passes", 15, hasNode(({ error }) => error?.startsWith("Timed out") === true)],
  ["a cancel", 12, ({ execution }) => execution?.status === "cancelled"],
  [
    "three deaths",
    50,
    ({ world, deaths, isRefused }) => !isRefused && world.journal.size > 0 && deaths.length > 2,
  ],
  ["no end", 25, ({ execution, isRefused }) => execution === undefined && !isRefused],
  ["a start that is refused", 10, ({ isRefused }) => isRefused],
  [
    "a refusal by itself",
    8,
    ({ execution }) => /holds the value of a secret/.test(execution?.error ?? ""),
  ],
];

it.each(traits)("150 stories have a run with %s at least %i times", (_name, atLeast, trait) => {
  const found = stories.flatMap(({ runs }) => runs.filter(trait));
  expect(found.length).toBeGreaterThanOrEqual(atLeast);
});

it("nodes read a secret many times after it was replaced, and files are masked in their bytes", () => {
  const newer = stories.flatMap(({ readings }) =>
    readings.filter(({ given, standing }) => standing.length > 1 && given === standing[1]),
  );
  expect(newer.length).toBeGreaterThanOrEqual(100);
  const files = stories.filter(({ kept }) => /head\n[^]{0,200}\[secret[^]{0,200}\ntail/.test(kept));
  expect(files.length).toBeGreaterThanOrEqual(30);
});

it("whoever looks finds each secret in whatever way it was written, and none where there is none", () => {
  for (const { purses } of plans) {
    const secrets = purses.flatMap(({ secrets: own, tokens }) => [...own, ...tokens]);
    const values = secrets.map(([, value]) => value);
    for (const [writing, write] of Object.entries(writers)) {
      for (const value of values) {
        expect([writing, secretsIn(`(${write(value)})`, values)]).toEqual([writing, [value]]);
      }
    }
    expect(secretsIn("nothing to see here, in base64: bm90aGluZw==", values)).toEqual([]);
  }
});
