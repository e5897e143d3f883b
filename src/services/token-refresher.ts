/** Refreshes the tokens of an integration, once however many ask at the same time (SECRET-3). */
import * as Context from "effect/Context";
import type * as Effect from "effect/Effect";
import type { ServiceFailure } from "./errors.ts";

export interface RefreshRequest {
  readonly organizationId: string;
  readonly id: string;
  /** Of the tokens that whoever asks has seen: newer ones need no refresh. */
  readonly version: number;
}

export type RefreshResult =
  /** There are newer tokens in the store than those that were seen. */
  | { readonly status: "refreshed" }
  /** A person has to connect it again. Why, in plain words, without tokens. */
  | { readonly status: "expired"; readonly message: string }
  | { readonly status: "unknown" };

export class TokenRefresher extends Context.Service<
  TokenRefresher,
  {
    /** Fails when the provider cannot be reached, or answers that it has trouble: a later try may succeed. */
    readonly refresh: (request: RefreshRequest) => Effect.Effect<RefreshResult, ServiceFailure>;
  }
>()("pawl/TokenRefresher") {}
