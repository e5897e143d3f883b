/** `wrangler dev` as a person runs it, and its death: every process of its tree by SIGKILL, workerd first of all. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../../", import.meta.url));
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const wrangler = fileURLToPath(
  new URL("../../node_modules/wrangler/bin/wrangler.js", import.meta.url),
);

const environment = {
  ...process.env,
  CI: "true",
  WRANGLER_SEND_METRICS: "false",
  X_LOCAL_OBSERVABILITY: "false",
};

const configIn = (directory: string): string => join(directory, "wrangler.toml");

/**
 * A copy of the Worker that nobody edits: `wrangler dev` reloads what is changed, and a reload is a crash of its own. The
 * Worker's wrangler.toml is beside it.
 */
export const prepare = async (
  directory: string,
  worker = here("crash.worker.ts"),
): Promise<void> => {
  const config = readFileSync(join(dirname(worker), "wrangler.toml"), "utf8")
    .replace(basename(worker), "worker.js")
    .replace("../../migrations", here("../../migrations"));
  writeFileSync(configIn(directory), config);
  await build({
    entryPoints: [worker],
    bundle: true,
    outfile: join(directory, "worker.js"),
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker"],
    external: ["cloudflare:*"],
    logLevel: "silent",
  });
  const migrate = ["d1", "migrations", "apply", "pawl", "--local"];
  const options = ["--persist-to", directory, "-c", configIn(directory)];
  execFileSync(process.execPath, [wrangler, ...migrate, ...options], {
    cwd: root,
    env: environment,
    stdio: "pipe",
  });
};

/** Parent of each process. Linux tells it in files; elsewhere `ps` does. */
const parents = (): ReadonlyMap<number, number> => {
  if (!existsSync("/proc/self/stat")) {
    const lines = execFileSync("ps", ["-axo", "pid=,ppid="], { encoding: "utf8" })
      .trim()
      .split("\n");
    return new Map(lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]));
  }
  const found = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      // The process's name stands in brackets and may hold anything.
      found.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
};

const treeOf = (pid: number): readonly number[] => {
  const all = [...parents()];
  const tree = [pid];
  for (const member of tree)
    tree.push(...all.filter(([, parent]) => parent === member).map(([id]) => id));
  return tree;
};

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

const until = async (condition: () => Promise<boolean>, what: string): Promise<void> => {
  for (let tries = 0; tries < 600; tries++) {
    if (await condition()) return;
    await delay(50);
  }
  throw new Error(`${what} did not happen within 30 seconds`);
};

export interface Server {
  readonly url: string;
  /** All that it has written to the console, in both streams. */
  readonly output: () => Buffer;
  /** Kills the whole tree and waits until the port is free. */
  readonly kill: () => Promise<void>;
}

interface ServerOptions {
  readonly logLevel?: string;
  /** For its environment, beside that of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** In place of those in its wrangler.toml. */
  readonly vars?: Readonly<Record<string, string>>;
}

export const startServer = async (
  directory: string,
  port: number,
  { logLevel = "error", environment: own = {}, vars = {} }: ServerOptions = {},
): Promise<Server> => {
  const child: ChildProcess = spawn(
    process.execPath,
    [
      wrangler,
      "dev",
      "-c",
      configIn(directory),
      "--port",
      String(port),
      "--inspector-port",
      String(port + 1),
      "--persist-to",
      directory,
      "--log-level",
      logLevel,
      "--show-interactive-dev-session",
      "false",
      ...Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]),
    ],
    { cwd: root, env: { ...environment, ...own }, stdio: ["ignore", "pipe", "pipe"] },
  );
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  }
  const output = (): Buffer => Buffer.concat(chunks);
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`wrangler dev ended: ${output().toString()}`);
    return isListening(port);
  }, "The start of wrangler dev");
  return {
    url: `http://127.0.0.1:${port}`,
    output,
    kill: async () => {
      // The tree is read before anything dies: an orphan would have another parent.
      for (const pid of [...treeOf(child.pid!)].reverse()) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // It has ended by itself.
        }
      }
      await until(async () => !(await isListening(port)), "The end of wrangler dev");
    },
  };
};
