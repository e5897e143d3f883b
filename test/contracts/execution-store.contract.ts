/** What every ExecutionStore promises. Storage may be shared between tests, so each has organizations of its own. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import { recordOf } from "#core/value";
import type { ExecutionRow, SavedExecution } from "#services/execution-store";
import { ExecutionStore, rowOf } from "#services/execution-store";
import { asText, likeOrganizations, nastyIds, unpairedIds } from "./nasty-ids.ts";

const finalStatuses: readonly WorkflowExecutionStatus[] = [
  "completed",
  "error",
  "exhausted",
  "cancelled",
];

const record: WorkflowExecution = {
  id: "run",
  workflowId: "workflow",
  status: "completed",
  nodeExecutions: [
    {
      nodeId: "__proto__",
      status: "completed",
      inputs: recordOf([["__proto__", 1]]),
      outputs: recordOf([["🐾", { __proto__x: [null, true, "é"] }]]),
      usage: 2.5,
      startedAt: "2026-11-24T10:00:00.000Z",
      endedAt: "2026-11-24T10:00:01.000Z",
      attempts: [],
    },
  ],
  startedAt: "2026-11-24T10:00:00.000Z",
  endedAt: "2026-11-24T10:00:02.000Z",
};

/** A run to save: completed unless told. */
export const savedRun = (
  organizationId: string,
  id: string,
  changes: Partial<WorkflowExecution> = {},
): SavedExecution => ({
  organizationId,
  userId: "user",
  workflowName: "Some workflow",
  definitionHash: "d".repeat(64),
  execution: { ...record, id, ...changes },
});

const live = (status: WorkflowExecutionStatus): Partial<WorkflowExecution> => ({
  status,
  endedAt: null,
});

const run = Effect.runPromise;

export const executionStoreContract = (
  name: string,
  makeLayer: () => Layer.Layer<ExecutionStore>,
): void => {
  const open = (): ExecutionStore["Service"] =>
    Effect.runSync(Effect.provide(ExecutionStore, makeLayer()));
  let opened = 0;
  const newOrganization = (): string => `${name} ${++opened}`;

  describe(`ExecutionStore: ${name}`, () => {
    it("knows nothing of what was not saved", async () => {
      const store = open();
      const organization = newOrganization();
      expect(await run(store.get(organization, "run"))).toBeUndefined();
      expect(await run(store.list(organization))).toEqual([]);
      expect(await run(store.list(organization, { status: "completed" }))).toEqual([]);
    });

    it("finds and lists a run whatever its id", async () => {
      const store = open();
      const organization = newOrganization();
      const saved = nastyIds.map((id, index) =>
        savedRun(organization, id, { workflowId: `workflow ${index}` }),
      );
      await run(Effect.forEach(saved, store.save, { discard: true }));
      const found = await run(
        Effect.forEach(nastyIds, (id) => store.get(organization, id), { concurrency: 8 }),
      );
      expect(found).toEqual(saved.map(({ execution }) => execution));
      const rows = await run(store.list(organization));
      const workflowsById = new Map(rows.map(({ id, workflowId }) => [id, workflowId]));
      expect(rows).toHaveLength(nastyIds.length);
      expect(nastyIds.map((id) => workflowsById.get(id))).toEqual(
        saved.map(({ execution }) => execution.workflowId),
      );
    });

    it("keeps organizations apart whatever they are called", async () => {
      const store = open();
      const organizations = [...nastyIds, ...likeOrganizations];
      const ids = ["run", "executions/run", "../acme/executions/run"];
      const saved = organizations.flatMap((organization) =>
        ids.map((id) => savedRun(organization, id, { workflowId: `${id} of ${organization}` })),
      );
      await run(Effect.forEach(saved, store.save, { concurrency: 8, discard: true }));
      for (const organization of organizations) {
        const own = saved.filter(({ organizationId }) => organizationId === organization);
        const found = await run(Effect.forEach(ids, (id) => store.get(organization, id)));
        expect(found).toEqual(own.map(({ execution }) => execution));
        const rows = await run(store.list(organization));
        expect(new Set(rows)).toEqual(new Set(own.map(rowOf)));
      }
    });

    it("tells ids apart that UTF-8 cannot hold", async () => {
      const store = open();
      const organization = newOrganization();
      const saved = unpairedIds.flatMap((id) => [
        savedRun(organization, id, { workflowId: `${id} of ours` }),
        savedRun(`${organization} ${id}`, "run", { workflowId: id }),
      ]);
      await run(Effect.forEach(saved, store.save, { discard: true }));
      for (const each of saved) {
        const found = await run(store.get(each.organizationId, each.execution.id));
        expect(asText(found)).toBe(asText(each.execution));
      }
      const ours = saved.filter(({ organizationId }) => organizationId === organization);
      const listed = await run(store.list(organization));
      expect(listed.map(asText).sort()).toEqual(ours.map((each) => asText(rowOf(each))).sort());
      for (const id of unpairedIds) {
        const [row, ...others] = await run(store.list(`${organization} ${id}`, { workflowId: id }));
        expect(asText(row?.workflowId)).toBe(asText(id));
        expect(others).toEqual([]);
      }
    });

    it("shows nothing of one organization to another", async () => {
      const store = open();
      const [ours, theirs] = [newOrganization(), newOrganization()];
      await run(store.save(savedRun(ours, "run")));
      expect(await run(store.get(theirs, "run"))).toBeUndefined();
      expect(await run(store.list(theirs))).toEqual([]);
    });

    it("lists all that a row has", async () => {
      const store = open();
      const organization = newOrganization();
      await run(store.save(savedRun(organization, "run", { status: "error", error: "It broke" })));
      expect(await run(store.list(organization))).toEqual([
        {
          id: "run",
          organizationId: organization,
          userId: "user",
          workflowId: "workflow",
          workflowName: "Some workflow",
          definitionHash: "d".repeat(64),
          status: "error",
          error: "It broke",
          usage: 2.5,
          startedAt: "2026-11-24T10:00:00.000Z",
          endedAt: "2026-11-24T10:00:02.000Z",
        },
      ]);
    });

    it("keeps a long error whole in the record and short in the row", async () => {
      const store = open();
      const organization = newOrganization();
      const error = `${"x".repeat(1_999)}🐾${"y".repeat(3_000_000)}`;
      await run(store.save(savedRun(organization, "run", { status: "error", error })));
      // Not `toBe(error)`: a failure would say three megabytes.
      const found = await run(store.get(organization, "run"));
      expect(found?.error === error).toBe(true);
      const [row] = await run(store.list(organization));
      expect(row?.error).toBe(`${"x".repeat(1_999)}\ufffd`);
    });

    it("takes a save that repeats for the same one", async () => {
      const store = open();
      const organization = newOrganization();
      for (const changes of [live("executing"), {}]) {
        const saved = savedRun(organization, "run", changes);
        await run(store.save(saved));
        await run(store.save(saved));
        expect(await run(store.get(organization, "run"))).toEqual(saved.execution);
        expect(await run(store.list(organization))).toEqual([rowOf(saved)]);
      }
    });

    it("follows a live run to its end", async () => {
      const store = open();
      const organization = newOrganization();
      const lives = ["submitted", "executing", "paused", "executing"] as const;
      for (const changes of [...lives.map(live), { status: "error", error: "It broke" } as const]) {
        const saved = savedRun(organization, "run", changes);
        await run(store.save(saved));
        expect(await run(store.get(organization, "run"))).toEqual(saved.execution);
        expect(await run(store.list(organization))).toEqual([rowOf(saved)]);
      }
    });

    it.each(finalStatuses)("never overwrites a run that is %s", async (status) => {
      const store = open();
      const organization = newOrganization();
      const first = savedRun(organization, "run", { status });
      await run(store.save(first));
      const later = [
        ...(["submitted", "executing", "paused"] as const).map(live),
        ...finalStatuses.map((other) => ({ status: other, error: "Came too late" })),
      ];
      for (const changes of later) {
        const standing = await run(store.save(savedRun(organization, "run", changes)));
        expect(standing).toEqual(first.execution);
        expect(await run(store.get(organization, "run"))).toEqual(first.execution);
        expect(await run(store.list(organization))).toEqual([rowOf(first)]);
      }
    });

    it("lets one of many ends stand, the same in record and row", async () => {
      const store = open();
      const organization = newOrganization();
      const ends = Array.from({ length: 12 }, (_, index) =>
        savedRun(organization, "run", {
          status: finalStatuses[index % finalStatuses.length]!,
          error: `End ${index}`,
        }),
      );
      const saves = [savedRun(organization, "run", live("executing")), ...ends];
      await run(Effect.forEach(saves, store.save, { concurrency: "unbounded", discard: true }));
      const standing = await run(store.get(organization, "run"));
      // As text: the pool hangs on a failure that carries a `__proto__` key.
      const texts = ends.map(({ execution }) => JSON.stringify(execution));
      expect(texts).toContain(JSON.stringify(standing));
      expect(await run(store.list(organization))).toEqual([
        rowOf({ ...ends[0]!, execution: standing! }),
      ]);
    });

    it("lists the newest first, and of one moment by id downwards", async () => {
      const store = open();
      const organization = newOrganization();
      const starts: readonly (readonly [string, string])[] = [
        ["b", "2026-11-24T10:00:00.001Z"],
        ["d", "2026-11-24T10:00:00.000Z"],
        ["a", "2026-11-25T00:00:00.000Z"],
        ["c", "2026-11-24T10:00:00.001Z"],
        ["e", "1999-12-31T23:59:59.999Z"],
      ];
      for (const [id, startedAt] of starts) {
        await run(store.save(savedRun(organization, id, { startedAt })));
      }
      const listed = await run(store.list(organization));
      expect(listed.map(({ id }) => id)).toEqual(["a", "c", "b", "d", "e"]);
    });

    it("lists runs of one status, and no more than asked for", async () => {
      const store = open();
      const organization = newOrganization();
      const saved = Array.from({ length: 60 }, (_, index) =>
        savedRun(organization, `run ${String(index).padStart(2, "0")}`, {
          ...(index % 2 === 0 ? { status: "completed" } : live("paused")),
          startedAt: `2026-11-24T10:00:00.${String(index).padStart(3, "0")}Z`,
        }),
      );
      await run(Effect.forEach(saved, store.save, { concurrency: 8, discard: true }));
      const newest = saved.map(rowOf).reverse();
      expect(await run(store.list(organization))).toEqual(newest.slice(0, 50));
      expect(await run(store.list(organization, { limit: 60 }))).toEqual(newest);
      expect(await run(store.list(organization, { limit: 0 }))).toEqual([]);
      const paused = newest.filter(({ status }) => status === "paused");
      expect(await run(store.list(organization, { status: "paused" }))).toEqual(paused);
      expect(await run(store.list(organization, { status: "paused", limit: 3 }))).toEqual(
        paused.slice(0, 3),
      );
      expect(await run(store.list(organization, { status: "error" }))).toEqual([]);
    });

    it("lists runs of one workflow, also of one status", async () => {
      const store = open();
      const organization = newOrganization();
      const workflows = ["w", "W", "w ", "__proto__"];
      const saved = Array.from({ length: 24 }, (_, index) =>
        savedRun(organization, `run ${String(index).padStart(2, "0")}`, {
          ...(index % 3 === 0 ? { status: "error" } : live("executing")),
          workflowId: workflows[index % workflows.length]!,
        }),
      );
      await run(Effect.forEach(saved, store.save, { concurrency: 8, discard: true }));
      await run(store.save(savedRun(newOrganization(), "run", { workflowId: "w" })));
      const newest = saved.map(rowOf).reverse();
      for (const workflowId of workflows) {
        const own = newest.filter((row) => row.workflowId === workflowId);
        expect(await run(store.list(organization, { workflowId }))).toEqual(own);
        const failed = own.filter(({ status }) => status === "error");
        expect(await run(store.list(organization, { workflowId, status: "error" }))).toEqual(
          failed,
        );
      }
      expect(await run(store.list(organization, { workflowId: "other" }))).toEqual([]);
    });

    it("pages through a list, each run once, also those of one moment", async () => {
      const store = open();
      const organization = newOrganization();
      const saved = nastyIds.map((id, index) =>
        savedRun(organization, id, {
          startedAt: `2026-11-24T10:00:00.00${index % 3}Z`,
          ...(index % 2 === 0 ? { status: "error" } : {}),
          workflowId: index % 4 < 2 ? "w" : "v",
        }),
      );
      await run(Effect.forEach(saved, store.save, { concurrency: 8, discard: true }));
      for (const filter of [{}, { status: "error" }, { workflowId: "w" }] as const) {
        const whole = await run(store.list(organization, { ...filter, limit: 100 }));
        const paged: ExecutionRow[] = [];
        for (;;) {
          const before = paged.at(-1);
          const options = { ...filter, limit: 4, ...(before === undefined ? {} : { before }) };
          const page = await run(store.list(organization, options));
          paged.push(...page);
          if (page.length < 4) break;
        }
        expect(paged).toEqual(whole);
        expect(new Set(paged.map(({ id }) => id)).size).toBe(whole.length);
      }
    });
  });
};
