/**
 * Builds `dist/`, which the package ships in place of the sources: one file for each entry with what they share beside them,
 * the Worker that the command embeds, and declarations.
 */
import { execFileSync } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions } from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));
const typesDirectory = join(root, "dist/types");

const shared: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  target: "es2024",
  logLevel: "warning",
};

/** Entries for Node and for bundlers; dependencies stay imports. Chunks lie as deep as the command's own files. */
const buildEntries = (): Promise<unknown> =>
  build({
    ...shared,
    platform: "neutral",
    packages: "external",
    splitting: true,
    external: ["cloudflare:*", "node:*"],
    outdir: "dist",
    chunkNames: "chunks/[name]-[hash]",
    entryPoints: {
      index: "src/index.ts",
      core: "src/exports/core.ts",
      machines: "src/exports/machines.ts",
      nodes: "src/exports/nodes.ts",
      testing: "src/exports/testing.ts",
      cloudflare: "src/exports/cloudflare.ts",
      "cli/main": "src/cli/main.ts",
    },
  });

const buildLocalWorker = (): Promise<unknown> =>
  build({
    ...shared,
    conditions: ["workerd", "worker"],
    external: ["cloudflare:*"],
    outfile: "dist/local-worker.js",
    entryPoints: ["src/cli/local-worker.ts"],
  });

/** `#core/x` means nothing outside this package's own sources: declarations say it as a path. */
const withRelativeImports = (file: string, text: string): string =>
  text.replaceAll(/(["'])#(\w+)\/([\w-]+)\1/g, (_, quote: string, part: string, name: string) => {
    const target = join(typesDirectory, part === "machines" ? "" : "src", part, `${name}.js`);
    const path = relative(dirname(file), target).split(sep).join(posix.sep);
    return `${quote}${path.startsWith(".") ? path : `./${path}`}${quote}`;
  });

const buildTypes = async (): Promise<void> => {
  execFileSync(
    process.execPath,
    [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"],
    {
      cwd: root,
      stdio: "inherit",
    },
  );
  for (const entry of await readdir(typesDirectory, { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith(".d.ts")) continue;
    const file = join(entry.parentPath, entry.name);
    const text = await readFile(file, "utf8");
    await writeFile(file, withRelativeImports(file, text));
  }
};

await rm(join(root, "dist"), { recursive: true, force: true });
await Promise.all([buildEntries(), buildLocalWorker()]);
await buildTypes();
