/** The directory in which a project's runs, and what they need, are kept. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CommandError } from "./command-error.ts";
import { shellNames } from "./shell-command.ts";
import { remark } from "./terminal.ts";
import { printable } from "./text.ts";

export const makeDirectory = (directory: string): void => {
  try {
    mkdirSync(directory, { recursive: true });
    // Keeps the data out of the project's own repository.
    writeFileSync(join(directory, ".gitignore"), "*\n");
  } catch (error) {
    throw new CommandError(
      "STATE_NOT_WRITABLE",
      `The run's data cannot be kept in '${directory}': ${(error as Error).message}\n'pawl run --direct' keeps none.`,
    );
  }
};

/** A file's text; undefined where there is none. */
export const readOwnFile = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

const told = new Set<string>();

/** Of a file that holds secrets as they are: who else may read it. Said once, however often it is used. */
export const tellReaders = (path: string, say: (text: string) => void = remark): void => {
  const own = resolve(path);
  if (process.platform === "win32" || told.has(own)) return;
  const { mode } = statSync(path, { throwIfNoEntry: false }) ?? { mode: 0 };
  if ((mode & 0o077) === 0) return;
  told.add(own);
  say(
    printable(
      `${path} can be read by others on this machine: 'chmod 600 ${shellNames([path])}' keeps it to you.`,
    ),
  );
};

/** As `readOwnFile`. */
export const readSecretFile = (path: string): string | undefined => {
  tellReaders(path);
  return readOwnFile(path);
};
