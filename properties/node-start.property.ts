/**
 * The law of the start: a node waits for its own upstreams and a free place, for nothing else. The nodes here end only when
 * the test tells them to, so that who is under way can be compared with who should be, turn by turn.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Scenario } from "./arbitraries.ts";
import { scenario } from "./arbitraries.ts";
import type { Outcome } from "./model.ts";
import { idsOf, performanceOf, skipOf, upstreamsOf } from "./model.ts";
import { nodeThatRuns, runWorkflow } from "./perform.ts";
import { holdsPatiently } from "./runs.ts";

/** Runs a scenario whose nodes end only when they are told to, and says after each turn which are under way. */
const runByHand = (
  played: Scenario,
  maxConcurrency: number,
): {
  /** Node id -> ends it. */
  readonly underWay: Map<string, () => void>;
  readonly done: Promise<unknown>;
} => {
  const underWay = new Map<string, () => void>();
  const node = nodeThatRuns((_inputs, { nodeId }) =>
    new Promise<void>((resolve) => underWay.set(nodeId, resolve)).then(() => {
      const behaviour = played.behaviours.get(nodeId)!;
      if ("error" in behaviour) throw new Error(behaviour.error);
      return "outputs" in behaviour ? behaviour.outputs : {};
    }),
  );
  const settings = { ...played.workflow.settings, maxConcurrency };
  const workflow = { ...played.workflow, settings };
  return { underWay, done: runWorkflow({ ...played, workflow }, [node]) };
};

/** Nodes without retries and timeouts: each is called once and ends when it is told to. */
const plain = scenario.map((played): Scenario => {
  const nodes = played.workflow.nodes.map(({ policy: _policy, ...node }) => node);
  const behaviours = [...played.behaviours].map(
    ([id, behaviour]) =>
      [
        id,
        behaviour.does === "time out" ? ({ does: "throw", error: "late" } as const) : behaviour,
      ] as const,
  );
  return { ...played, workflow: { ...played.workflow, nodes }, behaviours: new Map(behaviours) };
});

/** Settles all that needs no telling: what is skipped, missing or of no known type. */
const settleUntold = (played: Scenario, told: Map<string, Outcome>): readonly string[] => {
  const { workflow, behaviours } = played;
  for (;;) {
    const ready = idsOf(workflow).filter(
      (id) => !told.has(id) && upstreamsOf(workflow, id).every((source) => told.has(source)),
    );
    const untold = ready.flatMap((id): [string, Outcome][] => {
      const skip = skipOf(workflow, told, id);
      if (skip !== undefined) return [[id, { status: "skipped", ...skip }]];
      const does = behaviours.get(id)?.does;
      const isUntold = does === undefined || does === "lack its type";
      return isUntold ? [[id, performanceOf(workflow, behaviours, id)]] : [];
    });
    if (untold.length === 0) return ready;
    for (const [id, outcome] of untold) told.set(id, outcome);
  }
};

/** Lets the run go on until it waits for us; a run that will not get there is given up after some seconds. */
const until = async (isReached: () => boolean): Promise<void> => {
  const patience = performance.now() + 5_000;
  while (!isReached() && performance.now() < patience) await nextTurn();
};

it("NODE-2 a node starts as soon as all its upstreams are final, however slow the others are", async () => {
  await holdsPatiently(
    fc.asyncProperty(plain, fc.infiniteStream(fc.nat(1000)), async (played, picks) => {
      const { underWay, done } = runByHand(played, 1000);
      const final = new Map<string, Outcome>();
      for (;;) {
        const expected = [...settleUntold(played, final)].sort();
        await until(() => underWay.size === expected.length);
        // One turn more: what has started too early shows now.
        await nextTurn();
        expect([...underWay.keys()].sort()).toEqual(expected);
        if (expected.length === 0) break;
        const id = expected[picks.next().value % expected.length]!;
        underWay.get(id)!();
        underWay.delete(id);
        final.set(id, performanceOf(played.workflow, played.behaviours, id));
      }
      await done;
      expect(final.size).toBe(idsOf(played.workflow).length);
    }),
  );
});

it("NODE-2 with a limit, as many ready nodes are under way as it allows, and never one more", async () => {
  await holdsPatiently(
    fc.asyncProperty(
      plain,
      fc.integer({ min: 1, max: 4 }),
      fc.infiniteStream(fc.nat(1000)),
      async (played, limit, picks) => {
        const { underWay, done } = runByHand(played, limit);
        const final = new Map<string, Outcome>();
        for (;;) {
          const ready = () => settleUntold(played, final);
          const expected = Math.min(limit, ready().length);
          await until(() => underWay.size === expected);
          await nextTurn();
          expect(underWay.size).toBe(expected);
          expect(ready()).toEqual(expect.arrayContaining([...underWay.keys()]));
          if (expected === 0) break;
          const started = [...underWay.keys()].sort();
          const id = started[picks.next().value % started.length]!;
          underWay.get(id)!();
          underWay.delete(id);
          final.set(id, performanceOf(played.workflow, played.behaviours, id));
        }
        await done;
      },
    ),
  );
});
