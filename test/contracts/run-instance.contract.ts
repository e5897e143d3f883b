/**
 * What every ExecutionStore promises of the instance that runs a run: whoever has something to tell the run is told where, and
 * no other instance takes the run over.
 */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import { emptyRecord } from "#core/report";
import type { SavedExecution } from "#services/execution-store";
import { ExecutionStore, rowOf } from "#services/execution-store";
import { savedRun } from "./execution-store.contract.ts";
import { asText, nastyIds, unpairedIds } from "./nasty-ids.ts";
import { small, startedRun } from "./run-start.contract.ts";

const live = { status: "executing", endedAt: null } as const;

const run = Effect.runPromise;

export const runInstanceContract = (
  name: string,
  makeLayer: () => Layer.Layer<ExecutionStore>,
): void => {
  const open = (): ExecutionStore["Service"] =>
    Effect.runSync(Effect.provide(ExecutionStore, makeLayer()));
  let opened = 0;
  const newOrganization = (): string => `${name} instance ${++opened}`;

  /** All that the store tells of a run's instance. */
  const told = async (store: ExecutionStore["Service"], organization: string, id: string) => {
    const rows = await run(store.listLive({ limit: 10_000 }));
    const pause = await run(store.command(organization, id, "pause"));
    const again = await run(store.command(organization, id, "pause"));
    const standing = await run(store.readCommand(organization, id));
    const row = rows.find((each) => each.organizationId === organization && each.id === id);
    return { pause, again, standing, row: row && "instanceId" in row ? row.instanceId : null };
  };

  const submission = (organization: string, instanceId: string): SavedExecution => ({
    ...startedRun(organization, "run", small),
    execution: emptyRecord(small.id, "run", "submitted", 0),
    isInitial: true,
    instanceId,
  });

  describe(`The instance of a run: ${name}`, () => {
    it("is told to whoever has something to tell the run", async () => {
      const store = open();
      const organization = newOrganization();
      await run(store.save({ ...savedRun(organization, "run", live), instanceId: "instance" }));
      const accepted = { status: "accepted", number: 1, instanceId: "instance" };
      expect(await told(store, organization, "run")).toEqual({
        pause: accepted,
        again: accepted,
        standing: { command: "pause", number: 1, instanceId: "instance" },
        row: "instance",
      });
    });

    it("is not told when it has the run's id", async () => {
      const store = open();
      const organization = newOrganization();
      await run(store.save(savedRun(organization, "run", live)));
      const accepted = { status: "accepted", number: 1 };
      expect(await told(store, organization, "run")).toEqual({
        pause: accepted,
        again: accepted,
        standing: { command: "pause", number: 1 },
        row: null,
      });
    });

    it("is in no answer that names no run to wake", async () => {
      const store = open();
      const organization = newOrganization();
      const own = { instanceId: "instance" };
      await run(store.save({ ...savedRun(organization, "run", live), ...own }));
      expect(await run(store.command(organization, "run", "resume"))).toEqual({
        status: "notPaused",
      });
      await run(store.command(organization, "run", "cancel"));
      expect(await run(store.command(organization, "run", "pause"))).toEqual({
        status: "cancelling",
      });
      const ended = { ...savedRun(organization, "run", { status: "cancelled" }), ...own };
      await run(store.save(ended));
      expect(await run(store.command(organization, "run", "cancel"))).toEqual({
        status: "ended",
        as: "cancelled",
      });
      expect(await run(store.list(organization))).toEqual([rowOf(ended)]);
      expect(await run(store.get(organization, "run"))).toEqual(ended.execution);
    });

    it("may be called anything", async () => {
      const store = open();
      const organization = newOrganization();
      for (const id of [...nastyIds, ...unpairedIds]) {
        await run(store.save({ ...savedRun(organization, id, live), instanceId: `${id}!` }));
      }
      for (const id of [...nastyIds, ...unpairedIds]) {
        const standing = await run(store.readCommand(organization, id));
        expect(asText(standing)).toBe(asText({ command: null, number: 0, instanceId: `${id}!` }));
      }
    });

    it.each<readonly [string, string | undefined, string | undefined]>([
      ["another than the first", "first", "second"],
      ["one of the run's id, after another", "first", undefined],
      ["another, after one of the run's id", undefined, "second"],
    ])("stays the first: what comes of %s is refused for good", async (_, first, second) => {
      const store = open();
      const organization = newOrganization();
      const by = (instanceId: string | undefined) =>
        instanceId === undefined ? {} : { instanceId };
      await run(store.save({ ...startedRun(organization, "run", small), ...by(first) }));
      const before = [
        await run(store.get(organization, "run")),
        await run(store.list(organization)),
        await run(store.readCommand(organization, "run")),
      ];
      const late = [
        startedRun(organization, "run", small, { computeCredits: 7 }),
        savedRun(organization, "run", { ...live, error: "x".repeat(300_000) }),
        {
          ...savedRun(organization, "run", { status: "error" }),
          start: startedRun(organization, "run", small).start,
        },
        // As of a run that is refused for a secret: what it was started with is not to be stored.
        savedRun(organization, "run", { status: "error", nodeExecutions: [] }),
      ];
      for (const saved of late) {
        expect(await run(Effect.flip(store.save({ ...saved, ...by(second) })))).toMatchObject({
          operation: "ExecutionStore.save",
          message: "Another instance has run 'run'. Start the new run with another id.",
          isFinal: true,
        });
      }
      // A start only says that it would like to: it is given what stands.
      expect(await run(store.save({ ...submission(organization, "third") }))).toEqual(before[0]);
      expect([
        await run(store.get(organization, "run")),
        await run(store.list(organization)),
        await run(store.readCommand(organization, "run")),
      ]).toEqual(before);
    });

    it("that has ended its run keeps it from another", async () => {
      const store = open();
      const organization = newOrganization();
      const own = { instanceId: "first" };
      await run(store.save(submission(organization, "first")));
      const ended = { ...savedRun(organization, "run"), ...own };
      expect(await run(store.save(ended))).toEqual(ended.execution);
      expect(await run(store.save({ ...savedRun(organization, "run", live), ...own }))).toEqual(
        ended.execution,
      );
      for (const other of [savedRun(organization, "run", live), savedRun(organization, "run")]) {
        expect(await run(Effect.flip(store.save(other)))).toMatchObject({ isFinal: true });
      }
      expect(await run(store.get(organization, "run"))).toEqual(ended.execution);
    });
  });
};
