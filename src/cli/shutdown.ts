/**
 * What must not outlive the command: the embedded runtime, the lock on its files. Undone in every way the process can end
 * but by SIGKILL.
 */
import { setTimeout as delay } from "node:timers/promises";

type Cleanup = () => Promise<void>;

/** A runtime that has not quite started may never answer; ending the process then takes it along. */
const patienceMillis = 2000;

const cleanups = new Set<Cleanup>();

/** The latest is undone first. The answer undoes it now and forgets it. */
export const onShutdown = (cleanup: Cleanup): Cleanup => {
  const once: Cleanup = async () => {
    if (cleanups.delete(once)) await cleanup();
  };
  cleanups.add(once);
  return once;
};

/** False when something could not be undone in time: then the process must be ended. */
export const runCleanups = async (): Promise<boolean> => {
  let isClean = true;
  for (const cleanup of [...cleanups].reverse()) {
    const undone = cleanup().then(
      () => true,
      () => true,
    );
    isClean =
      (await Promise.race([undone, delay(patienceMillis, false, { ref: false })])) && isClean;
  }
  return isClean;
};

const exitCodesBySignal = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof exitCodesBySignal;

let isEnding = false;

/** Whether a signal is ending the process: what fails now fails because of that. */
export const isEndedBySignal = (): boolean => isEnding;

/** Says what became of what was under way. A number is the exit code, in place of the signal's. */
export type Farewell = () => number | void;

let farewell: Farewell = () => {};
let isListening = false;

/** On the first signal cleans up, says the latest farewell and ends; a second one ends at once. */
export const endOnSignal = (words: Farewell): void => {
  farewell = words;
  if (isListening) return;
  isListening = true;
  const end = (signal: Signal): void => {
    process.exitCode = exitCodesBySignal[signal];
    if (isEnding) process.exit();
    isEnding = true;
    void runCleanups().finally(() => {
      process.exitCode = farewell() ?? exitCodesBySignal[signal];
      process.exit();
    });
  };
  for (const signal of Object.keys(exitCodesBySignal) as readonly Signal[]) {
    process.on(signal, () => end(signal));
  }
};
