/** Redrives that only ever do one thing prove little: counts what the random ones come to. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { RandomRedrive } from "./corrections.ts";
import { idleRedrive, redrive } from "./corrections.ts";
import { upstreamsOf } from "./model.ts";
import { expectedPlan } from "./redrive-model.ts";

const samples = fc.sample(redrive, { numRuns: 400, seed: 7 });
const plans = new Map(samples.map((sample) => [sample, expectedPlan(sample)]));

const does =
  (what: string) =>
  (sample: RandomRedrive): boolean =>
    plans
      .get(sample)!
      .some((one) => (one.action === "run" ? one.reason === what : one.action === what));

it.each([
  ["failed", 70],
  ["skipped", 150],
  ["unfinished", 60],
  ["chosen", 60],
  ["new", 30],
  ["definition", 40],
  ["inputs", 25],
  ["upstream", 80],
  ["reuse", 200],
])("400 random redrives have a node that is %s in at least %i", (what, atLeast) => {
  expect(samples.filter(does(what)).length).toBeGreaterThanOrEqual(atLeast);
});

it.each([
  [
    "a node taken over from a run before the earlier one",
    80,
    (sample) =>
      plans
        .get(sample)!
        .some((one) => one.action === "reuse" && one.reusedFrom !== sample.execution.id),
  ],
  [
    "a node taken over behind another, in a corrected document",
    60,
    (sample) =>
      sample.before.workflow !== sample.after.workflow &&
      plans
        .get(sample)!
        .some(
          ({ nodeId, action }) =>
            action === "reuse" && upstreamsOf(sample.after.workflow, nodeId).length > 0,
        ),
  ],
  [
    "a join that runs again beside an upstream taken over",
    60,
    (sample) => {
      const kept = plans
        .get(sample)!
        .flatMap(({ nodeId, action }) => (action === "reuse" ? [nodeId] : []));
      return plans
        .get(sample)!
        .some(
          (one) =>
            one.action === "run" &&
            one.reason === "upstream" &&
            upstreamsOf(sample.after.workflow, one.nodeId).some((id) => kept.includes(id)),
        );
    },
  ],
] as readonly (readonly [string, number, (sample: RandomRedrive) => boolean])[])(
  "400 random redrives have %s in at least %i",
  (_what, atLeast, holds) => {
    expect(samples.filter(holds).length).toBeGreaterThanOrEqual(atLeast);
  },
);

it("400 documents in other words are other documents, most of the time", () => {
  const reworded = fc
    .sample(idleRedrive, { numRuns: 400, seed: 7 })
    .filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
  expect(reworded.length).toBeGreaterThan(200);
});
