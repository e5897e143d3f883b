/** The services of a run that brings none of its own: everything in memory, built anew for each run. */
import * as Layer from "effect/Layer";
import { builtInNodes } from "#nodes/registry";
import { CreditService } from "#services/credit-service";
import { ExecutionStore } from "#services/execution-store";
import { MonitoringService } from "#services/monitoring-service";
import type { NodeDefinition } from "#services/node-definition";
import { NodeRegistry } from "#services/node-registry";
import { ObjectStore } from "#services/object-store";
import { ResourceProvider } from "#services/resource-provider";
import { RunWatch } from "#services/run-watch";
import { WaitStore } from "#services/wait-store";
import type { RunServices } from "./run.ts";

export const memoryServices = (nodes: readonly NodeDefinition[] = []): Layer.Layer<RunServices> =>
  Layer.mergeAll(
    NodeRegistry.layer([...builtInNodes, ...nodes]),
    CreditService.layerMemory,
    ExecutionStore.layerMemory,
    MonitoringService.layerSilent,
    ObjectStore.layerMemory,
    ResourceProvider.layerMemory(),
    RunWatch.layerNone,
    WaitStore.layerMemory,
  );
