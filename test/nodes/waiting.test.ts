import * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import type { NodeExecution } from "#core/report";
import type { JsonValue } from "#core/value";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { MonitoringService } from "#services/monitoring-service";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";
import { runVirtually } from "../support/run-virtually.ts";

const facts = { category: "test", name: "", description: "", inputs: [], outputs: [] } as const;
const sink = defineNode({ ...facts, type: "test", run: () => ({}) });

interface Asked {
  readonly type: string;
  readonly inputs?: Readonly<Record<string, JsonValue>>;
  /** What comes for each wait that is opened, one after the other. */
  readonly answers?: readonly JsonValue[];
  /** Outputs that an edge leaves from. */
  readonly connected?: readonly string[];
}

const documentOf = ({ type, inputs = {}, connected = [] }: Asked) =>
  graph("a", ...connected.map((output) => `a:${output} -> sink:${output}`), {
    types: { a: type },
    inputs: Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [`a:${name}`, { type: "any", value }]),
    ),
  });

/** What the node came to, and what stands of its waits: name and question. */
const ran = async (
  asked: Asked,
): Promise<{ readonly node: NodeExecution; readonly waits: readonly (readonly unknown[])[] }> => {
  const held = holdServices();
  const left = [...(asked.answers ?? [])];
  const runtime = createDirectRuntime({
    nodes: [sink],
    layers: Layer.merge(
      held.layer,
      MonitoringService.layerListener((message) => {
        if (message.type !== "node" || message.status !== "waiting" || left.length === 0) return;
        return runtime.answer("run", message.nodeId, left.shift()!);
      }),
    ),
  });
  const { nodeExecutions } = await runtime.run(
    { workflow: documentOf(asked), userId: "user", organizationId: "org", computeCredits: 9 },
    "run",
  );
  return {
    node: nodeExecutions[0]!,
    waits: held.waitsOf("run").map(({ name, question }) => [name, question]),
  };
};

const outcomeOf = ({ outputs, error }: NodeExecution): unknown => outputs ?? { failed: error };

const durationError = (input: string, got: string): string =>
  `Input '${input}' expects milliseconds or words such as "2 hours", at most a year, got ${got}`;

const hour = 60 * 60 * 1000;
const at = (millis: number): string => new Date(millis).toISOString();

describe("delay", () => {
  it.each([
    ["what came in", { duration: 1, value: { x: [1] } }, { value: { x: [1] } }],
    ["false when that came in", { duration: 1, value: false }, { value: false }],
    ["true when nothing came in", { duration: "1 milli" }, { value: true }],
    ["what came in, at once, after no time", { duration: 0, value: 7 }, { value: 7 }],
  ])("gives on %s", async (_, inputs, outputs) => {
    expect(outcomeOf((await ran({ type: "delay", inputs })).node)).toStrictEqual(outputs);
  });

  it("lets the time pass that its words say, and costs nothing", async () => {
    const document = graph("a:value -> b", {
      types: { a: "delay" },
      inputs: { "a:duration": { value: "2 hours" } },
    });
    const { status, nodeExecutions } = await runVirtually(document, [sink], { tick: hour });
    expect({ status, usage: nodeExecutions[0]?.usage, then: nodeExecutions[1]?.startedAt }).toEqual(
      { status: "completed", usage: 0, then: at(2 * hour) },
    );
  });

  it.each([
    ["a while", '"a while"'],
    ["", '""'],
    ["-1 seconds", '"-1 seconds"'],
    ["366 days", '"366 days"'],
    ["Infinity", '"Infinity"'],
    [-1, "-1"],
    [32_000_000_000, "32000000000"],
    [true, "boolean"],
    [["1 second"], "an array"],
    [{ hours: 2 }, "an object"],
  ])("fails without a time to wait: %j", async (duration, got) => {
    const { node } = await ran({ type: "delay", inputs: { duration } });
    expect(node).toMatchObject({ status: "failed", error: durationError("duration", got) });
  });

  it("fails when no duration is given", async () => {
    const { node } = await ran({ type: "delay" });
    expect(outcomeOf(node)).toStrictEqual({ failed: "Input 'duration' is required" });
  });
});

describe("wait-for-event", () => {
  const type = "wait-for-event";

  it.each<readonly [JsonValue, JsonValue]>([
    [
      { paid: 12.5, by: null },
      { paid: 12.5, by: null },
    ],
    ["text", "text"],
    [false, false],
    [0, 0],
    [null, true],
  ])("gives on what was sent: %j", async (sent, data) => {
    expect(outcomeOf((await ran({ type, answers: [sent] })).node)).toStrictEqual({ data });
  });

  it.each<readonly [string, Readonly<Record<string, JsonValue>>, JsonValue]>([
    ["nothing", {}, {}],
    ["its question", { question: { form: ["name"] } }, { question: { form: ["name"] } }],
    ["its value", { value: 7 }, { value: 7 }],
    ["both", { question: "Who?", value: [1] }, { question: "Who?", value: [1] }],
  ])("asks %s, as it was given", async (_, inputs, question) => {
    const { waits } = await ran({ type, inputs, answers: [1] });
    expect(waits).toStrictEqual([["event", question]]);
  });

  it.each([
    ["5 millis", "5 millis"],
    [5, "5 ms"],
  ])("fails when nobody sends anything within %j", async (timeout, words) => {
    expect(outcomeOf((await ran({ type, inputs: { timeout } })).node)).toStrictEqual({
      failed: `Nobody answered within ${words}`,
    });
  });

  it("waits for a day unless told", async () => {
    const execution = await runVirtually(documentOf({ type }), [sink], { tick: hour });
    expect(execution.nodeExecutions).toEqual([
      {
        nodeId: "a",
        status: "failed",
        inputs: { timeout: "24 hours" },
        outputs: null,
        error: "Nobody answered within 24 hours",
        usage: 0,
        startedAt: at(0),
        endedAt: at(24 * hour),
        attempts: [
          { startedAt: at(0), endedAt: at(24 * hour), error: "Nobody answered within 24 hours" },
        ],
      },
    ]);
  });

  it("takes 'timeout' when an edge leaves from it, and only when nobody answered", async () => {
    const asked = { type, inputs: { timeout: 20 }, connected: ["timeout"] };
    expect(outcomeOf((await ran(asked)).node)).toStrictEqual({ timeout: true });
    expect(outcomeOf((await ran({ ...asked, answers: ["yes"] })).node)).toStrictEqual({
      data: "yes",
    });
  });

  it.each([["soon"], [{ days: 1 }]])(
    "fails before it waits when its time is %j",
    async (timeout) => {
      const { node, waits } = await ran({ type, inputs: { timeout } });
      const got = typeof timeout === "string" ? '"soon"' : "an object";
      expect([node.error, waits]).toStrictEqual([durationError("timeout", got), []]);
    },
  );

  it("fails when its question is larger than a wait keeps, and the run goes on", async () => {
    const { node, waits } = await ran({ type, inputs: { value: "x".repeat(300_000) } });
    expect(node.error).toMatch(/^Wait 'event': The question of a wait is 3000\d\d bytes of JSON/);
    expect(waits).toStrictEqual([]);
  });
});

describe("wait-for-approval", () => {
  const type = "wait-for-approval";
  const details = { order: 7 };

  it.each<readonly [JsonValue, Readonly<Record<string, JsonValue>>]>([
    [{ approved: true }, { approved: details }],
    [
      { approved: true, comment: "fine" },
      { approved: details, comment: "fine" },
    ],
    [
      { approved: false, comment: "" },
      { rejected: details, comment: "" },
    ],
    [{ approved: false, by: "Ada" }, { rejected: details }],
    [true, { approved: details }],
    [false, { rejected: details }],
  ])("takes the branch of the answer %j", async (answer, outputs) => {
    const { node } = await ran({ type, inputs: { details }, answers: [answer] });
    expect(outcomeOf(node)).toStrictEqual(outputs);
  });

  it("gives on true where there are no details, and asks no more than it was told", async () => {
    const approved = await ran({ type, answers: [true] });
    expect([outcomeOf(approved.node), approved.waits]).toStrictEqual([
      { approved: true },
      [["approval", {}]],
    ]);
    const rejected = await ran({ type, inputs: { question: "Send it?" }, answers: [false] });
    expect([outcomeOf(rejected.node), rejected.waits]).toStrictEqual([
      { rejected: true },
      [["approval", { question: "Send it?" }]],
    ]);
  });

  it("asks again after an answer that decides nothing, and says what was wrong", async () => {
    const { node, waits } = await ran({
      type,
      inputs: { question: "Send it?", details },
      answers: ["yes", null, { approved: "yes" }, { approved: true, comment: 5 }, true],
    });
    const expected =
      'decided nothing. Expected true, false or { "approved": true or false, "comment": some text or left out }';
    const again = (what: string) => ({
      question: "Send it?",
      details,
      problem: `The last answer, ${what}, ${expected}`,
    });
    expect(outcomeOf(node)).toStrictEqual({ approved: details });
    expect(waits).toStrictEqual([
      ["approval", { question: "Send it?", details }],
      ["approval 2", again("string")],
      ["approval 3", again("null")],
      ["approval 4", again("an object")],
      ["approval 5", again("an object")],
    ]);
  });

  it("gives up after twenty answers that decide nothing", async () => {
    const { node, waits } = await ran({ type, answers: Array.from({ length: 30 }, () => "yes") });
    expect([node.status, node.error, waits.length]).toStrictEqual([
      "failed",
      'None of 20 answers decided anything. Expected true, false or { "approved": true or false, "comment": some text or left out }',
      20,
    ]);
  });

  it("fails when nobody decides in time, or takes 'timeout' when an edge leaves from it", async () => {
    const asked = { type, inputs: { timeout: "5 millis", details } };
    expect(outcomeOf((await ran(asked)).node)).toStrictEqual({
      failed: "Nobody answered within 5 millis",
    });
    expect(outcomeOf((await ran({ ...asked, connected: ["timeout"] })).node)).toStrictEqual({
      timeout: true,
    });
    // An edge from elsewhere is no branch for it.
    expect(outcomeOf((await ran({ ...asked, connected: ["rejected"] })).node)).toStrictEqual({
      failed: "Nobody answered within 5 millis",
    });
  });
});
