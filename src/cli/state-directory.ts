/** The directory in which a project's runs, and what they need, are kept. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError } from "./command-error.ts";

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
