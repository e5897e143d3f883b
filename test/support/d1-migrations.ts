/** Setup of every test file in workerd: storage begins empty for each, so the schema is made anew. */
import { applyD1Migrations, env } from "cloudflare:test";
import type { D1Migration } from "cloudflare:test";
import type { PawlEnv } from "#cloudflare/env";

declare global {
  namespace Cloudflare {
    interface Env extends PawlEnv {
      readonly MIGRATIONS: D1Migration[];
    }
  }
}

await applyD1Migrations(env.DB, env.MIGRATIONS);
