/** The Worker that the tests in workerd run: Pawl's entrypoint, with a few nodes that only a test wants. */
import * as Layer from "effect/Layer";
import type { PawlEnv } from "#cloudflare/env";
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import { RunWatch } from "#services/run-watch";
import { largeValueNodes } from "./large-value-nodes.ts";
import { reachingNodes } from "./reaching-document.ts";
import { testNodes } from "./test-nodes.ts";

const nodes = [...testNodes, ...largeValueNodes, ...reachingNodes];

export const Execute = executeEntrypoint({ nodes });
/** Spreads what others run in one instance. */
export const ExecuteInParts = executeEntrypoint<
  PawlEnv & { readonly IN_PARTS: PawlEnv["EXECUTE"] }
>({
  nodes,
  stepLimit: 20,
  partSteps: 8,
  // The watchdog wakes the instances of EXECUTE, and would take these for lost.
  layers: (env) => Layer.merge(workflowInstancesLayer(env.IN_PARTS), RunWatch.layerNone),
});
export { TokenRefresher } from "#cloudflare/token-refresher";
export { Watchdog } from "#cloudflare/watchdog";

export default { fetch: () => new Response(null, { status: 404 }) } satisfies ExportedHandler;
