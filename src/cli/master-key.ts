/**
 * Who seals a person's value, and who replaces the master key: one command at a time, so that nothing is sealed under a key that
 * is about to go. Waits before it opens the runtime, which others may need meanwhile.
 */
import { setTimeout as delay } from "node:timers/promises";
import { CommandError, exitCodes } from "./command-error.ts";
import { stateDirectory, visitRuns } from "./local-runs.ts";
import type { LocalRuntime } from "./local-runtime.ts";
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
  const { secrets, integrations } = await ask("countSealed", {});
  if (secrets + integrations === 0) return;
  throw new CommandError(
    "MASTER_KEY_LOST",
    `${keyPath} is gone, and secrets or integrations are sealed under it. Put it back. ` +
      "Without it they cannot be read: remove each ('pawl secrets remove NAME', 'pawl integrations remove ID'), and set it anew.",
    { exitCode: exitCodes.error },
  );
};

/** Has a value sealed, under a key that is made if there is none. */
export const withMasterKey = <A>(seal: (runtime: LocalRuntime) => Promise<A>): Promise<A> =>
  holdingMasterKey(async (runtime) => {
    if (readKeyring(stateDirectory) === undefined) {
      await checkNothingSealed(runtime);
      if (makeKeyring(stateDirectory)) {
        remark(`Made ${keyPath}, the key of all that is secret in ${stateDirectory}/.`);
      }
    }
    return seal(runtime);
  });
