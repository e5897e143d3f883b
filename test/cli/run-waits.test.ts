import { expect, it } from "vitest";
import { answerCommand, clockText, isOnlyWaiting, shortRunId } from "#cli/run-waits";
import { commandText, shellWord } from "#cli/shell-command";
import type { WorkflowExecution } from "#core/report";
import type { StandingWait } from "#services/wait-store";

it.each([
  ["approve", "approve"],
  ["a.b/c-d_1", "a.b/c-d_1"],
  ["two words", "'two words'"],
  ["it's", "'it'\\''s'"],
  ["-x", "'-x'"],
  ["$HOME", "'$HOME'"],
])("writes %j as one word of a shell: %s", (text, word) => {
  expect(shellWord(text)).toBe(word);
});

it("shortens the id of a run to what means one, and no other id", () => {
  expect(shortRunId("1a2b3c4d-0000-4000-8000-000000000000")).toBe("1a2b3c4d");
  expect(shortRunId("nightly-run-of-november")).toBe("nightly-run-of-november");
  const executionId = "1a2b3c4d-0000-4000-8000-000000000000";
  const wait = { executionId, nodeId: "a b", name: "approval 2" };
  expect(answerCommand({ ...wait, organizationId: "local" })).toBe(
    "pawl answer 1a2b3c4d 'a b' --name 'approval 2'",
  );
  expect(answerCommand({ ...wait, organizationId: "acme" })).toBe(
    "pawl answer 1a2b3c4d 'a b' --name 'approval 2' --org acme",
  );
});

it("names the organization in a command unless it is the usual one", () => {
  expect(commandText("local", "show last")).toBe("pawl show last");
  expect(commandText("acme", "show last")).toBe("pawl show last --org acme");
  expect(commandText("two words", "show last")).toBe("pawl show last --org 'two words'");
});

it("writes no name in a command so that it is taken for an option", () => {
  expect(commandText("local", "show", ["-x"])).toBe("pawl show -- '-x'");
  expect(commandText("-o", "redrive", ["-x", "a b"], "--budget 3")).toBe(
    "pawl redrive --budget 3 --org '-o' -- '-x' 'a b'",
  );
  const wait = { organizationId: "acme", executionId: "r", nodeId: "--json", name: "-n" };
  expect(answerCommand({ ...wait, data: "true" })).toBe(
    "pawl answer --name '-n' --data true --org acme -- r '--json'",
  );
});

it("tells the day only when it is another", () => {
  const now = new Date(2026, 10, 24, 9, 0).getTime();
  expect(clockText(new Date(2026, 10, 24, 14, 5).getTime(), now)).toBe("14:05");
  expect(clockText(new Date(2026, 10, 26, 8, 0).getTime(), now)).toBe("26 Nov, 08:00");
});

it("knows when only an answer can bring a run on", () => {
  const execution = (status: "executing" | "idle"): WorkflowExecution => ({
    id: "run",
    workflowId: "flow",
    status: "executing",
    nodeExecutions: [
      { nodeId: "ask", status: "executing" },
      { nodeId: "other", status },
    ].map(({ nodeId, status: node }) => ({
      nodeId,
      status: node as "executing",
      inputs: {},
      outputs: null,
      usage: 0,
      startedAt: null,
      endedAt: null,
      attempts: [],
    })),
    startedAt: new Date(0).toISOString(),
    endedAt: null,
  });
  const wait: StandingWait = {
    organizationId: "organization",
    executionId: "run",
    nodeId: "ask",
    name: "event",
    eventType: "event",
    openedAt: 0,
    deadline: null,
    question: {},
    status: "open",
  };
  expect(isOnlyWaiting(execution("idle"), [wait])).toBe(true);
  expect(isOnlyWaiting(execution("executing"), [wait])).toBe(false);
  expect(isOnlyWaiting(execution("idle"), [{ ...wait, status: "expired" }])).toBe(false);
  expect(isOnlyWaiting(execution("idle"), [{ ...wait, deadline: 1 }])).toBe(false);
  expect(isOnlyWaiting({ ...execution("idle"), status: "paused" }, [wait])).toBe(false);
});
