/** The laws of the run's status: derived from the state, final once final, counted right, and one for each machine state. */
import * as fc from "fast-check";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { expect, it } from "vitest";
import { IllegalTransition } from "#core/errors";
import type { ExecutionState, NodeCounts } from "#core/execution-state";
import { executionStateToJson, nodeStateOf } from "#core/execution-state";
import type { WorkflowEventType, WorkflowLifecycle } from "#core/lifecycle";
import { isFinalStatus, workflowStatusOf } from "#core/lifecycle";
import { getExecutionStatus, settledStatus } from "#core/status";
import type { TransitionEvent, WorkflowEvent } from "#core/transition";
import { transition, workflowChart, workflowMachine } from "#machines/index";
import type { Scenario } from "./arbitraries.ts";
import { scenario, settleOrder } from "./arbitraries.ts";
import { idsOf, outcomesOf, statusOf } from "./model.ts";
import { performScenario } from "./perform.ts";
import { contentOf, play } from "./play.ts";
import { holds, holdsAsync } from "./runs.ts";

/** What may be done to a run as a whole, at any time. */
const runEvent: fc.Arbitrary<WorkflowEvent> = fc.constantFrom(
  { type: "pause" },
  { type: "resume" },
  { type: "cancel" },
  { type: "cancel", error: "Enough" },
  { type: "exhaust", error: "The budget is spent" },
  { type: "fail", error: "Refused" },
);

/** A play, cut at some point, and then what people do to the run; events that are refused change nothing. */
const interrupted = fc.record({
  played: scenario,
  order: settleOrder,
  cut: fc.nat(100),
  events: fc.array(runEvent, { maxLength: 4 }),
});

const statesOf = ({
  played,
  order,
  cut,
  events,
}: {
  readonly played: Scenario;
  readonly order: number;
  readonly cut: number;
  readonly events: readonly WorkflowEvent[];
}): readonly ExecutionState[] => {
  const { states } = play(played, order);
  const reached = states.slice(0, (cut % states.length) + 1);
  for (const event of events) {
    const exit = Effect.runSyncExit(transition(reached.at(-1)!, event));
    if (Exit.isSuccess(exit)) reached.push(exit.value);
  }
  return reached;
};

it("STATUS-1 at every moment of a live run the status is the plain formula's", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      for (const state of play(played, order).states) {
        const formula = statusOf(played.workflow, executionStateToJson(state));
        const expected =
          state.lifecycle === "submitted"
            ? "submitted"
            : state.lifecycle === "executing.paused"
              ? "paused"
              : formula;
        expect(getExecutionStatus(state)).toBe(expected);
        expect(settledStatus(state) ?? "executing").toBe(formula);
      }
    }),
  );
});

it("STATUS-1 strict takes any skip for an error, branch-aware only one that a failure caused", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      const outcomes = [...outcomesOf(played).values()];
      const under = (statusPolicy: "strict" | "branch-aware") =>
        getExecutionStatus(
          play({ ...played, workflow: { ...played.workflow, settings: { statusPolicy } } }, order)
            .end,
        );
      const isStrictlyWell = outcomes.every(({ status }) => status === "completed");
      const isWell = outcomes.every(
        (outcome) =>
          outcome.status === "completed" ||
          (outcome.status === "skipped" && outcome.cause === "branch"),
      );
      expect(under("strict")).toBe(isStrictlyWell ? "completed" : "error");
      expect(under("branch-aware")).toBe(isWell ? "completed" : "error");
    }),
  );
});

it("STATUS-1 however long each node takes, the record has the formula's status", async () => {
  await holdsAsync(
    fc.asyncProperty(scenario, settleOrder, async (played, order) => {
      const { execution } = await performScenario(played, order);
      const idsThat = (status: string) =>
        execution.nodeExecutions.filter((n) => n.status === status).map(({ nodeId }) => nodeId);
      const skips = execution.nodeExecutions.flatMap(({ nodeId, skipReason, blockedBy, cause }) =>
        skipReason === undefined
          ? []
          : [[nodeId, { skipReason, blockedBy: blockedBy!, cause: cause! }]],
      );
      expect(execution.status).toBe(
        statusOf(played.workflow, {
          executedNodes: idsThat("completed"),
          skippedNodes: idsThat("skipped"),
          nodeErrors: Object.fromEntries(idsThat("failed").map((id) => [id, "failed"])),
          skipDetails: Object.fromEntries(skips),
        }),
      );
    }),
  );
});

const eventsFor = (nodeId: string): readonly TransitionEvent[] => [
  { type: "start", nodeId, inputs: {} },
  { type: "complete", nodeId, outputs: {}, usage: 1, attempts: [] },
  { type: "fail", nodeId, error: "late", attempts: [] },
  { type: "skip", nodeId, skipReason: "upstream_failure", blockedBy: [], cause: "failure" },
  { type: "retry", nodeId, attempts: [] },
  { type: "wait", nodeId },
  { type: "sleep", nodeId },
  { type: "resume", nodeId },
  { type: "cancel", nodeId },
];

const runEvents: readonly TransitionEvent[] = [
  { type: "start" },
  { type: "pause" },
  { type: "resume" },
  { type: "fail", error: "late" },
  { type: "exhaust", error: "late" },
  { type: "cancel", error: "late" },
];

it("STATUS-2 after a final status every event is refused, whatever it is", () => {
  holds(
    fc.property(interrupted, (run) => {
      const end = statesOf(run).at(-1)!;
      const status = getExecutionStatus(end);
      if (!isFinalStatus(status)) return;
      const before = contentOf(end);
      for (const event of [...runEvents, ...idsOf(run.played.workflow).flatMap(eventsFor)]) {
        const exit = Effect.runSyncExit(transition(end, event));
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(IllegalTransition);
      }
      expect(contentOf(end)).toEqual(before);
      expect(getExecutionStatus(end)).toBe(status);
    }),
  );
});

/** Counted by looking at every node. */
const countsOf = (state: ExecutionState): NodeCounts => {
  const nodes = state.graph.nodes.map(({ id }) => nodeStateOf(state, id));
  const count = (holds: (node: (typeof nodes)[number]) => boolean) => nodes.filter(holds).length;
  return {
    executing: count(({ lifecycle }) => lifecycle.startsWith("executing.")),
    completed: count(({ lifecycle }) => lifecycle === "completed"),
    failed: count(({ lifecycle }) => lifecycle === "failed"),
    skippedByFailure: count(({ skip }) => skip?.cause === "failure"),
    skippedByBranch: count(({ skip }) => skip?.cause === "branch"),
  };
};

it("STATUS-3 after every transition the counters are what counting gives", () => {
  holds(
    fc.property(interrupted, (run) => {
      for (const state of statesOf(run)) expect(state.counts).toEqual(countsOf(state));
    }),
  );
});

it("STATUS-4 at every moment the run's machine state has the status that is derived", () => {
  holds(
    fc.property(interrupted, (run) => {
      for (const state of statesOf(run)) {
        expect(getExecutionStatus(state)).toBe(workflowStatusOf(state.lifecycle));
      }
    }),
  );
});

/** Every state of the machine that events lead to. */
const machineStates = (): readonly WorkflowLifecycle[] => {
  const reached = new Set<WorkflowLifecycle>(["submitted"]);
  for (const state of reached) {
    for (const event of workflowMachine.events as WorkflowEventType[]) {
      const next = workflowChart(state, event);
      if (next !== undefined) reached.add(next);
    }
  }
  return [...reached];
};

it("STATUS-4 each machine state has one status, and a final one has no way out", () => {
  const states = machineStates();
  expect(states.map((state) => [state, workflowStatusOf(state)])).toEqual([
    ["submitted", "submitted"],
    ["executing.active", "executing"],
    ["error", "error"],
    ["exhausted", "exhausted"],
    ["cancelled", "cancelled"],
    ["completed", "completed"],
    ["executing.paused", "paused"],
  ]);
  for (const state of states) {
    const ways = workflowMachine.events.filter(
      (event) => workflowChart(state, event as WorkflowEventType) !== undefined,
    );
    expect(ways.length === 0).toBe(isFinalStatus(workflowStatusOf(state)));
  }
});
