/**
 * The object that refreshes the tokens of one integration, for all who ask at the same time (SECRET-3). It goes on when whoever
 * asked is gone: the platform lets an object finish (tried in workerd; `waitUntil` adds nothing). New tokens are parked in the
 * object's own storage, sealed, before anything else is done with them: an alarm, or whoever asks next, brings them to D1 if
 * that could not be done at once.
 *
 * What nothing can prevent: a process that dies after the provider has answered and before the tokens are parked, or an answer
 * that is lost on its way. The old refresh token is tried again then. Many providers take it once more for a while; one that
 * does not has refused for good, and a person has to connect the integration again.
 */
import { DurableObject } from "cloudflare:workers";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { OAuthClient } from "#runtime/oauth-clients";
import { parseOAuthClient } from "#runtime/oauth-clients";
import type { NewTokens } from "#runtime/refresh-tokens";
import { refreshIntegration } from "#runtime/refresh-tokens";
import { ServiceFailure } from "#services/errors";
import type { RefreshRequest, RefreshResult } from "#services/token-refresher";
import type { SealedChange } from "./d1-integration-store.ts";
import {
  d1IntegrationStoreLayer,
  resealChange,
  sealChange,
  storeSealedChange,
} from "./d1-integration-store.ts";
import type { PawlEnv, RefreshAnswer } from "./env.ts";
import { masterKeyOf } from "./master-key.ts";
import { sealedFailureOf } from "./sealed-rows.ts";

const operation = "TokenRefresher.refresh";

/** Where new tokens wait for D1. */
const parkedKey = "parked";

/** Milliseconds until parked tokens are brought to D1 by themselves, and the most between two tries. */
const firstDelay = 1_000;
const longestDelay = 60_000;

interface Flight {
  /** Of the tokens that are refreshed; none when parked ones are only stored. */
  readonly version?: number;
  /** Never rejects. */
  readonly answer: Promise<unknown>;
}

type Env = Pick<PawlEnv, "DB" | "MASTER_KEY" | "OAUTH_CLIENTS">;

const answerOf = (exit: Exit.Exit<RefreshResult, ServiceFailure>): RefreshAnswer => {
  if (Exit.isSuccess(exit)) return exit.value;
  const failure = Cause.squash(exit.cause);
  return failure instanceof ServiceFailure
    ? { status: "failed", message: failure.message, isFinal: failure.isFinal ?? false }
    : { status: "failed", message: "The token could not be refreshed.", isFinal: false };
};

export class TokenRefresher extends DurableObject<Env> {
  /** What is under way: one at a time. */
  #flight: Flight | undefined;
  #delay = firstDelay;
  readonly #masterKey = masterKeyOf(this.env.MASTER_KEY);

  async refresh(request: RefreshRequest): Promise<RefreshAnswer> {
    while (this.#flight !== undefined) {
      const { version, answer } = this.#flight;
      // Whoever has seen other tokens looks again, once these are settled.
      if (version === request.version) return (await answer) as RefreshAnswer;
      await answer;
    }
    return this.#fly(request.version, () => this.#refresh(request));
  }

  /** Never rejects: the platform would try six times and then leave the tokens alone for ever. */
  override async alarm(): Promise<void> {
    while (this.#flight !== undefined) await this.#flight.answer;
    await this.#fly(undefined, async () => {
      try {
        await this.#storeParked();
      } catch {
        this.#delay = Math.min(2 * this.#delay, longestDelay);
        await this.ctx.storage.setAlarm(Date.now() + this.#delay);
      }
    });
  }

  #fly<A>(version: number | undefined, perform: () => Promise<A>): Promise<A> {
    const answer = perform().finally(() => {
      this.#flight = undefined;
    });
    this.#flight = { ...(version === undefined ? {} : { version }), answer };
    return answer;
  }

  async #refresh(request: RefreshRequest): Promise<RefreshAnswer> {
    const { DB, OAUTH_CLIENTS } = this.env;
    const attempt = <A>(perform: () => Promise<A>): Effect.Effect<A, ServiceFailure> =>
      Effect.tryPromise({ try: perform, catch: sealedFailureOf(operation) });
    const clientOf = (name: string): Effect.Effect<OAuthClient, ServiceFailure> =>
      Effect.flatMap(
        attempt(async () =>
          typeof OAUTH_CLIENTS === "object" ? OAUTH_CLIENTS.get() : OAUTH_CLIENTS,
        ),
        (json) => parseOAuthClient(json, name),
      );
    const keep = (change: NewTokens): Effect.Effect<boolean, ServiceFailure> =>
      attempt(() => this.#keep(change));
    const exit = await Effect.runPromiseExit(
      attempt(() => this.#storeParked()).pipe(
        Effect.andThen(refreshIntegration(request, { clientOf, keep })),
        Effect.provide(d1IntegrationStoreLayer(DB, this.#masterKey)),
      ),
    );
    return answerOf(exit);
  }

  /** Under the key that the old tokens were opened with, for nothing but the processor may come before they are parked. */
  async #keep(change: NewTokens): Promise<boolean> {
    const parked = await sealChange(this.#masterKey.reseal, change);
    this.#delay = firstDelay;
    // Both are written at once, and nothing leaves the object before they are.
    await Promise.all([
      this.ctx.storage.put(parkedKey, parked),
      this.ctx.storage.setAlarm(Date.now() + firstDelay),
    ]);
    return (await this.#storeParked()) ?? false;
  }

  /**
   * Brings parked tokens to D1, where they are dropped if newer ones are there. Undefined when none are parked. A rotation that
   * has ended meanwhile would leave what is under the old key, so they are sealed anew first, if that can be done.
   */
  async #storeParked(): Promise<boolean | undefined> {
    const { storage } = this.ctx;
    const parked = await storage.get<SealedChange>(parkedKey);
    if (parked === undefined) return undefined;
    const newest = await resealChange(this.#masterKey, parked).catch(() => parked);
    if (newest !== parked) await storage.put(parkedKey, newest);
    const isStored = await storeSealedChange(this.env.DB, newest);
    await Promise.all([storage.delete(parkedKey), storage.deleteAlarm()]);
    return isStored;
  }
}
