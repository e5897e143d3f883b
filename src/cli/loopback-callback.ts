/**
 * The end of a person's way through a provider's page of consent: a port of this machine to which the browser is led back, open
 * for one answer. Whatever else asks there is sent away and changes nothing.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { finished } from "node:stream/promises";
import { CommandError } from "./command-error.ts";
import { onShutdown } from "./shutdown.ts";

const host = "127.0.0.1";

export interface LoopbackCallback {
  readonly redirectUri: string;
  /** Waits for the answer that bears this state, and tells the browser what `take` makes of it. */
  readonly answered: <A>(
    state: string,
    use: {
      readonly take: (callback: URL) => Promise<A>;
      /** Somebody came back with another state: from an older page, or from nowhere. Called once. */
      readonly onStray: () => void;
    },
  ) => Promise<A>;
  readonly close: () => Promise<void>;
}

/** The code of the error with which `take` says that the person did not agree. */
export const deniedCode = "CONNECT_DENIED";

const page = (title: string, text: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>` +
  `<body style="font: 16px/1.5 system-ui; margin: 15vh auto; max-width: 32em; padding: 0 1em">` +
  `<h1>${title}</h1><p>${text}</p></body></html>`;

/** Until the browser has it, or has left. The address of the page holds the code: it goes nowhere from there. */
const tell = async (
  response: ServerResponse,
  status: number,
  title: string,
  text: string,
): Promise<void> => {
  response
    .writeHead(status, {
      "cache-control": "no-store",
      connection: "close",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
      "content-type": "text/html; charset=utf-8",
      "referrer-policy": "no-referrer",
    })
    .end(page(title, text));
  await finished(response).catch(() => {});
};

const listen = async (server: Server, port: number): Promise<number> => {
  await new Promise<void>((resolve, reject) => {
    // Stays: a connection that cannot be taken later on is none of ours.
    server.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        new CommandError(
          "PORT_TAKEN",
          error.code === "EADDRINUSE"
            ? `Port ${port} of this machine is taken. Give another one with --port, and register it with the provider.`
            : `Port ${port} of this machine cannot be used: ${error.message}.`,
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  return (server.address() as AddressInfo).port;
};

const callbackPath = "/callback";

/** What is asked may be no address at all: `//`. */
const isCallback = ({ method, url = "" }: IncomingMessage): boolean =>
  method === "GET" && (url === callbackPath || url.startsWith(`${callbackPath}?`));

/** Port 0 is any that is free. */
export const openLoopback = async (port: number): Promise<LoopbackCallback> => {
  const server = createServer();
  const redirectUri = `http://${host}:${await listen(server, port)}${callbackPath}`;
  const close = onShutdown(async () => {
    server.close();
    // Also one that a browser has opened in advance, and those that never end their request.
    server.closeAllConnections();
  });
  return {
    redirectUri,
    close,
    answered: (state, { take, onStray }) =>
      new Promise((resolve, reject) => {
        let isTaken = false;
        let isStray = false;
        server.on("request", (request, response) => {
          if (!isCallback(request) || isTaken) {
            void tell(response, 404, "Nothing here", "Follow the link that pawl has printed.");
            return;
          }
          const url = new URL(request.url ?? "", redirectUri);
          if (url.searchParams.get("state") !== state) {
            void tell(
              response,
              400,
              "Not this connection",
              "This answer belongs to another connection than the one that pawl waits for, and changes nothing. Follow the link that pawl has printed last.",
            );
            if (!isStray) onStray();
            isStray = true;
            return;
          }
          isTaken = true;
          take(url).then(
            async (result) => {
              await tell(
                response,
                200,
                "Connected",
                "You can close this page and go back to the terminal.",
              );
              resolve(result);
            },
            async (error: unknown) => {
              const isDenied = error instanceof CommandError && error.code === deniedCode;
              await tell(
                response,
                isDenied ? 200 : 502,
                "Not connected",
                isDenied
                  ? "Access was declined, and nothing was connected. You can close this page."
                  : "The terminal says why. You can close this page.",
              );
              reject(error);
            },
          );
        });
      }),
  };
};
