/** The laws of the skip: who is skipped, what blocked it, why in the end, and that no order of events changes any of it. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { ExecutionState, NodeState } from "#core/execution-state";
import { nodeStateOf } from "#core/execution-state";
import { decideSkip, shouldSkipNode } from "#core/skip";
import { scenario, settleOrder } from "./arbitraries.ts";
import type { Outcome, Outcomes } from "./model.ts";
import { idsOf, inboundOf, outcomesOf, skipOf, upstreamsOf } from "./model.ts";
import { expectedNodes, performScenario, timeless } from "./perform.ts";
import { contentOf, play } from "./play.ts";
import { holds, holdsAsync } from "./runs.ts";

/** A final node as the model puts it. */
const outcomeOf = ({ lifecycle, outputs, usage, error, skip }: NodeState): Outcome | undefined => {
  if (lifecycle === "completed") return { status: "completed", outputs: outputs ?? {}, usage };
  if (lifecycle === "failed") return { status: "failed", error: error ?? "" };
  return skip === undefined ? undefined : { status: "skipped", ...skip };
};

const settledIn = (state: ExecutionState): Outcomes =>
  new Map(
    state.graph.nodes.flatMap(({ id }): [string, Outcome][] => {
      const outcome = outcomeOf(nodeStateOf(state, id));
      return outcome === undefined ? [] : [[id, outcome]];
    }),
  );

it("SKIP-1 a node is skipped exactly when it has inbound edges and every one is blocked", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      const { workflow } = played;
      const { end } = play(played, order);
      for (const node of end.graph.nodes) {
        const inbound = inboundOf(workflow, node.id);
        const isEveryBlocked = inbound.every(({ source, sourceOutput }) => {
          const { lifecycle, outputs } = nodeStateOf(end, source);
          return lifecycle !== "completed" || !Object.keys(outputs ?? {}).includes(sourceOutput);
        });
        const isSkipped = inbound.length > 0 && isEveryBlocked;
        expect(nodeStateOf(end, node.id).lifecycle === "skipped").toBe(isSkipped);
        expect(shouldSkipNode(end, node)).toBe(isSkipped);
      }
    }),
  );
});

it("SKIP-1 one live edge is enough to run a node, and a node without inbound edges always runs", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      const { states } = play(played, order);
      for (const state of states) {
        for (const node of state.graph.nodes) {
          const isLive = node.inbound.some(({ source, sourceOutput }) =>
            Object.hasOwn(nodeStateOf(state, source).outputs ?? {}, sourceOutput),
          );
          if (isLive || node.inbound.length === 0) {
            expect(decideSkip(state, node)).toBeUndefined();
          }
        }
      }
    }),
  );
});

it("SKIP-2 the reason and the blockers are what blocked the node directly, in edge order", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      const { workflow } = played;
      const { end } = play(played, order);
      for (const id of idsOf(workflow)) {
        const { skip } = nodeStateOf(end, id);
        if (skip === undefined) continue;
        const sources = upstreamsOf(workflow, id);
        const broken = sources.filter((source) => {
          const { lifecycle } = nodeStateOf(end, source);
          return lifecycle === "failed" || lifecycle === "skipped";
        });
        const isBroken = broken.length > 0;
        expect(skip.skipReason).toBe(isBroken ? "upstream_failure" : "conditional_branch");
        expect(skip.blockedBy).toEqual(isBroken ? broken : sources);
      }
    }),
  );
});

it("SKIP-3 the cause is a failure exactly when a chain of blockers reaches a failed node", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      const { end } = play(played, order);
      const settled = settledIn(end);
      for (const id of idsOf(played.workflow)) {
        expect(nodeStateOf(end, id).skip?.cause).toBe(skipOf(played.workflow, settled, id)?.cause);
      }
    }),
  );
});

it("SKIP-3 a skip is decided once: what happens later does not touch it", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      const { states } = play(played, order);
      const decided = new Map<string, NodeState>();
      for (const state of states) {
        for (const { id } of state.graph.nodes) {
          const node = nodeStateOf(state, id);
          if (decided.has(id)) expect(node).toBe(decided.get(id));
          else if (node.lifecycle === "skipped") decided.set(id, node);
        }
      }
    }),
  );
});

it("SKIP-4 every order of settling gives the outcomes of the model", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      expect(settledIn(play(played, order).end)).toEqual(outcomesOf(played));
    }),
  );
});

it("SKIP-4 two orders of settling give the same state to the last field", () => {
  holds(
    fc.property(scenario, settleOrder, settleOrder, (played, one, other) => {
      expect(contentOf(play(played, one).end)).toEqual(contentOf(play(played, other).end));
    }),
  );
});

it("SKIP-4 however long each node takes, the record is that of the model", async () => {
  await holdsAsync(
    fc.asyncProperty(scenario, settleOrder, async (played, order) => {
      const { execution } = await performScenario(played, order);
      expect(timeless(execution)).toEqual(expectedNodes(played));
    }),
  );
});
