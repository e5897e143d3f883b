import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import { createDirectRuntime } from "#runtime/direct-runtime";
import type { MonitoringMessage } from "#services/monitoring-service";
import { createRunNews, followRun } from "#cli/follow-run";
import type { LocalRuntime } from "#cli/local-runtime";
import { openLocalRuntime } from "#cli/local-runtime";
import { runCleanups } from "#cli/shutdown";
import { graph } from "../../support/graph.ts";
import { exampleResults, resultsOf } from "../example-results.ts";
import { childrenOf, directoryWith, example, pawl, startPawl } from "../pawl.ts";

/** What a test that failed or took too long has opened in this process. */
afterAll(async () => void (await runCleanups()));

const paramsOf = (file: string): ExecuteParams => ({
  workflow: JSON.parse(readFileSync(example(file), "utf8")) as Workflow,
  userId: "user",
  organizationId: "organization",
  computeCredits: 1000,
  inputOverrides: exampleResults[file]?.inputs ?? {},
});

/** What two runs of one workflow have in common. */
const withoutTimes = (execution: WorkflowExecution): unknown =>
  JSON.parse(
    JSON.stringify(execution, (key, value: unknown) =>
      key === "startedAt" || key === "endedAt" ? value === null : value,
    ),
  );

describe("the embedded runtime", () => {
  const heard: MonitoringMessage[] = [];
  let listen: (message: MonitoringMessage) => void = () => {};
  let directory: string;
  let runtime: LocalRuntime;

  const organizationId = "organization";
  const read = async (executionId: string, organization = organizationId): Promise<unknown> =>
    (await runtime.ask("read", { organizationId: organization, executionId }))?.execution;
  const follow = async (
    executionId: string,
    params?: ExecuteParams,
  ): Promise<WorkflowExecution> => {
    const news = createRunNews({ organizationId, executionId });
    listen = news.hear;
    if (params !== undefined) await runtime.ask("start", { executionId, params });
    return (await followRun({ runtime, organizationId, executionId, news })).execution;
  };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "pawl-test-"));
    const hear = (message: MonitoringMessage): void => {
      heard.push(message);
      listen(message);
    };
    runtime = await openLocalRuntime({ directory, listen: hear, onWait: () => {} });
  }, 30_000);
  afterAll(async () => {
    await runtime.dispose();
    rmSync(directory, { recursive: true });
  });

  it.each(Object.entries(exampleResults))(
    "runs %s to the record of the direct runtime",
    async (file, { status, nodes }) => {
      const params = paramsOf(file);
      const id = `run-${file.replace(".", "-")}`;
      const execution = await follow(id, params);
      expect(resultsOf(execution)).toStrictEqual({ status, nodes: Object.entries(nodes) });
      const direct = await createDirectRuntime().run(params, id);
      expect(withoutTimes(execution)).toStrictEqual(withoutTimes(direct));
      expect(await read(id)).toStrictEqual(execution);
      expect(await read(id, "another")).toBeUndefined();
    },
  );

  it("hears of the run and of every node, in order", async () => {
    await follow("heard", paramsOf("letter.json"));
    const messages = heard.filter(({ executionId }) => executionId === "heard");
    const words = messages.map((message) =>
      message.type === "run" ? message.status : `${message.nodeId} ${message.status}`,
    );
    expect([words[0], words.at(-1)]).toStrictEqual(["executing", "completed"]);
    expect(words.filter((word) => word.endsWith(" completed"))).toHaveLength(4);
    expect(words.indexOf("order completed")).toBeLessThan(words.indexOf("letter executing"));
  });

  it("does not wait for a run that the platform does not know", async () => {
    await expect(follow("lost")).rejects.toMatchObject({
      code: "RUN_LOST",
      exitCode: 1,
      message: "The platform ended run lost without a record: lost",
    });
  });
});

const durableTimeout = 60_000;

it(
  "leaves live runs as they are when it only looks, and goes on with them when it stays",
  { timeout: durableTimeout },
  async () => {
    const directory = directoryWith();
    const open = (isVisit: boolean): Promise<LocalRuntime> =>
      openLocalRuntime({ directory, isVisit, listen: () => {}, onWait: () => {} });
    const run = { organizationId: "organization", executionId: "left" };
    const statusIn = async ({ ask }: LocalRuntime): Promise<string | undefined> =>
      (await ask("read", run))?.execution.status;
    const workflow = graph("first:value -> second:value", {
      types: { first: "delay", second: "delay" },
      inputs: { "first:duration": { value: 300 }, "second:duration": { value: 300 } },
    });
    const params = { ...paramsOf("letter.json"), workflow };
    const first = await open(false);
    await first.ask("start", { executionId: run.executionId, params });
    await expect.poll(() => statusIn(first)).toBe("executing");
    await first.dispose();
    const visit = await open(true);
    await delay(2000);
    expect(await statusIn(visit)).toBe("executing");
    await visit.dispose();
    const second = await open(false);
    await expect.poll(() => statusIn(second), { timeout: 10_000 }).toBe("completed");
    await second.dispose();
  },
);

it(
  "keeps the data of runs beside each other, and leaves nothing running",
  { timeout: durableTimeout },
  async () => {
    const cwd = directoryWith();
    const first = await pawl(["run", example("order-triage.json")], { cwd });
    expect({ exitCode: first.exitCode, stderr: first.stderr }).toStrictEqual({
      exitCode: 0,
      stderr: "",
    });
    expect(first.stdout).toMatch(/\n✓ Completed in .*: 8 of 9 nodes completed, 1 skipped; /);
    const second = await pawl(["run", example("failing-branch.json"), "--json"], { cwd });
    expect(second.exitCode).toBe(1);
    const { exitCode: _, ...expected } = exampleResults["failing-branch.json"]!;
    expect(resultsOf(JSON.parse(second.stdout) as WorkflowExecution)).toStrictEqual({
      ...expected,
      nodes: Object.entries(expected.nodes),
    });
    expect(readdirSync(join(cwd, ".pawl")).sort()).toStrictEqual([".gitignore", "v3"]);
  },
);

it("takes over the lock of a process that has died", { timeout: durableTimeout }, async () => {
  const cwd = directoryWith();
  const { pid } = spawnSync(process.execPath, ["--eval", ""]);
  mkdirSync(join(cwd, ".pawl"));
  writeFileSync(join(cwd, ".pawl/lock"), String(pid));
  const { exitCode, stdout } = await pawl(["run", example("letter.json")], { cwd });
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain("Waiting");
  expect(existsSync(join(cwd, ".pawl/lock"))).toBe(false);
});

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it("ends cleanly when it is interrupted", { timeout: durableTimeout }, async () => {
  const cwd = directoryWith();
  const child = startPawl(["run", example("hourly-load.json")], { cwd });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout.resume();
  const closed = new Promise((resolve) => child.once("close", resolve));
  while (childrenOf(child.pid!).length === 0) await delay(20);
  // The bundler is a child too, for a moment; the runtime makes its files.
  while (!existsSync(join(cwd, ".pawl/v3"))) await delay(20);
  const children = childrenOf(child.pid!);
  child.kill("SIGINT");
  expect(await closed).toBe(130);
  expect(stderr).toMatch(
    /^Interrupted\. (The run was not started\.|The run is kept: 'pawl resume [0-9a-f]{8}' goes on with it\.)\n$/,
  );
  await expect.poll(() => children.filter(isAlive)).toStrictEqual([]);
  expect(existsSync(join(cwd, ".pawl/lock"))).toBe(false);
});

it("says so when the runtime cannot start", { timeout: durableTimeout }, async () => {
  const cwd = directoryWith();
  const MINIFLARE_WORKERD_PATH = join(cwd, "workerd");
  writeFileSync(
    MINIFLARE_WORKERD_PATH,
    "#!/bin/sh\ncat > /dev/null\necho No such CPU >&2\nexit 1\n",
    {
      mode: 0o755,
    },
  );
  const call = await pawl(["run", example("letter.json")], {
    cwd,
    env: { MINIFLARE_WORKERD_PATH },
  });
  expect({ exitCode: call.exitCode, stdout: call.stdout }).toStrictEqual({
    exitCode: 1,
    stdout: "",
  });
  expect(call.stderr).toMatch(/^pawl: The embedded Workers runtime \(workerd\) did not start: /);
  expect(call.stderr).toMatch(
    /\nNo such CPU\n'npm ci' installs it anew; 'pawl run --direct' runs the workflow without it\.\n$/,
  );
  expect(existsSync(join(cwd, ".pawl/lock"))).toBe(false);
});

it("says so when its data cannot be kept", async () => {
  const cwd = directoryWith({ ".pawl": "a file" });
  const { exitCode, stdout, stderr } = await pawl(["run", example("letter.json")], { cwd });
  expect({ exitCode, stdout }).toStrictEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toMatch(
    /^pawl: The run's data cannot be kept in '\.pawl': EEXIST: .*\n'pawl run --direct' keeps none\.\n$/,
  );
});
