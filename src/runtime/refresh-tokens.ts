/**
 * One refresh of an integration's tokens, for whoever sees to it that there is only one at a time. What is newer in the store is
 * never overwritten, and it expires only when the provider refuses for good and nothing newer is there (SECRET-3).
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { quoted } from "#core/problem";
import { ServiceFailure } from "#services/errors";
import type { StoredIntegration, TokenChange, Tokens } from "#services/integration-store";
import { IntegrationStore } from "#services/integration-store";
import type { RefreshRequest, RefreshResult } from "#services/token-refresher";
import type { OAuthClient } from "./oauth-clients.ts";
import { refreshTokens } from "./oauth.ts";

export interface NewTokens extends TokenChange {
  readonly tokens: Tokens;
}

export interface RefreshOptions {
  /** By the name of the provider. */
  readonly clientOf: (name: string) => Effect.Effect<OAuthClient, ServiceFailure>;
  /** In place of `IntegrationStore.replaceTokens`, for whoever has a safer place than the store. */
  readonly keep?: (change: NewTokens) => Effect.Effect<boolean, ServiceFailure>;
}

const failureWith = (message: string, isFinal: boolean): ServiceFailure =>
  new ServiceFailure({ operation: "TokenRefresher.refresh", message, isFinal });

/** Of an integration that has expired, when nobody remembers why. */
const notRenewed = "its access could not be renewed.";

/** For tokens that somebody else has seen to. */
const standing = (stored: StoredIntegration | undefined): RefreshResult => {
  if (stored === undefined) return { status: "unknown" };
  return stored.status === "expired"
    ? { status: "expired", message: notRenewed }
    : { status: "refreshed" };
};

export const refreshIntegration = (
  { organizationId, id, version: seen }: RefreshRequest,
  { clientOf, keep }: RefreshOptions,
): Effect.Effect<RefreshResult, ServiceFailure, IntegrationStore> =>
  Effect.gen(function* () {
    const store = yield* IntegrationStore;
    const stored = yield* store.read(organizationId, id);
    if (stored === undefined || stored.status === "expired" || stored.version > seen) {
      return standing(stored);
    }
    const { version, tokens } = stored;
    const now = yield* Clock.currentTimeMillis;
    const change = { organizationId, id, version, now };
    const expire = (message: string): Effect.Effect<RefreshResult, ServiceFailure> =>
      Effect.flatMap(store.expire(change), (isExpired) =>
        isExpired
          ? Effect.succeed<RefreshResult>({ status: "expired", message })
          : Effect.map(store.read(organizationId, id), standing),
      );
    const { refreshToken } = tokens;
    if (refreshToken === undefined) {
      return tokens.expiresAt !== null && tokens.expiresAt <= now
        ? yield* expire("its token has ended, and its provider gave nothing to renew it with.")
        : yield* failureWith(
            `Integration ${quoted(id)} has nothing to refresh its token with, and the token has not ended yet.`,
            true,
          );
    }
    const client = yield* clientOf(stored.provider);
    // From the request on the old refresh token may be used up: nobody may stop this before the new one is kept.
    return yield* Effect.uninterruptible(
      Effect.gen(function* () {
        const asked = yield* Effect.result(refreshTokens(client, { ...tokens, refreshToken }, now));
        if (Result.isSuccess(asked)) {
          const isKept = yield* (keep ?? store.replaceTokens)({ ...change, tokens: asked.success });
          return isKept
            ? { status: "refreshed" as const }
            : standing(yield* store.read(organizationId, id));
        }
        const { reason, message } = asked.failure;
        return reason === "refused"
          ? yield* expire(message)
          : yield* failureWith(message, reason === "misconfigured");
      }),
    );
  });
