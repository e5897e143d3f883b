/**
 * SECRET-3 in workerd, with a real authorization server that takes each refresh token once: several isolates, callers that go
 * away, a database that is away, and the whole runtime killed between the server's answer and the database.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import * as Effect from "effect/Effect";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { authorizationUrl, exchangeCode, newAuthorization } from "#runtime/oauth-authorization";
import type { OAuthClient } from "#runtime/oauth-clients";
import { parseOAuthClients } from "#runtime/oauth-clients";
import type { StoredIntegration, Tokens } from "#services/integration-store";
import type { AuthorizationServer } from "./authorization-server.ts";
import {
  clientsOf,
  consent,
  redirectUri,
  startAuthorizationServer,
} from "./authorization-server.ts";
import type { Runtime } from "./runtime.ts";
import { askers, bundledWorker, migrations, startRuntime } from "./runtime.ts";

const run = Effect.runPromise;

// A runtime is started and killed several times.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const directory = mkdtempSync(join(tmpdir(), "pawl-oauth-"));
let server: AuthorizationServer;
let client: OAuthClient;
let code: string;
let runtime: Runtime | undefined;

const start = async (hold: "" | "fail" | "hang" = ""): Promise<Runtime> => {
  runtime = await startRuntime({ code, directory, url: server.url, hold });
  return runtime;
};

beforeAll(async () => {
  [server, code] = await Promise.all([startAuthorizationServer(), bundledWorker()]);
  client = (await run(parseOAuthClients(clientsOf(server.url)))).get("acme")!;
  const { ask, close } = await start();
  await ask({ type: "migrate", migrations: migrations() });
  await close();
});
afterEach(async () => {
  server.onToken({});
  await runtime?.close().catch(() => {});
  runtime = undefined;
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

let connections = 0;

/** A new integration with fresh tokens of the server. */
const connect = async ({ ask }: Runtime, changes: Partial<Tokens> = {}) => {
  const pending = newAuthorization(redirectUri);
  const callback = await consent(await run(authorizationUrl(client, pending)));
  const granted = await run(exchangeCode(client, pending, callback, Date.now()));
  const tokens = { ...granted, ...changes };
  const key = { organizationId: "organization", id: `mail ${++connections}` };
  await ask({ type: "connect", connection: { ...key, provider: "acme", tokens, now: 1 } });
  return { key, tokens };
};

type Key = Awaited<ReturnType<typeof connect>>["key"];

const refresh = ({ ask }: Runtime, key: Key, version: number, worker = "first", times = 1) =>
  ask<readonly unknown[]>({ type: "refresh", request: { ...key, version }, times }, { worker });

const read = ({ ask }: Runtime, key: Key) => ask<StoredIntegration>({ type: "read", ...key });

const refreshed = { status: "refreshed" };

/** Ten more refreshes: only the newest token of an unbroken chain gets through them. */
const chainGoesOn = async (running: Runtime, key: Key): Promise<void> => {
  const { version } = await read(running, key);
  for (let step = 0; step < 10; step++) {
    const worker = askers[step % askers.length]!;
    expect(await refresh(running, key, version + step, worker)).toEqual([refreshed]);
  }
  expect(await read(running, key)).toMatchObject({ status: "connected", version: version + 10 });
};

/** Every byte below the runtime's directory. */
const storedBytes = (): string =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");

const secretsOf = (tokens: Tokens): readonly string[] => [tokens.accessToken, tokens.refreshToken!];

it("asks the server once for fifty at the same time in several isolates, ten times in a row", async () => {
  const running = await start();
  const { key, tokens } = await connect(running);
  for (let version = 1; version <= 10; version++) {
    const requests = server.tokenRequests();
    server.onToken({ before: () => delay(30) });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        refresh(running, key, version, askers[index % askers.length], 5),
      ),
    );
    expect(answers.flat()).toEqual(Array.from({ length: 50 }, () => refreshed));
    expect(server.tokenRequests()).toBe(requests + 1);
  }
  const stored = await read(running, key);
  expect(stored).toMatchObject({ status: "connected", version: 11 });
  for (const secret of [...secretsOf(tokens), ...secretsOf(stored.tokens)]) {
    expect(storedBytes()).not.toContain(secret);
  }
});

it("goes on when the one that asked dies", async () => {
  const running = await start();
  const { key } = await connect(running);
  server.onToken({ before: () => delay(200), after: () => delay(300) });
  const requests = server.tokenRequests();
  const request = { ...key, version: 1 };
  expect(await running.ask({ type: "refreshAndDie", request, millis: 100 })).toBe(
    "Error: The asker dies",
  );
  expect(await read(running, key)).toMatchObject({ version: 1 });
  await vi.waitFor(async () => expect((await read(running, key)).version).toBe(2), {
    timeout: 5_000,
    interval: 50,
  });
  expect(server.tokenRequests()).toBe(requests + 1);
  server.onToken({});
  await chainGoesOn(running, key);
});

it("goes on when those who asked have stopped waiting, with tokens that are still good, and are gone", async () => {
  const running = await start();
  const { key, tokens } = await connect(running, { expiresAt: Date.now() + 60_000 });
  server.onToken({ before: () => delay(2_000), after: () => delay(2_500) });
  const requests = server.tokenRequests();
  const tokensOf = () =>
    Promise.all(
      askers.map(async (worker) => {
        const ask = { type: "getIntegration", ...key };
        return (await running.ask<{ readonly token: string }>(ask, { worker })).token;
      }),
    );
  expect(await tokensOf()).toEqual(askers.map(() => tokens.accessToken));
  expect(await read(running, key)).toMatchObject({ version: 1 });
  await vi.waitFor(async () => expect((await read(running, key)).version).toBe(2), {
    timeout: 5_000,
    interval: 50,
  });
  expect(server.tokenRequests()).toBe(requests + 1);
  const { accessToken } = (await read(running, key)).tokens;
  expect(await tokensOf()).toEqual(askers.map(() => accessToken));
  server.onToken({});
  await chainGoesOn(running, key);
});

it("loses nothing when D1 is away: whoever asks next is told so, and an alarm stores it later", async () => {
  const { key, tokens } = await connect(await start());
  await runtime!.close();
  const broken = await start("fail");
  const requests = server.tokenRequests();
  const failed = { status: "failed", message: expect.stringContaining("D1 is away") as string };
  expect(await refresh(broken, key, 1)).toMatchObject([{ ...failed, isFinal: false }]);
  expect(await refresh(broken, key, 1, "second")).toMatchObject([failed]);
  expect(server.tokenRequests()).toBe(requests + 1);
  expect(await read(broken, key)).toMatchObject({ version: 1, tokens });
  const whileParked = storedBytes();
  await broken.kill();
  const restarted = await start();
  await vi.waitFor(async () => expect((await read(restarted, key)).version).toBe(2), {
    timeout: 15_000,
    interval: 200,
  });
  const stored = await read(restarted, key);
  expect(whileParked).toContain(key.id);
  for (const secret of [...secretsOf(tokens), ...secretsOf(stored.tokens)]) {
    expect(whileParked).not.toContain(secret);
  }
  expect(await refresh(restarted, key, 1)).toEqual([refreshed]);
  expect(server.tokenRequests()).toBe(requests + 1);
  await chainGoesOn(restarted, key);
});

it("uses the new tokens after the runtime was killed between the server's answer and D1", async () => {
  const { key } = await connect(await start());
  await runtime!.close();
  const hanging = await start("hang");
  const requests = server.tokenRequests();
  const asked = refresh(hanging, key, 1).catch(() => "lost");
  await vi.waitFor(() => expect(server.tokenRequests()).toBe(requests + 1));
  await delay(500);
  await hanging.kill();
  expect(await asked).toBe("lost");
  const restarted = await start();
  expect(await refresh(restarted, key, 1, "second")).toEqual([refreshed]);
  expect(server.tokenRequests()).toBe(requests + 1);
  expect(await read(restarted, key)).toMatchObject({ status: "connected", version: 2 });
  await chainGoesOn(restarted, key);
});

it("tries the old token again when it was killed before the answer, and says so when the server refuses", async () => {
  const running = await start();
  const { key } = await connect(running);
  server.onToken({ after: () => delay(2_000) });
  const requests = server.tokenRequests();
  const asked = refresh(running, key, 1).catch(() => "lost");
  await vi.waitFor(() => expect(server.tokenRequests()).toBe(requests + 1));
  await delay(200);
  await running.kill();
  expect(await asked).toBe("lost");
  server.onToken({});
  const restarted = await start();
  expect(await refresh(restarted, key, 1)).toEqual([
    {
      status: "expired",
      message: "The provider 'acme' refuses (invalid_grant, status 400).",
    },
  ]);
  expect(await read(restarted, key)).toMatchObject({ status: "expired", version: 1 });
});

it("drops parked tokens when the integration was connected again meanwhile", async () => {
  const { key } = await connect(await start());
  await runtime!.close();
  const broken = await start("fail");
  expect(await refresh(broken, key, 1)).toMatchObject([{ status: "failed" }]);
  await broken.kill();
  const restarted = await start();
  const again: Tokens = {
    accessToken: "connected again",
    expiresAt: null,
    scopes: [],
  };
  await restarted.ask({
    type: "connect",
    connection: { ...key, provider: "acme", tokens: again, now: 2 },
  });
  await delay(2_000);
  const { version, tokens } = await read(restarted, key);
  expect(tokens).toEqual(again);
  expect(await refresh(restarted, key, 1)).toEqual([refreshed]);
  expect(await read(restarted, key)).toMatchObject({ version, tokens: again });
});
