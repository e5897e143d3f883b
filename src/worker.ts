/** The Worker that `wrangler deploy` puts up: runs are started through the workflow binding EXECUTE. */
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";

export const Execute = executeEntrypoint();
export { TokenRefresher } from "#cloudflare/token-refresher";
export { Watchdog } from "#cloudflare/watchdog";

export default {
  fetch: () =>
    Response.json(
      {
        error: {
          code: "NOT_FOUND",
          message: "Pawl has no page here. Start runs through the workflow binding EXECUTE.",
          details: {},
        },
      },
      { status: 404 },
    ),
} satisfies ExportedHandler;
