import { expect, it } from "vitest";
import { readExhaustion } from "#cli/exhaustion";
import type { AskLocal, LocalCalls, PlannedNode } from "#cli/local-protocol";
import type { ExecuteParams } from "#core/execution-context";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";

const ids = ["one", "two", "three"];

/** Three nodes of one credit each. */
const flow = (budget?: number): Workflow => ({
  id: "flow",
  name: "Flow",
  trigger: "manual",
  ...(budget === undefined ? {} : { settings: { budget } }),
  nodes: ids.map((id) => ({ id, name: id, type: "addition", inputs: [], outputs: [] })),
  edges: [
    { source: "one", sourceOutput: "result", target: "two", targetInput: "a" },
    { source: "two", sourceOutput: "result", target: "three", targetInput: "a" },
  ],
});

/** The first node has completed, for more than it should cost, and nothing started behind it. */
const execution: WorkflowExecution = {
  id: "run",
  workflowId: "flow",
  status: "exhausted",
  error: "Insufficient compute credits: node 'one' reported a usage of 4, for which ...",
  nodeExecutions: ids.map((nodeId, index): NodeExecution => ({
    nodeId,
    status: index === 0 ? "completed" : "idle",
    inputs: {},
    outputs: index === 0 ? {} : null,
    usage: index === 0 ? 4 : 0,
    startedAt: null,
    endedAt: null,
    attempts: [],
  })),
  startedAt: "",
  endedAt: "",
};

interface Standing {
  readonly budget?: number;
  readonly limit?: number;
  readonly allowance?: number;
  readonly reserved?: number;
}

const planned = ids.map((nodeId, index): PlannedNode => {
  const facts = { nodeId, text: "" };
  return index === 0
    ? { ...facts, action: "reuse", reason: "reused", usage: 4 }
    : { ...facts, action: "run", reason: "unfinished" };
});

const told = ({ budget, limit = 100, allowance = 100, reserved = 0 }: Standing) => {
  const workflow = flow(budget);
  const start: ExecuteParams = {
    workflow,
    userId: "local",
    organizationId: "local",
    computeCredits: limit,
  };
  const answers: Partial<{ readonly [Call in keyof LocalCalls]: LocalCalls[Call]["answer"] }> = {
    readStart: start,
    readAccount: { plan: { type: "fixed", allowance }, spent: 4, reserved },
    planRedrive: { status: "planned", nodes: planned },
  };
  const ask = (async (type) => answers[type]) as AskLocal;
  return readExhaustion(ask, "local", workflow, execution);
};

const facts =
  "To go on, the run needs 2 compute credits by its estimate: with 4 that the organization has spent and 0 reserved, 6 in all";
const withBudget =
  "'pawl redrive run --budget CREDITS' goes on with a larger budget, and keeps what is done.";

it.each<[string, Standing, string]>([
  [
    "its plan",
    { allowance: 4 },
    `${facts}, but its plan allows 4. 'pawl credits plan fixed --allowance 6' allows more, and then 'pawl redrive run' goes on.`,
  ],
  [
    "what it was started with",
    { limit: 5 },
    `${facts}, but --credits allows 5. 'pawl redrive run --credits 6' goes on.`,
  ],
  ["the plan, not its budget", { budget: 6, allowance: 5 }, `${facts}, but its plan allows 5. `],
  ["its budget", { budget: 5, allowance: 5 }, withBudget],
  ["its budget alone", { budget: 5.999999 }, withBudget],
  [
    "a limit that has been raised since",
    { budget: 6 },
    `${facts}. As things stand now that fits: 'pawl redrive run' goes on.`,
  ],
])("tells how a run goes on that a node brought beyond %s", async (_, standing, words) => {
  expect((await told(standing))?.slice(0, words.length)).toBe(words);
});
