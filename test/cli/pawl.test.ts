import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { childrenOf, directoryWith, endAll, startPawl } from "./pawl.ts";

/** Those that run: one that nobody has buried yet does nothing any more. */
const running = (pids: readonly number[]): readonly number[] =>
  pids.filter((pid) => {
    const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
    return stdout !== "" && !stdout.startsWith("Z");
  });

it.each([
  ["goes on", undefined],
  ["was killed, and has left its runtime", "SIGKILL" as const],
])("leaves nothing of a command that %s", { timeout: 30_000 }, async (_, signal) => {
  const node = { id: "ask", name: "ask", type: "wait-for-event", inputs: [], outputs: [] };
  const flow = { id: "flow", name: "Flow", trigger: "manual", nodes: [node], edges: [] };
  const cwd = directoryWith({ "flow.json": JSON.stringify(flow) });
  const child = startPawl(["run", "flow.json"], { cwd });
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: Buffer) => {
      if (chunk.includes("waiting")) resolve();
    });
  });
  const started = [child.pid!, ...childrenOf(child.pid!)];
  expect(started.length).toBeGreaterThan(1);
  if (signal !== undefined) child.kill(signal);
  await endAll();
  await expect.poll(() => running(started)).toStrictEqual([]);
});
