/** Keeps a run going among others: process after process, until one lives to the end, or nobody begins another. */
import * as Effect from "effect/Effect";
import type { WorkflowExecution } from "#core/report";
import { commandEventType } from "#core/step-name";
import type { Steps } from "#services/durable-step";
import type { Turns } from "./turns.ts";
import type { Process, World } from "./world.ts";
import { sendEvent, startProcess } from "./world.ts";

export interface Fate {
  /** Moments of its processes, one after another, at which they die. */
  readonly deaths: readonly number[];
  /** It never comes back after its last death. */
  readonly isLost: boolean;
  /** Turns after which somebody cancels it. */
  readonly cancelledAfter?: number;
}

interface Kept {
  /** Undefined for one that was lost. */
  readonly execution: WorkflowExecution | undefined;
  readonly died: number;
}

export const keepRun = async (
  turns: Turns,
  world: World,
  { deaths, isLost }: Fate,
  live: (process: Process, at: number) => Promise<WorkflowExecution>,
): Promise<Kept> => {
  const lives = isLost ? deaths : [...deaths, undefined];
  for (const [at, death] of lives.entries()) {
    await turns.take();
    // It hashes its document in another thread, and then begins its first step.
    const execution = await turns.hold((release) => {
      const process = startProcess(world, death, turns.take);
      const steps: Steps = {
        ...process.steps,
        do: (name, options, perform) => {
          release();
          return process.steps.do(name, options, perform);
        },
      };
      return Promise.race([live({ ...process, steps }, at), process.death]);
    });
    if (execution !== undefined) return { execution, died: at };
  }
  return { execution: undefined, died: lives.length };
};

export const cancelLater = async (
  turns: Turns,
  world: World,
  { cancelledAfter }: Fate,
): Promise<void> => {
  if (cancelledAfter === undefined) return;
  for (let turn = 0; turn < cancelledAfter; turn++) await turns.take();
  const { organizationId, executionId } = world.key;
  const told = Effect.runSync(world.held.executions.command(organizationId, executionId, "cancel"));
  if (told.status === "accepted") sendEvent(world, commandEventType(told.number));
};
