import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { isPlainWord } from "#cli/secret-value";
import type { WorkflowExecution } from "#core/report";
import type { CallOptions, Outcome } from "../pawl.ts";
import { directoryWith, pawl, startPawl } from "../pawl.ts";
import { filesWith, holds } from "../search-bytes.ts";

const timeout = 60_000;

/** Nothing else on the machine reads so. */
const canary = "cAnAry/+ 7f3a9+2e81ü\n-----END";

const flow = (millis: number): string =>
  JSON.stringify({
    id: "flow",
    name: "Flow",
    trigger: "manual",
    nodes: [
      {
        id: "wait",
        name: "wait",
        type: "delay",
        inputs: [{ name: "duration", type: "any", value: millis }],
        outputs: [],
      },
    ],
    edges: [],
  });

type Call = (args: readonly string[], stdin?: CallOptions["stdin"]) => Promise<Outcome>;

/** A project of its own; what its commands have said is kept. */
const project = (files: Readonly<Record<string, string>> = {}) => {
  const cwd = directoryWith(files);
  const said: string[] = [];
  const call: Call = async (args, stdin = "") => {
    const outcome = await pawl(args, { cwd, stdin });
    said.push(outcome.stdout, outcome.stderr);
    return outcome;
  };
  const keyPath = join(cwd, ".pawl/master-key");
  return {
    cwd,
    call,
    keyPath,
    said: () => said.join("\n"),
    keys: () => readFileSync(keyPath, "utf8").trimEnd().split("\n"),
    set: (name: string, value = canary, ...more: readonly string[]) =>
      call(["secrets", "set", name, ...more], value),
    listed: async (...more: readonly string[]) => {
      const { stdout } = await call(["secrets", "list", "--json", ...more]);
      const { secrets } = JSON.parse(stdout) as {
        readonly secrets: readonly { readonly name: string; readonly keyVersion: number }[];
      };
      return secrets.map(({ name, keyVersion }) => `${name} ${keyVersion}`);
    },
  };
};

const ok = (stdout: string, stderr = ""): Outcome => ({ exitCode: 0, stdout, stderr });

const errorOf = ({
  stdout,
  exitCode,
}: Outcome): { readonly code: string; readonly exitCode: number | null } => ({
  code: (JSON.parse(stdout) as { readonly error: { readonly code: string } }).error.code,
  exitCode,
});

const madeKey = "Made .pawl/master-key, the key of all that is secret in .pawl/.\n";

it("keeps a secret from stdin, and shows its value nowhere", { timeout }, async () => {
  const { call, cwd, keyPath, keys, listed, said, set } = project();
  expect(await call(["secrets", "list"])).toStrictEqual(
    ok("There are no secrets in .pawl/ yet. 'pawl secrets set NAME' sets one.\n"),
  );
  expect(existsSync(join(cwd, ".pawl"))).toBe(false);
  expect(await set("api-key", `${canary}\n`)).toStrictEqual(
    ok("✓ Secret 'api-key' is set.\n", madeKey),
  );
  expect(await set("api-key", `${canary}\r\n`)).toStrictEqual(
    ok("✓ Secret 'api-key' is replaced.\n"),
  );
  const { stdout } = await set("zweiter Schlüssel 🙂", canary, "--json");
  expect(JSON.parse(stdout)).toStrictEqual({ status: "created", name: "zweiter Schlüssel 🙂" });
  expect(await listed()).toStrictEqual(["api-key 1", "zweiter Schlüssel 🙂 1"]);
  expect((await call(["secrets", "list"])).stdout).toMatch(
    /^Secret +First set +Last set\napi-key {15}\d{4}-.* {2}\d{4}-.*\nzweiter Schlüssel 🙂 {2}\d{4}.*\n\nNodes read them by name\./,
  );
  expect(await call(["secrets", "rotate"])).toMatchObject({ exitCode: 0 });
  expect(await call(["secrets", "remove", "api-key"])).toStrictEqual(
    ok("✓ Secret 'api-key' is removed.\n"),
  );
  expect(await listed()).toStrictEqual(["zweiter Schlüssel 🙂 2"]);
  expect(await listed("--org", "acme")).toStrictEqual([]);

  expect(statSync(keyPath).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(cwd, ".pawl/.gitignore"), "utf8")).toBe("*\n");
  const [key = ""] = keys();
  expect(key).toMatch(/^2:[A-Za-z0-9+/]{43}=$/);
  const masterKey = key.slice(2);
  expect(filesWith(cwd, canary)).toStrictEqual([]);
  expect(filesWith(cwd, masterKey)).toStrictEqual([keyPath]);
  expect(holds(said(), canary)).toBe(false);
  expect(holds(said(), masterKey)).toBe(false);
});

it("keeps the value as it was given, less one line break at its end", { timeout }, async () => {
  const input = (name: string, value: string) => ({ name, type: "any", value });
  const concat = (id: string, first: string, second: string) => ({
    id,
    name: id,
    type: "string-concat",
    inputs: [input("input_1", first), input("input_2", second)],
    outputs: [],
  });
  // A document that holds a value is refused: these only make one.
  const nodes = [
    concat("one", "canary-", "of one line"),
    concat("two", "canary-of\ntwo ", "lines\n"),
    concat("three", "another ", "value"),
    // Whole, so that a carriage return at the end of the secret would not be found in it.
    concat("four", "canary-of ", "Windows"),
  ];
  const document = { id: "flow", name: "Flow", trigger: "manual", nodes, edges: [] };
  const { call, cwd, set } = project({ "flow.json": JSON.stringify(document) });
  await set("one-line", "canary-of one line\n");
  await set("two-lines", "canary-of\ntwo lines\n\n");
  await set("of-windows", "canary-of Windows\r\n");
  const { stdout } = await call(["run", "flow.json", "--json"]);
  const { nodeExecutions } = JSON.parse(stdout) as WorkflowExecution;
  expect(nodeExecutions.map(({ outputs }) => outputs)).toStrictEqual([
    { result: "[secret:one-line]" },
    { result: "[secret:two-lines]" },
    { result: "another value" },
    { result: "[secret:of-windows]" },
  ]);
  expect(filesWith(join(cwd, ".pawl"), "canary-of one line", "canary-of\ntwo lines")).toStrictEqual(
    [],
  );
});

it("finds a value that was written where it must not be", () => {
  const cwd = directoryWith({
    raw: `so ${canary} it`,
    base64: Buffer.from(`a${canary}`).toString("base64"),
    none: "canary",
  });
  expect(filesWith(cwd, canary).toSorted()).toStrictEqual([join(cwd, "base64"), join(cwd, "raw")]);
});

it.each([
  ["an argument", ["api-key", "sk_live_1234"]],
  ["an unknown option", ["api-key", "--value=sk_live_1234"]],
  ["an unknown option's argument", ["api-key", "--value", "sk_live_1234"]],
  ["an argument that looks like an option", ["api-key", "-sk_live_1234"]],
  ["an option alone", ["--sk_live_1234"]],
  ["a part of the name", ["API_KEY=sk_live_1234"]],
])("refuses a value that is given as %s, and does not repeat it", async (_, args) => {
  const { call, cwd, said } = project();
  const outcome = await call(["secrets", "set", ...args, "--json"], canary);
  expect(errorOf(outcome)).toStrictEqual({ code: "SECRET_IN_ARGUMENT", exitCode: 2 });
  expect(outcome.stderr).toMatch(
    /^pawl: 'pawl secrets set' takes a name and never a value: other programs can read arguments,/,
  );
  expect(said()).not.toContain("live");
  expect(existsSync(join(cwd, ".pawl"))).toBe(false);
});

it.each([
  ["nothing", "", "NO_VALUE", "No value came"],
  ["a line break", "\n", "NO_VALUE", "No value came"],
  ["seven characters", "1234567\n", "INVALID_SECRET", "shorter than 8 characters"],
  ["white space", " \t \n  \u00a0\u3000  \n", "INVALID_SECRET", "nothing but white space"],
  [
    "control characters",
    "\u0001\u001b\u0000\u0007".repeat(3),
    "INVALID_SECRET",
    "or control characters",
  ],
  ["more than 64 KiB", "x".repeat(65_537), "INVALID_SECRET", "is 65537 bytes long"],
  ["more than is read", "x".repeat(3_000_000), "INVALID_SECRET", "longer than 1048576 bytes"],
  [
    "bytes that are no text",
    Buffer.from([0xff, 0xfe, 1, 2, 3, 4, 5, 6]),
    "INVALID_SECRET",
    "UTF-8",
  ],
])("refuses %s as a value", async (_, value, code, words) => {
  const { call, cwd } = project();
  const outcome = await call(["secrets", "set", "api-key", "--json"], value);
  expect(errorOf(outcome)).toStrictEqual({ code, exitCode: 2 });
  expect(outcome.stderr).toContain(words);
  expect(outcome.stderr).not.toMatch(/1234567|xx/);
  expect(existsSync(join(cwd, ".pawl"))).toBe(false);
});

it("refuses a name before it takes the value", async () => {
  const { call } = project();
  for (const name of ["", "two\nlines", "n".repeat(257), "   ", " api-key", "api-key\u00a0"]) {
    const outcome = await call(["secrets", "set", name, "--json"]);
    expect(errorOf(outcome)).toStrictEqual({ code: "INVALID_SECRET", exitCode: 2 });
    expect(outcome.stderr).toContain("name");
  }
});

it("says so when ordinary text may hold the value", { timeout }, async () => {
  const { call, set } = project();
  expect(await set("a", "Wednesday")).toStrictEqual(
    ok(
      "✓ Secret 'a' is set.\n",
      `${madeKey}The value reads as a plain word: ordinary text that holds it will be masked, and documents that hold it refused. A longer, random one is told apart.\n`,
    ),
  );
  expect(await call(["secrets", "set", "--help"])).toMatchObject({
    stdout: expect.stringMatching(/one line break at its end, LF\s+or\s+CRLF,\s+is\s+dropped/),
  });
  const plain = ["password", "SHIPPING", "qWeRtYuIoP", "internationalisation", "Straßenbahn"];
  const random = ["correct horse", "password1", "kdhwlqmvnxyrtpbzcfgjsaeiuokd", "AKIAIOSFODNNabcd"];
  expect([...plain, ...random].filter(isPlainWord)).toStrictEqual(plain);
});

it("takes the largest value there may be", { timeout }, async () => {
  const { listed, set } = project();
  expect(await set("large", `${"ü".repeat(32_768)}\n`)).toMatchObject({ exitCode: 0 });
  expect(await listed()).toStrictEqual(["large 1"]);
});

it("removes only what there is, and tells what may be meant", { timeout }, async () => {
  const { call, set } = project();
  const none = await call(["secrets", "remove", "api-key", "--json"]);
  expect(errorOf(none)).toStrictEqual({ code: "UNKNOWN_SECRET", exitCode: 2 });
  await set("api-key");
  const near = await call(["secrets", "remove", "api-kye"]);
  expect(near.stderr).toBe(
    "pawl: There is no secret 'api-kye' in .pawl/. Did you mean 'api-key'?\n",
  );
  const other = await call(["secrets", "remove", "api-key", "--org", "acme", "--json"]);
  expect(errorOf(other)).toStrictEqual({ code: "UNKNOWN_SECRET", exitCode: 2 });
  expect(other.stderr).toBe(
    "pawl: There is no secret 'api-key' in .pawl/ for organization 'acme'. 'pawl secrets list --org acme' lists them.\n",
  );
  expect((await call(["secrets", "list", "--org", "acme"])).stdout).toBe(
    "There are no secrets in .pawl/ for organization 'acme' yet. 'pawl secrets set NAME --org acme' sets one.\n",
  );
});

it("seals everything anew under another key", { timeout }, async () => {
  const { call, keys, listed, set } = project();
  expect((await call(["secrets", "rotate", "--org", "acme"])).stderr).toBe(
    "pawl: 'pawl secrets rotate' takes no --org: there is one master key for all organizations, and what is sealed for any of them is sealed anew.\n",
  );
  expect((await call(["secrets", "rotate"])).stdout).toBe(
    "There is no master key in .pawl/ yet, and nothing to seal anew. 'pawl secrets set NAME' sets a secret.\n",
  );
  await set("one");
  await set("two", "another value", "--org", "acme");
  const [first] = keys();
  expect(await call(["secrets", "rotate"])).toStrictEqual(
    ok(
      "✓ Everything is sealed under version 2 of the master key: 2 secrets, 0 integrations. Version 1 is removed from .pawl/master-key.\n",
    ),
  );
  expect(keys()).toStrictEqual([expect.stringMatching(/^2:/)]);
  expect(keys()[0]?.slice(2)).not.toBe(first?.slice(2));
  expect(await listed()).toStrictEqual(["one 2"]);
  expect(await listed("--org", "acme")).toStrictEqual(["two 2"]);
  const again = await call(["secrets", "rotate", "--json"]);
  expect(JSON.parse(again.stdout)).toStrictEqual({
    status: "rotated",
    secrets: 2,
    integrations: 0,
    version: 3,
    removed: [2],
  });
});

it("finishes a rotation that was killed, and loses nothing", { timeout }, async () => {
  const { call, cwd, keyPath, keys, listed, set } = project();
  await set("api-key");
  const child = startPawl(["secrets", "rotate"], { cwd });
  const closed = new Promise((resolve) => child.once("close", resolve));
  while (keys().length < 2) await delay(1);
  child.kill("SIGKILL");
  await closed;
  const [, newer = ""] = keys();
  expect(statSync(keyPath).mode & 0o777).toBe(0o600);
  const { stdout } = await call(["secrets", "rotate", "--json"]);
  expect(JSON.parse(stdout)).toStrictEqual({
    status: "rotated",
    secrets: 1,
    integrations: 0,
    version: 2,
    removed: [1],
  });
  expect(keys()).toStrictEqual([newer]);
  expect(await listed()).toStrictEqual(["api-key 2"]);
  // Opens every value, so that it fails when one was lost.
  expect(await call(["secrets", "rotate"])).toMatchObject({ exitCode: 0 });
});

const strange = (version: number): string =>
  `${version}:${Buffer.alloc(32, 7).toString("base64")}\n`;

/** As whoever opens what is sealed is told of the key, whichever command it is. */
const toldOf = ({ stderr }: Outcome): string => /^pawl: (.*)\n/.exec(stderr)?.[1] ?? stderr;

it("changes nothing when a value does not open under its key", { timeout }, async () => {
  const { call, cwd, keyPath, keys, listed, set } = project({ "flow.json": flow(1) });
  await set("api-key");
  const before = keys();
  writeFileSync(keyPath, strange(1));
  const told =
    "The secret 'api-key' cannot be opened: version 1 in .pawl/master-key is another key than the one that sealed it, or its row was " +
    "changed from outside. Put that key back, or remove the secret ('pawl secrets remove api-key') and set it anew.";
  const outcome = await call(["secrets", "rotate"]);
  expect(outcome).toStrictEqual({
    exitCode: 1,
    stdout: "",
    stderr: `pawl: ${told}\nNo key was removed: 'pawl secrets rotate' finishes once that is mended.\n`,
  });
  const others = [await set("other"), await call(["run", "flow.json"])];
  expect(others.map(toldOf)).toStrictEqual([told, told]);
  expect(others.map(({ exitCode }) => exitCode)).toStrictEqual([1, 1]);
  expect(readFileSync(keyPath, "utf8")).toBe(strange(1));
  expect(await listed()).toStrictEqual(["api-key 1"]);
  writeFileSync(keyPath, `${before[0]}\n`);
  expect(await call(["secrets", "rotate"])).toMatchObject({ exitCode: 0 });
  // What cannot be opened may be replaced, when it is all there is.
  writeFileSync(keyPath, strange(2));
  expect(await set("api-key")).toStrictEqual(ok("✓ Secret 'api-key' is replaced.\n"));
  expect(await call(["run", "flow.json"])).toMatchObject({ exitCode: 0 });
  expect(filesWith(cwd, canary)).toStrictEqual([]);
});

it(
  "removes no key while something is sealed under one that is not there",
  { timeout },
  async () => {
    const { call, keyPath, keys, listed, set } = project({ "flow.json": flow(1) });
    await set("api-key", canary, "--org", "acme");
    await call(["secrets", "rotate"]);
    const right = keys();
    // Bare, as openssl prints it: version 1, and lower than what stands under version 2.
    const bare = `${Buffer.alloc(32, 9).toString("base64")}\n`;
    writeFileSync(keyPath, bare);
    const told =
      "The secret 'api-key' of organization 'acme' is sealed under version 2 of the master key, which .pawl/master-key does not have. " +
      "Put that key back, or remove the secret ('pawl secrets remove api-key --org acme') and set it anew.";
    const rotated = await call(["secrets", "rotate", "--json"]);
    expect(errorOf(rotated)).toStrictEqual({ code: "MASTER_KEY_WRONG", exitCode: 1 });
    expect(rotated.stderr).toBe(
      `pawl: ${told}\nNo key was removed: 'pawl secrets rotate' finishes once that is mended.\n`,
    );
    const run = await call(["run", "flow.json", "--org", "acme"]);
    expect([toldOf(await set("other")), toldOf(run)]).toStrictEqual([told, told]);
    expect(readFileSync(keyPath, "utf8")).toBe(bare);
    // Another organization's run needs none of it.
    expect(await call(["run", "flow.json"])).toMatchObject({ exitCode: 0 });
    writeFileSync(keyPath, `1:${bare}${right[0]}\n`);
    const mended = await call(["secrets", "rotate", "--json"]);
    expect(JSON.parse(mended.stdout)).toMatchObject({ version: 2, removed: [1] });
    expect(keys()).toStrictEqual(right);
    expect(await listed("--org", "acme")).toStrictEqual(["api-key 2"]);
  },
);

it("tells a command that works, whatever the name begins with", { timeout }, async () => {
  const { call, cwd, keyPath, listed, set } = project();
  await call(["secrets", "set", "--org=-o", "--", "-it's --"], canary);
  expect(await listed("--org=-o")).toStrictEqual(["-it's -- 1"]);
  writeFileSync(keyPath, strange(2));
  const [, command = ""] = /\('pawl (.*)'\)/.exec(toldOf(await set("other"))) ?? [];
  expect(command).toBe("secrets remove --org '-o' -- '-it'\\''s --'");
  const words = execFileSync("sh", ["-c", `printf '%s\\n' ${command}`], { encoding: "utf8" });
  expect(await pawl(words.trimEnd().split("\n"), { cwd })).toMatchObject({ exitCode: 0 });
  expect(await listed("--org=-o")).toStrictEqual([]);
});

it("tells who else may read the master key, before it is used", { timeout }, async () => {
  const { call, keyPath, set } = project({ "flow.json": flow(1) });
  const readable =
    ".pawl/master-key can be read by others on this machine: 'chmod 600 .pawl/master-key' keeps it to you.\n";
  expect((await set("api-key")).stderr).toBe(madeKey);
  chmodSync(keyPath, 0o644);
  expect(await set("other")).toMatchObject({ exitCode: 0, stderr: readable });
  expect(await call(["run", "flow.json", "--json"])).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining(readable),
  });
  // It is written anew.
  expect((await call(["secrets", "rotate"])).stderr).toBe(readable);
  expect((await set("other")).stderr).toBe("");
});

it("makes no second key when the first is gone or broken", { timeout }, async () => {
  const { call, cwd, keyPath, keys, set } = project({ "flow.json": flow(1) });
  await set("api-key");
  const [key = ""] = keys();
  rmSync(keyPath);
  const lost = await set("other", canary, "--json");
  expect(errorOf(lost)).toStrictEqual({ code: "MASTER_KEY_LOST", exitCode: 1 });
  const run = await call(["run", "flow.json", "--json"]);
  expect(errorOf(run)).toStrictEqual({ code: "MASTER_KEY_LOST", exitCode: 1 });
  expect(toldOf(lost)).toBe(
    ".pawl/master-key is gone, and 1 secret is sealed under it. Put it back, or remove it ('pawl secrets remove NAME') and set it anew.",
  );
  const rotated = await call(["secrets", "rotate", "--json"]);
  expect(errorOf(rotated)).toStrictEqual({ code: "MASTER_KEY_LOST", exitCode: 1 });
  expect([toldOf(run), toldOf(rotated)]).toStrictEqual([toldOf(lost), toldOf(lost)]);
  expect(existsSync(keyPath)).toBe(false);
  for (const broken of ["", "no key", `1:${"A".repeat(40)}`, `${key}\n${key}`]) {
    writeFileSync(keyPath, broken, { mode: 0o600 });
    const outcome = await set("other", canary, "--json");
    expect(errorOf(outcome)).toStrictEqual({ code: "MASTER_KEY_BROKEN", exitCode: 1 });
    expect(outcome.stderr).not.toMatch(/MASTER_KEY|openssl|docs/);
    expect(outcome.stderr).not.toContain("AAAA");
  }
  writeFileSync(keyPath, key);
  expect(await set("other")).toMatchObject({ exitCode: 0, stderr: "" });
  rmSync(keyPath);
  await call(["secrets", "remove", "api-key"]);
  await call(["secrets", "remove", "other"]);
  // Nothing is sealed any more: another key hides nothing.
  expect(await set("other")).toMatchObject({ exitCode: 0, stderr: madeKey });
  expect(filesWith(cwd, canary)).toStrictEqual([]);
});

it("names the organizations whose secrets a lost key has sealed", { timeout }, async () => {
  const { call, keyPath, set } = project();
  await set("api-key");
  for (const id of ["acme", "beta", "delta co"]) await set("api-key", canary, "--org", id);
  await set("other", canary, "--org", "acme");
  rmSync(keyPath);
  expect(toldOf(await set("api-key", canary, "--json"))).toBe(
    ".pawl/master-key is gone, and 5 secrets are sealed under it. Put it back, or remove each of them " +
      "('pawl secrets remove NAME --org acme', 'pawl secrets remove NAME --org beta', " +
      "'pawl secrets remove NAME --org 'delta co'', and so for 1 more organization) and set it anew.",
  );
  await call(["secrets", "remove", "api-key"]);
  expect(toldOf(await set("api-key", canary, "--json"))).toContain("--org 'delta co'') and set");
});

it("is told from several terminals at once, while another runs", { timeout }, async () => {
  const { call, cwd, keys, listed, set } = project({ "flow.json": flow(6000) });
  const run = call(["run", "flow.json", "--json"]);
  while (!existsSync(join(cwd, ".pawl/control/socket"))) await delay(20);
  const names = ["a", "b", "c"];
  const outcomes = await Promise.all(names.map((name) => set(name)));
  expect(outcomes.map(({ exitCode }) => exitCode)).toStrictEqual([0, 0, 0]);
  expect(outcomes.map(({ stderr }) => stderr).join("")).toBe(madeKey);
  const rotations = await Promise.all([
    call(["secrets", "rotate"]),
    set("d"),
    call(["secrets", "rotate"]),
    set("e"),
  ]);
  expect(rotations.map(({ exitCode }) => exitCode)).toStrictEqual([0, 0, 0, 0]);
  expect(keys()).toStrictEqual([expect.stringMatching(/^3:/)]);
  expect(await listed()).toHaveLength(5);
  expect(await call(["secrets", "rotate"])).toMatchObject({ exitCode: 0 });
  expect(await listed()).toStrictEqual(["a 4", "b 4", "c 4", "d 4", "e 4"]);
  expect(await run).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining("key") });
  expect(filesWith(cwd, canary)).toStrictEqual([]);
});
