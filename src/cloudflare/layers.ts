/** The services of a run on Cloudflare. Built for each run: what one run waits for must never be shared with another. */
import * as Layer from "effect/Layer";
import { builtInNodes } from "#nodes/registry";
import type { RunServices } from "#runtime/run";
import { CreditService } from "#services/credit-service";
import { MonitoringService } from "#services/monitoring-service";
import type { NodeDefinition } from "#services/node-definition";
import { NodeRegistry } from "#services/node-registry";
import { ResourceProvider } from "#services/resource-provider";
import { d1ExecutionStoreLayer } from "./d1-execution-store.ts";
import { d1WaitStoreLayer } from "./d1-wait-store.ts";
import type { PawlEnv } from "./env.ts";
import { r2ObjectStoreLayer } from "./r2-object-store.ts";
import { runWatchLayer } from "./run-watch.ts";

/** Node types wait for nothing: one registry serves every run of a Worker. */
export const registryLayer = (nodes: readonly NodeDefinition[]): Layer.Layer<NodeRegistry> =>
  NodeRegistry.layer([...builtInNodes, ...nodes]);

export const cloudflareServices = (env: PawlEnv): Layer.Layer<Exclude<RunServices, NodeRegistry>> =>
  Layer.mergeAll(
    d1ExecutionStoreLayer(env.DB, env.OBJECTS),
    d1WaitStoreLayer(env.DB),
    r2ObjectStoreLayer(env.OBJECTS),
    CreditService.layerMemory,
    ResourceProvider.layerMemory(),
    MonitoringService.layerSilent,
    runWatchLayer(env.WATCHDOG),
  );
