/** What the embedded runtime is given: the Worker's code, its bindings, the database's migrations. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MiniflareOptions } from "miniflare";
import type { MonitoringMessage } from "#services/monitoring-service";
import type { Migration } from "./local-protocol.ts";
import { lostKeyText, masterKeyPath } from "./master-key-file.ts";
import { clientsPath } from "./oauth-clients-file.ts";
import { readOwnFile } from "./state-directory.ts";

const packageRoot = new URL("../../", import.meta.url);

/** Bundled on the spot from the sources of a clone; a package brings the file. */
export const workerCode = async (): Promise<string> => {
  const source = new URL("local-worker.ts", import.meta.url);
  if (!existsSync(source)) {
    return readFile(new URL("dist/local-worker.js", packageRoot), "utf8");
  }
  const { build, stop } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(source)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker"],
    external: ["cloudflare:*"],
    logLevel: "silent",
  });
  // Its process would stay for as long as the run takes.
  await stop();
  return outputFiles[0]?.text ?? "";
};

/** In the order of their numbers. */
export const readMigrations = async (): Promise<readonly Migration[]> => {
  const directory = fileURLToPath(new URL("migrations/", packageRoot));
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name) => ({ name, sql: await readFile(join(directory, name), "utf8") })),
  );
};

type Env = NonNullable<MiniflareOptions["workers"][number]["config"]["env"]>;

/** With the ids of wrangler.toml, so that `wrangler --persist-to .pawl` sees the same data. */
const bindings = {
  DB: { type: "d1", id: "00000000-0000-0000-0000-000000000000" },
  OBJECTS: { type: "r2", name: "pawl-objects" },
  CACHE: { type: "kv", id: "00000000000000000000000000000000" },
  EXECUTE: { type: "workflow", name: "pawl-execute", worker: "pawl", exportName: "Execute" },
  WATCHDOG: { type: "durable-object", worker: "pawl", exportName: "Watchdog" },
  TOKEN_REFRESHER: { type: "durable-object", worker: "pawl", exportName: "TokenRefresher" },
  // Short, since a person waits: the first round comes at once and wakes what the process before left.
  WATCHDOG_INTERVAL: { type: "text", value: "1000" },
} satisfies Env;

export interface EmbeddedOptions {
  readonly miniflare: typeof import("miniflare");
  readonly code: string;
  readonly directory: string;
  /** The command only looks, or says one thing: what else is in the directory stays as it is. */
  readonly isVisit: boolean;
  readonly listen: (message: MonitoringMessage) => void;
}

/** What the Worker may read of the state directory: two files, each time as they are then. */
const fileHandler =
  (miniflare: typeof import("miniflare"), directory: string) =>
  async (request: { readonly url: string }) => {
    const wanted = join(directory, new URL(request.url).pathname.slice(1));
    const path = [masterKeyPath(directory), clientsPath(directory)].find((own) => own === wanted);
    const text = path === undefined ? undefined : readOwnFile(path);
    return text === undefined
      ? new miniflare.Response(lostKeyText(directory), { status: 404 })
      : new miniflare.Response(text);
  };

export const embeddedOptions = ({
  miniflare,
  code,
  directory,
  isVisit,
  listen,
}: EmbeddedOptions): MiniflareOptions => ({
  log: new miniflare.NoOpLog(),
  handleStructuredLogs: ({ message }) => {
    if ((process.env["PAWL_DEBUG"] ?? "") !== "") process.stderr.write(`workerd: ${message}\n`);
  },
  // Nothing here asks the network or other processes for anything.
  cf: false,
  telemetry: { enabled: false },
  enableDevRegistry: false,
  unsafeObservability: false,
  logRequests: false,
  // `v3` is where wrangler looks below the directory of `--persist-to`.
  resourcePersistencePath: join(directory, "v3"),
  workers: [
    {
      config: {
        name: "pawl",
        compatibilityDate: "2026-05-01",
        compatibilityFlags: ["nodejs_compat", "workflows_preserve_non_retryable_error_message"],
        manifest: {
          mainModule: "local-worker.js",
          modulesRoot: "/",
          modules: { "local-worker.js": { type: "esm", contents: code } },
        },
        exports: {
          TokenRefresher: { type: "durable-object", storage: "sqlite" },
          Watchdog: { type: "durable-object", storage: "sqlite" },
        },
        env: {
          ...bindings,
          IS_VISIT: { type: "json", value: isVisit },
          PROGRESS: {
            type: "fetcher",
            handler: async (request) => {
              for (const message of (await request.json()) as readonly MonitoringMessage[]) {
                listen(message);
              }
              return new miniflare.Response(null, { status: 204 });
            },
          },
          FILES: { type: "fetcher", handler: fileHandler(miniflare, directory) },
        },
      },
    },
  ],
});
