/** SPEED-6, 7 and 8: runs in a local workerd, turn by turn with a plain loop over bare steps. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare, NoOpLog } from "miniflare";
import type { Workflow } from "#core/workflow";
import type { InstanceReport, Kind, Pass } from "./durable-types.ts";
import { benchTypes, weighedPrefix } from "./durable-types.ts";
import type { Figure } from "./figure.ts";
import { median } from "./figure.ts";
import { benchEdge, benchNode, benchWorkflow } from "./graphs.ts";

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
          },
          exports: { Watchdog: { type: "durable-object", storage: "sqlite" } },
        },
      },
    ],
  });
  await runtime.ready;
  return runtime;
};

/** A layered graph whose last node waits for all others and holds the run long enough to be paused. */
const gatedWorkflow = (count: number): Workflow => {
  const whole = benchWorkflow("layered", count, benchTypes.trivial);
  return {
    ...whole,
    nodes: [...whole.nodes, benchNode(`n${count}`, benchTypes.gate, 0)],
    edges: [...whole.edges, ...Array.from({ length: count }, (_, from) => benchEdge(from, count))],
  };
};

const spanOf = ({ entered, ended = Number.NaN }: Pass): number => ended - entered;

interface Bench {
  /** Runs to the end. */
  readonly run: (kind: Kind, workflow: Workflow, prefix?: string) => Promise<InstanceReport>;
  /** Pauses the run at its gate, resumes it, and tells how long the replay took to be past all nodes. Milliseconds. */
  readonly replay: (kind: Kind, workflow: Workflow) => Promise<number>;
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
  const start = async (kind: Kind, workflow: Workflow, prefix = ""): Promise<string> => {
    const id = `${prefix}${kind}-${count++}`;
    const body = JSON.stringify({ kind, id, workflow });
    await runtime.dispatchFetch("http://bench/start", { method: "POST", body });
    return id;
  };
  return {
    run: async (kind, workflow, prefix) =>
      until("times", kind, await start(kind, workflow, prefix), ({ status }) => status === "done"),
    replay: async (kind, workflow) => {
      const id = await start(kind, workflow);
      await until("times", kind, id, ({ passes }) => passes.length > 0);
      await ask("pause", kind, id);
      await until("status", kind, id, ({ status }) => status === "paused");
      await ask("resume", kind, id);
      const { passes } = await until("times", kind, id, ({ status }) => status === "done");
      const last = passes.at(-1);
      if (passes.length < 2 || last?.nodesDone === undefined) throw new Error("nothing replayed");
      return last.nodesDone - last.entered;
    },
  };
};

const speed6 = async (bench: Bench, tell: (line: string) => void): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const [size, rounds] of [
    [100, 31],
    [1_000, 7],
  ] as const) {
    tell(`${size} durable nodes`);
    const workflow = benchWorkflow("layered", size, benchTypes.trivial);
    const times: Record<Kind, number[]> = { pawl: [], bare: [] };
    for (let round = -2; round < rounds; round++) {
      for (const kind of round % 2 === 0
        ? (["pawl", "bare"] as const)
        : (["bare", "pawl"] as const)) {
        const report = await bench.run(kind, workflow);
        if (round >= 0) times[kind].push(spanOf(report.passes[0]!));
      }
    }
    const own = median(times.pawl);
    // Each round against its own neighbour: the machine's mood changes more slowly than that.
    const ratios = times.pawl.map((time, round) => time / (times.bare[round] ?? Number.NaN));
    figures.push(
      {
        id: "SPEED-6",
        what: `${size} durable nodes, to a loop over bare steps`,
        value: median(ratios),
        unit: "x",
        target: 1.1,
      },
      { id: "SPEED-6", what: `${size} durable nodes: a node`, value: own / size, unit: "ms" },
    );
  }
  const layers = benchWorkflow("layered", 100, benchTypes.trivial);
  const { overhead } = await bench.run("pawl", layers, weighedPrefix);
  figures.push({
    id: "SPEED-8",
    what: "a step's result beside its outputs",
    value: overhead,
    unit: "bytes",
    target: 1_024,
  });
  return figures;
};

const speed7 = async (bench: Bench, tell: (line: string) => void): Promise<readonly Figure[]> => {
  tell("a replay of 1,000 durable nodes");
  const workflow = gatedWorkflow(1_000);
  const times: Record<Kind, number[]> = { pawl: [], bare: [] };
  for (let round = 0; round < 5; round++) {
    for (const kind of ["pawl", "bare"] as const) {
      times[kind].push(await bench.replay(kind, workflow));
    }
  }
  const own = median(times.pawl);
  return [
    {
      id: "SPEED-7",
      what: "replay of 1,000 nodes, to a loop over cached steps",
      value: own / median(times.bare),
      unit: "x",
      target: 3,
    },
    { id: "SPEED-7", what: "replay of 1,000 nodes", value: own, unit: "ms" },
  ];
};

export const durableFigures = async (tell: (line: string) => void): Promise<readonly Figure[]> => {
  const directory = await mkdtemp(join(tmpdir(), "pawl-bench-"));
  const runtime = await startWorkerd(directory);
  try {
    for (const file of (await readdir(pathOf("../migrations"))).sort()) {
      const body = await readFile(pathOf(`../migrations/${file}`), "utf8");
      await runtime.dispatchFetch("http://bench/migrate", { method: "POST", body });
    }
    const bench = benchOver(runtime);
    return [...(await speed6(bench, tell)), ...(await speed7(bench, tell))];
  } finally {
    await runtime.dispose();
    await rm(directory, { recursive: true, force: true });
  }
};
