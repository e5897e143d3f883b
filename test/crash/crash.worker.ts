/**
 * The Worker that the crash tests kill. Its nodes note every beginning and every end of their work in the database, so that
 * one can count afterwards what ran twice. `POST /` with `{ id, params }` starts a run, `GET /?organization=&id=` reads a record.
 */
import { env as globalEnv } from "cloudflare:workers";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { PawlEnv } from "#cloudflare/env";
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";
import { cloudflareServices } from "#cloudflare/layers";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import type { ExecuteParams } from "#core/execution-context";
import { answerWait } from "#runtime/control-run";
import { startRun } from "#runtime/start-run";
import { defineNode } from "#nodes/define-node";
import { ExecutionStore } from "#services/execution-store";
import type { NodeContext } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";

const env = globalEnv as unknown as PawlEnv;

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, millis));

/** Notes outlive the process, as the effects do that they stand for. */
const noted = async <A>(
  { executionId, nodeId, attempt }: NodeContext,
  work: () => Promise<A>,
): Promise<A> => {
  const note = (what: "begin" | "end"): Promise<unknown> =>
    env.DB.prepare("INSERT INTO notes (execution, node, attempt, what, at) VALUES (?, ?, ?, ?, ?)")
      .bind(executionId, nodeId, attempt, what, Date.now())
      .run();
  await note("begin");
  const result = await work();
  await note("end");
  return result;
};

const millis = { name: "millis", type: "number", required: true } as const;
const value = { name: "value", type: "any" } as const;

const work = defineNode({
  type: "crash-work",
  name: "Work",
  category: "test",
  description: "Takes its time.",
  inputs: [millis, value],
  outputs: [{ name: "result", type: "number" }],
  run: ({ millis: time }, context) =>
    noted(context, async () => {
      await pause(time);
      return { result: time };
    }),
});

const flaky = defineNode({
  type: "crash-flaky",
  name: "Flaky",
  category: "test",
  description: "Fails as often as it is told, then succeeds.",
  inputs: [millis, value, { name: "failures", type: "number", required: true }],
  outputs: [{ name: "result", type: "number" }],
  run: ({ millis: time, failures }, context) =>
    noted(context, async () => {
      await pause(time);
      return context.attempt <= failures
        ? new NodeFailure({ message: `failure ${context.attempt}`, retryable: true })
        : { result: context.attempt };
    }),
});

/** Answers a node of the same run, from outside as it were. Waits for it to ask: an answer that comes too early is refused. */
const answering = defineNode({
  type: "crash-answer",
  name: "Answer",
  category: "test",
  description: "Answers another node of the run.",
  inputs: [{ name: "node", type: "string", required: true }, value],
  outputs: [{ name: "result", type: "string" }],
  run: ({ node }, context) =>
    noted(context, async () => {
      const { organizationId, executionId } = context;
      const services = Layer.merge(cloudflareServices(env), workflowInstancesLayer(env.EXECUTE));
      for (let tries = 0; tries < 200; tries++) {
        const { status } = await Effect.runPromise(
          answerWait({ organizationId, executionId, nodeId: node, data: "yes" }).pipe(
            Effect.provide(services),
          ),
        );
        if (status === "accepted" || status === "duplicate") return { result: "answered" };
        await pause(50);
      }
      return new NodeFailure({ message: "Nobody asked" });
    }),
});

/** An instance that may take so few steps runs most workflows of the test on its own, and hands the long ones out in parts. */
export const Execute = executeEntrypoint({
  nodes: [work, flaky, answering],
  stepLimit: 100,
  partSteps: 45,
});
export { TokenRefresher } from "#cloudflare/token-refresher";
export { Watchdog } from "#cloudflare/watchdog";

interface Start {
  readonly id: string;
  readonly params: ExecuteParams;
}

const notesTable = `CREATE TABLE IF NOT EXISTS notes (
  execution TEXT NOT NULL, node TEXT NOT NULL, attempt INTEGER NOT NULL, what TEXT NOT NULL, at INTEGER NOT NULL)`;

export default {
  fetch: async (request) => {
    if (request.method === "GET") {
      const { searchParams } = new URL(request.url);
      const reading = ExecutionStore.use((store) =>
        store.get(searchParams.get("organization") ?? "", searchParams.get("id") ?? ""),
      );
      return Response.json(
        await Effect.runPromise(reading.pipe(Effect.provide(cloudflareServices(env)))),
      );
    }
    await env.DB.prepare(notesTable).run();
    const { id, params } = await request.json<Start>();
    const services = Layer.merge(cloudflareServices(env), workflowInstancesLayer(env.EXECUTE));
    return Response.json(
      await Effect.runPromise(startRun(params, id).pipe(Effect.provide(services))),
    );
  },
} satisfies ExportedHandler<PawlEnv>;
