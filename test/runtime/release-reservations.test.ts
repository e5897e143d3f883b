import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import { releaseReservations } from "#runtime/release-reservations";
import { CreditService } from "#services/credit-service";
import { ServiceFailure } from "#services/errors";
import { ExecutionStore } from "#services/execution-store";
import { WorkflowInstances } from "#services/workflow-instances";
import { savedRun } from "../contracts/execution-store.contract.ts";

const organizationId = "org";
const round = { now: 10_000, patience: 5_000 };
/** When what is due was reserved, at the latest. */
const due = round.now - round.patience;

const run = Effect.runPromise;
const away = Effect.fail(
  new ServiceFailure({ operation: "test", message: "The platform is away" }),
);

interface Changes {
  /** Instance -> how it has ended. All others live. */
  readonly ends?: Readonly<Record<string, string>>;
  /** Runs whose instance nobody can tell anything of. */
  readonly unreachable?: readonly string[];
  readonly credits?: Partial<CreditService["Service"]>;
}

const open = ({ ends = {}, unreachable = [], credits: changes = {} }: Changes = {}) => {
  const memory = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
  const credits = { ...memory, ...changes };
  const executions = Effect.runSync(Effect.provide(ExecutionStore, ExecutionStore.layerMemory));
  const services = Layer.mergeAll(
    Layer.succeed(CreditService, credits),
    Layer.succeed(ExecutionStore, executions),
    Layer.mock(WorkflowInstances, {
      canCreate: true,
      endOf: (id) => (unreachable.includes(id) ? away : Effect.succeed(ends[id])),
    }),
  );
  return {
    executions,
    /** One for each, of 7 credits. */
    reserve: (ids: readonly string[], now = due) =>
      run(
        Effect.forEach(ids, (executionId) =>
          memory.reserve({ organizationId, executionId, estimate: 7, limit: 1_000_000, now }),
        ),
      ),
    release: () => run(Effect.provide(releaseReservations(round), services)),
    /** Run -> what it has cost; null while it is open. */
    ledger: async () =>
      Object.fromEntries(
        (await run(memory.listEntries(organizationId, { limit: 10_000 }))).map(
          ({ executionId, settledAt, usage }) => [executionId, settledAt === null ? null : usage],
        ),
      ),
    account: () => run(memory.account(organizationId)),
  };
};

const live = { status: "executing", endedAt: null } as const;

describe("a reservation of a run that has died", () => {
  test("is settled by the run's record when that is final, whatever has become of its instance", async () => {
    const { executions, reserve, release, ledger, account } = open({ ends: { gone: "errored" } });
    await reserve(["gone", "unsettled", "idle"]);
    await run(executions.save(savedRun(organizationId, "gone", { status: "error" })));
    await run(executions.save(savedRun(organizationId, "unsettled")));
    await run(executions.save(savedRun(organizationId, "idle", { nodeExecutions: [] })));
    expect(await release()).toBe(0);
    expect(await ledger()).toEqual({ gone: 2.5, unsettled: 2.5, idle: 0 });
    expect(await account()).toEqual({ plan: undefined, reserved: 0, spent: 5 });
    expect(await release()).toBe(0);
    expect(await account()).toEqual({ plan: undefined, reserved: 0, spent: 5 });
  });

  test("is settled at the time of the round", async () => {
    const settled: unknown[] = [];
    const settle: CreditService["Service"]["settle"] = (settlement) =>
      Effect.sync(() => void settled.push(settlement));
    const { executions, reserve, release } = open({ credits: { settle } });
    await reserve(["run"]);
    await run(executions.save(savedRun(organizationId, "run")));
    await release();
    expect(settled).toEqual([{ organizationId, executionId: "run", usage: 2.5, now: round.now }]);
  });

  test("costs nothing when there is no record, and its instance is gone", async () => {
    const ends = { lost: "lost", errored: "Worker exceeded its memory", terminated: "terminated" };
    const { reserve, release, ledger, account } = open({ ends });
    await reserve(Object.keys(ends));
    expect(await release()).toBe(0);
    expect(await ledger()).toEqual({ lost: 0, errored: 0, terminated: 0 });
    expect(await account()).toEqual({ plan: undefined, reserved: 0, spent: 0 });
  });
});

describe("a reservation of a run that may go on", () => {
  test("is left, and counts as something to be done", async () => {
    const { executions, reserve, release, ledger } = open({ ends: { live: "errored" } });
    await reserve(["its instance lives", "live"]);
    await run(executions.save(savedRun(organizationId, "live", live)));
    expect(await release()).toBe(2);
    expect(await ledger()).toEqual({ "its instance lives": null, live: null });
  });

  test("is left while it is younger than the patience, though no record and no instance is there", async () => {
    const { reserve, release, ledger } = open({ ends: { young: "lost", old: "lost" } });
    await reserve(["young"], due + 1);
    await reserve(["old"], due);
    expect(await release()).toBe(1);
    expect(await ledger()).toEqual({ young: null, old: 0 });
  });
});

describe("a round", () => {
  test("releases the others when one cannot be released, and counts that one", async () => {
    const ends = { a: "lost", z: "lost" };
    const { reserve, release, ledger } = open({ ends, unreachable: ["m"] });
    await reserve(["a", "m", "z"]);
    expect(await release()).toBe(1);
    expect(await ledger()).toEqual({ a: 0, m: null, z: 0 });
  });

  test("counts one that could not be settled", async () => {
    const { reserve, release } = open({
      ends: { a: "lost" },
      credits: { settle: () => away },
    });
    await reserve(["a"]);
    expect(await release()).toBe(1);
  });

  test("goes through every page, though pages lose what is released", async () => {
    const ids = Array.from({ length: 450 }, (_, index) => `run ${1_000 + index}`);
    const gone = ids.filter((_, index) => index % 3 > 0);
    const { reserve, release, account } = open({
      ends: Object.fromEntries(gone.map((id) => [id, "lost"])),
    });
    await reserve(ids);
    expect(await release()).toBe(150);
    expect(await account()).toEqual({ plan: undefined, reserved: 150 * 7, spent: 0 });
  });

  test("publishes the copies that are due, and counts them with what is open", async () => {
    const organizations = Array.from({ length: 250 }, (_, index) => `org ${1_000 + index}`);
    const published: string[] = [];
    const { reserve, release } = open({
      credits: {
        listUnpublished: ({ limit, after = "" }) =>
          Effect.succeed(organizations.filter((id) => id > after).slice(0, limit)),
        publishUsage: (id) => Effect.sync(() => void published.push(id)),
      },
    });
    await reserve(["its instance lives"]);
    expect(await release()).toBe(251);
    expect(published).toEqual(organizations);
  });

  test("fails when nobody can tell what is open or due", async () => {
    for (const method of ["listOpen", "listUnpublished"] as const) {
      await expect(open({ credits: { [method]: () => away } }).release()).rejects.toThrow(
        "The platform is away",
      );
    }
  });
});
