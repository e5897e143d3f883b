/**
 * Follows a run to its end, or until there is nothing more to wait for. Never waits for a run that the platform has given up.
 */
import { setTimeout as delay } from "node:timers/promises";
import { isFinalStatus } from "#core/lifecycle";
import type { MonitoringMessage } from "#services/monitoring-service";
import { CommandError, exitCodes } from "./command-error.ts";
import type { RunView } from "./local-protocol.ts";
import type { LocalRuntime } from "./local-runtime.ts";

/** After so long without a message the run is looked at. */
const quietMillis = 1000;

/** What is heard of one run. */
export interface RunNews {
  readonly hear: (message: MonitoringMessage) => void;
  /** Resolves at the run's last message, or when there has been none for a while. */
  readonly finalOrQuiet: () => Promise<void>;
}

/** Another organization may have a run of the same id. */
export const isOfRun = (
  message: MonitoringMessage,
  { organizationId, executionId }: Pick<MonitoringMessage, "organizationId" | "executionId">,
): boolean => message.organizationId === organizationId && message.executionId === executionId;

export const createRunNews = (
  run: Pick<MonitoringMessage, "organizationId" | "executionId">,
): RunNews => {
  const final = Promise.withResolvers<void>();
  let heardAt = 0;
  return {
    hear: (message) => {
      if (!isOfRun(message, run)) return;
      heardAt = Date.now();
      if (message.type === "run" && isFinalStatus(message.status)) final.resolve();
    },
    finalOrQuiet: async () => {
      const isFinal = final.promise.then(() => true);
      const since = Date.now();
      for (;;) {
        const rest = quietMillis - (Date.now() - Math.max(heardAt, since));
        if (rest <= 0) return;
        if (await Promise.race([isFinal, delay(rest, false, { ref: false })])) return;
      }
    },
  };
};

export interface FollowOptions {
  readonly runtime: LocalRuntime;
  readonly organizationId: string;
  readonly executionId: string;
  readonly news: RunNews;
  /** Whether there is nothing to wait for though the run has not ended; asked when it is quiet. */
  readonly isEnough?: (view: RunView) => boolean;
  /** The run as it stands after a quiet while. */
  readonly onQuiet?: (view: RunView) => void;
}

/** The record is there a moment before the platform notes the end, and stopping in between would leave it open. */
const whenEnded = async ({
  runtime,
  organizationId,
  executionId,
}: FollowOptions): Promise<void> => {
  for (let pause = 5; pause < 2000; pause *= 2) {
    if ((await runtime.ask("endOf", { organizationId, executionId })) !== null) return;
    await delay(pause);
  }
};

export const followRun = async (options: FollowOptions): Promise<RunView> => {
  const { runtime, organizationId, executionId, news, isEnough, onQuiet } = options;
  let lostRounds = 0;
  for (;;) {
    await news.finalOrQuiet();
    // Asked before the record is read: a run that has ended by now has its record by then.
    const end = await runtime.ask("endOf", { organizationId, executionId });
    const view = await runtime.ask("read", { organizationId, executionId });
    if (view !== null) {
      if (isFinalStatus(view.execution.status)) {
        await whenEnded(options);
        return view;
      }
      if (isEnough?.(view) === true) return view;
      onQuiet?.(view);
    }
    // The watchdog gives the run its instance or its last record in the meantime.
    if (end === null) lostRounds = 0;
    else if (view === null || ++lostRounds > 5) {
      throw new CommandError(
        "RUN_LOST",
        `The platform ended run ${executionId} without a record: ${end}`,
        { exitCode: exitCodes.error },
      );
    }
  }
};
