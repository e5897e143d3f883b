/** workerd with the refresher and three Workers that ask it, each in an isolate of its own; and its death by SIGKILL. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare, NoOpLog } from "miniflare";
import { clientsOf } from "./authorization-server.ts";

export const bundledWorker = async (): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("oauth.worker.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker"],
    external: ["cloudflare:*"],
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
};

export const migrations = (): readonly string[] => {
  const directory = fileURLToPath(new URL("../../migrations/", import.meta.url));
  return readdirSync(directory)
    .toSorted()
    .map((name) => readFileSync(join(directory, name), "utf8"));
};

/** Of processes that this one has started. Linux tells it in files; elsewhere `pgrep` does. */
const childrenOf = (pid: number): readonly number[] => {
  const file = `/proc/${pid}/task/${pid}/children`;
  const text = existsSync(file)
    ? readFileSync(file, "utf8")
    : execFileSync("pgrep", ["-P", String(pid)], { encoding: "utf8" });
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
};

export interface Runtime {
  /** Through one of its Workers. */
  readonly ask: <A>(
    ask: Readonly<Record<string, unknown>>,
    options?: { readonly worker?: string },
  ) => Promise<A>;
  /** At once, as by a power cut. */
  readonly kill: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export const askers: readonly string[] = ["first", "second", "third"];

export interface RuntimeOptions {
  readonly code: string;
  readonly directory: string;
  /** Of the authorization server. */
  readonly url: string;
  readonly hold: "" | "fail" | "hang";
}

const object = { type: "durable-object", storage: "sqlite" } as const;

export const startRuntime = async ({
  code,
  directory,
  url,
  hold,
}: RuntimeOptions): Promise<Runtime> => {
  const before = new Set(childrenOf(process.pid));
  const runtime = new Miniflare({
    log: new NoOpLog(),
    handleStructuredLogs: () => {},
    cf: false,
    telemetry: { enabled: false },
    enableDevRegistry: false,
    unsafeObservability: false,
    logRequests: false,
    resourcePersistencePath: directory,
    workers: ["home", ...askers].map((name) => ({
      config: {
        name,
        compatibilityDate: "2026-05-01",
        compatibilityFlags: ["nodejs_compat"],
        manifest: {
          mainModule: "worker.js",
          modulesRoot: "/",
          modules: { "worker.js": { type: "esm" as const, contents: code } },
        },
        ...(name === "home"
          ? {
              exports: { TokenRefresher: object, Asker: object },
            }
          : {}),
        env: {
          DB: { type: "d1" as const, id: "00000000-0000-0000-0000-000000000000" },
          TOKEN_REFRESHER: {
            type: "durable-object" as const,
            worker: "home",
            exportName: "TokenRefresher",
          },
          ASKER: { type: "durable-object" as const, worker: "home", exportName: "Asker" },
          MASTER_KEY: {
            type: "text" as const,
            value: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
          },
          OAUTH_CLIENTS: { type: "text" as const, value: clientsOf(url) },
          HOLD: { type: "text" as const, value: hold },
        },
      },
    })),
  });
  await runtime.ready;
  const children = childrenOf(process.pid).filter((pid) => !before.has(pid));
  return {
    ask: async <A>(
      ask: Readonly<Record<string, unknown>>,
      { worker = "first" }: { readonly worker?: string } = {},
    ) => {
      const { fetch } = await runtime.getWorker(worker);
      const response = await fetch("http://pawl", { method: "POST", body: JSON.stringify(ask) });
      if (!response.ok) throw new Error(await response.text());
      return (await response.json()) as A;
    },
    kill: async () => {
      if (children.length === 0) throw new Error("Nothing to kill");
      for (const pid of children) process.kill(pid, "SIGKILL");
      await runtime.dispose().catch(() => {});
      await delay(50);
    },
    close: () => runtime.dispose(),
  };
};
