/**
 * What every ExecutionStore promises of what runs were started with: it is found again as it was given, and a run in which
 * nothing has happened yet reads as if its record had been kept.
 */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import * as Result from "effect/Result";
import { describe, expect, it } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import { initialState } from "#core/execution-state";
import { buildGraph } from "#core/graph";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import { emptyRecord, reportExecution } from "#core/report";
import { recordOf } from "#core/value";
import type { Workflow } from "#core/workflow";
import type { SavedExecution } from "#services/execution-store";
import { ExecutionStore, rowOf } from "#services/execution-store";
import { graph } from "../support/graph.ts";
import { asText, nastyIds, unpairedIds } from "./nasty-ids.ts";

const attempt = { startedAt: "2026-11-24T10:00:00.000Z", endedAt: "2026-11-24T10:00:01.000Z" };

const startedAt = Date.UTC(2026, 10, 24, 10);

/** The record of a run in which nothing has happened yet. */
const idleRecord = (workflow: Workflow, executionId: string): WorkflowExecution => ({
  ...reportExecution(initialState(Result.getOrThrow(buildGraph(workflow))), {
    executionId,
    startedAt,
    endedAt: null,
  }),
  status: "executing",
});

/** A first save of a run that has just begun. */
export const startedRun = (
  organizationId: string,
  id: string,
  workflow: Workflow,
  params: Partial<ExecuteParams> = {},
  changes: Partial<WorkflowExecution> = {},
): SavedExecution & { readonly start: ExecuteParams } => ({
  organizationId,
  userId: "user",
  workflowName: workflow.name,
  definitionHash: `hash of ${workflow.id}`,
  execution: { ...idleRecord(workflow, id), ...changes },
  start: { workflow, userId: "user", organizationId, computeCredits: 100, ...params },
});

/** What a save without a start leaves. */
const withoutStart = (saved: SavedExecution): SavedExecution => {
  const { start: _start, ...rest } = saved;
  return rest;
};

export const small: Workflow = { ...graph("a -> b", "__proto__ -> b", "c"), id: "small" };

/** Its record has more nodes than the document. */
const withMissing: Workflow = {
  ...graph("a -> b", "missing -> b", "other -> missing", { missing: ["missing", "other"] }),
  id: "with missing nodes",
};

/** Characters of three bytes each, which is the most that a document can make of them. */
export const large: Workflow = { ...small, id: "large", description: "猫".repeat(300_000) };

const run = Effect.runPromise;

export const runStartContract = (
  name: string,
  makeLayer: () => Layer.Layer<ExecutionStore>,
): void => {
  const open = (): ExecutionStore["Service"] =>
    Effect.runSync(Effect.provide(ExecutionStore, makeLayer()));
  let opened = 0;
  const newOrganization = (): string => `${name} start ${++opened}`;

  describe(`What a run was started with: ${name}`, () => {
    it("is unknown of a run that nobody saved, or saved without it", async () => {
      const store = open();
      const organization = newOrganization();
      expect(await run(store.readStart(organization, "run"))).toBeUndefined();
      await run(store.save(withoutStart(startedRun(organization, "run", small))));
      expect(await run(store.readStart(organization, "run"))).toBeUndefined();
    });

    it.each([
      ["small", small, {}],
      ["large", large, {}],
      ["small, and a large trigger", small, { trigger: { text: "猫".repeat(300_000) } }],
      ["large, and a large trigger", large, { trigger: { text: "\ud800".repeat(60_000) } }],
    ])("is found with its document: %s", async (_, workflow, params) => {
      const store = open();
      const organization = newOrganization();
      const saved = startedRun(organization, "run", workflow, params);
      expect(await run(store.save(saved))).toBe(saved.execution);
      const found = await run(store.readStart(organization, "run"));
      // Not `toEqual`: a failure would say a megabyte.
      expect(JSON.stringify(found) === JSON.stringify(sortedLike(found, saved.start))).toBe(true);
      expect(await run(store.get(organization, "run"))).toEqual(saved.execution);
      expect(await run(store.list(organization))).toEqual([rowOf(saved)]);
    });

    it("is found as it was given, unknown keys, overrides and all", async () => {
      const store = open();
      const organization = newOrganization();
      const odd = { ...small, "x-note": { kept: [1, null, "\ud83d\ude00"] }, id: "odd" };
      const start = {
        workflow: odd,
        userId: "someone else",
        organizationId: organization,
        computeCredits: 12.5,
        inputOverrides: recordOf([["🐾", { constructor: [null], toString: "" }]]),
        trigger: { body: "猫", list: [1.5, true] },
        later: { key: "of a later version" },
      };
      await run(store.save({ ...startedRun(organization, "run", odd), start }));
      expect(await run(store.readStart(organization, "run"))).toEqual(start);
    });

    it.each(["submitted", "executing"] as const)(
      "makes the record of a run that is %s, and lists it",
      async (status) => {
        const store = open();
        const organization = newOrganization();
        const workflows = [small, large, withMissing, { ...graph(), id: "empty" }];
        for (const workflow of workflows) {
          const saved = startedRun(organization, workflow.id, workflow, {}, { status });
          await run(store.save(saved));
          await run(store.save(saved));
          expect(await run(store.get(organization, workflow.id))).toEqual(saved.execution);
        }
        expect((await run(store.list(organization))).map((row) => row.status)).toEqual(
          workflows.map(() => status),
        );
      },
    );

    it("is said once: of starts that come at once one stands, and a later one undoes nothing", async () => {
      const store = open();
      const organization = newOrganization();
      const startAt = (second: number): SavedExecution => ({
        ...startedRun(organization, "run", small, { computeCredits: second }),
        execution: {
          ...emptyRecord(small.id, "run", "submitted", startedAt + second * 1_000),
        },
        isInitial: true,
      });
      const starts = Array.from({ length: 8 }, (_, second) => startAt(second));
      const saves = starts.map((start) => store.save(start));
      const standing = await run(Effect.all(saves, { concurrency: "unbounded" }));
      const firsts = starts.filter((start, index) => standing[index] === start.execution);
      expect(firsts).toHaveLength(1);
      const first = firsts[0]!;
      const record = { ...idleRecord(small, "run"), status: "submitted" } as const;
      const stood = { ...record, startedAt: first.execution.startedAt };
      for (const execution of standing.filter((execution) => execution !== first.execution)) {
        expect(asText(execution)).toBe(asText(stood));
      }
      const start = await run(store.readStart(organization, "run"));
      expect(start?.computeCredits).toBe(first.start?.computeCredits);
      const moved = startedRun(organization, "run", small, {}, { status: "paused" });
      await run(store.save(withoutStart(moved)));
      expect(await run(store.save(startAt(9)))).toEqual(moved.execution);
      expect(await run(store.get(organization, "run"))).toEqual(moved.execution);
      expect(await run(store.list(organization))).toEqual([rowOf(moved)]);
    });

    it.each<readonly [string, (nodes: readonly NodeExecution[]) => readonly NodeExecution[]]>([
      [
        "a node that has been taken over",
        (nodes) => nodes.with(1, { ...nodes[1]!, status: "completed" }),
      ],
      [
        "a node that has been tried",
        (nodes) => nodes.with(1, { ...nodes[1]!, attempts: [attempt] }),
      ],
      ["a node that has inputs", (nodes) => nodes.with(1, { ...nodes[1]!, inputs: { in: 1 } })],
      ["a node that has outputs", (nodes) => nodes.with(1, { ...nodes[1]!, outputs: {} })],
      ["a node that has cost something", (nodes) => nodes.with(1, { ...nodes[1]!, usage: 1 })],
      ["a node that says something", (nodes) => nodes.with(1, { ...nodes[1]!, error: "Odd" })],
      ["nodes in another order", (nodes) => nodes.toReversed()],
      ["a node less", (nodes) => nodes.slice(1)],
      ["no nodes", () => []],
    ])("keeps the record of a new run with %s", async (_, change) => {
      const store = open();
      const organization = newOrganization();
      const nodeExecutions = change(idleRecord(small, "run").nodeExecutions);
      const saved = startedRun(organization, "run", small, {}, { nodeExecutions });
      await run(store.save(saved));
      expect(await run(store.get(organization, "run"))).toEqual(saved.execution);
      expect(await run(store.readStart(organization, "run"))).toEqual(saved.start);
    });

    it("keeps a new record that has an error or is paused", async () => {
      const store = open();
      const organization = newOrganization();
      for (const changes of [{ error: "Odd" }, { status: "paused" }] as const) {
        const saved = startedRun(organization, "run", small, {}, changes);
        await run(store.save(saved));
        expect(await run(store.get(organization, "run"))).toEqual(saved.execution);
      }
    });

    it("outlives all later saves, with or without another start", async () => {
      const store = open();
      const organization = newOrganization();
      for (const [id, workflow] of [
        ["first", small],
        ["second", large],
      ] as const) {
        const first = startedRun(organization, id, workflow);
        await run(store.save(first));
        const later = [
          withoutStart(startedRun(organization, id, workflow, {}, { status: "paused" })),
          startedRun(organization, id, workflow, { computeCredits: 7 }),
          withoutStart(
            startedRun(organization, id, workflow, {}, { status: "error", error: "It broke" }),
          ),
          startedRun(organization, id, workflow, { computeCredits: 8 }),
        ];
        for (const saved of later) {
          await run(store.save(saved));
          const found = await run(store.readStart(organization, id));
          expect(asText(found) === asText(sortedLike(found, first.start))).toBe(true);
        }
        expect(await run(store.get(organization, id))).toEqual(later[2]!.execution);
      }
    });

    it("is kept of a run whose first save is its end", async () => {
      const store = open();
      const organization = newOrganization();
      for (const workflow of [small, large]) {
        const { id } = workflow;
        const changes = { status: "exhausted", endedAt: "2026-11-24T10:00:01.000Z" } as const;
        const saved = startedRun(organization, id, workflow, {}, changes);
        await run(store.save(saved));
        await run(store.save(saved));
        const found = await run(store.readStart(organization, id));
        expect(asText(found) === asText(sortedLike(found, saved.start))).toBe(true);
        expect(await run(store.get(organization, id))).toEqual(saved.execution);
      }
    });

    it("is unknown when JSON cannot say it, and the run is saved all the same", async () => {
      const store = open();
      const organization = newOrganization();
      const circular: Record<string, unknown> = {};
      circular["self"] = circular;
      for (const [id, workflow] of [
        ["circular", circular],
        ["bigint", { id: 1n }],
        ["undefined", undefined],
      ] as const) {
        const refused = { ...idleRecord(small, id), status: "error", error: "Refused" } as const;
        const start = startedRun(organization, id, small).start;
        await run(
          store.save({
            ...startedRun(organization, id, small),
            execution: refused,
            start: { ...start, workflow: workflow as unknown as Workflow },
          }),
        );
        expect(await run(store.readStart(organization, id))).toBeUndefined();
        expect(await run(store.get(organization, id))).toEqual(refused);
      }
    });

    it("is kept of a document that is no workflow at all", async () => {
      const store = open();
      const organization = newOrganization();
      for (const [index, document] of ["text", null, 0, [], { nodes: "none" }].entries()) {
        const workflow = document as unknown as Workflow;
        const base = startedRun(organization, `run ${index}`, small);
        const saved: SavedExecution = {
          ...base,
          definitionHash: `hash ${index}`,
          execution: { ...base.execution, status: "error", nodeExecutions: [], error: "Refused" },
          start: { ...base.start, workflow },
        };
        await run(store.save(saved));
        expect(await run(store.readStart(organization, `run ${index}`))).toEqual(saved.start);
      }
    });

    it("is shared by many runs of one document, and each keeps its own params", async () => {
      const store = open();
      const organization = newOrganization();
      for (const workflow of [small, large]) {
        const saved = Array.from({ length: 8 }, (_, index) =>
          startedRun(organization, `${workflow.id} ${index}`, workflow, { trigger: index }),
        );
        await run(Effect.forEach(saved, store.save, { concurrency: "unbounded", discard: true }));
        for (const { execution, start } of saved) {
          const found = await run(store.readStart(organization, execution.id));
          expect(found?.trigger).toBe(start.trigger);
          expect(asText(found?.workflow) === asText(workflow)).toBe(true);
        }
      }
    });

    it("is each organization's own, also of one hash", async () => {
      const store = open();
      for (const workflow of [small, large]) {
        const organizations = [newOrganization(), newOrganization()];
        for (const organization of organizations) {
          const own = { ...workflow, name: `Of ${organization}` };
          await run(store.save(startedRun(organization, "run", own)));
        }
        for (const organization of organizations) {
          const found = await run(store.readStart(organization, "run"));
          expect(found?.workflow.name).toBe(`Of ${organization}`);
        }
        expect(await run(store.readStart(newOrganization(), "run"))).toBeUndefined();
      }
    });

    it("is found whatever ids are called", async () => {
      const store = open();
      const organization = newOrganization();
      const ids = [...nastyIds, ...unpairedIds];
      const saved = ids.flatMap((id, index) => [
        startedRun(organization, id, { ...small, name: `${index}`, id }, { trigger: index }),
        startedRun(`${organization} ${id}`, "run", { ...small, name: `${index}`, id }),
      ]);
      await run(Effect.forEach(saved, store.save, { discard: true }));
      for (const { organizationId, execution, start } of saved) {
        const found = await run(store.readStart(organizationId, execution.id));
        expect(asText(found)).toBe(asText(sortedLike(found, start)));
        const record = await run(store.get(organizationId, execution.id));
        expect(asText(sortedLike(execution, record))).toBe(asText(execution));
      }
    });
  });
};

/** The same properties in the order that another object has them in, for comparisons as text. */
function sortedLike(order: object | undefined, value: object | undefined): object {
  const keys = [...new Set([...Object.keys(order ?? {}), ...Object.keys(value ?? {})])];
  return Object.fromEntries(
    keys.map((key) => [key, (value as Record<string, unknown> | undefined)?.[key]]),
  );
}
