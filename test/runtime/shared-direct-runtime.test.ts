/** One direct runtime for several organizations: an id of a run belongs to its organization (ACCESS-1). */
import { describe, expect, test } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime, RunIdTaken } from "#runtime/direct-runtime";
import { runInstanceId } from "#runtime/instance-id";
import { MonitoringService } from "#services/monitoring-service";
import { graph } from "../support/graph.ts";

const paramsOf = (organizationId: string, workflow: Workflow): ExecuteParams => ({
  workflow,
  userId: "user",
  organizationId,
  computeCredits: 1_000,
});

const asking = graph("ask", {
  types: { ask: "wait-for-event" },
  outputs: { "ask:data": { type: "json" } },
});

/** Runs of both organizations under one id, each of which waits for an answer. */
const openBoth = async () => {
  const asked = Promise.withResolvers<void>();
  let waits = 0;
  const layers = MonitoringService.layerListener((message) => {
    if (message.type === "node" && message.status === "waiting" && ++waits === 2) asked.resolve();
  });
  const runtime = createDirectRuntime({ layers });
  const [acme, globex] = ["acme", "globex"].map((organizationId) => ({
    key: { organizationId, executionId: "same" },
    ended: runtime.run(paramsOf(organizationId, asking), "same"),
  }));
  await asked.promise;
  return { runtime, acme: acme!, globex: globex! };
};

describe("runs of two organizations under one id", () => {
  test("have idempotency keys of their own, as on a platform", async () => {
    const keys: string[] = [];
    const node = defineNode({
      type: "test",
      name: "",
      category: "test",
      description: "",
      inputs: [],
      outputs: [],
      run: (_inputs, { idempotencyKey }) => {
        keys.push(idempotencyKey);
        return {};
      },
    });
    const runtime = createDirectRuntime({ nodes: [node] });
    for (const organizationId of ["acme", "globex"]) {
      await runtime.run(paramsOf(organizationId, graph("a")), "run");
    }
    expect(keys).toEqual([
      `${await runInstanceId("acme", "run")}/a`,
      `${await runInstanceId("globex", "run")}/a`,
    ]);
  });

  test("are answered and told apart by their organizations, also when one of them has ended", async () => {
    const { runtime, acme, globex } = await openBoth();
    expect(await runtime.answer(acme.key, "ask", "for acme")).toMatchObject({ status: "accepted" });
    expect((await acme.ended).nodeExecutions[0]!.outputs).toEqual({ data: "for acme" });
    expect(await runtime.command(acme.key, "cancel")).toEqual({ status: "unknown" });
    expect(await runtime.command(globex.key, "pause")).toMatchObject({ status: "accepted" });
    expect(await runtime.command("same", "cancel")).toMatchObject({ status: "accepted" });
    expect((await globex.ended).status).toBe("cancelled");
    expect(await runtime.command("same", "cancel")).toEqual({ status: "unknown" });
  });

  test("are not told anything by the id alone while both are under way", async () => {
    const { runtime, acme, globex } = await openBoth();
    const told = [runtime.answer("same", "ask", "for whom"), runtime.command("same", "cancel")];
    for (const refused of told) {
      await expect(refused).rejects.toThrow(
        new RunIdTaken({
          executionId: "same",
          message:
            "Several organizations have a run 'same' under way. Name it by { organizationId, executionId }.",
        }),
      );
    }
    for (const { key, ended } of [acme, globex]) {
      await runtime.answer(key, "ask", key.organizationId);
      expect((await ended).nodeExecutions[0]!.outputs).toEqual({ data: key.organizationId });
    }
  });
});

test("an organization has one run of an id under way: another is refused, and the first goes on", async () => {
  const { runtime, acme, globex } = await openBoth();
  await expect(runtime.run(paramsOf("acme", asking), "same")).rejects.toThrow(
    new RunIdTaken({
      executionId: "same",
      message: "Run 'same' is under way. Give the new one another id.",
    }),
  );
  for (const { key, ended } of [acme, globex]) {
    expect(await runtime.answer(key, "ask", 1)).toMatchObject({ status: "accepted" });
    expect((await ended).status).toBe("completed");
  }
  expect(await runtime.run(paramsOf("acme", graph("gone")), "same")).toMatchObject({ id: "same" });
});
