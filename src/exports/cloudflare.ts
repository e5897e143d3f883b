/** `pawl/cloudflare`: what a Worker exports to run workflows on Cloudflare. Imports `cloudflare:*`, so only a Worker can. */
export { executeEntrypoint } from "#cloudflare/execute-entrypoint";
export type { EntrypointOptions, ExecuteOutput } from "#cloudflare/execute-entrypoint";
export type { PawlEnv } from "#cloudflare/env";
export { Watchdog } from "#cloudflare/watchdog";
export { d1ExecutionStoreLayer } from "#cloudflare/d1-execution-store";
export { r2ObjectStoreLayer } from "#cloudflare/r2-object-store";
export type { ExecuteParams } from "#core/execution-context";
export { defineNode } from "#nodes/define-node";
export { NodeFailure } from "#services/node-definition";
