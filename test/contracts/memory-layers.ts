/** The contracts against every memory layer. They run in Node and in workerd alike. */
import * as Effect from "effect/Effect";
import { expect, it } from "vitest";
import { CreditService } from "#services/credit-service";
import { directTokenRefresherLayer } from "#runtime/direct-token-refresher";
import { parseOAuthClients } from "#runtime/oauth-clients";
import { ExecutionStore } from "#services/execution-store";
import { IntegrationStore } from "#services/integration-store";
import { MonitoringService } from "#services/monitoring-service";
import { NodeRegistry } from "#services/node-registry";
import { ObjectStore } from "#services/object-store";
import { ResourceProvider } from "#services/resource-provider";
import { SecretStore } from "#services/secret-store";
import { TokenRefresher } from "#services/token-refresher";
import { WaitStore } from "#services/wait-store";
import { creditBudgetContract } from "./credit-budget.contract.ts";
import { creditExtensionContract } from "./credit-extension.contract.ts";
import { creditServiceContract } from "./credit-service.contract.ts";
import { executionStoreContract } from "./execution-store.contract.ts";
import type { Refreshers } from "./integration-refresher.contract.ts";
import { testClients, tokenRefresherContract } from "./integration-refresher.contract.ts";
import { integrationStoreContract } from "./integration-store.contract.ts";
import { messages, monitoringServiceContract } from "./monitoring-service.contract.ts";
import { nodeRegistryContract } from "./node-registry.contract.ts";
import { objectStoreContract } from "./object-store.contract.ts";
import { resourceProviderContract } from "./resource-provider.contract.ts";
import { runCommandContract } from "./run-command.contract.ts";
import { runInstanceContract } from "./run-instance.contract.ts";
import { runStartContract } from "./run-start.contract.ts";
import { secretStoreContract } from "./secret-store.contract.ts";
import { waitStoreContract } from "./wait-store.contract.ts";

const openRefreshers = (): Refreshers =>
  Effect.runSync(
    Effect.gen(function* () {
      const store = yield* Effect.provide(IntegrationStore, IntegrationStore.layerMemory);
      const clients = yield* parseOAuthClients(JSON.stringify(testClients));
      const refresher = yield* TokenRefresher.pipe(
        Effect.provide(directTokenRefresherLayer(clients)),
        Effect.provideService(IntegrationStore, store),
      );
      return { store, refresher };
    }),
  );

export const memoryContracts = (): void => {
  executionStoreContract("memory", () => ExecutionStore.layerMemory);
  runStartContract("memory", () => ExecutionStore.layerMemory);
  runCommandContract("memory", () => ExecutionStore.layerMemory);
  runInstanceContract("memory", () => ExecutionStore.layerMemory);
  waitStoreContract("memory", () => WaitStore.layerMemory);
  objectStoreContract("memory", () => ObjectStore.layerMemory);
  creditServiceContract("memory", () => CreditService.layerMemory);
  creditBudgetContract("memory", () => CreditService.layerMemory);
  creditExtensionContract("memory", () => CreditService.layerMemory);
  integrationStoreContract("memory", () => IntegrationStore.layerMemory);
  tokenRefresherContract("direct", openRefreshers);
  nodeRegistryContract("memory", NodeRegistry.layer);
  resourceProviderContract("memory", ResourceProvider.layerMemory);
  secretStoreContract("memory", null, () => SecretStore.layerMemory);
  monitoringServiceContract("listener", MonitoringService.layerListener);

  it("MonitoringService: silent answers nothing and does not fail", () => {
    const { publish } = Effect.runSync(
      Effect.provide(MonitoringService, MonitoringService.layerSilent),
    );
    expect(messages.map(publish)).toEqual(messages.map(() => undefined));
  });
};
