/** The bindings that Pawl's Workers need, as wrangler.toml names them. */
import type { InstanceParams } from "#core/execution-context";

/** What others may ask of the watchdog. */
export interface WatchdogMethods extends Rpc.DurableObjectBranded {
  /** There is a live run from now on. */
  readonly begin: () => Promise<void>;
}

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
  /** Milliseconds between two of its rounds, as text; a minute unless told. */
  readonly WATCHDOG_INTERVAL?: string;
}
