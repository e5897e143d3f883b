import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { pawl, root, startPawl } from "./pawl.ts";

const commands = [
  "run",
  "runs",
  "show",
  "answer",
  "pause",
  "resume",
  "cancel",
  "redrive",
  "secrets",
  "integrations",
  "credits",
  "validate",
  "nodes",
  "schema",
  "machines",
];

const subcommands = [
  "secrets set",
  "secrets list",
  "secrets remove",
  "secrets rotate",
  "integrations connect",
  "integrations list",
  "integrations remove",
  "integrations providers",
  "credits show",
  "credits plan",
];

it.each([...commands, ...subcommands])("explains 'pawl %s' with an example", async (command) => {
  const { exitCode, stdout, stderr } = await pawl([...command.split(" "), "--help"]);
  expect({ exitCode, stderr }).toStrictEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(new RegExp(`^Usage: pawl ${command} .*\\n\\n[A-Z]`));
  expect(stdout).toMatch(
    new RegExp(`\\nExamples?:\\n {2}(cat .*)?pawl ${command.replace(" show", "")}`),
  );
});

it("lists the commands, also when it is called with nothing", async () => {
  const help = await pawl(["--help"]);
  expect(help.exitCode).toBe(0);
  for (const command of commands) expect(help.stdout).toContain(`\n  ${command} `);
  expect(await pawl([])).toStrictEqual({ exitCode: 2, stdout: "", stderr: help.stdout });
});

it("tells the version of its package", async () => {
  const text = readFileSync(join(root, "package.json"), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  expect(await pawl(["--version"])).toStrictEqual({
    exitCode: 0,
    stdout: `${version}\n`,
    stderr: "",
  });
});

it("colours its words only where that is wanted", async () => {
  const escape = "\u001b[";
  const env = { FORCE_COLOR: "1", NO_COLOR: "" };
  expect((await pawl(["nodes", "sum"], { env })).stdout).toContain(escape);
  expect((await pawl(["nodes", "sum"])).stdout).not.toContain(escape);
});

it("keeps quiet when its reader leaves", async () => {
  const child = startPawl(["nodes", "--json"]);
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const exitCode = await new Promise((resolve) => child.once("close", resolve));
  expect({ exitCode, stderr }).toStrictEqual({ exitCode: 0, stderr: "" });
});

it("tells an old Node what to do", () => {
  const script = readFileSync(join(root, "bin/pawl.js"), "utf8").replace(
    "process.versions.node",
    '"20.20.2"',
  );
  const call = (): string =>
    execFileSync(process.execPath, ["--input-type=module", "--eval", script.replace(/^#!.*/, "")], {
      encoding: "utf8",
      stdio: "pipe",
    });
  expect(call).toThrow(
    expect.objectContaining({
      status: 2,
      stdout: "",
      stderr: expect.stringMatching(
        /^pawl needs Node 22\.18 or newer, and this is Node .*\n.*'npx pawl'/,
      ),
    }),
  );
});
