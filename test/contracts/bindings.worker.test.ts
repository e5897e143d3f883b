/** The contracts in workerd: against D1 and R2, and against the memory layers once more. And what is D1's or R2's alone. */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import { describe, expect, it } from "vitest";
import { d1ExecutionStoreLayer } from "#cloudflare/d1-execution-store";
import { r2ObjectStoreLayer } from "#cloudflare/r2-object-store";
import { ServiceFailure } from "#services/errors";
import { ExecutionStore, rowOf } from "#services/execution-store";
import { ObjectStore } from "#services/object-store";
import { executionStoreContract, savedRun } from "./execution-store.contract.ts";
import { memoryContracts } from "./memory-layers.ts";
import { nastyIds } from "./nasty-ids.ts";
import { objectStoreContract } from "./object-store.contract.ts";

const { DB, OBJECTS } = env;
const run = Effect.runPromise;

executionStoreContract("D1 and R2", () => d1ExecutionStoreLayer(DB, OBJECTS));
objectStoreContract("R2", () => r2ObjectStoreLayer(OBJECTS));
memoryContracts();

const executionStore = (db = DB, bucket = OBJECTS): ExecutionStore["Service"] =>
  Effect.runSync(Effect.provide(ExecutionStore, d1ExecutionStoreLayer(db, bucket)));

const objectStore = (bucket = OBJECTS): ObjectStore["Service"] =>
  Effect.runSync(Effect.provide(ObjectStore, r2ObjectStoreLayer(bucket)));

/** The same object but for some methods. */
const withMethods = <A extends object>(target: A, methods: Partial<A>): A =>
  new Proxy(target, {
    get: (of, key) => {
      const value: unknown = Reflect.get(Object.hasOwn(methods, key) ? methods : of, key);
      return typeof value === "function" ? (value.bind(of) as unknown) : value;
    },
  });

const failing = (): never => {
  throw new Error("The platform is away");
};

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
    const broken = executionStore(withMethods(DB, { prepare: failing }));
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
      Effect.all([Effect.flip(broken.get("acme", "run")), Effect.flip(broken.list("acme"))]),
    );
    expect(failures.map(({ operation }) => operation)).toEqual([
      "ExecutionStore.get",
      "ExecutionStore.list",
    ]);
  });

  it("says what to do when the database has no tables", async () => {
    const prepare = (): D1PreparedStatement => DB.prepare("SELECT * FROM no_such_table_here");
    const empty = executionStore(withMethods(DB, { prepare }));
    const { message, isFinal } = await run(Effect.flip(empty.list("acme")));
    expect({ message, isFinal }).toEqual({
      message:
        "The database has no tables. Apply Pawl's migrations: wrangler d1 migrations apply DATABASE --local (or --remote)",
      isFinal: true,
    });
  });

  it("lists from an index, without reading other rows and without sorting", async () => {
    const plans: string[] = [];
    const prepare = (sql: string): D1PreparedStatement => DB.prepare(`EXPLAIN QUERY PLAN ${sql}`);
    const explaining = executionStore(withMethods(DB, { prepare }));
    for (const options of [{}, { status: "error" } as const]) {
      const steps = await run(explaining.list("acme", options));
      plans.push(...steps.map((step) => (step as unknown as { detail: string }).detail));
    }
    expect(plans).toEqual([
      "SEARCH executions USING INDEX executions_newest (organization_id=?)",
      "SEARCH executions USING INDEX executions_newest_by_status (organization_id=? AND status=?)",
    ]);
  });

  it("asks D1 once for a list and once for a save", async () => {
    let statements = 0;
    const prepare = (sql: string): D1PreparedStatement => {
      statements++;
      return DB.prepare(sql);
    };
    const counting = executionStore(withMethods(DB, { prepare }));
    for (const id of ["a", "b", "c"]) await run(counting.save(savedRun("counted", id)));
    expect(await run(counting.list("counted"))).toHaveLength(3);
    expect(statements).toBe(4);
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
