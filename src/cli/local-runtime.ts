/**
 * Cloudflare's own runtime, workerd, embedded in this process: D1, R2, KV and Workflows with their data in a state directory.
 * Never outlives the command, and never leaves it waiting for a run that the platform has given up.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Miniflare } from "miniflare";
import type { ExecuteParams } from "#core/execution-context";
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import type { MonitoringMessage } from "#services/monitoring-service";
import { CommandError, exitCodes, runtimeFailed } from "./command-error.ts";
import { embeddedOptions, readMigrations, workerCode } from "./embedded-worker.ts";
import type { LocalRequest, LocalResponse } from "./local-protocol.ts";
import { onShutdown } from "./shutdown.ts";
import { lockState } from "./state-lock.ts";

export interface LocalRuntime {
  readonly start: (executionId: string, params: ExecuteParams) => Promise<void>;
  readonly read: (
    organizationId: string,
    executionId: string,
  ) => Promise<WorkflowExecution | undefined>;
  /** Resolves to the final record. Rejects when the platform has ended the run without one. */
  readonly settled: (organizationId: string, executionId: string) => Promise<WorkflowExecution>;
  readonly dispose: () => Promise<void>;
}

export interface LocalRuntimeOptions {
  /** Where the data is kept. */
  readonly directory: string;
  /** Hears of every run, in order. */
  readonly listen: (message: MonitoringMessage) => void;
  /** Another process, whose id is told, uses the directory. */
  readonly onWait: (owner: number) => void;
}

const startLimitMillis = 30_000;
/** After so long without a message the platform is asked how the run is. */
const quietMillis = 2000;

const whenReady = async (runtime: Miniflare): Promise<void> => {
  const limit = new AbortController();
  try {
    await Promise.race([
      runtime.ready,
      delay(startLimitMillis, undefined, { signal: limit.signal }).then(() => {
        throw new Error(`it was not ready after ${startLimitMillis / 1000} seconds.`);
      }),
    ]);
  } catch (error) {
    throw runtimeFailed(error);
  } finally {
    limit.abort();
  }
};

/** Miniflare would end the process at the first signal, with the lock still held and nothing said. */
const keepingSignals = <A>(make: () => A): A => {
  const signals = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
  const before = signals.map((signal) => process.listeners(signal));
  const made = make();
  signals.forEach((signal, index) => {
    for (const listener of process.listeners(signal)) {
      if (before[index]?.includes(listener) !== true) process.removeListener(signal, listener);
    }
  });
  return made;
};

const makeDirectory = (directory: string): void => {
  try {
    mkdirSync(directory, { recursive: true });
    // Keeps the data out of the project's own repository.
    writeFileSync(join(directory, ".gitignore"), "*\n");
  } catch (error) {
    throw new CommandError(
      "STATE_NOT_WRITABLE",
      `The run's data cannot be kept in '${directory}': ${(error as Error).message}\n'pawl run --direct' keeps none.`,
    );
  }
};

const isEnded = (status: string): boolean =>
  status === "complete" || status === "errored" || status === "terminated";

/** Lets one wait for a run's last message. */
const createNews = () => {
  const finals = new Map<string, PromiseWithResolvers<void>>();
  let heardAt = Date.now();
  const finalOf = (executionId: string): PromiseWithResolvers<void> => {
    const final = finals.get(executionId) ?? Promise.withResolvers<void>();
    finals.set(executionId, final);
    return final;
  };
  return {
    hear: (message: MonitoringMessage): void => {
      heardAt = Date.now();
      if (message.type === "run" && isFinalStatus(message.status)) {
        finalOf(message.executionId).resolve();
      }
    },
    /** Resolves at the last message, or when there has been none for a while. */
    finalOrQuiet: async (executionId: string): Promise<void> => {
      const final = finalOf(executionId).promise.then(() => true);
      const pause = (): Promise<boolean> => delay(quietMillis, false, { ref: false });
      const since = Date.now();
      while (!(await Promise.race([final, pause()]))) {
        if (Date.now() - Math.max(heardAt, since) >= quietMillis) return;
      }
    },
  };
};

export const startLocalRuntime = async ({
  directory,
  listen,
  onWait,
}: LocalRuntimeOptions): Promise<LocalRuntime> => {
  makeDirectory(directory);
  const unlock = await lockState(directory, onWait);
  const [miniflare, code, migrations] = await Promise.all([
    // Fails without the package of workerd for this machine.
    import("miniflare").catch((error: unknown) => Promise.reject(runtimeFailed(error))),
    workerCode(),
    readMigrations(),
  ]);
  const news = createNews();
  const hear = (message: MonitoringMessage): void => {
    listen(message);
    news.hear(message);
  };
  const runtime = keepingSignals(
    () => new miniflare.Miniflare(embeddedOptions({ miniflare, code, directory, listen: hear })),
  );
  const stop = onShutdown(() => runtime.dispose());
  await whenReady(runtime);

  const ask = async (request: LocalRequest): Promise<LocalResponse> => {
    const body = JSON.stringify(request);
    const response = await runtime.dispatchFetch("http://pawl", { method: "POST", body });
    return (await response.json()) as LocalResponse;
  };
  await ask({ type: "migrate", migrations });

  const read: LocalRuntime["read"] = async (organizationId, executionId) => {
    const response = await ask({ type: "read", organizationId, executionId });
    return response.type === "record" ? (response.execution ?? undefined) : undefined;
  };
  /** How and why the platform has ended the instance; undefined while it has not. */
  const nativeEnd = async (executionId: string): Promise<string | undefined> => {
    const response = await ask({ type: "status", executionId });
    return response.type === "status" && isEnded(response.status)
      ? (response.error ?? response.status)
      : undefined;
  };
  /** The record is there a moment before the platform notes the end, and stopping in between would leave it open. */
  const whenEnded = async (executionId: string): Promise<void> => {
    for (let pause = 5; pause < 2000; pause *= 2) {
      if ((await nativeEnd(executionId)) !== undefined) return;
      await delay(pause);
    }
  };
  return {
    start: async (executionId, params) => {
      await ask({ type: "start", executionId, params });
    },
    read,
    settled: async (organizationId, executionId) => {
      for (;;) {
        await news.finalOrQuiet(executionId);
        // Asked before the record is read: a run that has ended by now has its record by then.
        const end = await nativeEnd(executionId);
        const execution = await read(organizationId, executionId);
        if (execution !== undefined && isFinalStatus(execution.status)) {
          await whenEnded(executionId);
          return execution;
        }
        if (end !== undefined) {
          throw new CommandError(
            "RUN_LOST",
            `The platform ended run ${executionId} without a record: ${end}`,
            { exitCode: exitCodes.error },
          );
        }
      }
    },
    dispose: async () => {
      await stop();
      await unlock();
    },
  };
};
