/** The size of the Worker as `wrangler deploy` sends it: bundled, minified with its names kept, gzipped. */
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import type { Figure } from "./figure.ts";

const gzippedKilobytes = async (minify: boolean): Promise<number> => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../src/worker.ts", import.meta.url))],
    bundle: true,
    write: false,
    minify,
    keepNames: minify,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker"],
    external: ["cloudflare:*"],
  });
  return gzipSync(outputFiles[0]?.contents ?? new Uint8Array()).byteLength / 1024;
};

export const workerSizeFigures = async (): Promise<readonly Figure[]> => [
  {
    id: "size",
    what: "the Worker, gzipped",
    value: await gzippedKilobytes(true),
    unit: "KB",
    target: 150,
  },
  { id: "size", what: "the same, not minified", value: await gzippedKilobytes(false), unit: "KB" },
];
