import { expect, it } from "vitest";
import { initialState, nodeStateOf } from "#core/execution-state";
import { graph } from "../support/graph.ts";
import { apply, graphOf, refusalOf, settle, started } from "./settle.ts";

const start = { type: "start", nodeId: "a", inputs: {} } as const;
const complete = { type: "complete", nodeId: "a", outputs: {}, usage: 1, attempts: [] } as const;

it("refuses an event that the node's state does not accept, by name", () => {
  const state = started(graph("a -> b"));
  expect(refusalOf(state, complete)).toBe("Node 'a' is idle and does not accept 'complete'");
  expect(refusalOf(apply(state, start), start)).toBe(
    "Node 'a' is executing.running and does not accept 'start'",
  );
  expect(refusalOf(apply(state, start, complete), complete)).toBe(
    "Node 'a' is completed and does not accept 'complete'",
  );
});

it("refuses an event for a node that is not part of the workflow", () => {
  expect(refusalOf(started(graph("b")), start)).toBe("Node 'a' is not part of this workflow");
});

it("starts no node before the run starts, while it is paused, or after its end", () => {
  const submitted = initialState(graphOf(graph("a", "b")));
  expect(refusalOf(submitted, start)).toBe("The run is submitted, so node 'a' may not start");
  const active = apply(submitted, { type: "start" });
  expect(refusalOf(apply(active, { type: "pause" }), start)).toBe(
    "The run is executing.paused, so node 'a' may not start",
  );
  expect(refusalOf(apply(active, { type: "cancel" }), start)).toBe(
    "The run is cancelled, so node 'a' may not start",
  );
});

it("lets a node under way go on while the run is paused, and not after its end", () => {
  const running = apply(started(graph("a", "b")), start);
  const paused = apply(running, { type: "pause" });
  expect(nodeStateOf(apply(paused, complete), "a").lifecycle).toBe("completed");
  const exhausted = apply(running, { type: "exhaust", error: "The budget is spent" });
  expect(refusalOf(exhausted, complete)).toBe("The run is exhausted, so node 'a' may not move");
});

it("takes the nodes under way along when the run is cancelled, and no others", () => {
  const running = apply(settle(graph("b", "a", "c"), { b: { out: 1 } }), start);
  const cancelled = apply(running, { type: "cancel", error: "Enough" });
  expect(["a", "b", "c"].map((id) => nodeStateOf(cancelled, id))).toEqual([
    { lifecycle: "failed", inputs: {}, usage: 0, attempts: [], error: "Cancelled" },
    {
      lifecycle: "completed",
      inputs: {},
      outputs: { out: 1 },
      usage: 1,
      attempts: [{ startedAt: 0, endedAt: 1000 }],
    },
    { lifecycle: "idle", inputs: {}, usage: 0, attempts: [] },
  ]);
  expect([cancelled.lifecycle, cancelled.error, cancelled.counts]).toEqual([
    "cancelled",
    "Enough",
    { executing: 0, completed: 1, failed: 1, skippedByFailure: 0, skippedByBranch: 0 },
  ]);
});

it("keeps the attempts of a node that retries, waits and sleeps on its way", () => {
  const first = { startedAt: 1, endedAt: 2, error: "busy" };
  const retrying = apply(started(graph("a")), start, {
    type: "retry",
    nodeId: "a",
    attempts: [first],
  });
  expect(nodeStateOf(retrying, "a")).toEqual({
    lifecycle: "executing.retrying",
    inputs: {},
    usage: 0,
    attempts: [first],
  });
  const resume = { type: "resume", nodeId: "a" } as const;
  const back = apply(
    retrying,
    resume,
    { type: "wait", nodeId: "a" },
    resume,
    { type: "sleep", nodeId: "a" },
    resume,
  );
  expect(nodeStateOf(back, "a")).toEqual({
    ...nodeStateOf(retrying, "a"),
    lifecycle: "executing.running",
  });
});
