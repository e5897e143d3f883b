/**
 * `pawl secrets rotate`: another master key. The new one is written beside the old ones before anything is sealed under it, and
 * the old ones go when everything opens under it: killed anywhere in between, all that is sealed can be read, and another call
 * finishes.
 */
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import { sumOf, wrongKey } from "./key-failure.ts";
import type { Sealed } from "./local-protocol.ts";
import type { LocalRuntime } from "./local-runtime.ts";
import { hasRuns, stateDirectory } from "./local-runs.ts";
import type { Keyring } from "./master-key-file.ts";
import { checkNothingSealed, holdingMasterKey } from "./master-key.ts";
import { masterKeyPath, readKeyring, replaceKeyring, withNewKey } from "./master-key-file.ts";
import { endOnSignal } from "./shutdown.ts";
import { printDone, printJson, printSentence, remark } from "./terminal.ts";
import { count } from "./text.ts";

export interface RotateOptions {
  readonly json?: boolean;
  /** As other commands take it; there is none here. */
  readonly org?: string;
}

/** What is sealed now, by which key. */
interface Rotated extends Sealed {
  readonly version: number;
  /** Versions that are gone. */
  readonly removed: readonly number[];
}

/** Every row opens, or the first that does not is told. */
const checkAll = async ({ ask }: LocalRuntime, keyring: Keyring): Promise<readonly number[]> => {
  const { versions, unopened } = await ask("checkSealed", { isThorough: true });
  if (unopened !== null) throw wrongKey(stateDirectory, keyring, unopened);
  return versions;
};

/** What a run that had read the older keyring has written meanwhile is found by another look. */
const resealAll = async (runtime: LocalRuntime, keyring: Keyring): Promise<void> => {
  const newest = keyring.at(-1)!.version;
  for (;;) {
    await runtime.ask("reseal", {});
    const versions = await checkAll(runtime, keyring);
    if (versions.every((version) => version === newest)) return;
  }
};

/** What does not open may need one of the keys. */
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

/**
 * Every row opens before a key is made, so that the new one is above all under which something stands; and again before one is
 * removed.
 */
const rotateFrom = async (runtime: LocalRuntime, keyring: Keyring): Promise<Rotated> => {
  await checkAll(runtime, keyring);
  const next = prepare(keyring);
  await resealAll(runtime, next);
  const sealed = sumOf(await runtime.ask("countSealed", {}));
  const newest = next.at(-1)!;
  replaceKeyring(stateDirectory, [newest]);
  return {
    ...sealed,
    version: newest.version,
    removed: next.slice(0, -1).map((key) => key.version),
  };
};

const rotate = async (runtime: LocalRuntime): Promise<Rotated | undefined> => {
  const keyring = readKeyring(stateDirectory);
  if (keyring !== undefined) return rotateFrom(runtime, keyring).catch(keepingKeys);
  await checkNothingSealed(runtime);
  return undefined;
};

const rotatedText = ({ secrets, integrations, version, removed }: Rotated): string =>
  `Everything is sealed under version ${version} of the master key: ${count(secrets, "secret")}, ${count(integrations, "integration")}. ` +
  `${removed.length === 1 ? "Version" : "Versions"} ${removed.join(", ")} ${removed.length === 1 ? "is" : "are"} removed from ${masterKeyPath(stateDirectory)}.`;

export const rotateCommand = async ({ json, org }: RotateOptions): Promise<ExitCode> => {
  if (org !== undefined) {
    throw new CommandError(
      "USAGE",
      "'pawl secrets rotate' takes no --org: there is one master key for all organizations, and what is sealed for any of them is sealed anew.",
    );
  }
  endOnSignal(() =>
    remark("Interrupted. No key is lost: 'pawl secrets rotate' finishes what was begun."),
  );
  const rotated = hasRuns() ? await holdingMasterKey(rotate) : undefined;
  if (json === true) {
    printJson(rotated === undefined ? { status: "nothing" } : { status: "rotated", ...rotated });
    return exitCodes.completed;
  }
  if (rotated === undefined) {
    printSentence(
      `There is no master key in ${stateDirectory}/ yet, and nothing to seal anew. 'pawl secrets set NAME' sets a secret.`,
    );
    return exitCodes.completed;
  }
  printDone(rotatedText(rotated));
  return exitCodes.completed;
};
