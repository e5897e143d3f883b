/**
 * How a run hears what people tell it. A command stands in the store before its event is sent, so the event only wakes the
 * run, and a step reads what it was about. A run listens once it has lasted a moment, or when nothing of it runs in this
 * process: a short one pays nothing.
 */
import type { ExecutionState } from "#core/execution-state";
import { commandEventType, commandStepName, listenStepName } from "#core/step-name";
import { year } from "#core/year";
import { pause, resume } from "#machines/index";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { RunCommand } from "#services/run-command";
import { patiently } from "./patiently.ts";
import type { Run } from "./run.ts";

export interface TakenCommand {
  readonly command: RunCommand;
  readonly number: number;
}

export interface Commands {
  /** The process that ran the run before has died. */
  readonly isResumed: boolean;
  /** Resolves when the run has lasted long enough to be told anything. */
  readonly isWorthListening: Promise<void>;
  /**
   * Waits for a command above `seen` and takes it: two steps. `current` is the state as it is when the command comes. Rejects
   * with the platform's own failure.
   */
  readonly next: (seen: number, current: () => ExecutionState) => Promise<TakenCommand>;
  /** Inside a step: the command that stands in the store. */
  readonly standing: () => Promise<RunCommand | null>;
  /** The number of the pause that stands in the store; 0 when none does, or the store does not answer. */
  readonly standingPause: () => Promise<number>;
  /** For a run in this process: aborted to cancel it. */
  readonly signal: AbortSignal | undefined;
  /** The run is over. */
  readonly close: () => void;
}

const patienceMillis = 500;

/** The state after the command, or as it is where the command changes nothing. */
export const stateAfter = (state: ExecutionState, command: RunCommand): ExecutionState => {
  if (command === "cancel") return state;
  const exit = Effect.runSyncExit(command === "pause" ? pause(state, {}) : resume(state, {}));
  return Exit.isSuccess(exit) ? exit.value : state;
};

export interface CommandOptions {
  readonly isResumed: boolean;
  readonly signal: AbortSignal | undefined;
  /** A part of a run hears what the run is told, and leaves it to the run to note that. */
  readonly ofPart?: boolean;
  /** Inside a step: stores the live record of the state. */
  readonly saveLive: (state: ExecutionState) => Promise<void>;
}

export const listenToCommands = (
  { steps, store, params: { organizationId }, executionId, perform }: Run,
  { isResumed, signal, saveLive, ofPart = false }: CommandOptions,
): Commands => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const readStanding = () => perform(patiently(store.readCommand(organizationId, executionId)));
  const take = async (
    number: number,
    current: () => ExecutionState,
  ): Promise<TakenCommand | null> => {
    const standing = await readStanding();
    if (standing === undefined || standing.command === null || standing.number < number)
      return null;
    const { command } = standing;
    const before = current();
    const after = stateAfter(before, command);
    if (after !== before) await saveLive(after);
    if (!ofPart) await perform(store.acknowledge(organizationId, executionId, standing.number));
    return { command, number: standing.number };
  };
  return {
    isResumed,
    isWorthListening: new Promise((resolve) => {
      if (!isResumed) timer = setTimeout(resolve, patienceMillis);
    }),
    next: async (seen, current) => {
      const number = seen + 1;
      const options = { type: commandEventType(number), timeout: year };
      for (let round = 1; ; round++) {
        const came = await steps.waitForEvent(listenStepName(number, round), options);
        const name = commandStepName(number, round);
        if (!came) continue;
        const taking = steps.do(name, { retry: true }, () => take(number, current));
        // A store that could not be read for long is asked again: the watchdog repeats what was not acknowledged.
        const taken = await taking.catch(() => null);
        if (taken !== null) return taken;
        // An event without a command behind it is nobody's, and must not make the run deaf.
      }
    },
    standing: async () => (await readStanding())?.command ?? null,
    standingPause: () =>
      readStanding().then(
        (standing) => (standing?.command === "pause" ? standing.number : 0),
        () => 0,
      ),
    signal,
    close: () => {
      if (timer !== undefined) clearTimeout(timer);
    },
  };
};
