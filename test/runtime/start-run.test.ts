/** Starts over stores in memory and a platform that the test holds: what was asked of it, and whose instances it has. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { TestClock } from "effect/testing";
import { describe, expect, test } from "vitest";
import type { ExecuteParams, InstanceParams } from "#core/execution-context";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import { paramsLimit } from "#core/platform-limits";
import { emptyRecord, reportSubmission } from "#core/report";
import type { StartResult } from "#runtime/start-run";
import { startRun } from "#runtime/start-run";
import { RunWatch } from "#services/run-watch";
import { WorkflowInstances } from "#services/workflow-instances";
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
const clash = "There is another run with this id. Start it with another id.";

const openPlatform = () => {
  const held = holdServices();
  /** Ids that have an instance. */
  const ids = new Set<string>();
  const asked: (readonly [string, InstanceParams])[] = [];
  const platform = { isAway: false, onExists: (): void => {} };
  const instances = Layer.mock(WorkflowInstances, {
    canCreate: true,
    create: (id, params) =>
      Effect.sync(() => {
        asked.push([id, params]);
        if (platform.isAway) return "created" as const;
        if (!ids.has(id)) {
          ids.add(id);
          return "created" as const;
        }
        platform.onExists();
        return "exists" as const;
      }),
  });
  const layer = Layer.mergeAll(held.layer, instances, RunWatch.layerNone);
  const begin = (params: ExecuteParams, id = "run"): Promise<StartResult> =>
    Effect.runPromise(startRun(params, id).pipe(Effect.provide(layer)));
  /** Gives up on an instance that is somebody else's, on virtual time. */
  const beginAndWait = (params: ExecuteParams, id = "run"): Promise<StartResult> =>
    Effect.runPromise(
      Effect.gen(function* () {
        let result: StartResult | undefined;
        yield* Effect.forkChild(
          Effect.map(startRun(params, id), (given) => {
            result = given;
          }),
        );
        for (;;) {
          yield* Effect.promise(() => new Promise((resolve) => void setTimeout(resolve, 1)));
          if (result !== undefined) return result;
          yield* TestClock.adjust(500);
        }
      }).pipe(Effect.provide(layer), Effect.provide(TestClock.layer())),
    );
  const read = (organizationId = "org", id = "run") =>
    Effect.runPromise(held.executions.get(organizationId, id));
  const save = (status: WorkflowExecutionStatus, organizationId = "org"): Promise<unknown> =>
    Effect.runPromise(
      held.executions.save({
        organizationId,
        userId: "user",
        workflowName: "",
        definitionHash: "",
        execution: { ...emptyRecord(workflow.id, "run", status, 5_000), error: "as it was" },
      }),
    );
  return { held, ids, asked, platform, begin, beginAndWait, read, save };
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
    expect(asked).toEqual([["run", params]]);
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
    expect([...ids]).toEqual(["run"]);
    expect(asked).toEqual([1, 2, 3, 4].map(() => ["run", paramsWith()]));
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
    await save("executing");
    expect(await begin(paramsWith())).toEqual(taken);
    expect(asked).toEqual([]);
  });

  test("that is made several times at once is one", async () => {
    const { begin, held, platform, read, save } = openPlatform();
    platform.onExists = () => void save("executing");
    const results = await Promise.all(Array.from({ length: 5 }, () => begin(paramsWith())));
    expect(results).toEqual(results.map(() => started));
    expect((await read())?.status).toBe("executing");
    expect(await Effect.runPromise(held.executions.list("org"))).toHaveLength(1);
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

describe("an instance that another organization has", () => {
  test("is not taken for the run's own: the new row ends, and theirs is left alone", async () => {
    const { beginAndWait, begin, held, read } = openPlatform();
    expect(await begin(paramsWith({ organizationId: "theirs" }))).toEqual(started);
    const theirs = await read("theirs");
    const params = paramsWith();
    expect(await beginAndWait(params)).toEqual({ status: "refused", message: clash });
    const left = await read();
    // Virtual time moves on while the document is hashed, which takes real time.
    const startedAt = Date.parse(left!.startedAt);
    expect(left).toEqual({
      ...reportSubmission(workflow, "run", startedAt),
      status: "error",
      error: clash,
      endedAt: new Date(startedAt + 5_000).toISOString(),
    });
    const rows = await Effect.runPromise(held.executions.listLive({ limit: 10 }));
    expect(rows.map(({ organizationId }) => organizationId)).toEqual(["theirs"]);
    expect(await read("theirs")).toEqual(theirs);
    expect(await Effect.runPromise(held.executions.readStart("org", "run"))).toEqual(params);
    expect(await begin(params)).toEqual({ status: "ended", as: "error" });
  });

  test("is told from one of this organization, whose row says that it has begun", async () => {
    const { beginAndWait, ids, platform, read, save } = openPlatform();
    ids.add("run");
    platform.onExists = () => void setTimeout(() => void save("executing"), 3);
    expect(await beginAndWait(paramsWith())).toEqual(started);
    expect((await read())?.status).toBe("executing");
  });
});

describe("a document of another shape", () => {
  const malformed = paramsWith({ workflow: { nodes: 7 } as never });

  test("is left to the run, which says what is wrong with it", async () => {
    const { asked, begin, read } = openPlatform();
    expect(await begin(malformed)).toEqual(started);
    expect(asked).toEqual([["run", malformed]]);
    expect(await read()).toBeUndefined();
  });

  test("leaves no row when another organization has the id", async () => {
    const { beginAndWait, ids, read } = openPlatform();
    ids.add("run");
    expect(await beginAndWait(malformed)).toEqual({ status: "refused", message: clash });
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
  test.each(["", "-run", "run 1", "x".repeat(101)])(
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

  test("but the store does is left there, and the instance reads it", async () => {
    const { asked, begin, held } = openPlatform();
    const large = paramsWith({ trigger: "x".repeat(paramsLimit) });
    expect(await begin(large)).toEqual(started);
    expect(asked).toEqual([["run", { organizationId: "org", stored: true }]]);
    expect(await Effect.runPromise(held.executions.readStart("org", "run"))).toEqual(large);
    expect(await begin(large)).toEqual(started);
  });
});
