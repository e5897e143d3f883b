/** What commands with one `--org` can ask about the runs of another: they are told what they are told of runs that nobody has. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import { createRunNews } from "#cli/follow-run";
import type { LocalCalls } from "#cli/local-protocol";
import type { RunRequest } from "#cli/local-requests";
import { answerRequest } from "#cli/local-requests";
import { builtInNodes } from "#nodes/registry";
import { emptyRecord, reportSubmission } from "#core/report";
import { NodeRegistry } from "#services/node-registry";
import { ResourceProvider } from "#services/resource-provider";
import { RunWatch } from "#services/run-watch";
import { WorkflowInstances } from "#services/workflow-instances";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";

const workflow = graph("a");

const paramsOf = (organizationId: string) => ({
  workflow,
  userId: "local",
  organizationId,
  computeCredits: 10,
});

/** A live run whose instance has its own id, one that was started, and one that ended, all of `acme`. */
const open = async () => {
  const held = holdServices();
  const instances = new Set(["direct"]);
  const woken: string[] = [];
  const platform = Layer.mock(WorkflowInstances, {
    canCreate: true,
    create: (id) =>
      Effect.as(
        Effect.sync(() => instances.add(id)),
        "created" as const,
      ),
    send: (id, type) =>
      Effect.sync(() => {
        woken.push(`${id} ${type}`);
        return instances.has(id);
      }),
    endOf: (id) => Effect.succeed(instances.has(id) ? undefined : "lost"),
  });
  const services = Layer.mergeAll(
    held.layer,
    platform,
    NodeRegistry.layer(builtInNodes),
    ResourceProvider.layerMemory(),
    RunWatch.layerNone,
  );
  const ask = <Call extends RunRequest["type"]>(
    type: Call,
    request: LocalCalls[Call]["request"],
  ): Promise<unknown> =>
    Effect.runPromise(
      answerRequest({ type, ...request } as RunRequest).pipe(Effect.provide(services)),
    );
  const saved = {
    organizationId: "acme",
    userId: "local",
    workflowName: "",
    definitionHash: "",
    start: paramsOf("acme"),
  };
  const direct = emptyRecord(workflow.id, "direct", "executing", 1_000);
  await Effect.runPromise(held.executions.save({ ...saved, execution: direct }));
  const ended = { ...reportSubmission(workflow, "ended", 1_000), status: "completed" } as const;
  await Effect.runPromise(held.executions.save({ ...saved, execution: ended }));
  await ask("start", { executionId: "was-started", params: paramsOf("acme") });
  await Effect.runPromise(
    held.waits.open({
      organizationId: "acme",
      executionId: "direct",
      nodeId: "a",
      name: "event",
      eventType: "wait_1",
      openedAt: 1_000,
      deadline: null,
      question: {},
    }),
  );
  return { ask, woken };
};

/** Everything that can be asked about a run, in an order in which nothing is made before the end. */
const askAll = async (
  ask: Awaited<ReturnType<typeof open>>["ask"],
  organizationId: string,
  executionId: string,
): Promise<unknown> => {
  const key = { organizationId, executionId };
  const answers = [
    await ask("list", { organizationId, options: {} }),
    await ask("find", { organizationId, run: executionId }),
    await ask("find", { organizationId, run: executionId.slice(0, 3) }),
    await ask("find", { organizationId, run: "last" }),
    await ask("read", key),
    await ask("readStart", key),
    await ask("endOf", key),
    await ask("wake", key),
    await ask("planRedrive", { organizationId, workflow, redrive: { executionId } }),
    await ask("answer", { ...key, nodeId: "a", data: 1 }),
    await ask("command", { ...key, command: "resume" }),
    await ask("command", { ...key, command: "cancel" }),
    await ask("start", { executionId, params: paramsOf(organizationId) }),
    await ask("endOf", key),
  ];
  return JSON.parse(JSON.stringify(answers).replaceAll(executionId, "ID"));
};

describe("commands of another organization", () => {
  it.each(["direct", "was-started", "ended"])(
    "are told nothing of run '%s'",
    async (executionId) => {
      const { ask, woken } = await open();
      const nothing = await askAll(ask, "globex", "nowhere");
      const wokenAlone = woken.splice(0);
      const { ask: askOther, woken: wokenThere } = await open();
      expect(await askAll(askOther, "globex", executionId)).toEqual(nothing);
      expect(wokenThere).toHaveLength(wokenAlone.length);
      expect(wokenThere.filter((line) => line.startsWith("direct "))).toEqual([]);
      expect(await askAll(ask, "acme", executionId)).not.toEqual(nothing);
    },
  );

  it("hear no messages of a run that has the same id", async () => {
    const message = { executionId: "run", at: 1, type: "run", status: "completed" } as const;
    const news = createRunNews({ organizationId: "globex", executionId: "run" });
    const since = Date.now();
    news.hear({ ...message, organizationId: "acme" });
    await news.finalOrQuiet();
    expect(Date.now() - since).toBeGreaterThan(900);
    news.hear({ ...message, organizationId: "globex" });
    const then = Date.now();
    await news.finalOrQuiet();
    expect(Date.now() - then).toBeLessThan(500);
  });
});
