import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import type { LoopbackCallback } from "#cli/loopback-callback";
import { openLoopback } from "#cli/loopback-callback";

/** Waits for the answer that bears the state `ours`. */
const waiting = async (take: (callback: URL) => Promise<string> = async ({ href }) => href) => {
  const loopback = await openLoopback(0);
  onTestFinished(loopback.close);
  const answered = loopback.answered("ours", { take, onStray: () => {} });
  answered.catch(() => {});
  return { loopback, answered, callback: `${loopback.redirectUri}?code=1&state=ours` };
};

const open = ({ redirectUri }: LoopbackCallback): Socket => {
  const socket = connect(Number(new URL(redirectUri).port), "127.0.0.1");
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
};

/** What is answered to these bytes, up to the end of the connection. */
const send = (loopback: LoopbackCallback, bytes: string): Promise<string> => {
  const socket = open(loopback);
  socket.write(bytes);
  let answer = "";
  socket.on("data", (part: Buffer) => (answer += part.toString()));
  return new Promise((resolve) => socket.once("close", () => resolve(answer)));
};

const request = (line: string, header = "Host: x"): string =>
  `${line} HTTP/1.1\r\n${header}\r\n\r\n`;

it.each([
  ["a path that is no address", request("GET //"), "404 "],
  ["a path without a host", request("GET ///?state=ours"), "404 "],
  ["an address of another scheme", request("GET http://"), "404 "],
  ["an address of another host", request("GET http://other.test/callback?state=ours"), "404 "],
  ["another host before the path", request("GET //other.test/callback?state=ours"), "404 "],
  ["a star", request("OPTIONS *"), "404 "],
  ["another method", request("POST /callback?state=ours", "Host: x\r\nContent-Length: 9"), "404 "],
  ["a look at the head", request("HEAD /callback?state=ours"), "404 "],
  ["an upgrade", request("GET /", "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket"), "404 "],
  ["a tunnel", request("CONNECT other.test:443"), undefined],
  ["an expectation", request("GET /", "Host: x\r\nConnection: close\r\nExpect: all"), "417 "],
  ["a header without an end", request("GET /", `Host: x\r\nX: ${"x".repeat(1e5)}`), "431 "],
  ["no HTTP at all", "\u0016\u0003\u0001 hello\r\n\r\n", "400 "],
  ["a callback without a state", request("GET /callback"), "400 "],
  ["a state that is not well encoded", request("GET /callback?state=%ff%"), "400 "],
])("sends %s away, and waits on", async (_, bytes, status) => {
  const { loopback, answered, callback } = await waiting();
  const answer = await send(loopback, bytes);
  expect(answer.slice(0, 13)).toBe(status === undefined ? "" : `HTTP/1.1 ${status}`);
  const told = await fetch(callback);
  expect({ status: told.status, text: await told.text() }).toStrictEqual({
    status: 200,
    text: expect.stringContaining("<h1>Connected</h1>"),
  });
  expect(await answered).toBe(callback);
});

it("is not held up by requests that never end, however many", async () => {
  const { loopback, answered, callback } = await waiting();
  const sockets = Array.from({ length: 200 }, () => open(loopback));
  for (const socket of sockets) socket.write("GET /callback?state=ours HTTP/1.1\r\nHost: x\r\n");
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  expect((await fetch(callback)).status).toBe(200);
  expect(await answered).toBe(callback);
});

it.each([
  ["that never asked", ""],
  ["that is still asking", "GET / HTTP/1.1\r\nHost: x\r\n"],
])("keeps no connection %s once it is closed", async (_, bytes) => {
  const { loopback, answered, callback } = await waiting();
  const socket = open(loopback);
  const ended = once(socket, "close");
  await once(socket, "connect");
  socket.write(bytes);
  expect(await (await fetch(callback)).text()).toContain("<h1>Connected</h1>");
  await answered;
  await loopback.close();
  socket.resume();
  await ended;
});

it("tells the browser before it says that it was answered", async () => {
  for (const refusal of [undefined, new Error("no")]) {
    const { loopback, answered, callback } = await waiting(async ({ href }) => {
      if (refusal !== undefined) throw refusal;
      return href;
    });
    const told = fetch(callback);
    await (refusal === undefined ? answered : expect(answered).rejects.toBe(refusal));
    await loopback.close();
    expect(await (await told).text()).toContain(refusal === undefined ? "Connected" : "Not conn");
  }
});

it("does not wait for a browser that has left", async () => {
  const taking = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<string>();
  const { loopback, answered } = await waiting(() => {
    taking.resolve();
    return taken.promise;
  });
  const socket = open(loopback);
  socket.write(request("GET /callback?state=ours"));
  await taking.promise;
  socket.resetAndDestroy();
  await once(socket, "close");
  taken.resolve("tokens");
  expect(await answered).toBe("tokens");
});
