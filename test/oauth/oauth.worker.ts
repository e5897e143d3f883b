/**
 * The Worker of the tests with a real authorization server: Pawl's refresher, a database that can be held back, and a door for
 * each thing that a test asks. `HOLD` says what becomes of new tokens on their way to D1: `fail`, `hang`, or nothing.
 */
import { DurableObject } from "cloudflare:workers";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { d1IntegrationStoreLayer } from "#cloudflare/d1-integration-store";
import { d1ResourceProviderLayer } from "#cloudflare/d1-resource-provider";
import { d1SecretStoreLayer } from "#cloudflare/d1-secret-store";
import { tokenRefresherLayer } from "#cloudflare/do-token-refresher";
import type { PawlEnv } from "#cloudflare/env";
import { masterKeyOf } from "#cloudflare/master-key";
import { TokenRefresher as Refresher } from "#cloudflare/token-refresher";
import type { NewConnection } from "#services/integration-store";
import { IntegrationStore } from "#services/integration-store";
import type { Integration } from "#services/node-definition";
import { ResourceProvider } from "#services/resource-provider";
import type { RefreshRequest } from "#services/token-refresher";
import { TokenRefresher as TokenRefresherService } from "#services/token-refresher";

interface AskerMethods extends Rpc.DurableObjectBranded {
  readonly refresh: (request: RefreshRequest, times: number) => Promise<string>;
  readonly die: () => Promise<void>;
}

interface Env extends PawlEnv {
  readonly HOLD: "" | "fail" | "hang";
  readonly ASKER: DurableObjectNamespace<AskerMethods>;
}

/** The database, but for new tokens that are on their way to it. */
const heldBack = ({ DB, HOLD }: Env): D1Database => {
  const isHeld = (sql: string): boolean => HOLD !== "" && sql.includes("version = version + 1");
  const hold = (): Promise<never> =>
    HOLD === "hang" ? new Promise(() => {}) : Promise.reject(new Error("D1 is away"));
  return new Proxy(DB, {
    get: (db, name) => {
      if (name !== "prepare") return Reflect.get(db, name, db) as unknown;
      return (sql: string) => (isHeld(sql) ? { bind: () => ({ run: hold }) } : db.prepare(sql));
    },
  });
};

export class TokenRefresher extends Refresher {
  constructor(context: DurableObjectState, env: Env) {
    super(context, { ...env, DB: heldBack(env) });
  }
}

const refresh = (env: Env, request: RefreshRequest, times: number): Promise<unknown> => {
  const service = Effect.runSync(
    Effect.provide(TokenRefresherService, tokenRefresherLayer(env.TOKEN_REFRESHER)),
  );
  const told = service
    .refresh(request)
    .pipe(
      Effect.catch(({ message, isFinal }) =>
        Effect.succeed({ status: "failed", message, isFinal }),
      ),
    );
  const asks = Array.from({ length: times }, () => told);
  return Effect.runPromise(Effect.all(asks, { concurrency: "unbounded" }));
};

/** As a node asks. */
const getIntegration = (
  { DB, MASTER_KEY, TOKEN_REFRESHER }: Env,
  organizationId: string,
  id: string,
): Promise<Integration | undefined> => {
  const masterKey = masterKeyOf(MASTER_KEY);
  const layer = d1ResourceProviderLayer.pipe(
    Layer.provide([
      d1SecretStoreLayer(DB, masterKey),
      d1IntegrationStoreLayer(DB, masterKey),
      tokenRefresherLayer(TOKEN_REFRESHER),
    ]),
  );
  const { createNodeContext } = Effect.runSync(Effect.provide(ResourceProvider, layer));
  return createNodeContext({ organizationId } as never).getIntegration(id);
};

/** One that asks and dies of it, as the instance of a workflow may. */
export class Asker extends DurableObject<Env> {
  async refresh(request: RefreshRequest, times: number): Promise<string> {
    return JSON.stringify(await refresh(this.env, request, times));
  }

  async die(): Promise<void> {
    this.ctx.abort("The asker dies");
  }
}

type Ask =
  | { readonly type: "migrate"; readonly migrations: readonly string[] }
  | { readonly type: "connect"; readonly connection: NewConnection }
  | {
      readonly type: "read" | "getIntegration";
      readonly organizationId: string;
      readonly id: string;
    }
  /** As many at once as `times` says. */
  | { readonly type: "refresh"; readonly request: RefreshRequest; readonly times: number }
  | { readonly type: "refreshAndDie"; readonly request: RefreshRequest; readonly millis: number };

const answer = async (env: Env, ask: Ask): Promise<unknown> => {
  const layer = d1IntegrationStoreLayer(env.DB, masterKeyOf(env.MASTER_KEY));
  const store = Effect.runSync(Effect.provide(IntegrationStore, layer));
  switch (ask.type) {
    case "migrate":
      for (const sql of ask.migrations) await env.DB.batch([env.DB.prepare(sql)]);
      return null;
    case "connect":
      return Effect.runPromise(store.connect(ask.connection));
    case "read":
      return (await Effect.runPromise(store.read(ask.organizationId, ask.id))) ?? null;
    case "getIntegration":
      return (await getIntegration(env, ask.organizationId, ask.id)) ?? null;
    case "refresh":
      return refresh(env, ask.request, ask.times);
    case "refreshAndDie": {
      const asker = env.ASKER.getByName("asker");
      const asked = asker.refresh(ask.request, 1).catch((error: unknown) => String(error));
      setTimeout(() => void asker.die().catch(() => {}), ask.millis);
      return asked;
    }
  }
};

export default {
  fetch: async (request, env) => Response.json(await answer(env, await request.json())),
} satisfies ExportedHandler<Env>;
