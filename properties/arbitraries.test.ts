/** A law that is tried on the wrong documents proves nothing: counts what the generators make. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { isNasty, longId, scenario, settleOrder } from "./arbitraries.ts";
import type { Scenario } from "./arbitraries.ts";
import { flawed, reportsOf } from "./flaws.ts";
import { downstreamOf, idsOf, inboundOf, nodeOf, outcomesOf, upstreamsOf } from "./model.ts";
import { play } from "./play.ts";

const samples: readonly Scenario[] = fc.sample(scenario, { numRuns: 400, seed: 7 });

type Trait = (scenario: Scenario) => boolean;

const outcomes = new Map(samples.map((sample) => [sample, outcomesOf(sample)]));
const some =
  (holds: (sample: Scenario, id: string) => boolean): Trait =>
  (sample) =>
    idsOf(sample.workflow).some((id) => holds(sample, id));

const skipOf = (sample: Scenario, id: string) => {
  const outcome = outcomes.get(sample)?.get(id);
  return outcome?.status === "skipped" ? outcome : undefined;
};

/** A source whose output the edge does not get, by any reason. */
const isLive = (
  sample: Scenario,
  { source, sourceOutput }: { source: string; sourceOutput: string },
) => {
  const outcome = outcomes.get(sample)?.get(source);
  return outcome?.status === "completed" && Object.hasOwn(outcome.outputs, sourceOutput);
};

/** Two ways lead from one node to another. */
const isDiamondTop: Trait = some(({ workflow }, id) => {
  const arms = [...downstreamOf(workflow, [id])].filter((arm) =>
    upstreamsOf(workflow, arm).includes(id),
  );
  const reached = arms.flatMap((arm) => [...downstreamOf(workflow, [arm])]);
  return new Set(reached).size < reached.length;
});

const traits: readonly (readonly [name: string, atLeast: number, trait: Trait])[] = [
  ["no node at all", 3, ({ workflow }) => workflow.nodes.length === 0],
  ["more than 20 nodes", 40, ({ workflow }) => workflow.nodes.length > 20],
  ["a diamond", 100, isDiamondTop],
  [
    "a partial join",
    60,
    some((sample, id) => {
      const inbound = inboundOf(sample.workflow, id);
      return inbound.some((e) => isLive(sample, e)) && inbound.some((e) => !isLive(sample, e));
    }),
  ],
  ["a missing node", 80, some(({ workflow }, id) => nodeOf(workflow, id) === undefined)],
  [
    "a missing node with nodes above it",
    40,
    some(
      ({ workflow }, id) =>
        nodeOf(workflow, id) === undefined && inboundOf(workflow, id).length > 0,
    ),
  ],
  ["a skip", 150, some((sample, id) => skipOf(sample, id) !== undefined)],
  [
    "a skip right behind a branch not taken",
    60,
    some((sample, id) => skipOf(sample, id)?.skipReason === "conditional_branch"),
  ],
  ["a skip caused by a branch", 60, some((sample, id) => skipOf(sample, id)?.cause === "branch")],
  [
    "a skip behind a skip, caused by a branch",
    40,
    some((sample, id) => {
      const skip = skipOf(sample, id);
      return skip?.cause === "branch" && skip.skipReason === "upstream_failure";
    }),
  ],
  ["a skip caused by a failure", 60, some((sample, id) => skipOf(sample, id)?.cause === "failure")],
  [
    "a skip caused by a failure that is not next to it",
    40,
    some((sample, id) => {
      const skip = skipOf(sample, id);
      return (
        skip?.cause === "failure" &&
        skip.blockedBy.every((source) => outcomes.get(sample)?.get(source)?.status === "skipped")
      );
    }),
  ],
  [
    "a skip with several blockers",
    40,
    some((sample, id) => (skipOf(sample, id)?.blockedBy.length ?? 0) > 1),
  ],
  [
    "parallel edges between two nodes",
    100,
    some(({ workflow }, id) => inboundOf(workflow, id).length > upstreamsOf(workflow, id).length),
  ],
  [
    "several edges into one input",
    100,
    some(({ workflow }, id) => {
      const names = inboundOf(workflow, id).map(({ targetInput }) => targetInput);
      return new Set(names).size < names.length;
    }),
  ],
  ["a nasty id", 200, some((_, id) => isNasty(id))],
  ["the id __proto__", 30, some((_, id) => id === "__proto__")],
  ["an id of 10,000 characters", 5, some((_, id) => id === longId)],
  [
    "an override of a declared input",
    50,
    ({ workflow, overrides }) =>
      workflow.nodes.some(({ id, inputs }) =>
        inputs.some(
          ({ name }) => Object.hasOwn(overrides, id) && Object.hasOwn(overrides[id]!, name),
        ),
      ),
  ],
  [
    "the branch-aware policy",
    80,
    ({ workflow }) => workflow.settings?.statusPolicy === "branch-aware",
  ],
  [
    "a run that completes",
    80,
    (sample) => [...outcomes.get(sample)!.values()].every(({ status }) => status === "completed"),
  ],
  [
    "a branch-aware run that completes with nodes skipped",
    10,
    (sample) =>
      sample.workflow.settings?.statusPolicy === "branch-aware" &&
      [...outcomes.get(sample)!.values()].every(({ status }) => status !== "failed") &&
      [...outcomes.get(sample)!.values()].some(({ status }) => status === "skipped"),
  ],
  ...(
    ["complete", "recover", "fail", "throw", "exhaust", "time out", "lack its type"] as const
  ).map((deed): readonly [string, number, Trait] => [
    `a node that is to ${deed}`,
    30,
    ({ behaviours }) => [...behaviours.values()].some(({ does }) => does === deed),
  ]),
];

it.each(traits)("400 random workflows have %s at least %i times", (_name, atLeast, trait) => {
  expect(samples.filter(trait).length).toBeGreaterThanOrEqual(atLeast);
});

const codes = [
  "DUPLICATE_NODE_ID",
  "CYCLE_DETECTED",
  "TYPE_MISMATCH",
  "UNKNOWN_PORT",
  "DUPLICATE_CONNECTION",
  "STEP_BUDGET_EXCEEDED",
  "MISSING_NODE",
  "UNKNOWN_NODE_TYPE",
  "MISSING_REQUIRED_INPUT",
  "AMBIGUOUS_INPUT",
  "UNREACHABLE_OUTPUT",
];

it("400 flawed documents have each problem at least 20 times, and some have none", () => {
  const reports = fc.sample(flawed, { numRuns: 400, seed: 7 }).map(reportsOf);
  const having = (code: string) => reports.filter((all) => all.some((r) => r.code === code));
  expect(codes.filter((code) => having(code).length < 20)).toEqual([]);
  expect(reports.filter((all) => all.length === 0).length).toBeGreaterThan(0);
});

it("random orders settle the nodes of one workflow differently, and reach every live state", () => {
  const orders = fc.sample(settleOrder, { numRuns: 400, seed: 7 });
  const plays = samples.map((sample, index) => ({
    straight: play(sample, 0),
    mixed: play(sample, orders[index]!),
  }));
  const settleOrders = (results: (typeof plays)[number]["mixed"]["results"]) =>
    JSON.stringify(results.map(({ nodeId }) => nodeId));
  const isMixed = plays.filter(
    ({ straight, mixed }) => settleOrders(straight.results) !== settleOrders(mixed.results),
  );
  expect(isMixed.length).toBeGreaterThan(200);
  const events = new Set(
    plays.flatMap(({ mixed }) =>
      mixed.events.map((event) => `${"nodeId" in event ? "node" : "run"} ${event.type}`),
    ),
  );
  expect([...events].sort()).toEqual([
    "node complete",
    "node fail",
    "node resume",
    "node retry",
    "node skip",
    "node sleep",
    "node start",
    "node wait",
    "run pause",
    "run resume",
  ]);
});
