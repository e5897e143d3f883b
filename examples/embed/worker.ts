/** A Worker of your own that runs Pawl's workflows, with a node type of your own beside the built-in ones. */
import {
  defineNode,
  executeEntrypoint,
  type ExecuteParams,
  ExecutionStore,
  type PawlEnv,
  performWith,
  startRun,
  TokenRefresher,
  Watchdog,
} from "pawl/cloudflare";

const shout = defineNode({
  type: "shout",
  name: "Shout",
  category: "text",
  description: "Says it louder.",
  inputs: [{ name: "text", type: "string", required: true }],
  outputs: [{ name: "text", type: "string" }],
  run: ({ text }) => ({ text: `${text.toUpperCase()}!` }),
});

export const Execute = executeEntrypoint({ nodes: [shout] });
export { TokenRefresher, Watchdog };

const refusal = (status: number, message: string): Response =>
  Response.json(
    { error: { code: status === 404 ? "NOT_FOUND" : "BAD_REQUEST", message } },
    { status },
  );

/** Whose runs these are. In a Worker of yours: whoever the request's key belongs to. */
const organizationId = "mine";

/** `POST /` with a workflow file starts a run; `GET /?id=...` gives its record. */
export default {
  async fetch(request, env) {
    const perform = performWith(env);
    if (request.method !== "POST") {
      const id = new URL(request.url).searchParams.get("id") ?? "";
      const execution = await perform(
        ExecutionStore.use((executions) => executions.get(organizationId, id)),
      );
      return execution === undefined
        ? refusal(404, `There is no run '${id}'.`)
        : Response.json(execution);
    }
    const workflow = await request.json<ExecuteParams["workflow"]>().catch(() => undefined);
    if (workflow === undefined) return refusal(400, "The body is not JSON.");
    const id = crypto.randomUUID();
    // All that the organization may spend, with what it has spent before. Plans of organizations: CreditService.
    const computeCredits = 1_000_000;
    const params = { workflow, userId: "me", organizationId, computeCredits };
    const started = await perform(startRun(params, id));
    return started.status === "refused"
      ? refusal(400, started.message)
      : Response.json({ id }, { status: 202 });
  },
} satisfies ExportedHandler<PawlEnv>;
