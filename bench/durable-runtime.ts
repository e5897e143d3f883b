/** A local workerd with the bench's Worker in it, and what can be done to its runs from here. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare, NoOpLog } from "miniflare";
import type { Workflow } from "#core/workflow";
import type { InstanceReport, Kind, Pass, StartRequest } from "./durable-types.ts";

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

const bundle = async (): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [pathOf("durable.worker.ts")],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker"],
    external: ["cloudflare:*"],
  });
  return outputFiles[0]?.text ?? "";
};

const startWorkerd = async (directory: string): Promise<Miniflare> => {
  const workflow = (name: string, exportName: string) =>
    ({ type: "workflow", name, worker: "bench", exportName }) as const;
  const runtime = new Miniflare({
    log: new NoOpLog(),
    cf: false,
    telemetry: { enabled: false },
    enableDevRegistry: false,
    unsafeObservability: false,
    logRequests: false,
    resourcePersistencePath: directory,
    workers: [
      {
        config: {
          name: "bench",
          compatibilityDate: "2026-05-01",
          compatibilityFlags: ["nodejs_compat", "workflows_preserve_non_retryable_error_message"],
          manifest: {
            mainModule: "bench.js",
            modulesRoot: "/",
            modules: { "bench.js": { type: "esm", contents: await bundle() } },
          },
          env: {
            DB: { type: "d1", id: "bench" },
            OBJECTS: { type: "r2", name: "bench" },
            CACHE: { type: "kv", id: "bench" },
            EXECUTE: workflow("pawl", "Execute"),
            BARE: workflow("bare", "Bare"),
            WATCHDOG: { type: "durable-object", worker: "bench", exportName: "Watchdog" },
            TOKEN_REFRESHER: {
              type: "durable-object",
              worker: "bench",
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
  await runtime.ready;
  return runtime;
};

export interface RunOptions {
  /** What the run's id begins with. */
  readonly prefix?: string;
  /** The earlier run that this one goes on from. */
  readonly redriveOf?: string;
}

export interface EndedRun extends InstanceReport {
  readonly id: string;
  /** From the entry of `run()` to its end. Milliseconds. */
  readonly millis: number;
  readonly steps: number;
}

export interface ReplayedRun {
  /** From the second entry of `run()` until every node's step has given its result again. Milliseconds. */
  readonly millis: number;
  readonly steps: number;
}

export interface Bench {
  /** Runs to the end. */
  readonly run: (kind: Kind, workflow: Workflow, options?: RunOptions) => Promise<EndedRun>;
  /** Pauses the run at its gate, resumes it, and looks how long the replay took to be past all nodes. */
  readonly replay: (kind: Kind, workflow: Workflow) => Promise<ReplayedRun>;
}

const benchOver = (runtime: Miniflare): Bench => {
  let count = 0;
  const ask = async (path: string, kind: Kind, id: string): Promise<InstanceReport> => {
    const response = await runtime.dispatchFetch(`http://bench/${path}?kind=${kind}&id=${id}`);
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as InstanceReport;
  };
  const until = async (
    path: string,
    kind: Kind,
    id: string,
    holds: (report: InstanceReport) => boolean,
  ): Promise<InstanceReport> => {
    for (const end = Date.now() + 120_000; Date.now() < end; await delay(25)) {
      const report = await ask(path, kind, id);
      if (holds(report)) return report;
    }
    throw new Error(`${kind} ${id} did not get on`);
  };
  const isDone = ({ status }: InstanceReport): boolean => status === "done";
  const lastOf = ({ passes }: InstanceReport): Pass => passes.at(-1)!;
  const start = async (
    kind: Kind,
    workflow: Workflow,
    { prefix = "", redriveOf }: RunOptions = {},
  ): Promise<string> => {
    const id = `${prefix}${kind}-${count++}`;
    const request: StartRequest = {
      kind,
      id,
      workflow,
      ...(redriveOf === undefined ? {} : { redriveOf }),
    };
    const body = JSON.stringify(request);
    await runtime.dispatchFetch("http://bench/start", { method: "POST", body });
    return id;
  };
  return {
    run: async (kind, workflow, options) => {
      const id = await start(kind, workflow, options);
      const report = await until("times", kind, id, isDone);
      const { entered, ended = Number.NaN, steps } = lastOf(report);
      return { ...report, id, millis: ended - entered, steps };
    },
    replay: async (kind, workflow) => {
      const id = await start(kind, workflow);
      await until("times", kind, id, ({ passes }) => passes[0]?.atGate !== undefined);
      await ask("pause", kind, id);
      await until("status", kind, id, ({ status }) => status === "paused");
      await ask("resume", kind, id);
      const report = await until("times", kind, id, isDone);
      const { nodesDone, entered, steps } = lastOf(report);
      if (report.passes.length < 2 || nodesDone === undefined) throw new Error("nothing replayed");
      return { millis: nodesDone - entered, steps };
    },
  };
};

export const withBench = async <A>(use: (bench: Bench) => Promise<A>): Promise<A> => {
  const directory = await mkdtemp(join(tmpdir(), "pawl-bench-"));
  const runtime = await startWorkerd(directory);
  try {
    for (const file of (await readdir(pathOf("../migrations"))).sort()) {
      const body = await readFile(pathOf(`../migrations/${file}`), "utf8");
      await runtime.dispatchFetch("http://bench/migrate", { method: "POST", body });
    }
    return await use(benchOver(runtime));
  } finally {
    await runtime.dispose();
    await rm(directory, { recursive: true, force: true });
  }
};
