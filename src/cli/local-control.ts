/**
 * The socket through which the process that holds `.pawl` lets other commands ask its runtime and hear of its runs. It lies
 * in a directory that its owner alone may enter, so whoever reaches it may do what the owner may. HTTP, for its framing.
 */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer, request as httpRequest } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { MonitoringMessage } from "#services/monitoring-service";
import type { LocalRequest, LocalResponse } from "./local-protocol.ts";

/** A process of another version is not understood: the command then waits for it to end. */
const protocolVersion = 4;
const askPath = `/${protocolVersion}/ask`;
const messagesPath = `/${protocolVersion}/messages`;

/** Bytes of messages that a slow reader may be behind; then it is let go, and comes again. */
const longestBacklog = 64 * 1024 * 1024;

/** The process at the other end has gone, and may or may not have done what it was asked. */
export class ConnectionLost extends Error {}

/** A way to a runtime, wherever it is. */
export interface Connection {
  /** Rejects with ConnectionLost when the runtime is gone. */
  readonly ask: (request: LocalRequest) => Promise<LocalResponse>;
  /** Resolves when the runtime is gone. */
  readonly lost: Promise<void>;
  /** The process that holds the runtime. */
  readonly owner: number;
  /** `hurried` leaves at once; else whoever else uses the runtime is waited for, which `onStay` is told. */
  readonly close: (options: {
    readonly hurried: boolean;
    readonly onStay: (others: number) => void;
  }) => Promise<void>;
}

const socketDirectory = (directory: string): string => join(directory, "control");

/** As it was given: a relative path stays below the hundred characters that a socket's path may have. */
const addressOf = (directory: string): string =>
  process.platform === "win32"
    ? `\\\\.\\pipe\\pawl-${createHash("sha256").update(realpathSync(directory)).digest("hex").slice(0, 32)}`
    : join(socketDirectory(directory), "socket");

export interface ControlServer {
  readonly broadcast: (message: MonitoringMessage) => void;
  /** How many commands are connected. */
  readonly others: () => number;
  /** Calls back each time that one leaves. */
  readonly onLeave: (left: () => void) => void;
  readonly close: () => Promise<void>;
}

const answerWith = async (
  ask: Connection["ask"],
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const body = await ask(JSON.parse(await text(incoming)) as LocalRequest);
  response.setHeader("content-type", "application/json").end(JSON.stringify(body));
};

const listenAt = async (server: Server, directory: string): Promise<void> => {
  if (process.platform !== "win32") {
    const place = socketDirectory(directory);
    // We hold the lock, so what is there was left by a dead process.
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { mode: 0o700 });
    chmodSync(place, 0o700);
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(addressOf(directory), resolve);
  });
};

/** Undefined where there can be no socket: others then wait for the lock. */
export const serveControl = async (
  directory: string,
  ask: Connection["ask"],
): Promise<ControlServer | undefined> => {
  const readers = new Set<ServerResponse>();
  let onLeft: () => void = () => {};
  const server = createServer((incoming, response) => {
    if (incoming.method === "POST" && incoming.url === askPath) {
      answerWith(ask, incoming, response).catch(() => response.destroy());
    } else if (incoming.method === "GET" && incoming.url === messagesPath) {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      response.write(`${process.pid}\n`);
      readers.add(response);
      response.once("close", () => {
        readers.delete(response);
        onLeft();
      });
    } else {
      response.writeHead(404).end();
    }
  });
  server.requestTimeout = 0;
  try {
    await listenAt(server, directory);
  } catch {
    return undefined;
  }
  return {
    broadcast: (message) => {
      if (readers.size === 0) return;
      const line = `${JSON.stringify(message)}\n`;
      for (const reader of readers) {
        if (reader.writableLength > longestBacklog) reader.destroy();
        else reader.write(line);
      }
    },
    others: () => readers.size,
    onLeave: (left) => {
      onLeft = left;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      if (process.platform !== "win32") {
        rmSync(socketDirectory(directory), { recursive: true, force: true });
      }
    },
  };
};

const send = (
  socketPath: string,
  method: "GET" | "POST",
  path: string,
  body?: string,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const outgoing = httpRequest({ socketPath, method, path, agent: false }, resolve);
    outgoing.once("error", (error) => reject(new ConnectionLost(error.message)));
    outgoing.end(body);
  });

/** Undefined when nobody is there who can be asked. */
export const connectControl = async (
  directory: string,
  listen: (message: MonitoringMessage) => void,
): Promise<Connection | undefined> => {
  const address = addressOf(directory);
  const messages = await send(address, "GET", messagesPath).catch(() => undefined);
  if (messages === undefined) return undefined;
  if (messages.statusCode !== 200) {
    messages.destroy();
    return undefined;
  }
  const lost = Promise.withResolvers<void>();
  const owner = Promise.withResolvers<number>();
  // What is left of the stream may be cut off in the middle of a line.
  messages.once("error", () => {});
  messages.once("close", () => {
    owner.resolve(0);
    lost.resolve();
  });
  let isFirst = true;
  const lines = createInterface({ input: messages });
  lines.on("error", () => {});
  lines.on("line", (line) => {
    if (isFirst) owner.resolve(Number(line));
    else {
      try {
        listen(JSON.parse(line) as MonitoringMessage);
      } catch {
        // The last line of a process that was killed.
      }
    }
    isFirst = false;
  });
  return {
    owner: await owner.promise,
    lost: lost.promise,
    ask: async (request) => {
      const response = await send(address, "POST", askPath, JSON.stringify(request));
      const body = await text(response).catch(() => "");
      if (response.statusCode !== 200 || !response.complete) {
        throw new ConnectionLost("The connection broke off.");
      }
      return JSON.parse(body) as LocalResponse;
    },
    close: async () => {
      messages.destroy();
    },
  };
};
