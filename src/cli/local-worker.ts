/**
 * The Worker that `pawl run` embeds: the run's entrypoint as it is deployed, and a fetch handler through which the command
 * migrates the database, starts a run and reads it. Reached from this machine's own process alone, so it asks for no key.
 */
import * as Effect from "effect/Effect";
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";
import { d1ExecutionStoreLayer } from "#cloudflare/d1-execution-store";
import type { PawlEnv } from "#cloudflare/env";
import type { WorkflowExecution } from "#core/report";
import { ExecutionStore } from "#services/execution-store";
import type { MonitoringMessage } from "#services/monitoring-service";
import { MonitoringService } from "#services/monitoring-service";
import type { LocalRequest, LocalResponse, Migration } from "./local-protocol.ts";

interface LocalEnv extends PawlEnv {
  /** A function in the command's process: takes an array of MonitoringMessages. */
  readonly PROGRESS: Fetcher;
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

const read = (
  env: LocalEnv,
  organizationId: string,
  executionId: string,
): Promise<WorkflowExecution | undefined> =>
  Effect.runPromise(
    ExecutionStore.use((store) => store.get(organizationId, executionId)).pipe(
      Effect.provide(d1ExecutionStoreLayer(env.DB, env.OBJECTS)),
    ),
  );

const answer = async (env: LocalEnv, request: LocalRequest): Promise<LocalResponse> => {
  switch (request.type) {
    case "migrate":
      await migrate(env.DB, request.migrations);
      return { type: "done" };
    case "start":
      await env.EXECUTE.create({ id: request.executionId, params: request.params });
      return { type: "done" };
    case "read":
      return {
        type: "record",
        execution: (await read(env, request.organizationId, request.executionId)) ?? null,
      };
    case "status": {
      const instance = await env.EXECUTE.get(request.executionId);
      const { status, error } = await instance.status();
      return { type: "status", status, error: error?.message ?? null };
    }
  }
};

export default {
  fetch: async (request, env) => Response.json(await answer(env, await request.json())),
} satisfies ExportedHandler<LocalEnv>;
