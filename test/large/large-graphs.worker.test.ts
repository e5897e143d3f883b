/** Graphs that no single instance runs, or whose document no instance's parameters hold. Takes minutes. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { expect, test, vi } from "vitest";
import { cloudflareServices } from "#cloudflare/layers";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import type { Settings, Workflow } from "#core/workflow";
import { partInstanceId } from "#runtime/instance-id";
import { startRun } from "#runtime/start-run";
import { ExecutionStore } from "#services/execution-store";

const organizationId = "acme";
const services = Layer.merge(cloudflareServices(env), workflowInstancesLayer(env.EXECUTE));

const perform = <A>(
  effect: Effect.Effect<A, unknown, Layer.Success<typeof services>>,
): Promise<A> => Effect.runPromise(effect.pipe(Effect.provide(services)));

/** Layers of a hundred additions; each adds one to what one of the layer before has. */
const sums = (count: number, settings: Settings): Workflow => ({
  id: "sums",
  name: "Sums",
  trigger: "manual",
  settings: { maxConcurrency: 64, ...settings },
  nodes: Array.from({ length: count }, (_, index) => ({
    id: `n${index}`,
    name: `n${index}`,
    type: "addition",
    inputs: [
      { name: "a", type: "number", value: 0 },
      { name: "b", type: "number", value: 1 },
    ],
    outputs: [],
  })),
  edges: Array.from({ length: count - 100 }, (_, index) => ({
    source: `n${index}`,
    sourceOutput: "result",
    target: `n${index + 100}`,
    targetInput: "a",
  })),
});

const run = async (id: string, workflow: Workflow, seconds: number): Promise<WorkflowExecution> => {
  const params = { workflow, userId: "ada", organizationId, computeCredits: 1_000_000 };
  expect(await perform(startRun(params, id))).toEqual({ status: "started" });
  return vi.waitFor(
    async () => {
      const rows = await perform(
        ExecutionStore.use((store) => store.list(organizationId, { limit: 10 })),
      );
      const row = rows.find((one) => one.id === id);
      if (row === undefined || !isFinalStatus(row.status))
        throw new Error(`${id} is ${row?.status}`);
      const reading = ExecutionStore.use((store) => store.get(organizationId, id));
      return (await perform(reading))!;
    },
    { timeout: seconds * 1_000, interval: 500 },
  );
};

const resultOf = ({ nodeExecutions }: WorkflowExecution, index: number): unknown =>
  nodeExecutions[index]?.outputs;

const countOf = ({ nodeExecutions }: WorkflowExecution): number =>
  nodeExecutions.filter(({ status }) => status === "completed").length;

test("25,000 nodes run to the end in the thrifty plan", async () => {
  const execution = await run("thrifty", sums(25_000, { steps: "effects" }), 120);
  expect([execution.status, execution.error, countOf(execution)]).toEqual([
    "completed",
    undefined,
    25_000,
  ]);
  expect(resultOf(execution, 24_999)).toEqual({ result: 250 });
});

test("12,000 nodes run to the end in the full plan, in parts", async () => {
  const execution = await run("full", sums(12_000, {}), 400);
  expect([execution.status, execution.error, countOf(execution)]).toEqual([
    "completed",
    undefined,
    12_000,
  ]);
  expect(resultOf(execution, 11_999)).toEqual({ result: 120 });
  const part = await env.EXECUTE.get(await partInstanceId(organizationId, "full", 7));
  expect((await part.status()).status).toBe("complete");
});
