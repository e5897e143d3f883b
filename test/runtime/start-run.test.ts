/** Starts over stores in memory and a platform that the test holds: what was asked of it, and whose instances it has. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import type { ExecuteParams, InstanceParams } from "#core/execution-context";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import { paramsLimit } from "#core/platform-limits";
import { emptyRecord, reportSubmission } from "#core/report";
import { runInstanceId } from "#runtime/instance-id";
import type { StartResult } from "#runtime/start-run";
import { startRun } from "#runtime/start-run";
import type { RunInstance } from "#services/run-command";
import { ResourceProvider } from "#services/resource-provider";
import { RunWatch } from "#services/run-watch";
import { WorkflowInstances } from "#services/workflow-instances";
import { asText, nastyIds, unpairedIds } from "../contracts/nasty-ids.ts";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";

const workflow = graph("a -> b");

const paramsWith = (changes: Partial<ExecuteParams> = {}): ExecuteParams => ({
  workflow,
  userId: "user",
  organizationId: "org",
  computeCredits: 10,
  ...changes,
});

const started: StartResult = { status: "started" };
const taken: StartResult = {
  status: "refused",
  message: "There is a run 'run' already. Give the new one another id.",
};

/** What the platform is asked for a run: an instance of the organization's own, which knows whose run it is. */
const createdFor = async (params: ExecuteParams, executionId = "run") => [
  await runInstanceId(params.organizationId, executionId),
  { ...params, executionId },
];

const startableIds = [...nastyIds, ...unpairedIds, "run", "-run", "x".repeat(100)].map(
  (id) => [asText(id).slice(0, 60), id] as const,
);

const secret = "sw0rdfish/123";

const openPlatform = () => {
  const held = holdServices();
  /** Ids that have an instance. */
  const ids = new Set<string>();
  const asked: (readonly [string, InstanceParams])[] = [];
  const platform = { isAway: false };
  const instances = Layer.mock(WorkflowInstances, {
    canCreate: true,
    create: (id, params) =>
      Effect.sync(() => {
        asked.push([id, params]);
        if (platform.isAway) return "created" as const;
        if (ids.has(id)) return "exists" as const;
        ids.add(id);
        return "created" as const;
      }),
  });
  const resources = ResourceProvider.layerMemory({ org: { secrets: { KEY: secret } } });
  const layer = Layer.mergeAll(held.layer, instances, RunWatch.layerNone, resources);
  const begin = (params: ExecuteParams, id = "run"): Promise<StartResult> =>
    Effect.runPromise(startRun(params, id).pipe(Effect.provide(layer)));
  const read = (organizationId = "org", id = "run") =>
    Effect.runPromise(held.executions.get(organizationId, id));
  /** As the run's own instance does, unless another is told. */
  const save = async (status: WorkflowExecutionStatus, instance?: RunInstance): Promise<void> => {
    const { instanceId } = instance ?? { instanceId: await runInstanceId("org", "run") };
    await Effect.runPromise(
      held.executions.save({
        organizationId: "org",
        userId: "user",
        workflowName: "",
        definitionHash: "",
        ...(instanceId === undefined ? {} : { instanceId }),
        execution: { ...emptyRecord(workflow.id, "run", status, 5_000), error: "as it was" },
      }),
    );
  };
  return { held, ids, asked, platform, begin, read, save };
};

describe("a start", () => {
  test("leaves a row that lists every node, and an instance", async () => {
    const { asked, begin, read, held } = openPlatform();
    const params = paramsWith({ trigger: { body: "x" } });
    expect(await begin(params)).toEqual(started);
    const record = await read();
    const submitted = reportSubmission(workflow, "run", 0);
    expect(record).toEqual({ ...submitted, startedAt: record?.startedAt });
    expect(await Effect.runPromise(held.executions.readStart("org", "run"))).toEqual(params);
    expect(asked).toEqual([await createdFor(params)]);
  });

  test("with a secret in what triggered it is stored and begun without it, and is the same again", async () => {
    const { asked, begin, held } = openPlatform();
    const params = paramsWith({ trigger: { body: `key=${secret}` } });
    expect(await begin(params)).toEqual(started);
    expect(await begin(params)).toEqual(started);
    const masked = paramsWith({ trigger: { body: "key=[secret:KEY]" } });
    expect(await Effect.runPromise(held.executions.readStart("org", "run"))).toEqual(masked);
    expect(asked).toEqual([await createdFor(masked), await createdFor(masked)]);
  });

  test("that has become one with a secret in it since is the same again", async () => {
    const { asked, begin, save: _save, held } = openPlatform();
    const params = paramsWith({ trigger: { body: `key=${secret}` } });
    // Started when nobody knew that it is one.
    await Effect.runPromise(
      held.executions.save({
        organizationId: "org",
        userId: "user",
        workflowName: workflow.name,
        definitionHash: "",
        execution: emptyRecord(workflow.id, "run", "executing", 5_000),
        start: params,
        isInitial: true,
      }),
    );
    expect(await begin(params)).toEqual(started);
    expect(asked).toHaveLength(1);
  });

  test("with a secret in an input is refused, and leaves nothing", async () => {
    const { asked, begin, read } = openPlatform();
    const result = await begin(paramsWith({ inputOverrides: { a: { in: secret } } }));
    expect(result).toMatchObject({
      status: "refused",
      message: expect.stringContaining("'a' holds the value of a secret, [secret:KEY]") as string,
    });
    expect(await read()).toBeUndefined();
    expect(asked).toEqual([]);
  });

  test("of the same run again touches nothing, and creates an instance that was lost", async () => {
    const { asked, begin, read, save, platform, ids } = openPlatform();
    platform.isAway = true;
    expect(await begin(paramsWith())).toEqual(started);
    platform.isAway = false;
    for (const status of ["submitted", "executing", "paused"] as const) {
      await save(status);
      const before = await read();
      expect(await begin(paramsWith())).toEqual(started);
      expect(await read()).toEqual(before);
    }
    const created = await createdFor(paramsWith());
    expect([...ids]).toEqual([created[0]]);
    expect(asked).toEqual([1, 2, 3, 4].map(() => created));
  });

  test("is the same however its parameters that say nothing are left out", async () => {
    const { begin } = openPlatform();
    await begin(paramsWith());
    expect(await begin(paramsWith({ trigger: null, inputOverrides: {} }))).toEqual(started);
  });

  test.each(["completed", "error", "exhausted", "cancelled"] as const)(
    "of a run that is %s does nothing, and says so",
    async (status) => {
      const { asked, begin, read, save } = openPlatform();
      await begin(paramsWith());
      await save(status);
      const before = await read();
      expect(await begin(paramsWith())).toEqual({ status: "ended", as: status });
      expect(await read()).toEqual(before);
      expect(asked).toHaveLength(1);
    },
  );

  test.each<readonly [string, Partial<ExecuteParams>]>([
    ["document", { workflow: graph("a -> c") }],
    ["document that says the same in another order", { workflow: reordered() }],
    ["user", { userId: "another" }],
    ["limit", { computeCredits: 11 }],
    ["trigger", { trigger: { body: "x" } }],
    ["input", { inputOverrides: { a: { in: 1 } } }],
    ["earlier run", { redrive: { executionId: "earlier" } }],
  ])("with another %s under the same id is refused", async (_, changes) => {
    for (const status of ["executing", "completed"] as const) {
      const { asked, begin, read, save } = openPlatform();
      await begin(paramsWith());
      await save(status);
      const before = await read();
      expect(await begin(paramsWith(changes))).toEqual(taken);
      expect(await read()).toEqual(before);
      expect(asked).toHaveLength(1);
    }
  });

  test("of a run of which nobody knows how it was started is refused", async () => {
    const { asked, begin, save } = openPlatform();
    await save("executing", {});
    expect(await begin(paramsWith())).toEqual(taken);
    expect(asked).toEqual([]);
  });

  test("that is made several times at once is one", async () => {
    const { begin, held, ids, read } = openPlatform();
    const results = await Promise.all(Array.from({ length: 5 }, () => begin(paramsWith())));
    expect(results).toEqual(results.map(() => started));
    expect((await read())?.status).toBe("submitted");
    expect(await Effect.runPromise(held.executions.list("org"))).toHaveLength(1);
    expect(ids.size).toBe(1);
  });

  test("with another document at the same time is refused", async () => {
    const { asked, begin } = openPlatform();
    const results = await Promise.all([
      begin(paramsWith()),
      begin(paramsWith({ workflow: graph("a -> c") })),
    ]);
    expect(results.toSorted((a, b) => (a.status < b.status ? -1 : 1))).toEqual([taken, started]);
    expect(asked).toHaveLength(1);
  });
});

/** The same with its keys the other way round. */
function reordered(): typeof workflow {
  return Object.fromEntries(Object.entries(workflow).toReversed()) as unknown as typeof workflow;
}

describe("an id that another organization has taken", () => {
  test.each(startableIds)("is free: %s", async (_, id) => {
    const { asked, begin, held, read } = openPlatform();
    const organizations = ["org", "theirs", "org/theirs", "ORG", "o"];
    const params = organizations.map((organizationId) => paramsWith({ organizationId }));
    for (const each of params) expect(await begin(each, id)).toEqual(started);
    const created = await Promise.all(params.map((each) => createdFor(each, id)));
    expect(asked).toEqual(created);
    const instanceIds = created.map(([instanceId]) => instanceId);
    expect(new Set(instanceIds).size).toBe(organizations.length);
    for (const instanceId of instanceIds) {
      expect(instanceId).toMatch(/^[a-zA-Z0-9_][a-zA-Z0-9_-]{0,99}$/);
    }
    const rows = await Effect.runPromise(held.executions.listLive({ limit: 10 }));
    expect(rows.map((row) => [row.organizationId, row.id, row.instanceId])).toEqual(
      organizations
        .map((organizationId, index) => [organizationId, id, instanceIds[index]])
        .toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
    );
    expect((await read("theirs", id))?.status).toBe("submitted");
  });

  test("is free though that one's instance has the very id", async () => {
    const { asked, begin, ids } = openPlatform();
    ids.add("run");
    expect(await begin(paramsWith())).toEqual(started);
    expect(asked).toEqual([await createdFor(paramsWith())]);
  });

  test("is as free to a document of another shape", async () => {
    const { begin, ids, read } = openPlatform();
    ids.add("run");
    await begin(paramsWith({ organizationId: "theirs" }));
    expect(await begin(paramsWith({ workflow: { nodes: 7 } as never }))).toEqual(started);
    expect(ids.size).toBe(3);
    expect(await read()).toBeUndefined();
  });
});

describe("a run whose instance has its id", () => {
  test("is given that instance when it is started again", async () => {
    const { asked, begin, held } = openPlatform();
    const params = paramsWith();
    await Effect.runPromise(
      held.executions.save({
        organizationId: "org",
        userId: "user",
        workflowName: "",
        definitionHash: "",
        execution: emptyRecord(workflow.id, "run", "executing", 5_000),
        start: params,
      }),
    );
    expect(await begin(params)).toEqual(started);
    expect(asked).toEqual([["run", { ...params, executionId: "run" }]]);
  });
});

describe("a document of another shape", () => {
  const malformed = paramsWith({ workflow: { nodes: 7 } as never });

  test("is left to the run, which says what is wrong with it", async () => {
    const { asked, begin, read } = openPlatform();
    expect(await begin(malformed)).toEqual(started);
    expect(asked).toEqual([await createdFor(malformed)]);
    expect(await read()).toBeUndefined();
  });

  test("is not started under the id of another run", async () => {
    const { asked, begin } = openPlatform();
    await begin(paramsWith());
    expect(await begin(malformed)).toEqual(taken);
    expect(asked).toHaveLength(1);
  });

  test("is refused when it is too large for the platform", async () => {
    const { asked, begin } = openPlatform();
    const large = paramsWith({ workflow: { nodes: "x".repeat(paramsLimit) } as never });
    expect(await begin(large)).toMatchObject({ status: "refused" });
    expect(asked).toEqual([]);
  });
});

describe("what the platform would not take", () => {
  test.each(["", "x".repeat(20_001)])(
    "such as the id %j is refused before anything is stored",
    async (id) => {
      const { asked, begin, held } = openPlatform();
      expect(await begin(paramsWith(), id)).toEqual({
        status: "refused",
        message: expect.stringMatching(/^The run's id /),
      });
      expect(asked).toEqual([]);
      expect(await Effect.runPromise(held.executions.list("org"))).toEqual([]);
    },
  );

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])(
    "such as %d credits is refused before anything is stored: another life of the run would be given another limit",
    async (computeCredits) => {
      const { asked, begin, held } = openPlatform();
      expect(await begin(paramsWith({ computeCredits }))).toEqual({
        status: "refused",
        message:
          "computeCredits is what the organization may spend, a number of at least 0: 4294967296 or more for no limit.",
      });
      expect(asked).toEqual([]);
      expect(await Effect.runPromise(held.executions.list("org"))).toEqual([]);
    },
  );

  test("but the store does is left there, and the instance reads it", async () => {
    const { asked, begin, held } = openPlatform();
    const large = paramsWith({ trigger: "x".repeat(paramsLimit) });
    expect(await begin(large)).toEqual(started);
    const [instanceId] = await createdFor(large);
    expect(asked).toEqual([
      [instanceId, { organizationId: "org", executionId: "run", stored: true }],
    ]);
    expect(await Effect.runPromise(held.executions.readStart("org", "run"))).toEqual(large);
    expect(await begin(large)).toEqual(started);
  });
});
