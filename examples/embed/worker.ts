/** A Worker of your own that runs Pawl's workflows, with a node type of your own beside the built-in ones. */
import {
  defineNode,
  executeEntrypoint,
  type ExecuteParams,
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

/** `POST /` with a workflow file starts a run; `GET /?id=...` says how it stands. */
export default {
  async fetch(request, env) {
    if (request.method !== "POST") {
      const id = new URL(request.url).searchParams.get("id") ?? "";
      const instance = await env.EXECUTE.get(id).catch(() => undefined);
      return instance === undefined
        ? refusal(404, `There is no run '${id}'.`)
        : Response.json(await instance.status());
    }
    const workflow = await request.json<ExecuteParams["workflow"]>().catch(() => undefined);
    if (workflow === undefined) return refusal(400, "The body is not JSON.");
    const instance = await env.EXECUTE.create({
      params: { workflow, userId: "me", organizationId: "mine", computeCredits: 1_000 },
    });
    return Response.json({ id: instance.id }, { status: 202 });
  },
} satisfies ExportedHandler<{ EXECUTE: Workflow<ExecuteParams> }>;
