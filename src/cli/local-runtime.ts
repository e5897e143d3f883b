/**
 * A command's way to the runs in a state directory: through the process that holds it, or by holding it itself. When the
 * process that holds it dies, this one takes over and goes on.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { MonitoringMessage } from "#services/monitoring-service";
import { CommandError, exitCodes } from "./command-error.ts";
import { startEmbeddedRuntime } from "./embedded-runtime.ts";
import { keyFailure } from "./key-failure.ts";
import type { Connection } from "./local-control.ts";
import { connectControl, ConnectionLost } from "./local-control.ts";
import type { AskLocal, LocalRequest } from "./local-protocol.ts";
import { isEndedBySignal, onShutdown } from "./shutdown.ts";
import { makeDirectory } from "./state-directory.ts";
import { takeState } from "./state-lock.ts";

export interface LocalRuntime {
  readonly ask: AskLocal;
  /** The process that holds the runtime: this one, or another. */
  readonly owner: () => number;
  /** Waits until no other command uses what this one holds; `onStay` is told how many do, unless they leave at once. */
  readonly dispose: (onStay?: (others: number) => void) => Promise<void>;
}

export interface LocalRuntimeOptions {
  /** Where the data is kept. */
  readonly directory: string;
  /** The command only looks, or says one thing: other runs in the directory stay as they are. */
  readonly isVisit?: boolean;
  /** Hears of every run, in order. */
  readonly listen: (message: MonitoringMessage) => void;
  /** Another process, whose id is told, holds the directory and cannot be asked. */
  readonly onWait: (owner: number) => void;
  /** The process that held the directory has gone, and this one holds it now. */
  readonly onTakeOver?: () => void;
}

const retryMillis = 100;
/** A command that starts or leaves takes no longer. */
const patienceMillis = 3000;

const connect = async ({
  directory,
  isVisit = false,
  listen,
  onWait,
}: LocalRuntimeOptions): Promise<Connection> => {
  const since = Date.now();
  let hasWaited = false;
  for (;;) {
    const connection = await connectControl(directory, listen);
    if (connection !== undefined) return connection;
    const taken = takeState(directory);
    if (taken.status === "ours") {
      return startEmbeddedRuntime({ directory, isVisit, listen, release: taken.release });
    }
    if (taken.owner !== undefined && !hasWaited && Date.now() - since > patienceMillis) {
      hasWaited = true;
      onWait(taken.owner);
    }
    await delay(retryMillis);
  }
};

export const openLocalRuntime = async (options: LocalRuntimeOptions): Promise<LocalRuntime> => {
  makeDirectory(options.directory);
  let isOver = false;
  let current: Promise<Connection>;
  let opened: Connection;

  const open = async (): Promise<Connection> => {
    const connection = await connect(options);
    opened = connection;
    void connection.lost.then(() => reopen(connection));
    return connection;
  };
  /** One new connection for all who find that the old one is lost. */
  const reopen = (lost: Connection): Promise<Connection> => {
    if (isOver || isEndedBySignal() || opened !== lost) return current;
    current = current.then(async (connection) => {
      if (connection !== lost) return connection;
      const next = await open();
      if (next.owner === process.pid) options.onTakeOver?.();
      return next;
    });
    // Told to whoever asks next; nobody may ask.
    current.catch(() => {});
    return current;
  };
  current = open();
  await current;
  const leave = onShutdown(async () => {
    isOver = true;
    await opened.close({ hurried: true, onStay: () => {} });
  });

  const ask: AskLocal = async (type, request) => {
    const asked = { type, ...request } as LocalRequest;
    for (;;) {
      const connection = await current;
      try {
        const response = await connection.ask(asked);
        if (response.status === "failed") {
          throw (
            (await keyFailure(options.directory, connection, asked, response)) ??
            new CommandError("STORE_FAILED", response.message, { exitCode: exitCodes.error })
          );
        }
        return response.answer;
      } catch (error) {
        if (!(error instanceof ConnectionLost) || isOver || isEndedBySignal()) throw error;
        await reopen(connection);
      }
    }
  };
  return {
    ask,
    owner: () => opened.owner,
    dispose: async (onStay = () => {}) => {
      await opened.close({ hurried: false, onStay });
      isOver = true;
      await leave();
    },
  };
};
