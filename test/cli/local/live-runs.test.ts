import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import type { WorkflowExecution } from "#core/report";
import type { StandingWait } from "#services/wait-store";
import type { Outcome } from "../pawl.ts";
import { childrenOf, directoryWith, example, pawl, startPawl } from "../pawl.ts";

type Record = WorkflowExecution & { readonly waits: readonly StandingWait[] };

const node = (id: string, type: string, inputs: Readonly<{ [port: string]: unknown }> = {}) => ({
  id,
  name: id,
  type,
  inputs: Object.entries(inputs).map(([name, value]) => ({ name, type: "any", value })),
  outputs: [],
});

const edge = (source: string, sourceOutput: string, target: string, targetInput: string) => ({
  source,
  sourceOutput,
  target,
  targetInput,
});

const workflow = (nodes: readonly unknown[], edges: readonly unknown[]): string =>
  JSON.stringify({
    id: "flow",
    name: "Flow",
    trigger: "manual",
    settings: { statusPolicy: "branch-aware" },
    nodes,
    edges,
  });

/** Waits for nobody at `ask`, for a moment at `rest`, then for a person at `approve`. */
const approval = workflow(
  [
    node("ask", "wait-for-event", { timeout: 50 }),
    node("gave-up", "output-any"),
    node("rest", "delay", { duration: "1500 millis", value: "order 7" }),
    node("approve", "wait-for-approval", { question: "Ship it?" }),
    node("shipped", "output-any"),
    node("refused", "output-any"),
  ],
  [
    edge("ask", "timeout", "gave-up", "value"),
    edge("rest", "value", "approve", "details"),
    edge("approve", "approved", "shipped", "value"),
    edge("approve", "rejected", "refused", "value"),
  ],
);

const twoDelays = (millis: number): string =>
  workflow(
    [node("first", "delay", { duration: millis }), node("second", "delay", { duration: millis })],
    [edge("first", "value", "second", "value")],
  );

const isRecord = (value: unknown): value is Record =>
  typeof value === "object" && value !== null && "nodeExecutions" in value;

const recordOf = ({ stdout }: Outcome): Record => {
  const value: unknown = JSON.parse(stdout);
  if (!isRecord(value)) throw new Error(`no record: ${stdout}`);
  return value;
};

const statuses = (record: Record): Readonly<{ [node: string]: string }> =>
  Object.fromEntries(record.nodeExecutions.map(({ nodeId, status }) => [nodeId, status]));

const errorOf = ({
  stdout,
  exitCode,
}: Outcome): { readonly code: string; exitCode: number | null } => ({
  code: (JSON.parse(stdout) as { readonly error: { readonly code: string } }).error.code,
  exitCode,
});

/** A command that goes on, with what it has said so far. */
const started = (args: readonly string[], cwd: string) => {
  const child = startPawl(args, { cwd });
  child.stdin.end();
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const stderr = text(child.stderr);
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    child,
    says: async (words: string): Promise<void> => {
      while (!said.includes(words)) {
        if (child.exitCode !== null) throw new Error(`ended without '${words}': ${said}`);
        await delay(20);
      }
    },
    ended: async (): Promise<Outcome> => {
      const exitCode = await closed;
      return { exitCode, stdout: said, stderr: await stderr };
    },
  };
};

/** Until the run is listed, or `wanted` of it. */
const listed = async (cwd: string, wanted = 1): Promise<void> => {
  for (;;) {
    const { stdout } = await pawl(["runs", "--json"], { cwd });
    if ((JSON.parse(stdout) as { readonly runs: readonly unknown[] }).runs.length >= wanted) return;
  }
};

const timeout = 60_000;

it("answers a node from a second process, once", { timeout }, async () => {
  const cwd = directoryWith({ "flow.json": approval });
  const call = (...args: readonly string[]): Promise<Outcome> => pawl(args, { cwd });
  const run = started(["run", "flow.json"], cwd);
  await run.says("waiting    ask");
  expect(statSync(join(cwd, ".pawl/control")).mode & 0o777).toBe(0o700);
  const early = await call("answer", "last", "approve", "--data", "true", "--json");
  expect(errorOf(early)).toStrictEqual({ code: "ANSWER_EARLY", exitCode: 1 });
  expect(errorOf(await call("answer", "last", "aprove", "--json"))).toStrictEqual({
    code: "UNKNOWN_NODE",
    exitCode: 2,
  });
  expect(errorOf(await call("answer", "nobody", "approve", "--json"))).toStrictEqual({
    code: "UNKNOWN_RUN",
    exitCode: 2,
  });
  await run.says("waiting    approve");
  expect((await call("runs")).stdout).toMatch(
    /^Run .*\n[0-9a-f]{8} {2}flow {6}… waiting {2}.* approve waits for an answer\n\n'pawl show RUN'/,
  );
  const shown = await call("show", "last");
  expect(shown.stdout).toMatch(/\napprove {2}… waiting .* waits for an answer until \d\d/);
  expect(shown.stdout).toMatch(
    /\nWaits\n✗ ask \(event\): nobody answered in time\n… approve \(approval\) waits for an answer until .*\n {2}Ship it\?\n {2}details: "order 7"\n {2}pawl answer [0-9a-f]{8} approve --data true\n/,
  );
  expect(errorOf(await call("answer", "last", "ask", "--json"))).toStrictEqual({
    code: "ANSWER_LATE",
    exitCode: 1,
  });
  const stdin = JSON.stringify("x".repeat(600_000));
  const large = await pawl(["answer", "last", "approve", "--data", "-"], { cwd, stdin });
  expect(large).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^pawl: The data takes 600002 bytes of JSON, and an event takes/),
  });
  const answers = await Promise.all([
    call("answer", "last", "approve", "--data", "true", "--json"),
    call("answer", "last", "approve", "--data", "false", "--json"),
  ]);
  const [accepted, ...refused] = answers.toSorted((a, b) => a.exitCode! - b.exitCode!);
  expect(refused.map(errorOf)).toStrictEqual([{ code: "ANSWER_DUPLICATE", exitCode: 1 }]);
  const record = recordOf(accepted!);
  expect(record.status).toBe("completed");
  const { exitCode, stdout, stderr } = await run.ended();
  expect({ exitCode, stderr }).toStrictEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(/\n✓ Completed in .*: 5 of 6 nodes completed, 1 skipped; /);
  expect(recordOf(await call("show", "last", "--json"))).toStrictEqual(record);
  expect((await call("show", "last")).stdout).toMatch(
    /\nTimeline\n +0 .*\n[^]*\n✓ approve \(approval\): answered after .*: (true|false)\n/,
  );
  const after = await call("answer", record.id, "approve", "--json");
  expect(errorOf(after)).toStrictEqual({ code: "ANSWER_DUPLICATE", exitCode: 1 });
});

it(
  "pauses a run and goes on with it, also after its process was interrupted",
  { timeout },
  async () => {
    const cwd = directoryWith({ "flow.json": twoDelays(700) });
    const call = (...args: readonly string[]): Promise<Outcome> => pawl(args, { cwd });
    const run = started(["run", "flow.json"], cwd);
    await listed(cwd);
    const paused = await call("pause", "last");
    expect({ exitCode: paused.exitCode, stderr: paused.stderr }).toStrictEqual({
      exitCode: 0,
      stderr: "",
    });
    expect(paused.stdout).toMatch(/^‖ Paused run [-0-9a-f]{36}: 0 of 2 nodes completed\.\n/);
    await run.says("Paused: 'pawl resume ");
    run.child.kill("SIGINT");
    const { exitCode, stderr } = await run.ended();
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(
      /^Interrupted\. The run is kept: 'pawl resume [0-9a-f]{8}' goes on with it\.\n$/,
    );
    expect((await call("runs", "--status", "paused")).stdout).toMatch(
      /\n[0-9a-f]{8} {2}flow {6}‖ paused /,
    );
    const resumed = await call("resume", "last", "--json");
    expect(resumed.exitCode).toBe(0);
    expect(statuses(recordOf(resumed))).toStrictEqual({ first: "completed", second: "completed" });
    expect(errorOf(await call("resume", "last", "--json"))).toStrictEqual({
      code: "RUN_ENDED",
      exitCode: 1,
    });
  },
);

it("leaves a run that waits, and answers it when nobody holds it", { timeout }, async () => {
  const cwd = directoryWith({ "flow.json": approval });
  const call = (...args: readonly string[]): Promise<Outcome> => pawl(args, { cwd });
  const run = started(["run", "flow.json"], cwd);
  await run.says("waiting    approve");
  run.child.kill("SIGINT");
  const { stderr } = await run.ended();
  expect(stderr).toMatch(
    /\nNode 'approve' waits for an answer: 'pawl answer [0-9a-f]{8} approve'\.\n$/,
  );
  const resumed = await call("resume", "last");
  expect(resumed.exitCode).toBe(0);
  expect(resumed.stdout).toMatch(
    /\n… Waiting for an answer: [^]*\n {2}pawl answer [0-9a-f]{8} approve --data true\n$/,
  );
  const answered = await call("answer", "last", "approve", "--data", "false", "--json");
  expect(answered.exitCode).toBe(0);
  expect(statuses(recordOf(answered))).toMatchObject({ shipped: "skipped", refused: "completed" });
});

it("names the organization in every command that it tells", { timeout }, async () => {
  const cwd = directoryWith({ "flow.json": approval });
  const said: string[] = [];
  const call = async (...args: readonly string[]): Promise<Outcome> => {
    const outcome = await pawl([...args, "--org", "acme"], { cwd });
    said.push(outcome.stdout, outcome.stderr);
    return outcome;
  };
  const run = started(["run", "flow.json", "--org", "acme"], cwd);
  await run.says("waiting    approve");
  await call("answer", "last", "shipped");
  run.child.kill("SIGINT");
  const { stdout, stderr } = await run.ended();
  said.push(stdout, stderr);
  await call("runs");
  await call("show", "last");
  await call("resume", "last");
  await call("answer", "last", "approve", "--data", "true", "--no-follow");
  const second = started(["run", "flow.json", "--org", "acme"], cwd);
  await second.says("waiting    approve");
  await call("cancel", "last");
  said.push((await second.ended()).stdout);
  await call("cancel", "last");
  await call("show", "last");
  await call("show", "nowhere");
  const commands = said.flatMap((text) => text.match(/\bpawl (?!:)[a-z][^'\n(]*/g) ?? []);
  const names = new Set(commands.map((command) => command.split(" ")[1]));
  expect(names).toStrictEqual(new Set(["answer", "show", "resume", "redrive", "runs"]));
  expect(commands.filter((command) => !command.includes(" --org acme"))).toStrictEqual([]);
  expect((await pawl(["cancel", "last", "--org", "zzz"], { cwd })).stderr).toBe(
    "pawl: There is no run in .pawl/ for organization 'zzz' yet. 'pawl run FILE --org zzz' starts one.\n",
  );
  expect((await pawl(["runs", "--org", "zzz"], { cwd })).stdout).toBe(
    "There are no runs in .pawl/ for organization 'zzz' yet. 'pawl run FILE --org zzz' starts one.\n",
  );
});

it("cancels a run from a second process", { timeout }, async () => {
  const cwd = directoryWith({ "flow.json": twoDelays(30_000) });
  const run = started(["run", "flow.json"], cwd);
  await listed(cwd);
  await delay(300);
  const cancelled = await pawl(["cancel", "last"], { cwd });
  expect(cancelled).toMatchObject({ exitCode: 0, stderr: "" });
  expect(cancelled.stdout).toMatch(/^! Cancelled run [-0-9a-f]{36}: 0 of 2 nodes completed\.\n/);
  const { exitCode, stdout } = await run.ended();
  expect(exitCode).toBe(4);
  expect(stdout).toMatch(/(^|\n)! Cancelled after /);
  const again = await pawl(["cancel", "last", "--json"], { cwd });
  expect(errorOf(again)).toStrictEqual({ code: "RUN_ENDED", exitCode: 1 });
});

it("goes on with a run when the process that holds it is killed", { timeout }, async () => {
  const cwd = directoryWith({ "flow.json": twoDelays(1000) });
  const first = started(["run", "flow.json"], cwd);
  await listed(cwd);
  const second = started(["run", "flow.json", "--json"], cwd);
  await listed(cwd, 2);
  const children = childrenOf(first.child.pid!);
  first.child.kill("SIGKILL");
  for (const child of children) process.kill(child, "SIGKILL");
  const { exitCode, stdout, stderr } = await second.ended();
  expect(exitCode).toBe(0);
  expect(stderr).toContain("The process that ran this has ended: this one goes on.\n");
  expect(JSON.parse(stdout)).toMatchObject({ status: "completed" });
});

it("runs again what did not complete, and keeps the rest", { timeout }, async () => {
  const cwd = directoryWith();
  const call = (...args: readonly string[]): Promise<Outcome> => pawl(args, { cwd });
  const file = example("failing-branch.json");
  const earlier = recordOf(await call("run", file, "--json"));
  const plan = await call("redrive", "last", "--dry-run");
  expect(plan.exitCode).toBe(0);
  expect(plan.stdout).toMatch(/\nunit-price {7}↻ runs again {2}failed in the earlier run\n/);
  expect(plan.stdout).toMatch(/\nrevenue {10}✓ is reused {3}taken over from run /);
  expect(plan.stdout).toMatch(
    /\n4 nodes would run again, 5 would be reused from run [-0-9a-f]{36}\. /,
  );
  const { stdout } = await call("redrive", "last", "--from", "revenue-text", "--dry-run", "--json");
  const { nodes } = JSON.parse(stdout) as {
    readonly nodes: readonly { nodeId: string; reason: string; hash?: string }[];
  };
  const hashed = nodes.filter(({ hash }) => /^[0-9a-f]{16}$/.test(hash ?? ""));
  expect(hashed.map(({ nodeId }) => nodeId).sort()).toEqual(["revenue", "units"]);
  expect(Object.fromEntries(nodes.map(({ nodeId, reason }) => [nodeId, reason]))).toStrictEqual({
    revenue: "reused",
    units: "reused",
    "unit-price": "failed",
    "unit-price-text": "skipped",
    "price-line": "skipped",
    "show-price": "skipped",
    "revenue-text": "chosen",
    "revenue-line": "upstream",
    "show-revenue": "upstream",
  });
  const redriven = await call("redrive", earlier.id.slice(0, 8), "-i", "units.value=50", "--json");
  expect(redriven.exitCode).toBe(0);
  const record = recordOf(redriven);
  expect(
    record.nodeExecutions
      .filter(({ reusedFrom }) => reusedFrom === earlier.id)
      .map(({ nodeId }) => nodeId),
  ).toStrictEqual(["revenue", "revenue-text", "revenue-line", "show-revenue"]);
  const again = await call("redrive", "last", "--json");
  expect(errorOf(again)).toStrictEqual({ code: "NOTHING_TO_RUN", exitCode: 2 });
  const refused = await call("redrive", "last", "--from", "nowhere", "--json");
  expect(errorOf(refused)).toStrictEqual({ code: "REDRIVE_REFUSED", exitCode: 2 });
  const corrected = await call("redrive", "last", "--with", file, "--from", "show-price");
  expect(corrected).toMatchObject({
    exitCode: 0,
    stderr:
      "The earlier run's --input for 'units.value' holds here too; another --input replaces it.\n",
  });
  expect(corrected.stdout).toMatch(/\nrevenue {10}✓ reused /);
  expect(corrected.stdout).toMatch(/: 9 nodes completed, 8 of them reused; /);
});

it("says what there is when there is nothing", async () => {
  const cwd = directoryWith();
  const none = "There are no runs in .pawl/ yet. 'pawl run FILE' starts one.\n";
  expect(await pawl(["runs"], { cwd })).toStrictEqual({ exitCode: 0, stdout: none, stderr: "" });
  expect(JSON.parse((await pawl(["runs", "--json"], { cwd })).stdout)).toStrictEqual({
    runs: [],
    more: false,
  });
  for (const args of [
    ["show", "last"],
    ["cancel", "x"],
    ["answer", "x", "y"],
    ["redrive", "x"],
  ]) {
    expect((await pawl([...args, "--json"], { cwd })).stdout).toContain('"UNKNOWN_RUN"');
  }
  expect((await pawl(["runs", "--limit", "0"], { cwd })).exitCode).toBe(2);
  expect((await pawl(["runs", "--status", "odd"], { cwd })).exitCode).toBe(2);
  expect(existsSync(join(cwd, ".pawl"))).toBe(false);
});
