/**
 * Who seals a person's value, and who replaces the master key: one command at a time, so that nothing is sealed under a key that
 * is about to go. Waits before it opens the runtime, which others may need meanwhile.
 */
import { setTimeout as delay } from "node:timers/promises";
import { lostKey, wrongKey } from "./key-failure.ts";
import type { SealedPlace } from "./local-protocol.ts";
import { hasRuns, stateDirectory, visitRuns } from "./local-runs.ts";
import type { LocalRuntime } from "./local-runtime.ts";
import type { Keyring } from "./master-key-file.ts";
import { makeKeyring, masterKeyPath, readKeyring } from "./master-key-file.ts";
import { makeDirectory } from "./state-directory.ts";
import { takeLock } from "./state-lock.ts";
import { remark } from "./terminal.ts";

const keyPath = masterKeyPath(stateDirectory);

const retryMillis = 100;
const patienceMillis = 3000;

export const holdingMasterKey = async <A>(
  use: (runtime: LocalRuntime) => Promise<A>,
): Promise<A> => {
  makeDirectory(stateDirectory);
  const since = Date.now();
  let hasWaited = false;
  for (;;) {
    const taken = takeLock(`${keyPath}.lock`);
    if (taken.status === "ours") {
      const used = await visitRuns(use);
      await taken.release();
      return used;
    }
    if (taken.owner !== undefined && !hasWaited && Date.now() - since > patienceMillis) {
      hasWaited = true;
      remark(`Waiting for process ${taken.owner}, which uses ${keyPath}, to end.`);
    }
    await delay(retryMillis);
  }
};

/** Without a keyring: fails when there is something that it has sealed. Another key in its place would hide that. */
export const checkNothingSealed = async ({ ask }: LocalRuntime): Promise<void> => {
  const counts = await ask("countSealed", {});
  if (counts.length > 0) throw lostKey(stateDirectory, counts);
};

/**
 * The keyring, once it is known to open what is there; undefined when nothing is sealed yet. Another one would leave values under
 * keys that know nothing of each other. What stands in the place is about to be replaced.
 */
const checkedKeyring = async (
  runtime: LocalRuntime,
  except: SealedPlace,
): Promise<Keyring | undefined> => {
  const keyring = readKeyring(stateDirectory);
  if (keyring === undefined) await checkNothingSealed(runtime);
  else {
    const { unopened } = await runtime.ask("checkSealed", { isThorough: false, except });
    if (unopened !== null) throw wrongKey(stateDirectory, keyring, unopened);
  }
  return keyring;
};

/** Whether a value could be sealed in the place, before a person goes to any trouble for it. */
export const checkMasterKey = async (place: SealedPlace): Promise<void> => {
  if (hasRuns()) await visitRuns((runtime) => checkedKeyring(runtime, place));
};

/** Has a value sealed in its place, under a key that is made if there is none. */
export const withMasterKey = <A>(
  place: SealedPlace,
  seal: (runtime: LocalRuntime) => Promise<A>,
): Promise<A> =>
  holdingMasterKey(async (runtime) => {
    if ((await checkedKeyring(runtime, place)) === undefined && makeKeyring(stateDirectory)) {
      remark(`Made ${keyPath}, the key of all that is secret in ${stateDirectory}/.`);
    }
    return seal(runtime);
  });
