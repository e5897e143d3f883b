/**
 * The Worker of the canary test. Secrets come to it in the body of a request, which nothing logs or keeps, and go where they
 * belong by Pawl's own stores. `POST /` with a `CanaryRequest` does one thing; `GET /?id=` reads a record.
 */
import { DurableObject, env as globalEnv } from "cloudflare:workers";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { PawlEnv } from "#cloudflare/env";
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";
import { cloudflareServices } from "#cloudflare/layers";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import { noMask } from "#core/mask";
import { answerWait, commandRun } from "#runtime/control-run";
import { startRun } from "#runtime/start-run";
import { ExecutionStore } from "#services/execution-store";
import { IntegrationStore } from "#services/integration-store";
import { ResourceProvider } from "#services/resource-provider";
import { SecretStore } from "#services/secret-store";
import type { CanaryRequest } from "./canary-request.ts";
import { controlOrganizationId, organizationId } from "./canary-request.ts";
import { canaryNodes, pause, single } from "./canary-nodes.ts";
import { markerOf } from "./marker.ts";

interface MarkedMethods extends Rpc.DurableObjectBranded {
  readonly mark: () => Promise<void>;
}

interface Env extends PawlEnv {
  readonly MARKED: DurableObjectNamespace<MarkedMethods>;
}

const env = globalEnv as unknown as Env;

/** Keeps a marker as objects keep what they know. */
export class Marked extends DurableObject<Env> {
  async mark(): Promise<void> {
    await this.ctx.storage.put("marker", markerOf("object"));
  }
}

const notesTable = `CREATE TABLE IF NOT EXISTS notes (
  execution TEXT NOT NULL, node TEXT NOT NULL, attempt INTEGER NOT NULL, what TEXT NOT NULL, at INTEGER NOT NULL)`;

/** Says that it has begun, holds the secrets for a while, and gives them away, also when it is told to stop. */
const hold = single("hold", "error", async (held, { executionId, nodeId, attempt, signal }) => {
  await env.DB.prepare(
    "INSERT INTO notes (execution, node, attempt, what, at) VALUES (?, ?, ?, 'begin', ?)",
  )
    .bind(executionId, nodeId, attempt, Date.now())
    .run();
  for (let time = 0; time < 1_500 && !signal.aborted; time += 50) await pause(50);
  if (signal.aborted) throw new Error(held.join(" "));
  return { out: held };
});

interface Process {
  readonly stdout: { readonly write: (text: string) => void };
  readonly stderr: { readonly write: (text: string) => void };
  readonly emitWarning: (text: string) => void;
}

/** Other ways to the logs than the console. */
const floats = single("floats", "console", async (held) => {
  const { process } = globalThis as unknown as { readonly process: Process };
  for (const text of held) {
    void Promise.reject(new Error(`floating ${text}`));
    process.stdout.write(`stdout ${text}\n`);
    process.stderr.write(`stderr ${text}\n`);
    process.emitWarning(`warning ${text}`);
  }
  await pause(100);
  return { out: true };
});

/** Pawl's own resources, but that nothing is masked for one organization. */
const resources = () =>
  Layer.effect(
    ResourceProvider,
    Effect.map(ResourceProvider, (own) => ({
      ...own,
      maskFor: (id) => (id === controlOrganizationId ? noMask : own.maskFor(id)),
      maskAtHand: (id) => (id === controlOrganizationId ? noMask : own.maskAtHand(id)),
    })),
  ).pipe(Layer.provide(cloudflareServices(env)));

/** Few steps, so that a long run is spread over several instances. */
export const Execute = executeEntrypoint({
  nodes: [...canaryNodes, floats, hold],
  layers: resources,
  stepLimit: 80,
  partSteps: 30,
});
export { TokenRefresher } from "#cloudflare/token-refresher";
export { Watchdog } from "#cloudflare/watchdog";

const services = () =>
  Layer.mergeAll(cloudflareServices(env), workflowInstancesLayer(env.EXECUTE), resources());

const perform = async (request: CanaryRequest): Promise<unknown> => {
  switch (request.type) {
    case "seed": {
      await env.DB.prepare(notesTable).run();
      await env.CACHE.put("marker", markerOf("cache"));
      await env.MARKED.getByName("marked").mark();
      const storing = Effect.gen(function* () {
        const secrets = yield* SecretStore;
        const integrations = yield* IntegrationStore;
        for (const secret of request.secrets) yield* secrets.set(secret);
        for (const connection of request.connections) yield* integrations.connect(connection);
        return { status: "seeded" };
      });
      return Effect.runPromise(storing.pipe(Effect.provide(services())));
    }
    case "start":
      return Effect.runPromise(
        startRun(request.params, request.id).pipe(Effect.provide(services())),
      );
    case "answer": {
      const { id: executionId, nodeId, data } = request;
      const answering = answerWait({ organizationId, executionId, nodeId, data });
      return Effect.runPromise(answering.pipe(Effect.provide(services())));
    }
    case "cancel":
      return Effect.runPromise(
        commandRun(organizationId, request.id, "cancel").pipe(Effect.provide(services())),
      );
  }
};

export default {
  fetch: async (request) => {
    if (request.method !== "GET") return Response.json(await perform(await request.json()));
    const id = new URL(request.url).searchParams.get("id") ?? "";
    const reading = ExecutionStore.use((store) => store.get(organizationId, id));
    return Response.json(
      (await Effect.runPromise(reading.pipe(Effect.provide(services())))) ?? null,
    );
  },
} satisfies ExportedHandler<Env>;
