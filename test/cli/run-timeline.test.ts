import { expect, it } from "vitest";
import { renderTimeline } from "#cli/run-timeline";
import { widthOf } from "#cli/text";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import type { StandingWait } from "#services/wait-store";

const at = (millis: number): string => new Date(millis).toISOString();
const plain = (_: unknown, text: string): string => text;

const node = (
  nodeId: string,
  ...attempts: readonly (readonly [from: number, to: number, error?: string])[]
): NodeExecution => ({
  nodeId,
  status: "completed",
  inputs: {},
  outputs: {},
  usage: 0,
  startedAt: null,
  endedAt: null,
  attempts: attempts.map(([from, to, error]) => ({
    startedAt: at(from),
    endedAt: at(to),
    ...(error === undefined ? {} : { error }),
  })),
});

const run = (...nodeExecutions: readonly NodeExecution[]): WorkflowExecution => ({
  id: "run",
  workflowId: "flow",
  status: "completed",
  nodeExecutions,
  startedAt: at(0),
  endedAt: at(4000),
});

const wait: StandingWait = {
  organizationId: "organization",
  executionId: "run",
  nodeId: "ask",
  name: "approval",
  eventType: "event",
  openedAt: 2000,
  deadline: null,
  question: {},
  status: "answered",
  data: true,
  answeredAt: 3000,
};

it("shows attempts, the pauses between them and waits on one axis", () => {
  const execution = run(
    node("idle"),
    node("ask", [1000, 4000]),
    node("flaky", [0, 1000, "Busy"], [2000, 2000, "Busy"], [3000, 4000]),
  );
  expect(renderTimeline(execution, [wait], 33, plain).split("\n")).toStrictEqual([
    "       0          4.0 s",
    "flaky  ××××····×···████     4.0 s",
    "ask        ████░░░░████     3.0 s",
    "       █ an attempt  × a failed …",
  ]);
});

it("fits a narrow and a wide terminal, whatever the nodes are called", () => {
  const execution = run(node("订单".repeat(40), [0, 1]), node("b", [3999, 4000]));
  for (const columns of [20, 40, 80, 120]) {
    const lines = renderTimeline(execution, [], columns, plain).split("\n");
    expect(lines).toHaveLength(4);
    expect(lines.every((line) => widthOf(line) <= columns)).toBe(true);
  }
});

it("shows nothing of a run in which nothing has happened", () => {
  expect(renderTimeline(run(node("a")), [], 80, plain)).toBe("");
  expect(renderTimeline(run(node("a", [0, 0])), [], 80, plain)).toContain("█");
});
