/** Files that a command writes and a check compares: generated ones that are kept beside the sources. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

export interface GeneratedFile {
  readonly path: string;
  readonly content: string;
}

/** Paths of the files that are missing or hold something else. */
export const staleFiles = async (files: readonly GeneratedFile[]): Promise<readonly string[]> => {
  const found = await Promise.all(
    files.map(({ path }) => readFile(path, "utf8").catch(() => undefined)),
  );
  return files.filter(({ content }, index) => found[index] !== content).map(({ path }) => path);
};

/** Writes what has changed, and says which files that was. */
export const writeGenerated = async (
  files: readonly GeneratedFile[],
): Promise<readonly string[]> => {
  const stale = new Set(await staleFiles(files));
  for (const { path, content } of files) {
    if (!stale.has(path)) continue;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return [...stale];
};
