/** Runs that take more steps than one instance may, spread over several: the same record as in one. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test, vi } from "vitest";
import { cloudflareServices } from "#cloudflare/layers";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import type { ExecuteParams, InstanceParams } from "#core/execution-context";
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import type { Workflow as WorkflowDocument } from "#core/workflow";
import { commandRun } from "#runtime/control-run";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { partInstanceId, runInstanceId } from "#runtime/instance-id";
import { startRun } from "#runtime/start-run";
import { ExecutionStore } from "#services/execution-store";
import { RunWatch } from "#services/run-watch";
import { graph } from "../support/graph.ts";
import { outcomesOf } from "../support/reaching-document.ts";
import { testNodes } from "../support/test-nodes.ts";

const organizationId = "acme";
const inParts = (env as unknown as { readonly IN_PARTS: Workflow<InstanceParams> }).IN_PARTS;

const services = Layer.mergeAll(
  cloudflareServices(env),
  workflowInstancesLayer(inParts),
  RunWatch.layerNone,
);

const perform = <A>(
  effect: Effect.Effect<A, unknown, Layer.Success<typeof services>>,
): Promise<A> => Effect.runPromise(effect.pipe(Effect.provide(services)));

const paramsFor = (workflow: WorkflowDocument): ExecuteParams => ({
  workflow,
  userId: "ada",
  organizationId,
  computeCredits: 1_000_000,
});

const start = async (
  id: string,
  workflow: WorkflowDocument,
  more: Partial<ExecuteParams> = {},
): Promise<void> => {
  const params = { ...paramsFor(workflow), ...more };
  expect(await perform(startRun(params, id))).toEqual({ status: "started" });
};

const ended = (
  id: string,
  timeout = 15_000,
  organization = organizationId,
): Promise<WorkflowExecution> =>
  vi.waitFor(
    async () => {
      const reading = ExecutionStore.use((store) => store.get(organization, id));
      const execution = await perform(reading);
      if (execution === undefined || !isFinalStatus(execution.status)) {
        throw new Error(`run ${id} is ${execution?.status ?? "unknown"}`);
      }
      return execution;
    },
    { timeout, interval: 50 },
  );

const timeless = ({ status, nodeExecutions }: WorkflowExecution) => ({
  status,
  nodes: nodeExecutions.map(({ startedAt: _start, endedAt: _end, attempts, ...node }) => ({
    ...node,
    attempts: attempts.length,
  })),
});

/** Layers of six nodes with edges to the two next ones, a failure and a branch among them. */
const layered = (): WorkflowDocument => {
  const lines = Array.from({ length: 60 }, (_, index) =>
    index < 6 ? `n${index}:result` : `n${index - 6}:result -> n${index}:value`,
  );
  const crossing = Array.from(
    { length: 27 },
    (_, index) => `n${index * 2}:result -> n${index * 2 + 6}:value`,
  );
  const types = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [
      `n${index}`,
      index === 13 ? "test-fail" : "test-slow",
    ]),
  );
  const inputs = Object.fromEntries(
    Object.keys(types).map((id) => [`${id}:millis`, { type: "number", value: 1 }] as const),
  );
  const document = graph(
    ...lines.map((line) => line.replace(/:result$/, "")),
    ...new Set(crossing),
    {
      types,
      inputs,
    },
  );
  return {
    ...document,
    nodes: document.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.filter(({ name }) => name === "millis"),
      outputs: [],
    })),
    edges: document.edges.filter(
      (edge, at) =>
        document.edges.findIndex(
          ({ source, target }) => source === edge.source && target === edge.target,
        ) === at,
    ),
  };
};

describe("a run of more steps than an instance may take", () => {
  test("ends with the record that one instance gives", async () => {
    const whole = createDirectRuntime({ nodes: testNodes }).run(paramsFor(layered()), "whole");
    await start("spread", layered());
    const spread = timeless(await ended("spread"));
    expect(spread).toEqual(timeless(await whole));
    expect(spread.nodes.filter(({ status }) => status === "completed").length).toBeGreaterThan(30);
    expect(spread.nodes.some(({ status }) => status === "skipped")).toBe(true);
    // Parts are instances of their own.
    expect(
      await (await inParts.get(await partInstanceId(organizationId, "spread", 3))).status(),
    ).toMatchObject({
      status: "complete",
    });
  });

  test("takes over what an earlier run has done, and runs the rest in parts", async () => {
    const document = layered();
    const mended = {
      ...document,
      nodes: document.nodes.map((node) =>
        node.id === "n13" ? { ...node, type: "test-slow" } : node,
      ),
    };
    await start("again", mended, { redrive: { executionId: "spread" } });
    const again = await ended("again");
    expect(again.status).toBe("completed");
    const reused = again.nodeExecutions.filter(({ reusedFrom }) => reusedFrom === "spread");
    expect(reused.length).toBeGreaterThan(30);
  });

  test("is cancelled in all its parts", async () => {
    const document = layered();
    const slow = {
      ...document,
      nodes: document.nodes.map((node) =>
        node.id === "n30"
          ? { ...node, inputs: [{ name: "millis", type: "number" as const, value: 60_000 }] }
          : node,
      ),
    };
    await start("stopped", slow);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await perform(commandRun(organizationId, "stopped", "cancel"))).toMatchObject({
      status: "accepted",
    });
    const stopped = await ended("stopped");
    expect(stopped.status).toBe("cancelled");
    const byId = new Map(stopped.nodeExecutions.map((node) => [node.nodeId, node.status]));
    expect([byId.get("n0"), byId.get("n30"), byId.get("n36")]).toEqual([
      "completed",
      "failed",
      "idle",
    ]);
  });
});

test("runs of one id in two organizations are spread over parts of their own", async () => {
  const places = Array.from({ length: 31 }, (_, index) => `n${index}`);
  const chain = (millis: number): WorkflowDocument =>
    graph(...places.slice(1).map((id, index) => `n${index}:result -> ${id}:value`), "key", {
      types: { ...Object.fromEntries(places.map((id) => [id, "test-slow"])), key: "give-key" },
      inputs: Object.fromEntries(
        places.map((id, index) => [
          `${id}:millis`,
          { type: "number", value: index === 0 ? millis : 1 } as const,
        ]),
      ),
    });
  const organizations = [
    [organizationId, 5],
    ["globex", 6],
  ] as const;
  // Their parts have instances of these ids; the first that comes must not keep the other from its own.
  for (const [organization, millis] of organizations) {
    await start("two", chain(millis), { organizationId: organization });
  }
  for (const [organization, result] of organizations) {
    const execution = await ended("two", 15_000, organization);
    expect(execution.status).toBe("completed");
    expect(outcomesOf(execution)).toEqual({
      ...Object.fromEntries(places.map((id) => [id, { result }])),
      // Nodes of every part name the run's own instance to services that both may use.
      key: { key: `${await runInstanceId(organization, "two")}/key` },
    });
  }
}, 60_000);
