/** The contracts against every memory layer. They run in Node and in workerd alike. */
import * as Effect from "effect/Effect";
import { expect, it } from "vitest";
import { CreditService } from "#services/credit-service";
import { ExecutionStore } from "#services/execution-store";
import { MonitoringService } from "#services/monitoring-service";
import { NodeRegistry } from "#services/node-registry";
import { ObjectStore } from "#services/object-store";
import { ResourceProvider } from "#services/resource-provider";
import { WaitStore } from "#services/wait-store";
import { creditServiceContract } from "./credit-service.contract.ts";
import { executionStoreContract } from "./execution-store.contract.ts";
import { messages, monitoringServiceContract } from "./monitoring-service.contract.ts";
import { nodeRegistryContract } from "./node-registry.contract.ts";
import { objectStoreContract } from "./object-store.contract.ts";
import { resourceProviderContract } from "./resource-provider.contract.ts";
import { runCommandContract } from "./run-command.contract.ts";
import { runStartContract } from "./run-start.contract.ts";
import { waitStoreContract } from "./wait-store.contract.ts";

export const memoryContracts = (): void => {
  executionStoreContract("memory", () => ExecutionStore.layerMemory);
  runStartContract("memory", () => ExecutionStore.layerMemory);
  runCommandContract("memory", () => ExecutionStore.layerMemory);
  waitStoreContract("memory", () => WaitStore.layerMemory);
  objectStoreContract("memory", () => ObjectStore.layerMemory);
  creditServiceContract("memory", () => CreditService.layerMemory);
  nodeRegistryContract("memory", NodeRegistry.layer);
  resourceProviderContract("memory", ResourceProvider.layerMemory);
  monitoringServiceContract("listener", MonitoringService.layerListener);

  it("MonitoringService: silent answers nothing and does not fail", () => {
    const { publish } = Effect.runSync(
      Effect.provide(MonitoringService, MonitoringService.layerSilent),
    );
    expect(messages.map(publish)).toEqual(messages.map(() => undefined));
  });
};
