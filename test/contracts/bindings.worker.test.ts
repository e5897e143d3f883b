/** The contracts in workerd: against D1 and R2, and against the memory layers once more. And what is D1's or R2's alone. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { d1ExecutionStoreLayer } from "#cloudflare/d1-execution-store";
import { d1WaitStoreLayer } from "#cloudflare/d1-wait-store";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import { r2ObjectStoreLayer } from "#cloudflare/r2-object-store";
import { ServiceFailure } from "#services/errors";
import { ExecutionStore, rowOf } from "#services/execution-store";
import { ObjectStore } from "#services/object-store";
import { WaitStore } from "#services/wait-store";
import { WorkflowInstances } from "#services/workflow-instances";
import { failing, queriesOf, withMethods } from "../support/d1-queries.ts";
import { graph } from "../support/graph.ts";
import { executionStoreContract, savedRun } from "./execution-store.contract.ts";
import { memoryContracts } from "./memory-layers.ts";
import { nastyIds } from "./nasty-ids.ts";
import { objectStoreContract } from "./object-store.contract.ts";
import { runCommandContract } from "./run-command.contract.ts";
import { runInstanceContract } from "./run-instance.contract.ts";
import { large, runStartContract, small, startedRun } from "./run-start.contract.ts";
import { waitStoreContract } from "./wait-store.contract.ts";

const { DB, OBJECTS } = env;
const run = Effect.runPromise;
const { plansOf, tripsOf } = queriesOf(DB);

executionStoreContract("D1 and R2", () => d1ExecutionStoreLayer(DB, OBJECTS));
runStartContract("D1 and R2", () => d1ExecutionStoreLayer(DB, OBJECTS));
runCommandContract("D1 and R2", () => d1ExecutionStoreLayer(DB, OBJECTS));
runInstanceContract("D1 and R2", () => d1ExecutionStoreLayer(DB, OBJECTS));
waitStoreContract("D1", () => d1WaitStoreLayer(DB));
objectStoreContract("R2", () => r2ObjectStoreLayer(OBJECTS));
memoryContracts();

const executionStore = (db = DB, bucket = OBJECTS): ExecutionStore["Service"] =>
  Effect.runSync(Effect.provide(ExecutionStore, d1ExecutionStoreLayer(db, bucket)));

const waitStore = (db = DB): WaitStore["Service"] =>
  Effect.runSync(Effect.provide(WaitStore, d1WaitStoreLayer(db)));

const objectStore = (bucket = OBJECTS): ObjectStore["Service"] =>
  Effect.runSync(Effect.provide(ObjectStore, r2ObjectStoreLayer(bucket)));

const keysUnder = async (prefix: string): Promise<readonly string[]> =>
  (await OBJECTS.list({ prefix })).objects.map(({ key }) => key);

describe("d1ExecutionStoreLayer", () => {
  it.each([
    ["short", "", []],
    ["large", "x".repeat(300_000), ["live-executions/a%2Fb.json"]],
  ])(
    "keeps a %s record of a live run, and one of a run that ended, also when a live save comes after it",
    async (organization, error, liveKeys) => {
      const store = executionStore();
      const live = savedRun(organization, "a/b", { status: "executing", endedAt: null, error });
      await run(store.save(live));
      expect(await keysUnder(`${organization}/`)).toEqual(
        liveKeys.map((key) => `${organization}/${key}`),
      );
      expect(await run(store.get(organization, "a/b"))).toEqual(live.execution);
      const finalKeys = [`${organization}/executions/a%2Fb.json`];
      await run(store.save(savedRun(organization, "a/b", { error })));
      expect(await keysUnder(`${organization}/`)).toEqual(finalKeys);
      await run(store.save(live));
      expect(await keysUnder(`${organization}/`)).toEqual(finalKeys);
    },
  );

  it.each([
    ["executing", "x".repeat(300_000)],
    ["completed", ""],
  ] as const)("lists no run whose record of %s could not be written", async (status, error) => {
    const store = executionStore(DB, withMethods(OBJECTS, { put: failing }));
    const saved = savedRun("no record", "run", { status, error });
    const failure = await run(Effect.flip(store.save(saved)));
    expect(failure).toEqual(
      new ServiceFailure({
        operation: "ExecutionStore.save",
        message: "ExecutionStore.save failed: The platform is away",
        cause: new Error("The platform is away"),
      }),
    );
    expect(await run(executionStore().list("no record"))).toEqual([]);
  });

  it("finds a run whose row could not be written, and writes the row of that record later", async () => {
    const written = savedRun("no row", "run", { status: "completed" });
    const prepare = (sql: string): D1PreparedStatement =>
      sql.includes("INSERT") ? failing() : DB.prepare(sql);
    const broken = executionStore(withMethods(DB, { prepare }));
    const failure = await run(Effect.flip(broken.save(written)));
    expect(failure).toBeInstanceOf(ServiceFailure);
    const store = executionStore();
    expect(await run(store.get("no row", "run"))).toEqual(written.execution);
    await run(store.save(savedRun("no row", "run", { status: "cancelled" })));
    expect(await run(store.get("no row", "run"))).toEqual(written.execution);
    expect(await run(store.list("no row"))).toEqual([rowOf(written)]);
  });

  it("finds a run that ends while it is being read", async () => {
    const ended = savedRun("ending", "run");
    const store = executionStore();
    await run(store.save(savedRun("ending", "run", { status: "executing", endedAt: null })));
    const get = async (key: string): Promise<R2ObjectBody | null> => {
      const found = await OBJECTS.get(key);
      if (key.includes("/executions/") && found === null) await run(store.save(ended));
      return found;
    };
    const slow = executionStore(DB, withMethods(OBJECTS, { get }));
    expect(await run(slow.get("ending", "run"))).toEqual(ended.execution);
  });

  it("fails with a ServiceFailure when D1 or R2 is away", async () => {
    const broken = executionStore(
      withMethods(DB, { prepare: failing }),
      withMethods(OBJECTS, { get: failing }),
    );
    const failures = await run(
      Effect.all([
        Effect.flip(broken.get("acme", "run")),
        Effect.flip(broken.list("acme")),
        Effect.flip(broken.readStart("acme", "run")),
        Effect.flip(broken.command("acme", "run", "cancel")),
        Effect.flip(broken.readCommand("acme", "run")),
        Effect.flip(broken.acknowledge("acme", "run", 1)),
        Effect.flip(broken.listLive({ limit: 1 })),
      ]),
    );
    expect(failures.map(({ operation, isFinal }) => [operation, isFinal])).toEqual(
      ["get", "list", "readStart", "command", "readCommand", "acknowledge", "listLive"].map(
        (method) => [`ExecutionStore.${method}`, undefined],
      ),
    );
  });

  it.each([
    ["tables", "SELECT * FROM no_such_table_here"],
    ["columns", "SELECT no_such_column FROM executions"],
    ["columns to write", "INSERT INTO executions (no_such_column) VALUES (1)"],
  ])("says what to do when the database lacks %s", async (_, sql) => {
    const prepare = (): D1PreparedStatement =>
      withMethods(DB.prepare(sql), { bind: () => DB.prepare(sql) });
    const old = executionStore(withMethods(DB, { prepare }));
    const failures = await run(
      Effect.all([
        Effect.flip(old.list("acme")),
        Effect.flip(waitStore(withMethods(DB, { prepare })).list("acme", "run")),
      ]),
    );
    for (const { message, isFinal } of failures) {
      expect({ message, isFinal }).toEqual({
        message:
          "The database is not up to date. Apply Pawl's migrations: wrangler d1 migrations apply DATABASE --local (or --remote)",
        isFinal: true,
      });
    }
  });

  it("lists from an index, without reading other rows and without sorting", async () => {
    const before = { startedAt: "2026-11-24T10:00:00.000Z", id: "run" };
    const after = { organizationId: "acme", id: "run" };
    const plans: (readonly string[])[] = [];
    for (const options of [
      {},
      { status: "error" } as const,
      { workflowId: "w" },
      { before },
      { status: "error", before } as const,
      { workflowId: "w", before },
    ]) {
      plans.push(await plansOf((db) => executionStore(db).list("acme", options)));
    }
    plans.push(await plansOf((db) => executionStore(db).listLive({ limit: 5, after })));
    const older = "(started_at,id)<(?,?)";
    expect(plans.flat()).toEqual([
      "SEARCH executions USING INDEX executions_newest (organization_id=?)",
      "SEARCH executions USING INDEX executions_newest_by_status (organization_id=? AND status=?)",
      "SEARCH executions USING INDEX executions_newest_by_workflow (organization_id=? AND workflow_id=?)",
      `SEARCH executions USING INDEX executions_newest (organization_id=? AND ${older})`,
      `SEARCH executions USING INDEX executions_newest_by_status (organization_id=? AND status=? AND ${older})`,
      `SEARCH executions USING INDEX executions_newest_by_workflow (organization_id=? AND workflow_id=? AND ${older})`,
      "SEARCH executions USING INDEX executions_live ((organization_id,id)>(?,?))",
    ]);
  });

  it("asks D1 once for whatever is asked of it, the first save of a run too", async () => {
    const store = executionStore();
    const saved = startedRun("counted", "run", small);
    for (const effect of [
      store.save(saved),
      store.save(savedRun("counted", "run", { status: "paused", endedAt: null })),
      store.command("counted", "run", "cancel"),
      store.acknowledge("counted", "run", 1),
      store.readCommand("counted", "run"),
      store.readStart("counted", "run"),
      store.get("counted", "run"),
      store.save(savedRun("counted", "run")),
      store.list("counted"),
      store.listLive({ limit: 10 }),
    ]) {
      expect(await tripsOf(effect)).toBe(1);
    }
  });

  it("asks D1 once more for whose a run is when it has not saved the run before", async () => {
    const [last, other] = [savedRun("moved", "run"), savedRun("moved", "other")];
    const live = { status: "executing", endedAt: null } as const;
    const first = executionStore();
    await run(first.save(savedRun("moved", "run", live)));
    await run(first.save({ ...savedRun("moved", "other", live), instanceId: "instance" }));
    expect(await tripsOf(executionStore().save(last))).toBe(2);
    expect(await tripsOf(Effect.flip(executionStore().save(other)))).toBe(1);
    expect(await run(first.get("moved", "run"))).toEqual(last.execution);
    expect(await run(first.get("moved", "other"))).toMatchObject(live);
  });

  it("finds a large live record after a new run's, which is none", async () => {
    const store = executionStore();
    await run(store.save(startedRun("grown", "run", small)));
    const error = "x".repeat(300_000);
    const grown = savedRun("grown", "run", { status: "paused", endedAt: null, error });
    await run(store.save(grown));
    expect(JSON.stringify(await run(store.get("grown", "run")))).toHaveLength(
      JSON.stringify(grown.execution).length,
    );
  });

  it("keeps a small document once in D1, and no record beside it", async () => {
    const store = executionStore();
    for (const id of ["a", "b"]) await run(store.save(startedRun("definitions", id, small)));
    expect(await keysUnder("definitions/")).toEqual([]);
    const { results: definitions } = await DB.prepare(
      "SELECT hash, document FROM definitions WHERE organization_id = 'definitions'",
    ).all();
    expect(definitions).toEqual([{ hash: "hash of small", document: JSON.stringify(small) }]);
    const { results: rows } = await DB.prepare(
      "SELECT live_record, params FROM executions WHERE organization_id = 'definitions'",
    ).all();
    const params = { userId: "user", organizationId: "definitions", computeCredits: 100 };
    const row = { live_record: null, params: JSON.stringify(params) };
    expect(rows).toEqual([row, row]);
  });

  it("keeps a large document once in R2, and large params for each run", async () => {
    let puts = 0;
    const put = (...args: Parameters<R2Bucket["put"]>): Promise<R2Object | null> => {
      puts++;
      return OBJECTS.put(...args);
    };
    const store = executionStore(
      DB,
      withMethods(OBJECTS, { put: put as unknown as R2Bucket["put"] }),
    );
    const trigger = "x".repeat(300_000);
    for (const id of ["a", "b", "b"]) {
      await run(store.save(startedRun("documents", id, large, id === "a" ? {} : { trigger })));
    }
    expect(await keysUnder("documents/")).toEqual([
      "documents/definitions/hash%20of%20large.json",
      "documents/params/b.json",
    ]);
    expect(puts).toBe(2);
    const { results } = await DB.prepare(
      `SELECT live_record, params IS NULL AS isElsewhere, document FROM executions
       LEFT JOIN definitions USING (organization_id) WHERE organization_id = 'documents' ORDER BY id`,
    ).all();
    expect(results).toEqual([
      { live_record: null, isElsewhere: 0, document: null },
      { live_record: null, isElsewhere: 1, document: null },
    ]);
  });

  it("gives a record without nodes when the document of a new run is lost", async () => {
    const store = executionStore();
    const { nodeExecutions: _, ...facts } = startedRun("lost", "run", small).execution;
    await run(store.save(startedRun("lost", "run", small)));
    await DB.prepare("DELETE FROM definitions WHERE organization_id = 'lost'").run();
    expect(await run(store.get("lost", "run"))).toEqual({ ...facts, nodeExecutions: [] });
    expect(await run(store.readStart("lost", "run"))).toBeUndefined();
  });
});

describe("d1WaitStoreLayer", () => {
  const wait = {
    organizationId: "waiting",
    executionId: "run",
    nodeId: "node",
    name: "event",
    eventType: "w_1",
    openedAt: 1,
    deadline: 2,
    question: {},
  };
  const answer = { organizationId: "waiting", executionId: "run", nodeId: "node", data: 1, now: 1 };

  it("asks D1 once for whatever is asked of it, and reads the rows of one run alone", async () => {
    const asked = [
      (store: WaitStore["Service"]) => store.open(wait),
      (store: WaitStore["Service"]) => store.answer(answer),
      (store: WaitStore["Service"]) => store.answer({ ...answer, name: "event" }),
      (store: WaitStore["Service"]) => store.settle(wait, 1),
      (store: WaitStore["Service"]) => store.list("waiting", "run"),
      (store: WaitStore["Service"]) => store.listUnsettled("waiting", "run"),
      (store: WaitStore["Service"]) => store.close("waiting", "run"),
    ];
    for (const ask of asked) {
      expect(await tripsOf(ask(waitStore()))).toBe(1);
      const plans = await plansOf((db) => ask(waitStore(db)));
      expect(plans).not.toEqual([]);
      for (const plan of plans) {
        expect(plan).toMatch(
          /^(SCALAR SUBQUERY \d+|SEARCH waits USING PRIMARY KEY \(organization_id=\? AND execution_id=\?.*\))$/,
        );
      }
    }
  });

  it("fails with a ServiceFailure when D1 is away", async () => {
    const broken = waitStore(withMethods(DB, { prepare: failing }));
    const failures = await run(
      Effect.all([
        Effect.flip(broken.open(wait)),
        Effect.flip(broken.settle(wait, 1)),
        Effect.flip(broken.answer(answer)),
        Effect.flip(broken.list("waiting", "run")),
        Effect.flip(broken.listUnsettled("waiting", "run")),
        Effect.flip(broken.close("waiting", "run")),
      ]),
    );
    expect(failures.map(({ operation, isFinal }) => [operation, isFinal])).toEqual(
      ["open", "settle", "answer", "list", "listUnsettled", "close"].map((method) => [
        `WaitStore.${method}`,
        undefined,
      ]),
    );
  });
});

describe("workflowInstancesLayer", () => {
  const instances = (workflow = env.EXECUTE): WorkflowInstances["Service"] =>
    Effect.runSync(Effect.provide(WorkflowInstances, workflowInstancesLayer(workflow)));
  const params = {
    workflow: graph("a", { types: { a: "wait-for-event" } }),
    userId: "user",
    organizationId: "instances",
    computeCredits: 1,
  };

  it("creates an instance once, whosever it is, wakes it, and stops it", async () => {
    const { canCreate, create, send, stop, endOf } = instances();
    expect(canCreate).toBe(true);
    expect(await run(create("one", params))).toBe("created");
    expect(await run(create("one", params))).toBe("exists");
    expect(await run(create("one", { ...params, organizationId: "others" }))).toBe("exists");
    expect(await run(endOf("one"))).toBeUndefined();
    expect(await run(send("one", "wake"))).toBe(true);
    await run(stop("one"));
    expect(await run(endOf("one"))).toBe("terminated");
    await run(stop("one"));
    expect(await run(endOf("one"))).toBe("terminated");
    expect(await run(create("one", params))).toBe("exists");
  });

  it("has nothing to stop or wake where there is no such instance", async () => {
    const { send, stop, endOf } = instances();
    await run(stop("none"));
    expect(await run(send("none", "wake"))).toBe(false);
    expect(await run(endOf("none"))).toBe("lost");
  });

  it("fails with a ServiceFailure when the platform is away", async () => {
    const broken = instances(withMethods(env.EXECUTE, { create: failing, get: failing }));
    const failures = await run(
      Effect.all([
        Effect.flip(broken.create("run", params)),
        Effect.flip(broken.send("run", "wake")),
        Effect.flip(broken.stop("run")),
        Effect.flip(broken.endOf("run")),
      ]),
    );
    expect(failures.map(({ operation }) => operation)).toEqual(
      ["create", "send", "stop", "endOf"].map((method) => `WorkflowInstances.${method}`),
    );
  });
});

describe("r2ObjectStoreLayer", () => {
  const scope = { organizationId: "files", executionId: "run" };
  const png = { data: new Uint8Array([1, 2]), mimeType: "image/png", filename: "猫.png" };

  it("leaves a type in R2 that other tools understand", async () => {
    const { id } = await run(objectStore().write(scope, "picture", png));
    expect(id).toBe("run/picture");
    const object = await OBJECTS.head("files/objects/run/picture");
    expect(object?.httpMetadata).toEqual({ contentType: "image/png" });
    expect(object?.customMetadata).toEqual({ filename: "%22%E7%8C%AB.png%22" });
  });

  it("makes keys of three parts whatever the ids, each its own and as long as R2 takes", async () => {
    const keys: string[] = [];
    const put = (key: string): Promise<null> => {
      keys.push(key);
      return Promise.resolve(null);
    };
    const store = objectStore(withMethods(OBJECTS, { put: put as unknown as R2Bucket["put"] }));
    for (const id of nastyIds) {
      await run(store.write({ organizationId: id, executionId: id }, id, png));
    }
    for (const key of keys) {
      expect(key).toMatch(/^[\w!%'()*.~-]+\/objects\/[\w!%'()*.~-]+\/[\w!%'()*.~-]+$/);
      expect(key).not.toMatch(/(^|\/)\.\.?(\/|$)/);
      expect(key.length).toBeLessThanOrEqual(1_024);
    }
    expect(new Set(keys).size).toBe(nastyIds.length);
  });

  it("takes no id for the shortened form of another", async () => {
    const store = objectStore();
    const shortened = await run(store.write(scope, "x".repeat(1_000), png));
    const segment = shortened.id.slice("run/".length);
    expect(segment).toMatch(/^x{235}~[0-9a-f]{64}$/);
    const alike = await run(store.write(scope, segment, { ...png, mimeType: "image/gif" }));
    expect(alike.id).not.toBe(shortened.id);
    expect(await run(store.read("files", shortened.id))).toEqual(png);
  });

  it("reads no record of a run", async () => {
    await run(executionStore().save(savedRun("files", "run")));
    const store = objectStore();
    for (const id of [
      "../executions/run.json",
      "executions/run.json",
      "..%2Fexecutions/run.json",
    ]) {
      expect(await run(store.read("files", id))).toBeUndefined();
    }
  });

  it("fails with a ServiceFailure when R2 is away or refuses", async () => {
    const away = objectStore(
      withMethods(OBJECTS, { put: failing, get: failing, delete: failing, list: failing }),
    );
    const long = { ...png, filename: "x".repeat(9_000) };
    const failures = await run(
      Effect.all([
        Effect.flip(away.write(scope, "picture", png)),
        Effect.flip(away.read("files", "run/picture")),
        Effect.flip(away.remove("files", "run/picture")),
        Effect.flip(away.list(scope)),
        Effect.flip(objectStore().write(scope, "long", long)),
      ]),
    );
    expect(failures.map(({ operation }) => operation)).toEqual([
      "ObjectStore.write",
      "ObjectStore.read",
      "ObjectStore.remove",
      "ObjectStore.list",
      "ObjectStore.write",
    ]);
  });
});
