/** The law of node-level errors: stored at their node, downstream skipped by the rules of the skip, all else untouched. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { executionStateToJson } from "#core/execution-state";
import type { Scenario } from "./arbitraries.ts";
import { scenario, settleOrder } from "./arbitraries.ts";
import { downstreamOf, idsOf, nodeOf, outcomesOf, skipOf } from "./model.ts";
import { performScenario } from "./perform.ts";
import { play } from "./play.ts";
import { holds, holdsAsync } from "./runs.ts";

it("ERROR-2 the state holds exactly the errors of the nodes that failed", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      const { end } = play(played, order);
      const errors = [...outcomesOf(played)].flatMap(([id, outcome]): [string, string][] =>
        outcome.status === "failed" ? [[id, outcome.error]] : [],
      );
      expect(executionStateToJson(end).nodeErrors).toEqual(Object.fromEntries(errors));
    }),
  );
});

/** Two runs that differ in one node alone: well in the first, failing in the second. */
const twins = fc
  .record({ played: scenario, at: fc.nat(100) })
  .filter(({ played }) => played.workflow.nodes.length > 0)
  .map(({ played, at }): { well: Scenario; failing: Scenario; id: string } => {
    const { workflow, behaviours } = played;
    const { id, outputs } = workflow.nodes[at % workflow.nodes.length]!;
    const nodes = workflow.nodes.map(({ policy, ...node }) =>
      node.id === id || policy === undefined ? { ...node, type: "scripted" } : { ...node, policy },
    );
    const known = new Map(behaviours);
    for (const [other, { does }] of behaviours) {
      if (does === "lack its type") known.set(other, { does: "fail", error: "was not known" });
    }
    const populated = Object.fromEntries(outputs.map(({ name }) => [name, 1]));
    const withDeed = (deed: Parameters<typeof known.set>[1]): Scenario => ({
      ...played,
      workflow: { ...workflow, nodes },
      behaviours: new Map(known).set(id, deed),
    });
    return {
      id,
      well: withDeed({ does: "complete", outputs: populated, usage: 1 }),
      failing: withDeed({ does: "throw", error: "boom" }),
    };
  });

it("ERROR-2 a failure is stored at its node, skips by SKIP-1 what is behind it, and changes nothing else", async () => {
  await holdsAsync(
    fc.asyncProperty(twins, settleOrder, async ({ well, failing, id }, order) => {
      const { workflow } = failing;
      const before = (await performScenario(well, order)).execution;
      const after = (await performScenario(failing, order)).execution;
      const behind = downstreamOf(workflow, [id]);
      const outcomes = outcomesOf(failing);
      const entryOf = ({ nodeExecutions }: typeof after, nodeId: string) => {
        const {
          startedAt: _s,
          endedAt: _e,
          attempts: _a,
          ...entry
        } = nodeExecutions.find((node) => node.nodeId === nodeId)!;
        return entry;
      };
      for (const nodeId of idsOf(workflow)) {
        const entry = entryOf(after, nodeId);
        if (nodeId === id) {
          if (entry.status === "skipped") continue;
          expect(entry).toMatchObject({ status: "failed", error: "boom", outputs: null, usage: 0 });
        } else if (behind.has(nodeId)) {
          const skip = skipOf(workflow, outcomes, nodeId);
          const { skipReason, blockedBy, cause } = entry;
          expect(skip).toEqual(
            skipReason === undefined ? undefined : { skipReason, blockedBy, cause },
          );
        } else {
          expect(entry).toEqual(entryOf(before, nodeId));
        }
      }
      expect(after.error).toBeUndefined();
    }),
  );
});

it("ERROR-2 a run with failures still takes every node to its end", async () => {
  await holdsAsync(
    fc.asyncProperty(scenario, settleOrder, async (played, order) => {
      const { execution, log } = await performScenario(played, order);
      const ends = new Set(execution.nodeExecutions.map(({ status }) => status));
      expect([...ends].filter((end) => end === "idle" || end === "executing")).toEqual([]);
      const called = new Set(log.map(({ nodeId }) => nodeId));
      for (const [id, outcome] of outcomesOf(played)) {
        const isCallable = nodeOf(played.workflow, id)?.type === "scripted";
        expect(called.has(id)).toBe(isCallable && outcome.status !== "skipped");
      }
    }),
  );
});
