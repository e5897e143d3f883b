/** The Worker that the tests in workerd run: Pawl's entrypoint, with a few nodes that only a test wants. */
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";
import { largeValueNodes } from "./large-value-nodes.ts";
import { testNodes } from "./test-nodes.ts";

export const Execute = executeEntrypoint({ nodes: [...testNodes, ...largeValueNodes] });
export { Watchdog } from "#cloudflare/watchdog";

export default { fetch: () => new Response(null, { status: 404 }) } satisfies ExportedHandler;
