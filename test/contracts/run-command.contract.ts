/**
 * What every ExecutionStore promises of commands and of the list of live runs. That list is of all organizations, and storage
 * may be shared between tests: each looks at its own.
 */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import type { LiveRow } from "#services/execution-store";
import { ExecutionStore } from "#services/execution-store";
import type { CommandResult, RunCommand } from "#services/run-command";
import { savedRun } from "./execution-store.contract.ts";
import { asText, likeOrganizations, nastyIds, unpairedIds } from "./nasty-ids.ts";

const live = { status: "executing", endedAt: null } as const;
const startedAt = Date.UTC(2026, 10, 24, 10);

const accepted = (number: number): CommandResult => ({ status: "accepted", number });
const notPaused: CommandResult = { status: "notPaused" };
const cancelling: CommandResult = { status: "cancelling" };
const unknown: CommandResult = { status: "unknown" };

const run = Effect.runPromise;

export const runCommandContract = (
  name: string,
  makeLayer: () => Layer.Layer<ExecutionStore>,
): void => {
  const open = (): ExecutionStore["Service"] =>
    Effect.runSync(Effect.provide(ExecutionStore, makeLayer()));
  let opened = 0;
  const newOrganization = (): string => `${name} command ${++opened}`;

  /** Every live row, page by page. */
  const livePages = async (
    store: ExecutionStore["Service"],
    limit: number,
  ): Promise<readonly LiveRow[]> => {
    const rows: LiveRow[] = [];
    for (;;) {
      const after = rows.at(-1);
      const page = await run(store.listLive({ limit, ...(after === undefined ? {} : { after }) }));
      expect(page.length).toBeLessThanOrEqual(limit);
      rows.push(...page);
      if (page.length < limit) return rows;
    }
  };
  const liveOf = async (
    store: ExecutionStore["Service"],
    organization: string,
  ): Promise<readonly LiveRow[]> =>
    (await livePages(store, 50)).filter(({ organizationId }) => organizationId === organization);

  describe(`Commands to a run: ${name}`, () => {
    it.each<readonly [string, readonly (readonly [RunCommand, CommandResult])[]]>([
      [
        "a pause and a resume",
        [
          ["pause", accepted(1)],
          ["resume", accepted(2)],
          ["pause", accepted(3)],
        ],
      ],
      [
        "a pause twice",
        [
          ["pause", accepted(1)],
          ["pause", accepted(1)],
          ["resume", accepted(2)],
        ],
      ],
      [
        "a resume of what is not paused",
        [
          ["resume", notPaused],
          ["pause", accepted(1)],
        ],
      ],
      [
        "a resume twice",
        [
          ["pause", accepted(1)],
          ["resume", accepted(2)],
          ["resume", notPaused],
        ],
      ],
      [
        "a cancel twice",
        [
          ["cancel", accepted(1)],
          ["cancel", accepted(1)],
        ],
      ],
      [
        "anything after a cancel",
        [
          ["cancel", accepted(1)],
          ["pause", cancelling],
          ["resume", cancelling],
          ["cancel", accepted(1)],
        ],
      ],
      [
        "a cancel of what is paused",
        [
          ["pause", accepted(1)],
          ["cancel", accepted(2)],
          ["resume", cancelling],
        ],
      ],
      [
        "a cancel of what was resumed",
        [
          ["pause", accepted(1)],
          ["resume", accepted(2)],
          ["cancel", accepted(3)],
        ],
      ],
    ])("are answered: %s", async (_, commands) => {
      const store = open();
      const organization = newOrganization();
      await run(store.save(savedRun(organization, "run", live)));
      for (const [command, result] of commands) {
        expect(await run(store.command(organization, "run", command))).toEqual(result);
      }
    });

    it("stand until the next, and a save changes nothing about them", async () => {
      const store = open();
      const organization = newOrganization();
      await run(store.save(savedRun(organization, "run", live)));
      expect(await run(store.readCommand(organization, "run"))).toEqual({
        command: null,
        number: 0,
      });
      await run(store.command(organization, "run", "pause"));
      await run(store.save(savedRun(organization, "run", { ...live, status: "paused" })));
      expect(await run(store.readCommand(organization, "run"))).toEqual({
        command: "pause",
        number: 1,
      });
      await run(store.command(organization, "run", "cancel"));
      await run(store.save(savedRun(organization, "run", { status: "cancelled" })));
      expect(await run(store.readCommand(organization, "run"))).toEqual({
        command: "cancel",
        number: 2,
      });
    });

    it.each(["completed", "error", "exhausted", "cancelled"] as const)(
      "come too late for a run that is %s",
      async (status) => {
        const store = open();
        const organization = newOrganization();
        await run(store.save(savedRun(organization, "run", live)));
        await run(store.command(organization, "run", "pause"));
        await run(store.save(savedRun(organization, "run", { status })));
        for (const command of ["pause", "resume", "cancel"] as const) {
          expect(await run(store.command(organization, "run", command))).toEqual({
            status: "ended",
            as: status,
          });
        }
        expect(await run(store.readCommand(organization, "run"))).toEqual({
          command: "pause",
          number: 1,
        });
      },
    );

    it("reach no run of another organization, nor one that is not there", async () => {
      const store = open();
      const [ours, theirs] = [newOrganization(), newOrganization()];
      await run(store.save(savedRun(ours, "run", live)));
      for (const [organization, id] of [
        [theirs, "run"],
        [ours, "other"],
      ] as const) {
        for (const command of ["pause", "resume", "cancel"] as const) {
          expect(await run(store.command(organization, id, command))).toEqual(unknown);
        }
        expect(await run(store.readCommand(organization, id))).toBeUndefined();
        await run(store.acknowledge(organization, id, 1));
      }
      expect(await liveOf(store, ours)).toMatchObject([
        { id: "run", command: null, commandNumber: 0, acknowledgedNumber: 0 },
      ]);
      expect(await liveOf(store, theirs)).toEqual([]);
    });

    it("are one when many say the same at once", async () => {
      const store = open();
      const organization = newOrganization();
      await run(store.save(savedRun(organization, "run", live)));
      const cancels = Array.from({ length: 12 }, () =>
        store.command(organization, "run", "cancel"),
      );
      expect(await run(Effect.all(cancels, { concurrency: "unbounded" }))).toEqual(
        cancels.map(() => accepted(1)),
      );
    });

    it("get a number each when they come at once", async () => {
      const store = open();
      const organization = newOrganization();
      await run(store.save(savedRun(organization, "run", live)));
      const commands = Array.from({ length: 24 }, (_, index) =>
        store.command(organization, "run", index % 2 === 0 ? "pause" : "resume"),
      );
      const results = await run(Effect.all(commands, { concurrency: "unbounded" }));
      const numbers = results.map((result) => (result.status === "accepted" ? result.number : 0));
      const highest = Math.max(...numbers);
      expect(new Set(numbers.filter((number) => number > 0)).size).toBe(highest);
      expect(await run(store.readCommand(organization, "run"))).toEqual({
        command: highest % 2 === 1 ? "pause" : "resume",
        number: highest,
      });
    });

    it("are for one run, whatever it is called", async () => {
      const store = open();
      const organization = newOrganization();
      const ids = [...nastyIds, ...unpairedIds];
      const keys = ids.flatMap((id) => [
        [organization, id] as const,
        [`${organization} ${id}`, "run"] as const,
      ]);
      for (const [ours, id] of keys) await run(store.save(savedRun(ours, id, live)));
      for (const [index, [ours, id]] of keys.entries()) {
        const command = index % 2 === 0 ? "pause" : "cancel";
        expect(await run(store.command(ours, id, command))).toEqual(accepted(1));
      }
      for (const [index, [ours, id]] of keys.entries()) {
        expect(await run(store.readCommand(ours, id))).toEqual({
          command: index % 2 === 0 ? "pause" : "cancel",
          number: 1,
        });
      }
    });
  });

  describe(`Live runs: ${name}`, () => {
    it("are listed with all that the watchdog asks for", async () => {
      const store = open();
      const organization = newOrganization();
      await run(store.save({ ...savedRun(organization, "a", live), savedAt: startedAt + 5 }));
      await run(store.save(savedRun(organization, "b", { ...live, status: "paused" })));
      await run(store.command(organization, "a", "pause"));
      await run(store.command(organization, "a", "cancel"));
      await run(store.acknowledge(organization, "a", 1));
      const row = { organizationId: organization, startedAt: "2026-11-24T10:00:00.000Z" };
      expect(await liveOf(store, organization)).toEqual([
        {
          ...row,
          id: "a",
          status: "executing",
          updatedAt: startedAt + 5,
          command: "cancel",
          commandNumber: 2,
          acknowledgedNumber: 1,
        },
        {
          ...row,
          id: "b",
          status: "paused",
          updatedAt: startedAt,
          command: null,
          commandNumber: 0,
          acknowledgedNumber: 0,
        },
      ]);
    });

    it("say when they were last saved, and a late save does not turn that back", async () => {
      const store = open();
      const organization = newOrganization();
      for (const [savedAt, updatedAt] of [
        [startedAt + 10, 10],
        [startedAt + 20, 20],
        [startedAt + 15, 20],
        [undefined, 20],
        [startedAt + 30, 30],
      ] as const) {
        const saved = savedRun(organization, "run", live);
        await run(store.save({ ...saved, ...(savedAt === undefined ? {} : { savedAt }) }));
        const rows = await liveOf(store, organization);
        expect(rows.map((row) => row.updatedAt - startedAt)).toEqual([updatedAt]);
      }
    });

    it("have seen commands up to a number that never sinks", async () => {
      const store = open();
      const organization = newOrganization();
      await run(store.save(savedRun(organization, "run", live)));
      for (const [number, seen] of [
        [0, 0],
        [2, 2],
        [1, 2],
        [2, 2],
        [5, 5],
      ] as const) {
        await run(store.acknowledge(organization, "run", number));
        const rows = await liveOf(store, organization);
        expect(rows.map(({ acknowledgedNumber }) => acknowledgedNumber)).toEqual([seen]);
      }
    });

    it("leave the list as they end", async () => {
      const store = open();
      const organization = newOrganization();
      const lives = ["submitted", "executing", "paused"] as const;
      for (const status of lives) {
        await run(store.save(savedRun(organization, status, { ...live, status })));
      }
      expect((await liveOf(store, organization)).map(({ id }) => id)).toEqual(
        [...lives].sort((a, b) => (a < b ? -1 : 1)),
      );
      for (const [index, id] of lives.entries()) {
        const status = (["completed", "error", "cancelled"] as const)[index]!;
        await run(store.save(savedRun(organization, id, { status })));
        await run(store.save(savedRun(organization, id, live)));
        expect((await liveOf(store, organization)).length).toBe(lives.length - 1 - index);
      }
    });

    it("come page by page, each once, of all organizations whatever they are called", async () => {
      const store = open();
      const base = newOrganization();
      const organizations = [...nastyIds, ...likeOrganizations, ...unpairedIds].map(
        (id) => `${base} ${id}`,
      );
      const saved = organizations.flatMap((organization) =>
        ["run", "Run", "🐾", "\ud800", "x".repeat(10_000)].map((id) =>
          savedRun(organization, id, live),
        ),
      );
      await run(Effect.forEach(saved, store.save, { concurrency: 8, discard: true }));
      const keysOf = (rows: readonly LiveRow[]): readonly string[] =>
        rows
          .filter(({ organizationId }) => organizationId.startsWith(`${base} `))
          .map(({ organizationId, id }) => asText([organizationId, id]));
      const whole = keysOf(await run(store.listLive({ limit: 10_000 })));
      expect([...whole].sort()).toEqual(
        saved.map((each) => asText([each.organizationId, each.execution.id])).sort(),
      );
      for (const limit of [1, 7, 100]) {
        expect(keysOf(await livePages(store, limit))).toEqual(whole);
      }
      expect(await run(store.listLive({ limit: 0 }))).toEqual([]);
    });
  });
};
