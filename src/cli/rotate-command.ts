/**
 * `pawl secrets rotate`: another master key. The new one is written beside the old ones before anything is sealed under it, and
 * the old ones go when nothing is sealed under them any more: killed anywhere in between, all that is sealed can be read, and
 * another call finishes.
 */
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import type { Sealed } from "./local-protocol.ts";
import type { LocalRuntime } from "./local-runtime.ts";
import { hasRuns, stateDirectory } from "./local-runs.ts";
import type { Keyring } from "./master-key-file.ts";
import { checkNothingSealed, holdingMasterKey } from "./master-key.ts";
import { masterKeyPath, readKeyring, replaceKeyring, withNewKey } from "./master-key-file.ts";
import { endOnSignal } from "./shutdown.ts";
import { columnsOf, paintFor, print, printJson, remark } from "./terminal.ts";
import { count, wrap } from "./text.ts";

export interface RotateOptions {
  readonly json?: boolean;
}

/** What is sealed now, by which key. */
interface Rotated extends Sealed {
  readonly version: number;
  /** Versions that are gone. */
  readonly removed: readonly number[];
}

/** What a run that had read the older keyring has written meanwhile is found by another look. */
const resealAll = async ({ ask }: LocalRuntime): Promise<void> => {
  for (;;) {
    const { secrets, integrations } = await ask("reseal", {});
    if (secrets + integrations === 0) return;
  }
};

/** A value that cannot be sealed anew is one that cannot be read: what would help may be one of the keys. */
const keepingKeys = (error: unknown): never => {
  if (!(error instanceof CommandError)) throw error;
  const { code, message, exitCode } = error;
  throw new CommandError(
    code,
    `${message}\nNo key was removed: 'pawl secrets rotate' finishes once that is mended.`,
    { exitCode },
  );
};

/** An earlier rotation that did not end has left its key beside the older ones: that one is taken. */
const prepare = (keyring: Keyring): Keyring => {
  if (keyring.length > 1) return keyring;
  const next = withNewKey(keyring);
  replaceKeyring(stateDirectory, next);
  return next;
};

const rotate = async (runtime: LocalRuntime): Promise<Rotated | undefined> => {
  const keyring = readKeyring(stateDirectory);
  if (keyring === undefined) {
    await checkNothingSealed(runtime);
    return undefined;
  }
  const next = prepare(keyring);
  const newest = next.at(-1)!;
  await resealAll(runtime).catch(keepingKeys);
  const sealed = await runtime.ask("countSealed", {});
  replaceKeyring(stateDirectory, [newest]);
  return {
    ...sealed,
    version: newest.version,
    removed: next.slice(0, -1).map((key) => key.version),
  };
};

const rotatedText = ({ secrets, integrations, version, removed }: Rotated): string =>
  `Everything is sealed under version ${version} of the master key: ${count(secrets, "secret")}, ${count(integrations, "integration")}. ` +
  `Version ${removed.join(", ")} is removed from ${masterKeyPath(stateDirectory)}.`;

export const rotateCommand = async ({ json }: RotateOptions): Promise<ExitCode> => {
  endOnSignal(() =>
    remark("Interrupted. No key is lost: 'pawl secrets rotate' finishes what was begun."),
  );
  const rotated = hasRuns() ? await holdingMasterKey(rotate) : undefined;
  if (json === true) {
    printJson(rotated === undefined ? { status: "nothing" } : { status: "rotated", ...rotated });
    return exitCodes.completed;
  }
  if (rotated === undefined) {
    print(
      `There is no master key in ${stateDirectory}/ yet, and nothing to seal anew. 'pawl secrets set NAME' sets a secret.`,
    );
    return exitCodes.completed;
  }
  const [first = "", ...rest] = wrap(rotatedText(rotated), columnsOf(process.stdout) - 2);
  const mark = paintFor(process.stdout)("green", "✓");
  print([`${mark} ${first}`, ...rest.map((line) => `  ${line}`)].join("\n"));
  return exitCodes.completed;
};
