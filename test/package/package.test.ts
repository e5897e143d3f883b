/** The package as people get it: packed, installed elsewhere, used from plain Node, from TypeScript and from a Worker. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare, NoOpLog } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "pawl-package-"));

/** Standard output of a command in the consumer's folder. */
const run = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, { cwd: home, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const node = (...args: readonly string[]): string => run(process.execPath, ...args);

beforeAll(() => {
  const pack = ["pack", "--silent", "--pack-destination", home];
  const tarball = execFileSync("npm", pack, { cwd: root, encoding: "utf8" }).trim();
  writeFileSync(join(home, "package.json"), '{ "type": "module", "private": true }');
  run("npm", "install", "--prefer-offline", "--no-audit", `./${tarball}`);
  cpSync(join(root, "examples"), join(home, "examples"), { recursive: true });
}, 300_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

test("runs a workflow in plain Node", () => {
  writeFileSync(
    join(home, "run.js"),
    `import { createDirectRuntime, defineNode } from "pawl";
     import { runNode } from "pawl/testing";
     import { nodeMachine } from "pawl/machines";
     import { validateWorkflow } from "pawl/core";
     import { builtInNodes } from "pawl/nodes";
     import workflow from "./examples/embed/shout.json" with { type: "json" };
     const shout = defineNode({
       type: "shout", name: "Shout", category: "text", description: "Says it louder.",
       inputs: [{ name: "text", type: "string", required: true }],
       outputs: [{ name: "text", type: "string" }],
       run: ({ text }) => ({ text: text.toUpperCase() }),
     });
     const params = { workflow, userId: "u", organizationId: "o", computeCredits: 10 };
     const execution = await createDirectRuntime({ nodes: [shout] }).run(params, "one");
     console.log(JSON.stringify([
       execution.status, execution.nodeExecutions[1].outputs,
       (await runNode(shout, { text: "a" })).outputs, nodeMachine.id,
       validateWorkflow(workflow).problems.length, builtInNodes.length > 40,
     ]));`,
  );
  expect(JSON.parse(node("run.js"))).toEqual([
    "completed",
    { text: "HELLO FROM YOUR OWN WORKER" },
    { text: "A" },
    "node",
    0,
    true,
  ]);
});

test("has its command, which runs in-process and durably", () => {
  const pawl = join(home, "node_modules/.bin/pawl");
  const file = "examples/sales-report.json";
  const direct = JSON.parse(run(pawl, "run", file, "--direct", "--json")) as { status: string };
  const durable = JSON.parse(run(pawl, "run", file, "--json")) as { status: string };
  expect([direct.status, durable.status]).toEqual(["completed", "completed"]);
}, 120_000);

test("has types that a strict project accepts", () => {
  writeFileSync(
    join(home, "use.ts"),
    `import { createDirectRuntime, defineNode, type WorkflowExecution } from "pawl";
     import { nodeStateOf, type ExecutionState } from "pawl/core";
     import { start } from "pawl/machines";
     const double = defineNode({
       type: "double", name: "Double", category: "math", description: "Doubles.",
       inputs: [{ name: "n", type: "number", required: true }], outputs: [{ name: "n", type: "number" }],
       run: ({ n }) => ({ n: n * 2 }),
     });
     defineNode({
       type: "wrong", name: "Wrong", category: "math", description: "Puts out text.",
       inputs: [], outputs: [{ name: "n", type: "number" }],
       // @ts-expect-error a number port takes no text
       run: () => ({ n: "1" }),
     });
     export const run = (): Promise<WorkflowExecution> =>
       createDirectRuntime({ nodes: [double] }).run(
         { workflow: { id: "w", name: "", trigger: "manual", nodes: [], edges: [] }, userId: "u", organizationId: "o", computeCredits: 1 },
         "id",
       );
     export const begin = (state: ExecutionState) => [start(state, {}), nodeStateOf(state, "a").lifecycle];`,
  );
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const flags = ["--noEmit", "--strict", "--target", "ES2024", "--module", "NodeNext"];
  expect(node(tsc, ...flags, "--types", "", "use.ts")).toBe("");
}, 60_000);

test("runs in a Worker of one's own, with a node of one's own", async () => {
  const { outputFiles } = await build({
    entryPoints: [join(home, "examples/embed/worker.ts")],
    bundle: true,
    write: false,
    format: "esm",
    conditions: ["workerd", "worker"],
    external: ["cloudflare:*"],
  });
  const worker = new Miniflare({
    log: new NoOpLog(),
    cf: false,
    telemetry: { enabled: false },
    workers: [
      {
        config: {
          name: "embed",
          compatibilityDate: "2026-05-01",
          compatibilityFlags: ["nodejs_compat", "workflows_preserve_non_retryable_error_message"],
          manifest: {
            mainModule: "worker.js",
            modulesRoot: "/",
            modules: { "worker.js": { type: "esm", contents: outputFiles[0]?.text ?? "" } },
          },
          env: {
            DB: { type: "d1", id: "pawl" },
            OBJECTS: { type: "r2", name: "pawl" },
            CACHE: { type: "kv", id: "pawl" },
            EXECUTE: { type: "workflow", name: "embed", worker: "embed", exportName: "Execute" },
            WATCHDOG: { type: "durable-object", worker: "embed", exportName: "Watchdog" },
            TOKEN_REFRESHER: {
              type: "durable-object",
              worker: "embed",
              exportName: "TokenRefresher",
            },
          },
          exports: {
            Watchdog: { type: "durable-object", storage: "sqlite" },
            TokenRefresher: { type: "durable-object", storage: "sqlite" },
          },
        },
      },
    ],
  });
  try {
    const database = await worker.getD1Database("DB");
    const migrations = join(home, "node_modules/pawl/migrations");
    for (const file of readdirSync(migrations).sort()) {
      const migration = readFileSync(join(migrations, file), "utf8");
      await database.batch([database.prepare(migration)]);
    }
    const body = readFileSync(join(home, "examples/embed/shout.json"), "utf8");
    const started = await worker.dispatchFetch("http://embed/", { method: "POST", body });
    const { id } = (await started.json()) as { id: string };
    let state: { status?: string } = {};
    for (let turn = 0; turn < 200 && state.status !== "completed"; turn++) {
      await new Promise((resolve) => void setTimeout(resolve, 50));
      const answer = await worker.dispatchFetch(`http://embed/?id=${id}`);
      state = (await answer.json()) as typeof state;
    }
    expect(state).toMatchObject({
      id,
      status: "completed",
      nodeExecutions: [
        { nodeId: "greeting" },
        { nodeId: "louder", outputs: { text: "HELLO FROM YOUR OWN WORKER!" } },
      ],
    });
  } finally {
    await worker.dispose();
  }
}, 60_000);

test("ships neither sources nor tests", () => {
  const { name } = JSON.parse(
    readFileSync(join(home, "node_modules/pawl/package.json"), "utf8"),
  ) as { name: string };
  const files = run("find", "node_modules/pawl", "-not", "-path", "*/dist/*", "-type", "f").split(
    "\n",
  );
  expect(name).toBe("pawl");
  expect(files.filter((file) => /\/(src|test|properties|bench)\//.test(file))).toEqual([]);
});
