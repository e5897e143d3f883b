/** Two organizations over the memory layers; and that no service is forgotten. */
import { readdirSync, readFileSync } from "node:fs";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { expect, test } from "vitest";
import { directTokenRefresherLayer } from "#runtime/direct-token-refresher";
import { CreditService } from "#services/credit-service";
import { ExecutionStore } from "#services/execution-store";
import { IntegrationStore } from "#services/integration-store";
import { ObjectStore } from "#services/object-store";
import { ResourceProvider } from "#services/resource-provider";
import { SecretStore } from "#services/secret-store";
import { TokenRefresher } from "#services/token-refresher";
import { WaitStore } from "#services/wait-store";
import { crossings, twoOrganizationsContract } from "./two-organizations.contract.ts";

twoOrganizationsContract("memory", (byOrganization) => {
  const layer = Layer.mergeAll(
    ExecutionStore.layerMemory,
    WaitStore.layerMemory,
    ObjectStore.layerMemory,
    CreditService.layerMemory,
    SecretStore.layerMemory,
    directTokenRefresherLayer(new Map()).pipe(Layer.provideMerge(IntegrationStore.layerMemory)),
    ResourceProvider.layerMemory(byOrganization),
  );
  return Effect.runPromise(
    Effect.all({
      ExecutionStore,
      WaitStore,
      ObjectStore,
      CreditService,
      SecretStore,
      IntegrationStore,
      ResourceProvider,
      TokenRefresher,
    }).pipe(Effect.provide(layer)),
  );
});

/** They hold nothing of organizations, and take none: a run's own steps, the types of nodes, the platform's instances, messages. */
const ofNobody = [
  "DurableStep",
  "MonitoringService",
  "NodeRegistry",
  "RunWatch",
  "WorkflowInstances",
];

test("every service is tried, or holds nothing of organizations", () => {
  const services = readdirSync("src/services").flatMap((file) => {
    const text = readFileSync(`src/services/${file}`, "utf8");
    return Array.from(text.matchAll(/"pawl\/(\w+)"/g), ([, service = ""]) => service);
  });
  expect([...Object.keys(crossings), ...ofNobody].sort()).toEqual(services.sort());
});
