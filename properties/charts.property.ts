/**
 * The tables that the charts are, held to XState's own `transition()`: whatever happens to a node or a run, in whatever
 * order, both say the same, and what is final stays so.
 */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { AnyMachineSnapshot, AnyStateMachine, StateValue } from "xstate";
import { getNextTransitions, initialTransition, transition } from "xstate";
import type { NodeEventType, WorkflowEventType } from "#core/lifecycle";
import { nodeChart, nodeMachine, workflowChart, workflowMachine } from "#machines/index";
import { holds } from "./runs.ts";

type AnyChart = (from: string, event: string) => string | undefined;

/** Written out once more, so that a slip in `pathOf` cannot hide. */
const nameOf = (value: StateValue): string =>
  JSON.stringify(value).replaceAll(/[{}"]/g, "").replaceAll(":", ".");

interface Moment {
  readonly from: string;
  readonly event: string;
  /** Undefined when XState takes no transition. */
  readonly to: string | undefined;
  /** All that XState would take instead. */
  readonly offered: readonly string[];
  readonly isFinal: boolean;
}

/** What XState makes of the events, one after the other. */
const historyOf = (machine: AnyStateMachine, events: readonly string[]): readonly Moment[] => {
  let [snapshot] = initialTransition(machine) as [AnyMachineSnapshot, unknown];
  return events.map((event) => {
    const offered = getNextTransitions(snapshot).map(({ eventType }): string => eventType);
    const [next] = transition(machine, snapshot, { type: event });
    const from = nameOf(snapshot.value);
    const reached = nameOf(next.value);
    const to = offered.includes(event) ? reached : undefined;
    if (to === undefined) expect(reached).toBe(from);
    const moment = { from, event, to, offered, isFinal: snapshot.status === "done" };
    snapshot = next;
    return moment;
  });
};

const strangers = ["", "__proto__", "constructor", "Start", "executing"];

/** Mostly events that lead on, so that a life is long; the ends and the strangers turn up now and then. */
const lifeOf = (often: readonly string[], seldom: readonly string[]): fc.Arbitrary<string[]> =>
  fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...often) },
      { weight: 1, arbitrary: fc.constantFrom(...seldom) },
      { weight: 1, arbitrary: fc.constantFrom(...strangers) },
    ),
    { maxLength: 60, size: "max" },
  );

const nodeLife = lifeOf(
  ["start", "retry", "wait", "sleep", "resume"] satisfies NodeEventType[],
  ["complete", "fail", "skip", "cancel"] satisfies NodeEventType[],
);

const runLife = lifeOf(
  ["start", "startNode", "moveNode", "pause", "resume"] satisfies WorkflowEventType[],
  ["complete", "fail", "exhaust", "cancel"] satisfies WorkflowEventType[],
);

/** Where the table says something else than XState, or a final state was left. */
const quarrelsOf = (chart: AnyChart, history: readonly Moment[]): readonly Moment[] =>
  history.filter(
    ({ from, event, to, isFinal }) => chart(from, event) !== to || (isFinal && to !== undefined),
  );

it("NODE-1 the table of the node's chart is XState's own, event by event, and what is final stays so", () => {
  holds(
    fc.property(nodeLife, (events) => {
      const history = historyOf(nodeMachine, events);
      expect(quarrelsOf(nodeChart as AnyChart, history)).toEqual([]);
    }),
  );
});

it("STATUS-2 the table of the run's chart is XState's own, event by event, and what is final stays so", () => {
  holds(
    fc.property(runLife, (events) => {
      const history = historyOf(workflowMachine, events);
      expect(quarrelsOf(workflowChart as AnyChart, history)).toEqual([]);
    }),
  );
});

/** Checks the generators: the transitions that the lives they draw pass by without ever taking them. */
const neverTaken = (machine: AnyStateMachine, lives: fc.Arbitrary<string[]>): readonly string[] => {
  const moments = fc
    .sample(lives, { numRuns: 100, seed: 7 })
    .flatMap((events) => historyOf(machine, events));
  const taken = new Set(
    moments.flatMap(({ from, event, to }) => (to === undefined ? [] : [`${from} ${event}`])),
  );
  const offered = moments.flatMap((moment) =>
    moment.offered.map((event) => `${moment.from} ${event}`),
  );
  expect(offered.length).toBeGreaterThan(taken.size);
  return [...new Set(offered)].filter((transition) => !taken.has(transition));
};

it("NODE-1 the lives drawn for a node take every transition", () => {
  expect(neverTaken(nodeMachine, nodeLife)).toEqual([]);
});

it("STATUS-2 the lives drawn for a run take every transition", () => {
  expect(neverTaken(workflowMachine, runLife)).toEqual([]);
});
