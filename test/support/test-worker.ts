/** The Worker that the tests in workerd run: Pawl's entrypoint, with a few nodes that only a test wants. */
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";
import { testNodes } from "./test-nodes.ts";

export const Execute = executeEntrypoint({ nodes: testNodes });

export default { fetch: () => new Response(null, { status: 404 }) } satisfies ExportedHandler;
