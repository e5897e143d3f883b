import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/** Projects: what knows no platform runs in Node, the rest in workerd with real bindings, and the laws apart. */
const report = process.env["PAWL_TEST_REPORT"];

const migrations = await readD1Migrations("./migrations");

const inWorkerd = (bindings: Readonly<Record<string, string>> = {}) =>
  cloudflareTest({
    wrangler: { configPath: "./test/support/wrangler.toml" },
    miniflare: { bindings: { MIGRATIONS: migrations, ...bindings } },
  });

export default defineConfig({
  test: {
    // Every core: by default one is left idle, which is half of them on the smallest machines.
    maxWorkers: "100%",
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/**/*.worker.test.ts",
            "test/package/**",
            "test/crash/**",
            "test/canary/**",
            "test/cli/local/**",
            "test/large/**",
          ],
        },
      },
      {
        test: {
          name: "properties",
          include: ["properties/**/*.property.ts", "properties/**/*.test.ts"],
          testTimeout: 300_000,
        },
      },
      {
        test: { name: "package", include: ["test/package/**/*.test.ts"] },
      },
      {
        test: {
          name: "local",
          include: ["test/cli/local/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "crash",
          include: ["test/crash/**/*.test.ts"],
          testTimeout: 1_800_000,
        },
      },
      {
        test: {
          name: "canary",
          include: ["test/canary/**/*.test.ts"],
          hookTimeout: 300_000,
        },
      },
      {
        plugins: [inWorkerd()],
        test: {
          name: "workerd",
          include: ["test/**/*.worker.test.ts"],
          exclude: ["test/large/**"],
          setupFiles: ["./test/support/d1-migrations.ts"],
        },
      },
      {
        plugins: [inWorkerd({ WATCHDOG_INTERVAL: "5000" })],
        test: {
          name: "large",
          include: ["test/large/**/*.worker.test.ts"],
          setupFiles: ["./test/support/d1-migrations.ts"],
          testTimeout: 600_000,
        },
      },
    ],
  },
});
