import { expect, it } from "vitest";
import { initialState } from "#core/execution-state";
import { isoOf, reportExecution, reportRefusal, usageOf } from "#core/report";
import { graph } from "../support/graph.ts";
import { apply, graphOf, settle, skipped } from "./settle.ts";

const facts = { executionId: "run", startedAt: 0, endedAt: 60_000 };

it("writes times in ISO 8601", () => {
  expect(isoOf(1_764_000_000_123)).toBe("2025-11-24T16:00:00.123Z");
});

it("has one entry for every node, in document order, missing ones last", () => {
  const workflow = graph("a -> c", "b", "gone -> c", "a:x -> d", {
    missing: ["gone"],
    inputs: { "b:x": { value: 1 } },
  });
  const state = settle(workflow, {
    b: {},
    gone: "Node not found: gone",
    a: { out: 1 },
    d: skipped,
    c: "boom",
  });
  expect(reportExecution(state, facts)).toEqual({
    id: "run",
    workflowId: "workflow",
    status: "error",
    nodeExecutions: [
      {
        nodeId: "a",
        status: "completed",
        inputs: {},
        outputs: { out: 1 },
        usage: 1,
        startedAt: "1970-01-01T00:00:02.000Z",
        endedAt: "1970-01-01T00:00:03.000Z",
        attempts: [{ startedAt: "1970-01-01T00:00:02.000Z", endedAt: "1970-01-01T00:00:03.000Z" }],
      },
      {
        nodeId: "c",
        status: "failed",
        inputs: { in: 1 },
        outputs: null,
        error: "boom",
        usage: 0,
        startedAt: "1970-01-01T00:00:04.000Z",
        endedAt: "1970-01-01T00:00:05.000Z",
        attempts: [
          {
            startedAt: "1970-01-01T00:00:04.000Z",
            endedAt: "1970-01-01T00:00:05.000Z",
            error: "boom",
          },
        ],
      },
      {
        nodeId: "b",
        status: "completed",
        inputs: { x: 1 },
        outputs: {},
        usage: 1,
        startedAt: "1970-01-01T00:00:00.000Z",
        endedAt: "1970-01-01T00:00:01.000Z",
        attempts: [{ startedAt: "1970-01-01T00:00:00.000Z", endedAt: "1970-01-01T00:00:01.000Z" }],
      },
      {
        nodeId: "d",
        status: "skipped",
        inputs: {},
        outputs: null,
        usage: 0,
        skipReason: "conditional_branch",
        blockedBy: ["a"],
        cause: "branch",
        startedAt: null,
        endedAt: null,
        attempts: [],
      },
      {
        nodeId: "gone",
        status: "failed",
        inputs: {},
        outputs: null,
        error: "Node not found: gone",
        usage: 0,
        startedAt: "1970-01-01T00:00:01.000Z",
        endedAt: "1970-01-01T00:00:02.000Z",
        attempts: [
          {
            startedAt: "1970-01-01T00:00:01.000Z",
            endedAt: "1970-01-01T00:00:02.000Z",
            error: "Node not found: gone",
          },
        ],
      },
    ],
    startedAt: "1970-01-01T00:00:00.000Z",
    endedAt: "1970-01-01T00:01:00.000Z",
  });
});

const idle = {
  status: "idle",
  inputs: {},
  outputs: null,
  usage: 0,
  startedAt: null,
  endedAt: null,
  attempts: [],
};

it("says why the run as a whole stopped, with every node idle that nothing happened to", () => {
  const error = "Insufficient compute credits";
  const exhausted = apply(initialState(graphOf(graph("a -> b"))), { type: "exhaust", error });
  expect(reportExecution(exhausted, { ...facts, endedAt: null })).toEqual({
    id: "run",
    workflowId: "workflow",
    status: "exhausted",
    nodeExecutions: [
      { nodeId: "a", ...idle },
      { nodeId: "b", ...idle },
    ],
    error,
    startedAt: "1970-01-01T00:00:00.000Z",
    endedAt: null,
  });
});

it("records a refused document with each id once, and a malformed one without nodes", () => {
  const twice = graph("a", "b");
  const workflow = { ...twice, nodes: [...twice.nodes, twice.nodes[0]!] };
  const refusal = {
    id: "run",
    workflowId: "workflow",
    status: "error",
    nodeExecutions: [
      { nodeId: "a", ...idle },
      { nodeId: "b", ...idle },
    ],
    error: "Refused",
    startedAt: "1970-01-01T00:00:00.000Z",
    endedAt: "1970-01-01T00:01:00.000Z",
  };
  expect(reportRefusal(workflow, "Refused", facts)).toEqual(refusal);
  expect(reportRefusal(undefined, "Refused", facts)).toEqual({
    ...refusal,
    workflowId: "",
    nodeExecutions: [],
  });
});

it("bills completed nodes alone", () => {
  const state = settle(graph("a -> b", "c", "d -> e"), {
    a: { out: 1 },
    b: {},
    d: "boom",
    e: skipped,
  });
  expect(usageOf(reportExecution(state, facts))).toBe(2);
});
