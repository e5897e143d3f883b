/** The services of a run on Cloudflare. Built for each run: what one run waits for must never be shared with another. */
import * as Layer from "effect/Layer";
import { builtInNodes } from "#nodes/registry";
import type { RunServices } from "#runtime/run";
import type { IntegrationStore } from "#services/integration-store";
import { MonitoringService } from "#services/monitoring-service";
import type { NodeDefinition } from "#services/node-definition";
import { NodeRegistry } from "#services/node-registry";
import type { SecretStore } from "#services/secret-store";
import { d1CreditServiceLayer } from "./d1-credit-service.ts";
import { d1ExecutionStoreLayer } from "./d1-execution-store.ts";
import { d1IntegrationStoreLayer } from "./d1-integration-store.ts";
import { d1ResourceProviderLayer } from "./d1-resource-provider.ts";
import { d1SecretStoreLayer } from "./d1-secret-store.ts";
import { d1WaitStoreLayer } from "./d1-wait-store.ts";
import { tokenRefresherLayer } from "./do-token-refresher.ts";
import type { PawlEnv } from "./env.ts";
import { masterKeyOf } from "./master-key.ts";
import { r2ObjectStoreLayer } from "./r2-object-store.ts";
import { runWatchLayer } from "./run-watch.ts";

/** Node types wait for nothing: one registry serves every run of a Worker. */
export const registryLayer = (nodes: readonly NodeDefinition[]): Layer.Layer<NodeRegistry> =>
  NodeRegistry.layer([...builtInNodes, ...nodes]);

/** What a run needs, and what people change of their organization's resources. */
export type CloudflareServices =
  | Exclude<RunServices, NodeRegistry>
  | IntegrationStore
  | SecretStore;

export const cloudflareServices = (env: PawlEnv): Layer.Layer<CloudflareServices> => {
  const masterKey = masterKeyOf(env.MASTER_KEY);
  const sealed = Layer.mergeAll(
    d1SecretStoreLayer(env.DB, masterKey),
    d1IntegrationStoreLayer(env.DB, masterKey),
  );
  return Layer.mergeAll(
    d1CreditServiceLayer(env.DB, env.CACHE),
    d1ExecutionStoreLayer(env.DB, env.OBJECTS),
    d1WaitStoreLayer(env.DB),
    r2ObjectStoreLayer(env.OBJECTS),
    d1ResourceProviderLayer.pipe(
      Layer.provideMerge(Layer.merge(sealed, tokenRefresherLayer(env.TOKEN_REFRESHER))),
    ),
    MonitoringService.layerSilent,
    runWatchLayer(env.WATCHDOG),
  );
};
