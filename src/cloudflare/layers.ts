/** The services of a run on Cloudflare. Built for each run: what one run waits for must never be shared with another. */
import * as Layer from "effect/Layer";
import { builtInNodes } from "#nodes/registry";
import type { RunServices } from "#runtime/execute-workflow";
import { CreditService } from "#services/credit-service";
import { MonitoringService } from "#services/monitoring-service";
import type { NodeDefinition } from "#services/node-definition";
import { NodeRegistry } from "#services/node-registry";
import { ResourceProvider } from "#services/resource-provider";
import { d1ExecutionStoreLayer } from "./d1-execution-store.ts";
import type { PawlEnv } from "./env.ts";
import { r2ObjectStoreLayer } from "./r2-object-store.ts";

export const cloudflareServices = (
  env: PawlEnv,
  nodes: readonly NodeDefinition[],
): Layer.Layer<RunServices> =>
  Layer.mergeAll(
    NodeRegistry.layer([...builtInNodes, ...nodes]),
    d1ExecutionStoreLayer(env.DB, env.OBJECTS),
    r2ObjectStoreLayer(env.OBJECTS),
    CreditService.layerMemory,
    ResourceProvider.layerMemory(),
    MonitoringService.layerSilent,
  );
