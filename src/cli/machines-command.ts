/** `pawl machines`: draws the two lifecycles, or says which drawings no longer match them. */
import { basename, join } from "node:path";
import type { ExitCode } from "./command-error.ts";
import { exitCodes } from "./command-error.ts";
import { staleFiles, writeGenerated } from "./generated-files.ts";
import { renderMachinePictures } from "./machine-pictures.ts";
import { paintFor, print, remark } from "./terminal.ts";
import { count } from "./text.ts";

export interface MachinesOptions {
  readonly check?: boolean;
  readonly out: string;
}

const indented = (paths: readonly string[]): string => paths.map((path) => `\n  ${path}`).join("");

export const machinesCommand = async ({ check, out }: MachinesOptions): Promise<ExitCode> => {
  const pictures = await renderMachinePictures();
  const files = pictures.map(({ file, content }) => ({ path: join(out, basename(file)), content }));
  const upToDate = `${paintFor(process.stdout)("green", "✓")} ${count(files.length, "picture")} in ${out} are up to date.`;
  if (check !== true) {
    const written = await writeGenerated(files);
    print(written.length > 0 ? `Wrote${indented(written)}` : upToDate);
    return exitCodes.completed;
  }
  const stale = await staleFiles(files);
  if (stale.length === 0) {
    print(upToDate);
    return exitCodes.completed;
  }
  remark(
    `${paintFor(process.stderr)("red", "✗")} Stale, since a machine has changed:${indented(stale)}\n'pawl machines' draws them anew.`,
  );
  return exitCodes.error;
};
