import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/** Projects: what knows no platform runs in Node, the rest in workerd with real bindings, and the laws apart. */
const report = process.env["PAWL_TEST_REPORT"];

export default defineConfig({
  test: {
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.worker.test.ts", "test/package/**", "test/crash/**"],
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
          name: "crash",
          include: ["test/crash/**/*.test.ts"],
          testTimeout: 1_800_000,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./test/support/wrangler.toml" },
            miniflare: { bindings: { MIGRATIONS: await readD1Migrations("./migrations") } },
          }),
        ],
        test: {
          name: "workerd",
          include: ["test/**/*.worker.test.ts"],
          setupFiles: ["./test/support/d1-migrations.ts"],
        },
      },
    ],
  },
});
