/** The law of the thrifty plan: what only computes takes no step, and nothing else is different. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { initialiseStep, nodeStepName, persistStep, preloadStep } from "#core/step-name";
import { settleOrder } from "./arbitraries.ts";
import { takeUp } from "./durable-run.ts";
import type { DurableScenario } from "./lives.ts";
import { durableScenario, pureType, thrifty } from "./lives.ts";
import { nodeOf, outcomesOf } from "./model.ts";
import { expectedNodes, timeless } from "./perform.ts";
import { holdsAsync } from "./runs.ts";
import { newWorld } from "./world.ts";

const sorted = (names: Iterable<string>): readonly string[] => [...names].sort();

/** Skipped nodes, and nodes that only compute: at once, and once. */
const steplessOf = (played: DurableScenario): ReadonlySet<string> => {
  const isAtOnce = (nodeId: string): boolean => {
    const policy = nodeOf(played.workflow, nodeId)?.policy;
    return policy?.timeout === undefined && (policy?.retries?.limit ?? 0) === 0;
  };
  return new Set(
    Array.from(outcomesOf(played))
      .filter(
        ([nodeId, { status }]) =>
          status === "skipped" || (played.lives.get(nodeId)?.kind === "pure" && isAtOnce(nodeId)),
      )
      .map(([nodeId]) => nodeStepName(nodeId)),
  );
};

it("STEP-3 the thrifty plan comes to the record of the full plan but for times, without a step for what only computes", async () => {
  await holdsAsync(
    fc.asyncProperty(durableScenario, settleOrder, settleOrder, async (played, order, later) => {
      const [full, spared] = [newWorld(), newWorld()];
      const whole = await takeUp(played, full, order);
      const lean = await takeUp(thrifty(played), spared, later);
      expect(lean.execution!.status).toBe(whole.execution!.status);
      expect(timeless(lean.execution!)).toEqual(timeless(whole.execution!));
      expect(timeless(lean.execution!)).toEqual(expectedNodes(played));
      const stepless = steplessOf(played);
      expect(sorted(spared.journal.keys())).toEqual(
        sorted([...full.journal.keys()].filter((name) => !stepless.has(name))),
      );
      expect(sorted(spared.effects.keys())).toEqual(sorted(full.effects.keys()));
    }),
  );
});

/** The nodes that only compute, and the edges between them. */
const pureOnly = (played: DurableScenario): DurableScenario => {
  const nodes = played.workflow.nodes
    .filter(({ id, type }) => type === pureType && played.behaviours.get(id)?.does !== "time out")
    .map(({ policy: _policy, ...node }) => node);
  const ids = new Set(nodes.map(({ id }) => id));
  const edges = played.workflow.edges.filter(
    ({ source, target }) => ids.has(source) && ids.has(target),
  );
  return thrifty({ ...played, workflow: { ...played.workflow, nodes, edges } });
};

it("SPEED-9 a workflow of nodes that only compute takes three steps in the thrifty plan", async () => {
  await holdsAsync(
    fc.asyncProperty(durableScenario, settleOrder, async (played, order) => {
      const world = newWorld();
      await takeUp(pureOnly(played), world, order);
      expect(sorted(world.journal.keys())).toEqual(
        sorted([initialiseStep, preloadStep, persistStep]),
      );
    }),
  );
});
