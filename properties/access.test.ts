/** Counts what the random programs and runs hold: calls that would tell two organizations from one, and runs that use a lot. */
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { WorkflowExecution } from "#core/report";
import { playApart, playTogether } from "./access-play.ts";
import { familyNames, programOf } from "./access-programs.ts";
import { street } from "./access-runs.ts";
import { liveTogether } from "./access-street.ts";

beforeAll(() => void vi.useFakeTimers({ toFake: ["Date"], now: 1_700_000_000_000 }));
afterAll(() => void vi.useRealTimers());

/** They answer nothing, or what everybody is answered; others tell what they did. */
const silent = [
  "CreditService.correct",
  "CreditService.listUnpublished",
  "CreditService.publishUsage",
  "CreditService.setPlan",
  "CreditService.settle",
  "ExecutionStore.acknowledge",
  "ObjectStore.idOf",
  "ObjectStore.remove",
  "ObjectStore.write",
  "ResourceProvider.initialize",
  "WaitStore.close",
];

it.each(familyNames)(
  "were two organizations one, every kind of call would tell it in 100 programs: %s",
  async (family) => {
    const differences = new Map<string, number>();
    for (const program of fc.sample(programOf(family), { numRuns: 100, seed: 7 })) {
      const merged = { ...program, organizations: ["one", "one"] as const };
      const [together, apart] = [await playTogether(merged), await playApart(merged)];
      for (const [index, { method, text }] of together.flat().entries()) {
        const isOther = text !== apart.flat()[index]!.text;
        differences.set(method, (differences.get(method) ?? 0) + Number(isOther));
      }
    }
    const methods = [...differences.keys()];
    expect(methods.filter((method) => differences.get(method) === 0)).toEqual(
      methods.filter((method) => silent.includes(method)),
    );
    const seldom = [...differences].filter(([, count]) => count > 0 && count < 5);
    expect(seldom).toEqual([]);
  },
);

const records: WorkflowExecution[] = [];

beforeAll(async () => {
  for (const plan of fc.sample(street, { numRuns: 200, seed: 7 })) {
    for (const { executions } of await liveTogether(plan)) {
      records.push(...executions.map((text) => JSON.parse(text) as WorkflowExecution));
    }
  }
});

type Trait = (run: WorkflowExecution) => boolean;

const hasNode =
  (does: string, says: RegExp): Trait =>
  ({ nodeExecutions }) =>
    nodeExecutions.some(
      ({ inputs, outputs, error }) =>
        JSON.stringify(inputs["plan"] ?? null).includes(`"${does}"`) &&
        says.test(error ?? JSON.stringify(outputs)),
    );

const traits: readonly (readonly [name: string, atLeast: number, trait: Trait])[] = [
  ["is given a secret", 40, hasNode("secret", /eulav/)],
  ["asks for a secret that its organization lacks", 20, hasNode("secret", /enon/)],
  ["is given a token", 20, hasNode("integration", /nekot/)],
  ["asks for a token that its organization lacks", 10, hasNode("integration", /enon/)],
  ["leaves a file", 40, hasNode("write", /mimeType/)],
  ["reads a file", 10, hasNode("read", /out/)],
  ["reaches for a file that its organization lacks", 40, hasNode("read", /does not exist/)],
  ["is answered", 60, hasNode("ask", /out/)],
  [
    "takes over what an earlier run did",
    10,
    ({ nodeExecutions }) => nodeExecutions.some(({ reusedFrom }) => reusedFrom !== undefined),
  ],
  [
    "would go on from a run that its organization lacks",
    60,
    ({ error }) => error?.startsWith("There is no run") === true,
  ],
  ["lacks credits", 20, ({ status }) => status === "exhausted"],
];

it.each(traits)("200 pairs of organizations have a run that %s at least %i times", (...row) => {
  const [, atLeast, trait] = row;
  expect(records.filter(trait).length).toBeGreaterThanOrEqual(atLeast);
});
