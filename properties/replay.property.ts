/** The law of replay: recorded steps and the rest of the run give what an uninterrupted run gives. */
import * as fc from "fast-check";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { expect, it } from "vitest";
import type { ExecutionState } from "#core/execution-state";
import { nodeStateOf } from "#core/execution-state";
import { replay } from "#core/replay";
import type { RecordedTransition } from "#core/step-result";
import { transition } from "#machines/index";
import type { StepContext } from "#services/durable-step";
import { CreditService, DurableStep } from "../src/index.ts";
import type { Scenario } from "./arbitraries.ts";
import { scenario, settleOrder } from "./arbitraries.ts";
import { expectedNodes, performScenario, timeless } from "./perform.ts";
import { contentOf, play, playOn, startedState } from "./play.ts";
import { holds, holdsAsync } from "./runs.ts";

/** What is left of results once they have been stored and read back. */
const stored = (records: readonly RecordedTransition[]): readonly RecordedTransition[] =>
  JSON.parse(JSON.stringify(records)) as RecordedTransition[];

const replayed = (
  { workflow, overrides }: Scenario,
  records: readonly RecordedTransition[],
): ExecutionState =>
  Effect.runSync(replay(transition, startedState(workflow), stored(records), overrides));

it("REPLAY-1 all that stands on record gives back the state at the end", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      const { records, end } = play(played, order);
      expect(contentOf(replayed(played, records))).toEqual(contentOf(end));
    }),
  );
});

it("REPLAY-1 the last steps of the nodes alone give back the state at the end", () => {
  holds(
    fc.property(scenario, settleOrder, (played, order) => {
      const { results, end } = play(played, order);
      expect(contentOf(replayed(played, results))).toEqual(contentOf(end));
    }),
  );
});

it("REPLAY-1 any prefix of the records, gone on from in any order, gives the uninterrupted state", () => {
  holds(
    fc.property(scenario, settleOrder, settleOrder, fc.nat(1000), (played, order, later, cut) => {
      const { records, end } = play(played, order);
      const resumed = replayed(played, records.slice(0, cut % (records.length + 1)));
      expect(contentOf(playOn(played, resumed, later).end)).toEqual(contentOf(end));
    }),
  );
});

it("REPLAY-1 a prefix of the records is the state of that moment, but for nodes that have left nothing yet", () => {
  holds(
    fc.property(scenario, settleOrder, fc.nat(1000), (played, order, moves) => {
      const { records, states } = play(played, order, moves % 100);
      const before = records.filter(({ status }) => status !== "cancelled");
      const told = new Set(before.map((recorded) => "nodeId" in recorded && recorded.nodeId));
      const contentOfTold = (state: ExecutionState): object => ({
        lifecycle: state.lifecycle,
        nodes: state.graph.nodes.flatMap(({ id }) =>
          told.has(id) ? [[id, nodeStateOf(state, id)]] : [],
        ),
      });
      const moment = states.findLast(({ lifecycle }) => lifecycle !== "cancelled")!;
      expect(contentOfTold(replayed(played, before))).toEqual(contentOfTold(moment));
    }),
  );
});

it("REPLAY-1 the records of a cancelled run give back its state, and those before the cancel a run that goes on", () => {
  holds(
    fc.property(
      scenario,
      settleOrder,
      settleOrder,
      fc.nat(60),
      fc.nat(1000),
      (played, order, later, moves, cut) => {
        const { records, end } = play(played, order, moves);
        expect(contentOf(replayed(played, records))).toEqual(contentOf(end));
        const before = records.filter(({ status }) => status !== "cancelled");
        const resumed = replayed(played, before.slice(0, cut % (before.length + 1)));
        const undisturbed = play(played, 0).end;
        expect(contentOf(playOn(played, resumed, later).end)).toEqual(contentOf(undisturbed));
      },
    ),
  );
});

it("REPLAY-1 a last step that is recorded twice is refused", () => {
  holds(
    fc.property(scenario, settleOrder, fc.nat(100), (played, order, at) => {
      const { records, results } = play(played, order);
      const twice = results[at % Math.max(1, results.length)];
      if (twice === undefined) return;
      const started = startedState(played.workflow);
      const doubled = replay(transition, started, [...records, twice], played.overrides);
      expect(Effect.runSync(Effect.flip(doubled))).toMatchObject({
        _tag: "IllegalTransition",
        nodeId: twice.nodeId,
      });
    }),
  );
});

/** Remembers what steps gave, as a platform does: as JSON, by name. */
const journalled = (journal: Map<string, string>, performed: string[]): Layer.Layer<DurableStep> =>
  Layer.succeed(DurableStep, {
    do: async <A>(
      name: string,
      _options: unknown,
      perform: (step: StepContext) => Promise<A>,
    ): Promise<A> => {
      const known = journal.get(name);
      if (known !== undefined) return JSON.parse(known) as A;
      performed.push(name);
      const text = JSON.stringify(await perform({ attempt: 1 }));
      journal.set(name, text);
      return JSON.parse(text) as A;
    },
    sleep: () => Promise.resolve(),
    waitForEvent: () => new Promise(() => {}),
  });

/** As a process leaves it that died before the end: what it had reserved stands. */
const unsettledLedger = (): Layer.Layer<CreditService> => {
  const credits = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
  return Layer.succeed(CreditService, { ...credits, settle: () => Effect.void });
};

it("REPLAY-1 a run that starts again with some steps on record performs the others alone, to one record", async () => {
  await holdsAsync(
    fc.asyncProperty(
      scenario,
      settleOrder,
      settleOrder,
      fc.nat(100),
      async (played, order, later, cut) => {
        const ledger = unsettledLedger();
        const journal = new Map<string, string>();
        const recording = Layer.merge(journalled(journal, []), ledger);
        const first = await performScenario(played, order, recording);
        const kept = [...journal].slice(0, cut % (journal.size + 1));
        const names = [...journal.keys()];

        const performed: string[] = [];
        const again = Layer.merge(journalled(new Map(kept), performed), ledger);
        const second = await performScenario(played, later, again);

        expect([...performed].sort()).toEqual(names.slice(kept.length).sort());
        expect(timeless(second.execution)).toEqual(timeless(first.execution));
        expect(timeless(second.execution)).toEqual(expectedNodes(played));
        expect(second.execution.status).toBe(first.execution.status);
      },
    ),
  );
});

it("REPLAY-1 with every step on record nothing is called again, and the record is the same to the times", async () => {
  await holdsAsync(
    fc.asyncProperty(scenario, settleOrder, settleOrder, async (played, order, later) => {
      const journal = new Map<string, string>();
      const first = await performScenario(played, order, journalled(journal, []));
      const performed: string[] = [];
      const second = await performScenario(played, later, journalled(journal, performed));
      expect([performed, second.log]).toEqual([[], []]);
      expect(second.execution).toEqual(first.execution);
    }),
  );
});
