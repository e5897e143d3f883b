import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import * as miniflare from "miniflare";
import { expect, it, onTestFinished } from "vitest";
import { embeddedOptions, workerCode } from "#cli/embedded-worker";
import { clientSecret, startConsentServer } from "../consent-server.ts";
import type { Outcome } from "../pawl.ts";
import { directoryWith, pawl, startPawl } from "../pawl.ts";
import { filesWith, holds } from "../search-bytes.ts";

const timeout = 60_000;

/** As the embedded Worker binds them. */
interface DurableObjects {
  readonly getByName: (name: string) => { readonly refresh: (request: object) => Promise<unknown> };
}

const json = ({ stdout }: Outcome): unknown => JSON.parse(stdout);

const errorOf = (
  outcome: Outcome,
): { readonly code: string; readonly exitCode: number | null } => ({
  code: (json(outcome) as { readonly error: { readonly code: string } }).error.code,
  exitCode: outcome.exitCode,
});

const project = (clients?: string) => {
  const cwd = directoryWith();
  if (clients !== undefined) {
    mkdirSync(join(cwd, ".pawl"));
    writeFileSync(join(cwd, ".pawl/oauth-clients.json"), clients, { mode: 0o600 });
  }
  return { cwd, call: (...args: readonly string[]) => pawl(["integrations", ...args], { cwd }) };
};

/** A command that waits for a browser, and the page that it has told. */
const connecting = async (cwd: string, ...args: readonly string[]) => {
  const child = startPawl(["integrations", "connect", ...args], { cwd });
  child.stdin.end();
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const stdout = text(child.stdout);
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  while (!stderr.includes("Waiting")) {
    if (child.exitCode !== null) throw new Error(`ended early: ${stderr}`);
    await delay(20);
  }
  const [, page = ""] = /\n {2}(http\S+)\n/.exec(stderr) ?? [];
  return {
    child,
    page,
    ended: async (): Promise<Outcome> => {
      const exitCode = await closed;
      return { exitCode, stdout: await stdout, stderr };
    },
  };
};

it("connects a provider in a browser, and keeps its tokens to itself", { timeout }, async () => {
  const server = await startConsentServer(3600);
  const { call, cwd } = project(server.clients);
  const { page, ended } = await connecting(cwd, "acme", "--id", "shop", "--scope", "read");
  const asked = new URL(page).searchParams;
  expect(asked.get("redirect_uri")).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  expect({
    scope: asked.get("scope"),
    client: asked.get("client_id"),
    method: asked.get("code_challenge_method"),
  }).toStrictEqual({ scope: "read", client: "pawl", method: "S256" });

  const back = server.agree(page);
  // Nobody else's answer ends the wait.
  const strange = new URL(back);
  strange.searchParams.set("state", "guessed");
  for (const _ of ["once", "twice"]) {
    const sent = await fetch(strange);
    expect({ status: sent.status, text: await sent.text() }).toStrictEqual({
      status: 400,
      text: expect.stringContaining("This answer belongs to another connection"),
    });
  }
  expect((await fetch(new URL("/favicon.ico", back))).status).toBe(404);
  const told = await fetch(back);
  expect(told.status).toBe(200);
  expect(told.headers.get("cache-control")).toBe("no-store");
  expect(await told.text()).toMatch(/<h1>Connected<\/h1>/);
  const outcome = await ended();
  expect(outcome).toMatchObject({
    exitCode: 0,
    stdout: "✓ Integration 'shop' is connected: read.\n",
  });
  expect(outcome.stderr).toBe(
    `Open this page to connect 'acme'. It leads back to ${asked.get("redirect_uri")}\n\n  ${page}\n\n` +
      "Waiting for the browser, 5 m 00 s at most.\n" +
      "A browser came back with the answer to another connection, which changes nothing. Open the page above.\n" +
      "Made .pawl/master-key, the key of all that is secret in .pawl/.\n",
  );

  const again = await connecting(cwd, "acme", "--id", "shop", "--json");
  expect((await fetch(server.agree(again.page))).status).toBe(200);
  const second = await again.ended();
  expect(json(second)).toStrictEqual({
    status: "replaced",
    id: "shop",
    provider: "acme",
    scopes: ["read", "write"],
    expiresAt: expect.any(String),
  });
  const list = await call("list", "--json");
  expect(json(list)).toStrictEqual({
    integrations: [
      {
        id: "shop",
        provider: "acme",
        scopes: ["read", "write"],
        status: "connected",
        version: 2,
        expiresAt: expect.any(String),
        connectedAt: expect.any(String),
        updatedAt: expect.any(String),
      },
    ],
  });
  const shown = await call("list");
  expect(shown.stdout).toMatch(
    /^Integration {2}Provider {2}Status {7}Token until {10}Scopes\nshop {9}acme {6}✓ connected {2}\d{4}-.* {2}read write\n$/,
  );
  const rotated = await pawl(["secrets", "rotate"], { cwd });
  expect(rotated.stdout).toContain(" 0 secrets, 1 integration. ");

  expect(server.tokens()).toHaveLength(4);
  expect(filesWith(cwd, ...server.tokens())).toStrictEqual([]);
  expect(filesWith(cwd, clientSecret)).toStrictEqual([join(cwd, ".pawl/oauth-clients.json")]);
  const words = [outcome, second, list, shown, rotated].flatMap((one) => [one.stdout, one.stderr]);
  for (const value of [...server.tokens(), clientSecret]) {
    expect(holds(words.join("\n"), value)).toBe(false);
  }
  expect(await call("remove", "shop")).toStrictEqual({
    exitCode: 0,
    stdout: "✓ Integration 'shop' is removed.\n",
    stderr: "",
  });
  expect((await call("list")).stdout).toMatch(/^There are no integrations in \.pawl\/ yet\./);
});

it(
  "renews tokens with the client of its own file, under the newest key",
  {
    timeout,
  },
  async () => {
    const server = await startConsentServer(60);
    const { call, cwd } = project();
    writeFileSync(join(cwd, "elsewhere.json"), server.clients, { mode: 0o600 });
    const { page, ended } = await connecting(cwd, "acme", "--clients", "elsewhere.json");
    await fetch(server.agree(page));
    expect((await ended()).stderr).toMatch(
      /^The tokens will be renewed with the client 'acme' in \.pawl\/oauth-clients\.json, which is not there yet\.\nOpen this/,
    );
    const directory = join(cwd, ".pawl");
    const options = { miniflare, code: await workerCode(), directory, isVisit: true };
    const runtime = new miniflare.Miniflare(embeddedOptions({ ...options, listen: () => {} }));
    onTestFinished(() => runtime.dispose());
    const refreshers = (await runtime.getDurableObjectNamespace(
      "TOKEN_REFRESHER",
    )) as unknown as DurableObjects;
    const refresh = (version: number): Promise<unknown> =>
      refreshers.getByName("any").refresh({ organizationId: "local", id: "acme", version });
    expect(await refresh(1)).toMatchObject({
      status: "failed",
      message: expect.stringContaining("OAUTH_CLIENTS has no client 'acme'"),
    });
    // Both files are read anew.
    writeFileSync(join(directory, "oauth-clients.json"), server.clients);
    const keys = readFileSync(join(directory, "master-key"), "utf8");
    const newer = `2:${randomBytes(32).toString("base64")}\n`;
    writeFileSync(join(directory, "master-key"), keys + newer);
    expect(await refresh(1)).toMatchObject({ status: "refreshed" });
    expect(server.tokens()).toHaveLength(4);
    await runtime.dispose();
    expect(json(await call("list", "--json"))).toMatchObject({ integrations: [{ version: 2 }] });
    const rotated = await pawl(["secrets", "rotate", "--json"], { cwd });
    expect(json(rotated)).toMatchObject({ status: "rotated", version: 2, integrations: 1 });
    expect(filesWith(cwd, ...server.tokens())).toStrictEqual([]);
  },
);

it("says what the provider refused, in the terminal and in the browser", { timeout }, async () => {
  const server = await startConsentServer(3600);
  const { cwd } = project(server.clients);
  const denied = await connecting(cwd, "acme", "--json");
  const back = server.agree(denied.page);
  back.searchParams.delete("code");
  back.searchParams.set("error", "access_denied");
  back.searchParams.set(
    "error_description",
    `You said no\u001b[2J to ${clientSecret}. ${"More of it. ".repeat(40)}`,
  );
  const told = await fetch(back);
  expect(told.status).toBe(200);
  expect(await told.text()).toMatch(/<h1>Not connected<\/h1><p>Access was declined, and nothing/);
  const outcome = await denied.ended();
  expect(errorOf(outcome)).toStrictEqual({ code: "CONNECT_DENIED", exitCode: 1 });
  expect(outcome.stderr).toMatch(
    /\npawl: The provider 'acme' gave no access \(access_denied\)\. Connect again to ask anew\. It says: "You said no\\u001b\[2J to \[secret:of the connection\]\. More of it\. [^\n]{120,160}…"\n$/,
  );

  const broken = await connecting(cwd, "acme", "--json");
  const failed = server.agree(broken.page);
  failed.searchParams.delete("code");
  failed.searchParams.set("error", "server_error");
  const page = await fetch(failed);
  expect(page.status).toBe(502);
  expect(await page.text()).toContain("The terminal says why.");
  expect(errorOf(await broken.ended())).toStrictEqual({ code: "CONNECT_FAILED", exitCode: 1 });

  const forged = await connecting(cwd, "acme", "--json");
  const other = server.agree(forged.page);
  other.searchParams.set("code", "stolen");
  expect((await fetch(other)).status).toBe(502);
  expect(errorOf(await forged.ended())).toStrictEqual({ code: "CONNECT_FAILED", exitCode: 1 });
  expect(existsSync(join(cwd, ".pawl/v3"))).toBe(false);
});

it("does not wait for ever, and leaves when it is told to", { timeout }, async () => {
  const server = await startConsentServer(3600);
  const { call, cwd } = project(server.clients);
  const late = await call("connect", "acme", "--timeout", "1", "--json");
  expect(errorOf(late)).toStrictEqual({ code: "CONNECT_LATE", exitCode: 1 });
  expect(late.stderr).toMatch(/\npawl: Nobody came back from the provider within 1\.0 s, and/);
  const { child, page, ended } = await connecting(cwd, "acme");
  child.kill("SIGINT");
  expect(await ended()).toMatchObject({
    exitCode: 130,
    stderr: expect.stringMatching(/\nInterrupted\. Nothing was connected\.\n$/),
  });
  await expect(fetch(server.agree(page))).rejects.toThrow("fetch failed");
});

it(
  "never says that nothing was connected once the browser was told otherwise",
  {
    timeout,
  },
  async () => {
    const server = await startConsentServer(3600);
    const { cwd } = project(server.clients);
    const { child, page, ended } = await connecting(cwd, "acme");
    const back = server.agree(page);
    // As browsers do, in advance.
    const early = connect(Number(back.port), back.hostname);
    onTestFinished(() => void early.destroy());
    expect(await (await fetch(back)).text()).toContain("<h1>Connected</h1>");
    await delay(50);
    child.kill("SIGTERM");
    const { exitCode, stderr } = await ended();
    expect([0, 143]).toContain(exitCode);
    expect(stderr).not.toContain("Nothing was connected");
  },
);

it("refuses a port that is taken, before anybody is sent away", { timeout }, async () => {
  const server = await startConsentServer(3600);
  const { call } = project(server.clients);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void other.close());
  const port = String((other.address() as AddressInfo).port);
  const outcome = await call("connect", "acme", "--port", port, "--json");
  expect(errorOf(outcome)).toStrictEqual({ code: "PORT_TAKEN", exitCode: 2 });
  expect(outcome.stderr).not.toContain("Open this page");
});

it("shows how clients are written down, in lines that fit a narrow terminal", async () => {
  const { stdout } = await project().call("connect", "--help");
  const shown = stdout.slice(stdout.indexOf("A file of clients:\n"));
  const [, ...entries] = shown.trimEnd().split(/\n {2}(?=\{)/);
  const endpoint = "https://...";
  expect(entries.map((entry) => JSON.parse(entry) as unknown)).toStrictEqual([
    { github: { clientId: "...", clientSecret: "..." } },
    {
      shop: {
        clientId: "...",
        provider: { authorizationEndpoint: endpoint, tokenEndpoint: endpoint },
      },
    },
  ]);
  expect(shown.split("\n").filter((line) => line.length > 80)).toStrictEqual([]);
});

it("says what to write down where there is no client", async () => {
  const { call, cwd } = project();
  const known = await call("connect", "github");
  expect(known).toStrictEqual({
    exitCode: 2,
    stdout: "",
    stderr:
      "pawl: There is no client 'github' in .pawl/oauth-clients.json. Register one with the provider, and write it down there:\n\n" +
      `  { "github": { "clientId": "...", "clientSecret": "..." } }\n`,
  });
  expect((await call("connect", "githb")).stderr).toContain("Did you mean 'github'?");
  expect((await call("connect", "shop", "--clients", "mine.json")).stderr).toContain(
    `no client 'shop' in mine.json. `,
  );
  expect((await call("connect", "shop")).stderr).toContain(`"tokenEndpoint": "https://..."`);
  expect(existsSync(join(cwd, ".pawl"))).toBe(false);
});

it("refuses a file of clients that is no JSON, without what is in it", async () => {
  const { call } = project("{ secret-word");
  for (const args of [["connect", "acme"], ["providers"]]) {
    const outcome = await call(...args, "--json");
    expect(errorOf(outcome)).toStrictEqual({ code: "INVALID_CLIENTS", exitCode: 2 });
    expect(outcome.stderr).toMatch(
      /^pawl: \.pawl\/oauth-clients\.json cannot be used: it should be JSON/,
    );
    expect(outcome.stderr).not.toMatch(/secret-word|binding|deploy/);
  }
});

it.each([
  ["lacks an id", `{"clientSecret":"secret-word"}`, /'acme' lacks clientId/],
  [
    "has an endpoint that anybody can listen to",
    `{"clientId":"x","clientSecret":"secret-word","provider":{"authorizationEndpoint":"http://acme.test/","tokenEndpoint":"https://acme.test/"}}`,
    /should be an https:\/\/ URL/,
  ],
])("refuses a client that %s, and no other of its file", async (_, entry, words) => {
  const { call } = project(`{"acme":${entry},"github":{"clientId":"x"}}`);
  const refused = await call("connect", "acme", "--json");
  expect(errorOf(refused)).toStrictEqual({ code: "INVALID_CLIENTS", exitCode: 2 });
  const other = await call("connect", "github", "--timeout", "1", "--json");
  expect(errorOf(other)).toStrictEqual({ code: "CONNECT_LATE", exitCode: 1 });
  const listed = await call("providers");
  expect(listed.stdout).toMatch(/\ngithub +✓ +for ever [^]*\nacme +✗ +unknown\n/);
  const { providers } = json(await call("providers", "--json")) as {
    readonly providers: readonly { readonly name: string; readonly problem?: string }[];
  };
  const problem = providers.find(({ name }) => name === "acme")?.problem ?? "";
  expect(problem).toMatch(words);
  for (const { stderr } of [refused, listed]) {
    expect(stderr).toBe(`${stderr.startsWith("pawl: ") ? "pawl: " : ""}${problem}\n`);
    expect(stderr).toMatch(/^(pawl: )?A client in \.pawl\/oauth-clients\.json cannot be used: /);
    expect(stderr).not.toMatch(/secret-word|binding|deploy/);
  }
});

it("tells who else may read the file of clients, and which one will be used later", async () => {
  const { call, cwd } = project(`{"github":{"clientId":"mine"}}`);
  const path = join(cwd, ".pawl/oauth-clients.json");
  chmodSync(path, 0o640);
  writeFileSync(join(cwd, "other.json"), `{"github":{"clientId":"another"}}`, { mode: 0o600 });
  const readable =
    ".pawl/oauth-clients.json can be read by others on this machine: 'chmod 600 .pawl/oauth-clients.json' keeps it to you.\n";
  const late = (...args: readonly string[]): Promise<Outcome> =>
    call("connect", "github", "--timeout", "1", ...args);
  expect(await call("providers")).toMatchObject({ exitCode: 0, stderr: readable });
  expect((await late()).stderr.split("Open this page")[0]).toBe(readable);
  chmodSync(path, 0o600);
  expect((await late("--clients", "./.pawl/oauth-clients.json")).stderr).toMatch(/^Open this/);
  expect((await late("--clients", "other.json")).stderr).toMatch(
    /^The tokens will be renewed with the client 'github' in \.pawl\/oauth-clients\.json, which is another than the one in other\.json\.\nOpen this/,
  );
});

it("sends nobody away whose tokens could not be kept", { timeout }, async () => {
  const { call, cwd } = project(`{"github":{"clientId":"mine"}}`);
  await pawl(["secrets", "set", "api-key", "--org", "acme"], { cwd, stdin: "canary-canary" });
  writeFileSync(join(cwd, ".pawl/master-key"), `2:${randomBytes(32).toString("base64")}\n`);
  const outcome = await call("connect", "github", "--json");
  expect(errorOf(outcome)).toStrictEqual({ code: "MASTER_KEY_WRONG", exitCode: 1 });
  expect(outcome.stderr).toMatch(/^pawl: The secret 'api-key' of organization 'acme' is sealed/);
});

it("lists a token whose time is over by whether another can be had", { timeout }, async () => {
  const server = await startConsentServer(1);
  const { call, cwd } = project(server.clients);
  for (const id of ["renewed", "over"]) {
    if (id === "over") server.giveNoRefreshTokens();
    const { page, ended } = await connecting(cwd, "acme", "--id", id, "--org", "shop");
    await fetch(server.agree(page));
    expect(await ended()).toMatchObject({ exitCode: 0 });
  }
  await delay(1100);
  const { stdout } = await call("list", "--org", "shop");
  expect(stdout).toMatch(/\nover +acme +✗ expired +over +read write\n/);
  expect(stdout).toMatch(/\nrenewed +acme +✓ connected +renewed when needed +read write\n/);
  expect(stdout).toMatch(
    /\n\n'pawl integrations connect acme --id over --org shop' connects an expired one again\.\n$/,
  );
  expect(json(await call("list", "--org", "shop", "--json"))).toMatchObject({
    integrations: [{ id: "over", status: "connected" }, { id: "renewed" }],
  });
  expect((await call("remove", "other", "--org", "shop")).stderr).toMatch(
    /for organization 'shop'\. (Did you mean|'pawl integrations list --org shop')/,
  );
});

it("lists an integration whatever time its row holds", { timeout }, async () => {
  const server = await startConsentServer(3600);
  const { call, cwd } = project(server.clients);
  const { page, ended } = await connecting(cwd, "acme");
  await fetch(server.agree(page));
  expect(await ended()).toMatchObject({ exitCode: 0 });
  const objects = join(cwd, ".pawl/v3/d1/miniflare-D1DatabaseObject");
  const [file = ""] = readdirSync(objects).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  for (const time of ["8.65e15", "-8.65e15", "9e999"]) {
    const db = new DatabaseSync(join(objects, file));
    db.exec(`UPDATE integrations SET expires_at = ${time}, updated_at = ${time}`);
    db.close();
    expect(await call("list")).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/\nacme .* for ever +read write\n/),
    });
    expect(json(await call("list", "--json"))).toMatchObject({
      integrations: [{ id: "acme", expiresAt: null, connectedAt: expect.any(String) }],
    });
  }
});

it.each([
  ["--port", "0"],
  ["--port", "65536"],
  ["--port", "any"],
  ["--timeout", "0"],
  ["--timeout", "soon"],
  ["--scope", ""],
  ["--scope", "  "],
  ["--id", ""],
  ["--id", " shop"],
  ["--id", "line\nbreak"],
])("refuses %s %s", async (option, value) => {
  const outcome = await project().call("connect", "github", option, value, "--json");
  expect(errorOf(outcome)).toStrictEqual({ code: "USAGE", exitCode: 2 });
});

it("lists the providers, and which of them have a client", async () => {
  const server = await startConsentServer(3600);
  const { call, cwd } = project(server.clients);
  const { stdout } = await call("providers");
  expect(stdout).toMatch(/^Provider +Client +Token lasts +Asks for\n/);
  expect(stdout).toMatch(/\ngithub +– +for ever +repo read:user\n/);
  expect(stdout).toMatch(/\nacme +✓ +unknown +read write\n/);
  const { providers } = json(await call("providers", "--json")) as {
    readonly providers: readonly { readonly name: string; readonly client: boolean }[];
  };
  expect(providers.filter(({ client }) => client).map(({ name }) => name)).toStrictEqual(["acme"]);
  expect(existsSync(join(cwd, ".pawl/v3"))).toBe(false);
});

it("refuses to remove what there is not", async () => {
  const outcome = await project().call("remove", "shop", "--json");
  expect(errorOf(outcome)).toStrictEqual({ code: "UNKNOWN_INTEGRATION", exitCode: 2 });
});
