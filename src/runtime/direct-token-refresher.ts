/** TokenRefresher within one process: those who ask for the same integration at once share one refresh. */
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ServiceFailure } from "#services/errors";
import { IntegrationStore } from "#services/integration-store";
import type { RefreshRequest, RefreshResult } from "#services/token-refresher";
import { TokenRefresher } from "#services/token-refresher";
import type { OAuthClient, OAuthClients } from "./oauth-clients.ts";
import { noSuchClient } from "./oauth-clients.ts";
import { refreshIntegration } from "./refresh-tokens.ts";

interface Flight {
  readonly version: number;
  readonly answer: Deferred.Deferred<RefreshResult, ServiceFailure>;
}

export const directTokenRefresherLayer = (
  clients: OAuthClients,
): Layer.Layer<TokenRefresher, never, IntegrationStore> =>
  Layer.effect(
    TokenRefresher,
    Effect.gen(function* () {
      const store = yield* IntegrationStore;
      const clientOf = (name: string): Effect.Effect<OAuthClient, ServiceFailure> => {
        const client = clients.get(name);
        return client === undefined ? Effect.fail(noSuchClient(name)) : Effect.succeed(client);
      };
      /** Organization and integration -> what is under way. */
      const flights = new Map<string, Flight>();

      /** Whoever asked first may go: the others wait for the same answer. */
      const begin = (key: string, request: RefreshRequest): Effect.Effect<Flight> =>
        Effect.suspend(() => {
          const flight: Flight = { version: request.version, answer: Deferred.makeUnsafe() };
          flights.set(key, flight);
          return refreshIntegration(request, { clientOf }).pipe(
            Effect.provideService(IntegrationStore, store),
            Effect.onExit((exit) => {
              flights.delete(key);
              return Deferred.done(flight.answer, exit);
            }),
            Effect.forkDetach,
            Effect.as(flight),
          );
        }).pipe(Effect.uninterruptible);

      const refresh = (request: RefreshRequest): Effect.Effect<RefreshResult, ServiceFailure> =>
        Effect.suspend(() => {
          const key = JSON.stringify([request.organizationId, request.id]);
          const flight = flights.get(key);
          if (flight?.version === request.version) return Deferred.await(flight.answer);
          // One of other tokens: whether it has brought these, the next one sees.
          if (flight !== undefined) {
            return Effect.andThen(Effect.exit(Deferred.await(flight.answer)), refresh(request));
          }
          return Effect.flatMap(begin(key, request), ({ answer }) => Deferred.await(answer));
        });
      return { refresh };
    }),
  );
