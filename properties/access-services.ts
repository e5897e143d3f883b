/** The services that organizations share, as nobody has used them yet. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { d1ResourceProviderLayer } from "#cloudflare/d1-resource-provider";
import { directTokenRefresherLayer } from "#runtime/direct-token-refresher";
import { CreditService } from "#services/credit-service";
import { ExecutionStore } from "#services/execution-store";
import { IntegrationStore } from "#services/integration-store";
import { ObjectStore } from "#services/object-store";
import { ResourceProvider } from "#services/resource-provider";
import { SecretStore } from "#services/secret-store";
import { TokenRefresher } from "#services/token-refresher";
import { WaitStore } from "#services/wait-store";
import { newOutside } from "./access-outside.ts";
import type { Services } from "./access-question.ts";

/** The provider that deployments have: what one calls sets in the stores is what another call, or a node, is given. */
const layer = Layer.mergeAll(
  ExecutionStore.layerMemory,
  WaitStore.layerMemory,
  ObjectStore.layerMemory,
  CreditService.layerMemory,
  d1ResourceProviderLayer.pipe(
    Layer.provideMerge(directTokenRefresherLayer(new Map())),
    Layer.provideMerge(Layer.merge(SecretStore.layerMemory, IntegrationStore.layerMemory)),
  ),
);

export const openContext = Effect.context<Layer.Success<typeof layer>>().pipe(
  Effect.provide(layer),
);

export const servicesOf = (context: Effect.Success<typeof openContext>): Services => ({
  ExecutionStore: Context.get(context, ExecutionStore),
  WaitStore: Context.get(context, WaitStore),
  ObjectStore: Context.get(context, ObjectStore),
  CreditService: Context.get(context, CreditService),
  SecretStore: Context.get(context, SecretStore),
  IntegrationStore: Context.get(context, IntegrationStore),
  ResourceProvider: Context.get(context, ResourceProvider),
  TokenRefresher: Context.get(context, TokenRefresher),
  Outside: newOutside(context),
});
