/**
 * One runtime at a time in one state directory: two runtimes on the same SQLite files fail each other's writes with SQLITE_BUSY.
 * A lock is a file that holds its owner's process id; that of a process that has died is taken over.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onShutdown } from "./shutdown.ts";

const ownerOf = (path: string): number | undefined => {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
};

/** Another user's process may not be signalled, and is alive all the same. */
const isAlive = (pid: number): boolean => {
  // A container gives its processes the same ids each time: a lock with our own id was left by one before us.
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** A link appears with its content in it, so nobody ever reads a lock without an owner. */
const tryTake = (path: string): boolean => {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
};

/** Of several that find the same dead owner, one moves its lock away; a live one's lock is put back. */
const removeDead = (path: string): void => {
  const moved = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, moved);
    const owner = ownerOf(moved);
    if (owner !== undefined && isAlive(owner)) linkSync(moved, path);
  } catch {
    // Another process was quicker.
  } finally {
    rmSync(moved, { force: true });
  }
};

export type Taken =
  | { readonly status: "ours"; readonly release: () => Promise<void> }
  /** Undefined when the owner has just left. */
  | { readonly status: "held"; readonly owner: number | undefined };

/** Takes the lock if nobody has it, and that of a dead process away from it. */
export const takeLock = (path: string): Taken => {
  for (;;) {
    if (tryTake(path)) {
      return { status: "ours", release: onShutdown(async () => rmSync(path, { force: true })) };
    }
    const owner = ownerOf(path);
    if (owner === undefined || isAlive(owner)) return { status: "held", owner };
    removeDead(path);
  }
};

export const takeState = (directory: string): Taken => takeLock(join(directory, "lock"));
