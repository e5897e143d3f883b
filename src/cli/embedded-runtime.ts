/**
 * Cloudflare's own runtime, workerd, embedded in this process: D1, R2, KV, Workflows and a Durable Object with their data in
 * a state directory that this process holds. Never outlives the command.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Miniflare } from "miniflare";
import type { MonitoringMessage } from "#services/monitoring-service";
import { runtimeFailed } from "./command-error.ts";
import { embeddedOptions, readMigrations, workerCode } from "./embedded-worker.ts";
import type { Connection } from "./local-control.ts";
import { serveControl } from "./local-control.ts";
import type { LocalRequest, LocalResponse } from "./local-protocol.ts";
import { onShutdown } from "./shutdown.ts";

const startLimitMillis = 30_000;

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

export interface EmbeddedRuntimeOptions {
  readonly directory: string;
  /** The command stays for a moment only: it sets nothing going, and lets nobody in. */
  readonly isVisit: boolean;
  readonly listen: (message: MonitoringMessage) => void;
  /** Gives the directory back. */
  readonly release: () => Promise<void>;
}

export const startEmbeddedRuntime = async ({
  directory,
  isVisit,
  listen,
  release,
}: EmbeddedRuntimeOptions): Promise<Connection> => {
  const [miniflare, code, migrations] = await Promise.all([
    // Fails without the package of workerd for this machine.
    import("miniflare").catch((error: unknown) => Promise.reject(runtimeFailed(error))),
    workerCode(),
    readMigrations(),
  ]);
  let broadcast = listen;
  const hear = (message: MonitoringMessage): void => broadcast(message);
  const runtime = keepingSignals(
    () =>
      new miniflare.Miniflare(
        embeddedOptions({ miniflare, code, directory, isVisit, listen: hear }),
      ),
  );
  const stop = onShutdown(() => runtime.dispose());
  await whenReady(runtime);

  const ask = async (request: LocalRequest): Promise<LocalResponse> => {
    const body = JSON.stringify(request);
    const response = await runtime.dispatchFetch("http://pawl", { method: "POST", body });
    return (await response.json()) as LocalResponse;
  };
  const migrated = await ask({ type: "migrate", migrations });
  if (migrated.status === "failed") throw runtimeFailed(migrated.message);
  const server = isVisit ? undefined : await serveControl(directory, ask);
  const stopServing = onShutdown(async () => server?.close());
  if (server !== undefined) {
    broadcast = (message) => {
      listen(message);
      server.broadcast(message);
    };
  }
  return {
    ask,
    owner: process.pid,
    // It ends with this process.
    lost: new Promise(() => {}),
    close: async ({ hurried, onStay }) => {
      if (server !== undefined && !hurried) await untilAlone(server, onStay);
      await stopServing();
      await stop();
      await release();
    },
  };
};

/** Others that follow the same run are gone in a moment, which is worth no word. */
const stayMillis = 1500;

/** Ending now would cut off what others follow: a step that is under way would run twice. */
const untilAlone = async (
  server: NonNullable<Awaited<ReturnType<typeof serveControl>>>,
  onStay: (others: number) => void,
): Promise<void> => {
  const alone = Promise.withResolvers<void>();
  const look = (): void => {
    if (server.others() === 0) alone.resolve();
  };
  server.onLeave(look);
  look();
  const word = setTimeout(() => onStay(server.others()), stayMillis);
  await alone.promise;
  clearTimeout(word);
};
