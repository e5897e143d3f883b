/** The bindings that Pawl's Workers need, as wrangler.toml names them. */
import type { ExecuteParams } from "#core/execution-context";

export interface PawlEnv {
  /** Rows of runs. */
  readonly DB: D1Database;
  /** Records of runs, and the bytes behind ObjectReferences. */
  readonly OBJECTS: R2Bucket;
  /** Copies for cheap reading; eventually consistent, so nothing that must be true is kept here. */
  readonly CACHE: KVNamespace;
  /** One instance for each run. */
  readonly EXECUTE: Workflow<ExecuteParams>;
}
