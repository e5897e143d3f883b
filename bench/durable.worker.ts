/**
 * The Worker that SPEED-6, 7 and 8 are measured in: Pawl's entrypoint beside a plain in-degree loop over bare steps, which
 * does for the same document what any engine must: run a node once its upstreams are done, keep its result.
 */
import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import { executeEntrypoint } from "#cloudflare/execute-entrypoint";
import type { PawlEnv } from "#cloudflare/env";
import type { ExecuteParams } from "#core/execution-context";
import { persistStep } from "#core/step-name";
import type { Workflow as WorkflowDocument } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import type { InstanceReport, Pass, StartRequest } from "./durable-types.ts";
import { benchTypes, gateMillis, weighedPrefix } from "./durable-types.ts";

interface BenchEnv extends PawlEnv {
  readonly BARE: Workflow<WorkflowDocument>;
}

const ports = {
  inputs: [{ name: "value", type: "number" }],
  outputs: [{ name: "result", type: "number" }],
} as const;

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, millis));

const trivial = defineNode({
  type: benchTypes.trivial,
  name: "Trivial",
  category: "bench",
  description: "Adds one.",
  pure: true,
  ...ports,
  run: ({ value = 0 }) => ({ result: value + 1 }),
});

const gate = defineNode({
  type: benchTypes.gate,
  name: "Gate",
  category: "bench",
  description: "Takes long enough to be paused.",
  ...ports,
  run: async ({ value = 0 }) => {
    await pause(gateMillis);
    return { result: value };
  },
});

/** Kept in the isolate, where both the runs and the requests of the bench are. */
const passesById = new Map<string, Pass[]>();
const overheadById = new Map<string, number>();

const enter = (id: string): Pass => {
  const pass: Pass = { entered: Date.now() };
  passesById.set(id, [...(passesById.get(id) ?? []), pass]);
  return pass;
};

/** What Pawl uses of a WorkflowStep: `do` with or without a configuration. */
interface AnyStep {
  readonly do: (name: string, ...rest: readonly never[]) => Promise<unknown>;
  readonly sleep: (name: string, millis: number) => Promise<void>;
  readonly waitForEvent: WorkflowStep["waitForEvent"];
}

const jsonLength = (value: unknown): number => (JSON.stringify(value) ?? "").length;

/** Sees when the nodes are done. */
const timed = (step: WorkflowStep, pass: Pass): AnyStep => ({
  do: (name, ...rest) => {
    if (name === persistStep) pass.nodesDone = Date.now();
    return (step as unknown as AnyStep).do(name, ...rest);
  },
  sleep: (name, millis) => step.sleep(name, millis),
  waitForEvent: (name, options) => step.waitForEvent(name, options),
});

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

export { Watchdog } from "#cloudflare/watchdog";

export class Execute extends executeEntrypoint<BenchEnv>({ nodes: [trivial, gate] }) {
  override async run(
    event: Readonly<WorkflowEvent<ExecuteParams>>,
    step: WorkflowStep,
  ): Promise<unknown> {
    const pass = enter(event.instanceId);
    const { instanceId } = event;
    const seen = timed(step, pass);
    const passed = instanceId.startsWith(weighedPrefix) ? weighed(instanceId, seen) : seen;
    const output = await super.run(event, passed as unknown as WorkflowStep);
    pass.ended = Date.now();
    return output;
  }
}

/** A node's own work in the bare loop: the same result, and the same pause at the gate. */
const perform = async (
  node: WorkflowDocument["nodes"][number],
): Promise<{ readonly outputs: { readonly result: number } }> => {
  if (node.type === benchTypes.gate) await pause(gateMillis);
  return { outputs: { result: 1 } };
};

/** As many nodes at a time as Pawl runs; ready ones in the order in which they became so. */
const runBare = (workflow: WorkflowDocument, step: WorkflowStep): Promise<void> => {
  const nodesById = new Map(workflow.nodes.map((node) => [node.id, node]));
  const dependents = new Map(workflow.nodes.map(({ id }) => [id, new Set<string>()]));
  for (const { source, target } of workflow.edges) dependents.get(source)?.add(target);
  const pending = new Map(workflow.nodes.map(({ id }) => [id, 0]));
  for (const targets of dependents.values()) {
    for (const target of targets) pending.set(target, (pending.get(target) ?? 0) + 1);
  }
  const ready = workflow.nodes.filter(({ id }) => pending.get(id) === 0).map(({ id }) => id);
  const limit = workflow.settings?.maxConcurrency ?? 16;
  return new Promise((resolve, reject) => {
    let running = 0;
    let next = 0;
    const proceed = (): void => {
      while (running < limit && next < ready.length) {
        const id = ready[next++]!;
        running++;
        const settle = (): void => {
          running--;
          for (const dependent of dependents.get(id) ?? []) {
            const left = pending.get(dependent)! - 1;
            pending.set(dependent, left);
            if (left === 0) ready.push(dependent);
          }
          proceed();
        };
        step.do(id, () => perform(nodesById.get(id)!)).then(settle, reject);
      }
      if (running === 0) resolve();
    };
    proceed();
  });
};

export class Bare extends WorkflowEntrypoint<BenchEnv, WorkflowDocument> {
  override async run(
    { payload, instanceId }: Readonly<WorkflowEvent<WorkflowDocument>>,
    step: WorkflowStep,
  ): Promise<void> {
    const pass = enter(instanceId);
    await runBare(payload, step);
    pass.nodesDone = Date.now();
    pass.ended = pass.nodesDone;
  }
}

const start = async (env: BenchEnv, { kind, id, workflow }: StartRequest): Promise<void> => {
  const params: ExecuteParams = {
    workflow,
    userId: "bench",
    organizationId: "bench",
    computeCredits: Number.MAX_SAFE_INTEGER,
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
