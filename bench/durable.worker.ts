/**
 * The Worker that durable runs are measured in: Pawl's entrypoint beside a plain loop over bare steps. Both count the steps
 * that they ask the platform for.
 */
import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";
import type { PawlEnv } from "#cloudflare/env";
import { cloudflareServices } from "#cloudflare/layers";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import type { ExecuteParams, InstanceParams } from "#core/execution-context";
import { nodeStepName, persistStep } from "#core/step-name";
import type { Workflow as WorkflowDocument } from "#core/workflow";
import { answerWait } from "#runtime/control-run";
import type { BareSteps, SendEvent } from "./bare-run.worker.ts";
import { runBare } from "./bare-run.worker.ts";
import { benchNodes } from "./durable-nodes.ts";
import type { InstanceReport, Pass, StartRequest } from "./durable-types.ts";
import { gateId, weighedPrefix } from "./durable-types.ts";

export { TokenRefresher } from "#cloudflare/token-refresher";
export { Watchdog } from "#cloudflare/watchdog";

interface BenchEnv extends PawlEnv {
  readonly BARE: Workflow<WorkflowDocument>;
}

const organizationId = "bench";

/** Kept in the isolate, where both the runs and the requests of the bench are. */
const passesById = new Map<string, Pass[]>();
const overheadById = new Map<string, number>();

const enter = (id: string): Pass => {
  const pass: Pass = { entered: Date.now(), steps: 0 };
  passesById.set(id, [...(passesById.get(id) ?? []), pass]);
  return pass;
};

/** What Pawl uses of a WorkflowStep: `do` with or without a configuration. */
interface AnyStep {
  readonly do: (name: string, ...rest: readonly never[]) => Promise<unknown>;
  readonly sleep: (name: string, millis: number) => Promise<void>;
  readonly waitForEvent: WorkflowStep["waitForEvent"];
}

/** Sees how many steps there are, and when the nodes are done. */
const watched = (step: WorkflowStep, pass: Pass): AnyStep => ({
  do: (name, ...rest) => {
    pass.steps++;
    if (name === gateId || name === nodeStepName(gateId)) pass.atGate = Date.now();
    if (name === persistStep) pass.nodesDone = Date.now();
    return (step as unknown as AnyStep).do(name, ...rest);
  },
  sleep: (name, millis) => {
    pass.steps++;
    return step.sleep(name, millis);
  },
  waitForEvent: (name, options) => {
    pass.steps++;
    return step.waitForEvent(name, options);
  },
});

const nodeIdOfAsk = (stepName: string): string | undefined =>
  /^run node (.*) \/ .* \(ask\)$/.exec(stepName)?.[1];

/** Answers every wait as soon as it is open, as somebody outside would. */
const answered = (step: AnyStep, answer: (nodeId: string) => Promise<unknown>): AnyStep => ({
  ...step,
  do: async (name, ...rest) => {
    const result = await step.do(name, ...rest);
    const nodeId = nodeIdOfAsk(name);
    if (nodeId !== undefined) void answer(nodeId);
    return result;
  },
});

const answerer =
  (env: BenchEnv, executionId: string) =>
  (nodeId: string): Promise<unknown> => {
    const services = Layer.merge(cloudflareServices(env), workflowInstancesLayer(env.EXECUTE));
    const answering = answerWait({ organizationId, executionId, nodeId, data: "yes" });
    return Effect.runPromise(Effect.provide(answering, services));
  };

const jsonLength = (value: unknown): number => (JSON.stringify(value) ?? "").length;

/** Sees how large the results are too, which takes time: not for a run that is timed. */
const weighed = (id: string, step: AnyStep): AnyStep => ({
  ...step,
  do: async (name, ...rest) => {
    const result = await step.do(name, ...rest);
    const { outputs } = result as { readonly outputs?: unknown };
    const overhead = jsonLength(result) - (outputs === undefined ? 0 : jsonLength(outputs));
    overheadById.set(id, Math.max(overhead, overheadById.get(id) ?? 0));
    return result;
  },
});

export class Execute extends executeEntrypoint<BenchEnv>({ nodes: benchNodes }) {
  override async run(
    event: Readonly<WorkflowEvent<InstanceParams>>,
    step: WorkflowStep,
  ): Promise<unknown> {
    const { instanceId } = event;
    const isReplay = passesById.has(instanceId);
    const pass = enter(instanceId);
    const seen = watched(step, pass);
    const passed = instanceId.startsWith(weighedPrefix)
      ? weighed(instanceId, seen)
      : isReplay
        ? seen
        : answered(seen, answerer(this.env, instanceId));
    const output = await super.run(event, passed as unknown as WorkflowStep);
    pass.ended = Date.now();
    return output;
  }
}

export class Bare extends WorkflowEntrypoint<BenchEnv, WorkflowDocument> {
  override async run(
    { payload, instanceId }: Readonly<WorkflowEvent<WorkflowDocument>>,
    step: WorkflowStep,
  ): Promise<void> {
    const pass = enter(instanceId);
    const send: SendEvent = async (type) => {
      const instance = await this.env.BARE.get(instanceId);
      return instance.sendEvent({ type, payload: "yes" });
    };
    await runBare(payload, watched(step, pass) as unknown as BareSteps, send);
    pass.nodesDone = Date.now();
    pass.ended = pass.nodesDone;
  }
}

const start = async (env: BenchEnv, request: StartRequest): Promise<void> => {
  const { kind, id, workflow, redriveOf } = request;
  const params: ExecuteParams = {
    workflow,
    userId: "bench",
    organizationId,
    computeCredits: Number.MAX_SAFE_INTEGER,
    ...(redriveOf === undefined ? {} : { redrive: { executionId: redriveOf } }),
  };
  await (kind === "pawl"
    ? env.EXECUTE.create({ id, params })
    : env.BARE.create({ id, params: workflow }));
};

const handle = async (env: BenchEnv, request: Request): Promise<Response> => {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/migrate") {
    await env.DB.exec((await request.text()).replaceAll(/--.*$/gm, "").replaceAll(/\s+/g, " "));
    return new Response();
  }
  if (pathname === "/start") {
    await start(env, await request.json<StartRequest>());
    return new Response();
  }
  const id = searchParams.get("id") ?? "";
  const binding = searchParams.get("kind") === "pawl" ? env.EXECUTE : env.BARE;
  const instance = await binding.get(id);
  if (pathname === "/pause") await instance.pause();
  if (pathname === "/resume") await instance.resume();
  const passes = passesById.get(id) ?? [];
  // Asking the platform is slow for a long run, and only needed to know that it is paused.
  const status =
    pathname === "/status" ? (await instance.status()).status : passes.at(-1)?.ended ? "done" : "";
  const report: InstanceReport = { passes, status, overhead: overheadById.get(id) ?? 0 };
  return Response.json(report);
};

export default {
  fetch: (request, env) => handle(env, request),
} satisfies ExportedHandler<BenchEnv>;
