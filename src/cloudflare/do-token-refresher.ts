/** TokenRefresher over Durable Objects: one for each integration of an organization, wherever it is asked from. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { sha256 } from "#runtime/sha256";
import { failureOf, ServiceFailure } from "#services/errors";
import type { RefreshRequest } from "#services/token-refresher";
import { TokenRefresher } from "#services/token-refresher";
import type { TokenRefresherMethods } from "./env.ts";

const operation = "TokenRefresher.refresh";

/** Ids may be of any length and hold anything; JSON tells all pairs apart, and a hash makes names of them. */
const nameOf = ({ organizationId, id }: RefreshRequest): Promise<string> =>
  sha256(JSON.stringify([organizationId, id]));

const unbound = new ServiceFailure({
  operation,
  message:
    "The Worker has no binding TOKEN_REFRESHER. Export the class TokenRefresher and bind it as a Durable Object, as Pawl's wrangler.toml does.",
  isFinal: true,
});

/** Workers of an earlier version have no such binding, whatever their types say. */
const isBound = (namespace: DurableObjectNamespace<TokenRefresherMethods> | undefined): boolean =>
  namespace !== undefined;

export const tokenRefresherLayer = (
  namespace: DurableObjectNamespace<TokenRefresherMethods>,
): Layer.Layer<TokenRefresher> =>
  Layer.succeed(TokenRefresher, {
    refresh: (request) =>
      Effect.gen(function* () {
        if (!isBound(namespace)) return yield* unbound;
        const answer = yield* Effect.tryPromise({
          try: async () => namespace.getByName(await nameOf(request)).refresh(request),
          catch: failureOf(operation),
        });
        if (answer.status !== "failed") return answer;
        const { message, isFinal } = answer;
        return yield* new ServiceFailure({ operation, message, isFinal });
      }),
  });
