/** How the embedded Worker answers for what organizations have: secrets, integrations, credits. Values go in, never out. */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { CreditService } from "#services/credit-service";
import type { ServiceFailure } from "#services/errors";
import { IntegrationStore } from "#services/integration-store";
import { SecretStore } from "#services/secret-store";
import type { ListedIntegration, LocalCalls, LocalRequest } from "./local-protocol.ts";

const resourceCalls = [
  "connectIntegration",
  "listIntegrations",
  "listSecrets",
  "readAccount",
  "removeIntegration",
  "removeSecret",
  "reseal",
  "setPlan",
  "setSecret",
] as const;

type ResourceCall = (typeof resourceCalls)[number];

export type ResourceServices = CreditService | IntegrationStore | SecretStore;

export type ResourceRequest = Extract<LocalRequest, { readonly type: ResourceCall }>;

const calls: ReadonlySet<string> = new Set(resourceCalls);

export const isResourceRequest = (request: LocalRequest): request is ResourceRequest =>
  calls.has(request.type);

/** Tokens are opened only where one is over. */
const listIntegrations = (
  organizationId: string,
): Effect.Effect<readonly ListedIntegration[], ServiceFailure, IntegrationStore> =>
  Effect.gen(function* () {
    const integrations = yield* IntegrationStore;
    const now = yield* Clock.currentTimeMillis;
    return yield* Effect.forEach(yield* integrations.list(organizationId), (facts) => {
      const { id, expiresAt, status } = facts;
      if (status !== "connected" || expiresAt === null || expiresAt > now) {
        return Effect.succeed({ ...facts, isRenewable: null });
      }
      return Effect.map(Effect.result(integrations.read(organizationId, id)), (read) => ({
        ...facts,
        isRenewable: Result.isSuccess(read)
          ? read.success?.tokens.refreshToken !== undefined
          : null,
      }));
    });
  });

/** Both, also when there is nothing to seal anew in one of them. */
const reseal = Effect.gen(function* () {
  const secrets = yield* SecretStore.use(({ rotate }) => rotate);
  const integrations = yield* IntegrationStore.use(({ rotate }) => rotate);
  return { secrets: secrets.resealed, integrations: integrations.resealed };
});

export const answerResourceRequest = (
  request: ResourceRequest,
): Effect.Effect<LocalCalls[ResourceCall]["answer"], ServiceFailure, ResourceServices> => {
  switch (request.type) {
    case "setSecret":
      return Effect.gen(function* () {
        const secrets = yield* SecretStore;
        const { organizationId, name, value } = request;
        const now = yield* Clock.currentTimeMillis;
        return yield* secrets.set({ organizationId, name, value, now });
      });
    case "removeSecret":
      return SecretStore.use(({ remove }) => remove(request.organizationId, request.name));
    case "listSecrets":
      return SecretStore.use(({ list }) => list(request.organizationId));
    case "reseal":
      return reseal;
    case "readAccount":
      return CreditService.use(({ account }) => account(request.organizationId));
    case "setPlan":
      return Effect.gen(function* () {
        const credits = yield* CreditService;
        yield* credits.setPlan(request.organizationId, request.plan);
        return yield* credits.account(request.organizationId);
      });
    case "listIntegrations":
      return listIntegrations(request.organizationId);
    case "connectIntegration":
      return Effect.gen(function* () {
        const integrations = yield* IntegrationStore;
        const { organizationId, id, provider, tokens } = request;
        const now = yield* Clock.currentTimeMillis;
        return yield* integrations.connect({ organizationId, id, provider, tokens, now });
      });
    case "removeIntegration":
      return IntegrationStore.use(({ remove }) => remove(request.organizationId, request.id));
  }
};
