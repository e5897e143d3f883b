/** The bindings that Pawl's Workers need, as wrangler.toml names them. */
import type { InstanceParams } from "#core/execution-context";
import type { RefreshRequest, RefreshResult } from "#services/token-refresher";

/** What others may ask of the watchdog. */
export interface WatchdogMethods extends Rpc.DurableObjectBranded {
  /** There is a live run from now on. */
  readonly begin: () => Promise<void>;
}

/** What a failure keeps on its way out of a Durable Object: its class is lost. */
export type RefreshAnswer =
  | RefreshResult
  | { readonly status: "failed"; readonly message: string; readonly isFinal: boolean };

export interface TokenRefresherMethods extends Rpc.DurableObjectBranded {
  readonly refresh: (request: RefreshRequest) => Promise<RefreshAnswer>;
}

/** A variable of the Worker, or a secret of the Secrets Store. */
export type TextBinding = string | { readonly get: () => Promise<string> };

export interface PawlEnv {
  /** Rows of runs. */
  readonly DB: D1Database;
  /** Records of runs, and the bytes behind ObjectReferences. */
  readonly OBJECTS: R2Bucket;
  /** Copies for cheap reading; eventually consistent, so nothing that must be true is kept here. */
  readonly CACHE: KVNamespace;
  /** One instance for each run. */
  readonly EXECUTE: Workflow<InstanceParams>;
  /** One object, which wakes runs whose process has died. */
  readonly WATCHDOG: DurableObjectNamespace<WatchdogMethods>;
  /** One object for each integration of an organization, which refreshes its tokens. */
  readonly TOKEN_REFRESHER: DurableObjectNamespace<TokenRefresherMethods>;
  /** What secrets and tokens are sealed under; docs/security.md says how it is made. Not needed by who has none. */
  readonly MASTER_KEY?: TextBinding;
  /** JSON: this deployment's OAuth clients, by provider. Not needed by who has no integrations. */
  readonly OAUTH_CLIENTS?: TextBinding;
  /** Milliseconds between two of its rounds, as text; a minute unless told. */
  readonly WATCHDOG_INTERVAL?: string;
}
