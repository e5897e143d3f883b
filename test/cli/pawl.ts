/**
 * Calls the command as a person does: the real file, in a process of its own, and all that comes of it. Nothing that a test
 * starts outlives it, however the test or the command ends.
 */
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, onTestFinished } from "vitest";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const example = (file: string): string => join(root, "examples", file);

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

const { FORCE_COLOR: _, ...surroundings } = process.env;

/** A command leads a process group: a runtime whose command was killed is still in it. */
const groups = new Set<number>();
let isOver = false;

const hasGroup = (group: number, signal: "SIGKILL" | 0): boolean => {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
};

const killGroups = (): readonly number[] => {
  const killed = [...groups].filter((group) => hasGroup(group, "SIGKILL"));
  groups.clear();
  return killed;
};

/** Kills what was started and is still there, and waits until it has let go of its files. */
export const endAll = async (): Promise<void> => {
  const killed = killGroups();
  for (let tries = 0; tries < 50 && killed.some((group) => hasGroup(group, 0)); tries++) {
    await delay(10);
  }
};

afterEach(endAll);

/** A test that took too long goes on, and may start another command. */
afterAll(() => {
  isOver = true;
  return endAll();
});

process.once("exit", killGroups);
process.once("disconnect", killGroups);
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    killGroups();
    process.kill(process.pid, signal);
  });
}

export const startPawl = (
  args: readonly string[],
  { cwd = root, env = {} }: CallOptions = {},
): ChildProcessWithoutNullStreams => {
  if (isOver) throw new Error("The tests of this file have ended.");
  const child = spawn(process.execPath, [join(root, "bin/pawl.js"), ...args], {
    cwd,
    detached: true,
    env: { ...surroundings, NO_COLOR: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  if (child.pid !== undefined) groups.add(child.pid);
  return child;
};

export const pawl = async (
  args: readonly string[],
  options: CallOptions = {},
): Promise<Outcome> => {
  const child = startPawl(args, options);
  // A command may end before it has read everything.
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  const [exitCode, stdout, stderr] = await Promise.all([
    new Promise<number | null>((resolve) => child.once("close", resolve)),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { exitCode, stdout, stderr };
};

/** A directory with these files in it, gone after the test. */
export const directoryWith = (
  files: Readonly<Record<string, string | Uint8Array>> = {},
): string => {
  const directory = mkdtempSync(join(tmpdir(), "pawl-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(directory, name), content);
  }
  return directory;
};

/** Process ids of what the process has started. */
export const childrenOf = (pid: number): readonly number[] =>
  execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child = 0]) => child);
