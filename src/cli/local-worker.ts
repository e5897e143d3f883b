/**
 * The Worker that the command embeds: entrypoint and Durable Objects as they are deployed, and a fetch handler through which the
 * command migrates the database, acts on runs and keeps secrets. Reached from the command's own process alone, so it asks for
 * no key.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { PawlEnv, TextBinding } from "#cloudflare/env";
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";
import { cloudflareServices, registryLayer } from "#cloudflare/layers";
import { TokenRefresher as DeployedTokenRefresher } from "#cloudflare/token-refresher";
import { Watchdog as DeployedWatchdog } from "#cloudflare/watchdog";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import { ServiceFailure } from "#services/errors";
import type { MonitoringMessage } from "#services/monitoring-service";
import { MonitoringService } from "#services/monitoring-service";
import type {
  LocalCall,
  LocalCalls,
  LocalRequest,
  LocalResponse,
  Migration,
} from "./local-protocol.ts";
import type { RunRequest, RunRequestServices } from "./local-requests.ts";
import { answerRequest } from "./local-requests.ts";
import type { ResourceRequest, ResourceServices } from "./local-resources.ts";
import { answerResourceRequest, isResourceRequest } from "./local-resources.ts";
import { checkSealed, countSealed } from "./local-sealed.ts";

interface LocalEnv extends PawlEnv {
  /** A function in the command's process: takes an array of MonitoringMessages. */
  readonly PROGRESS: Fetcher;
  /** Another: gives the text of a file beside the data. */
  readonly FILES: Fetcher;
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

/** Read anew each time, since another command may have written it meanwhile. */
const fileBinding = (files: Fetcher, name: string, missing?: string): TextBinding => ({
  get: async () => {
    const response = await files.fetch(`http://files/${name}`);
    const text = await response.text();
    if (response.ok) return text;
    if (response.status === 404 && missing !== undefined) return missing;
    throw new ServiceFailure({ operation: "LocalFile.read", message: text, isFinal: true });
  },
});

/** As the deployed Worker finds its bindings. */
const bound = (env: LocalEnv): LocalEnv => ({
  ...env,
  MASTER_KEY: fileBinding(env.FILES, "master-key"),
  OAUTH_CLIENTS: fileBinding(env.FILES, "oauth-clients.json", ""),
});

const DeployedExecute = executeEntrypoint<LocalEnv>({
  layers: (env, context) => MonitoringService.layerListener(createReporter(env.PROGRESS, context)),
});

export class Execute extends DeployedExecute {
  constructor(context: ExecutionContext, env: LocalEnv) {
    super(context, bound(env));
  }
}

export class TokenRefresher extends DeployedTokenRefresher {
  constructor(context: DurableObjectState, env: LocalEnv) {
    super(context, bound(env));
  }
}

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

type Answers = LocalCalls[LocalCall]["answer"];

type Answering = Effect.Effect<Answers, ServiceFailure, ResourceServices | RunRequestServices>;

/** Of whichever it is, with what both need. */
const answerOf = (request: ResourceRequest | RunRequest): Answering =>
  isResourceRequest(request) ? answerResourceRequest(request) : answerRequest(request);

const respond = async (env: LocalEnv, request: LocalRequest): Promise<LocalResponse> => {
  if (request.type === "migrate") {
    await migrate(env.DB, request.migrations);
    return { status: "answered", answer: null };
  }
  if (request.type === "countSealed") {
    return { status: "answered", answer: await countSealed(env.DB) };
  }
  const answering: Answering =
    request.type === "checkSealed" ? checkSealed(env.DB, request) : answerOf(request);
  return Effect.runPromise(
    answering.pipe(
      Effect.map((answer): LocalResponse => ({ status: "answered", answer })),
      Effect.catch(({ message, operation }) =>
        Effect.succeed<LocalResponse>({ status: "failed", message, operation }),
      ),
      Effect.provide(services(env)),
    ),
  );
};

export default {
  fetch: async (request, env) => Response.json(await respond(bound(env), await request.json())),
} satisfies ExportedHandler<LocalEnv>;
