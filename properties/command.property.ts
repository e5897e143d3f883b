/** The laws of what a live run is told: at any moment, in any order. */
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { NodeExecution } from "#core/report";
import { settleOrder } from "./arbitraries.ts";
import type { CommandedRun, GivenCommand } from "./command-run.ts";
import { runCommanded, script } from "./command-run.ts";
import type { DurableScenario } from "./lives.ts";
import { durable } from "./lives.ts";
import { upstreamsOf } from "./model.ts";
import { expectedNodes, timeless } from "./perform.ts";
import { holdsAsync } from "./runs.ts";

beforeAll(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterAll(() => {
  vi.useRealTimers();
});

const isAccepted = ({ results }: CommandedRun, wanted: GivenCommand["command"]): boolean =>
  results.some(([command, { status }]) => command === wanted && status === "accepted");

/** What the record of a cancelled run may say of a node, given what an undisturbed run would say. */
const expectCutShort = (
  played: DurableScenario,
  { execution, begun }: CommandedRun,
  undisturbed: ReturnType<typeof timeless>,
): void => {
  const entries = timeless(execution);
  const isCancelled = ({ status, error }: Pick<NodeExecution, "status" | "error">): boolean =>
    status === "failed" && error === "Cancelled";
  const open = entries.filter((entry) => entry.status === "idle" || isCancelled(entry));
  const openIds = new Set(open.map(({ nodeId }) => nodeId));
  for (const [at, entry] of entries.entries()) {
    const { nodeId } = entry;
    const whole = undisturbed[at]!;
    if (entry.status === "idle") {
      expect(entry).toEqual({
        nodeId,
        status: "idle",
        inputs: {},
        outputs: null,
        usage: 0,
        attempts: [],
      });
      expect(begun).not.toContain(nodeId);
      continue;
    }
    // It began when all above it had come to their ends.
    expect(upstreamsOf(played.workflow, nodeId).filter((id) => openIds.has(id))).toEqual([]);
    if (!isCancelled(entry)) expect(entry).toEqual(whole);
    else {
      const attempts = whole.attempts.slice(0, entry.attempts.length);
      const { inputs } = whole;
      const cut = { status: "failed", error: "Cancelled", outputs: null, usage: 0 };
      expect(entry).toEqual({ nodeId, ...cut, inputs, attempts });
    }
  }
};

it("CONTROL-1 once a run is cancelled no node begins, idle ones stay idle, and what had ended keeps its end", async () => {
  await holdsAsync(
    fc.asyncProperty(
      durable,
      settleOrder,
      script("pause", "resume", "cancel"),
      fc.nat(40),
      async (played, order, said, after) => {
        const run = await runCommanded(played, order, [...said, { after, command: "cancel" }]);
        const undisturbed = expectedNodes(played);
        expect([run.doneLate, run.begunInPause]).toEqual([[], []]);
        if (run.execution.status === "cancelled") {
          expect(isAccepted(run, "cancel")).toBe(true);
          expectCutShort(played, run, undisturbed);
        } else {
          expect(timeless(run.execution)).toEqual(undisturbed);
        }
      },
    ),
  );
});

it("CONTROL-2 a paused run starts nothing, and however often it is paused and resumed its record is the same", async () => {
  await holdsAsync(
    fc.asyncProperty(
      durable,
      settleOrder,
      script("pause", "pause", "resume"),
      async (played, order, said) => {
        const run = await runCommanded(played, order, said);
        expect([run.doneLate, run.begunInPause]).toEqual([[], []]);
        expect(timeless(run.execution)).toEqual(expectedNodes(played));
        expect(["completed", "error"]).toContain(run.execution.status);
      },
    ),
  );
});
