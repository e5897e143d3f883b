/** A Worker of your own that runs Pawl's workflows, with a node type of your own beside the built-in ones. */
import { defineNode, executeEntrypoint, type ExecuteParams } from "pawl/cloudflare";

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

/** `POST /` with a workflow file starts a run; `GET /?id=...` says how it stands. */
export default {
  async fetch(request, env) {
    if (request.method !== "POST") {
      const instance = await env.EXECUTE.get(new URL(request.url).searchParams.get("id") ?? "");
      return Response.json(await instance.status());
    }
    const workflow = await request.json<ExecuteParams["workflow"]>();
    const instance = await env.EXECUTE.create({
      params: { workflow, userId: "me", organizationId: "mine", computeCredits: 1_000 },
    });
    return Response.json({ id: instance.id }, { status: 202 });
  },
} satisfies ExportedHandler<{ EXECUTE: Workflow<ExecuteParams> }>;
