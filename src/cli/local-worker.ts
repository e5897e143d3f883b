/**
 * The Worker that the command embeds: entrypoint and watchdog as they are deployed, and a fetch handler through which the
 * command migrates the database and acts on runs. Reached from the command's own process alone, so it asks for no key.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { PawlEnv } from "#cloudflare/env";
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";
import { cloudflareServices, registryLayer } from "#cloudflare/layers";
import { Watchdog as DeployedWatchdog } from "#cloudflare/watchdog";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import type { MonitoringMessage } from "#services/monitoring-service";
import { MonitoringService } from "#services/monitoring-service";
import type { LocalRequest, LocalResponse, Migration } from "./local-protocol.ts";
import { answerRequest } from "./local-requests.ts";

interface LocalEnv extends PawlEnv {
  /** A function in the command's process: takes an array of MonitoringMessages. */
  readonly PROGRESS: Fetcher;
  /** The command looks and goes: no run may be set going that would be cut off in a moment. */
  readonly IS_VISIT: boolean;
}

/**
 * Sends one batch at a time, so that messages arrive in order and a busy run costs few requests: workerd lets a request out
 * when the run pauses for breath. A command that has gone changes nothing (MONITOR-2).
 */
const createReporter = (progress: Fetcher, context: ExecutionContext) => {
  let waiting: MonitoringMessage[] = [];
  let isSending = false;
  const send = async (): Promise<void> => {
    isSending = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await progress
        .fetch("http://progress", { method: "POST", body: JSON.stringify(batch) })
        .catch(() => {});
    }
    isSending = false;
  };
  return (message: MonitoringMessage): void => {
    waiting.push(message);
    if (!isSending) context.waitUntil(send());
  };
};

export const Execute = executeEntrypoint<LocalEnv>({
  layers: (env, context) => MonitoringService.layerListener(createReporter(env.PROGRESS, context)),
});

export class Watchdog extends DeployedWatchdog {
  /** A visitor leaves the alarm to the next command that stays. */
  override async alarm(): Promise<void> {
    if ((this.env as LocalEnv).IS_VISIT) await this.ctx.storage.setAlarm(Date.now() + 1000);
    else await super.alarm();
  }
}

/** The table that `wrangler d1 migrations apply` keeps, so that both agree on what has been applied. */
const migrationsTable = `
  CREATE TABLE IF NOT EXISTS d1_migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
  )`;

/** Each with its record in one transaction: a migration is applied once or not at all. */
const migrate = async (db: D1Database, migrations: readonly Migration[]): Promise<void> => {
  await db.prepare(migrationsTable).run();
  const { results } = await db
    .prepare("SELECT name FROM d1_migrations")
    .all<{ readonly name: string }>();
  const applied = new Set(results.map(({ name }) => name));
  for (const { name, sql } of migrations.filter((migration) => !applied.has(migration.name))) {
    await db.batch([
      db.prepare(sql),
      db.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name),
    ]);
  }
};

const services = (env: LocalEnv) =>
  Layer.mergeAll(registryLayer([]), cloudflareServices(env), workflowInstancesLayer(env.EXECUTE));

const respond = async (env: LocalEnv, request: LocalRequest): Promise<LocalResponse> => {
  if (request.type === "migrate") {
    await migrate(env.DB, request.migrations);
    return { status: "answered", answer: null };
  }
  return Effect.runPromise(
    answerRequest(request).pipe(
      Effect.map((answer): LocalResponse => ({ status: "answered", answer })),
      Effect.catch((failure) =>
        Effect.succeed<LocalResponse>({ status: "failed", message: failure.message }),
      ),
      Effect.provide(services(env)),
    ),
  );
};

export default {
  fetch: async (request, env) => Response.json(await respond(env, await request.json())),
} satisfies ExportedHandler<LocalEnv>;
