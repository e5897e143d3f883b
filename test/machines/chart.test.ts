/** What `chartOf` makes of machines other than the two it serves: how deep it sees, and what it refuses. */
import { describe, expect, it } from "vitest";
import type { AnyStateMachine } from "xstate";
import { createMachine } from "xstate";
import { chartOf } from "#machines/chart";

/** Not typed by XState: what is refused here, its types would refuse too. */
const machineOf = (config: object): AnyStateMachine =>
  createMachine({ id: "m", initial: "a", ...config });

describe("a chart", () => {
  it("names nested states by their whole path and enters compound states down to a leaf", () => {
    const deep = chartOf(
      machineOf({
        states: {
          a: { on: { dive: "b" } },
          b: {
            initial: "c",
            on: { leave: "a" },
            states: { c: { initial: "d", states: { d: { on: { next: "e" } }, e: {} } } },
          },
        },
      }),
    );
    expect(deep("a", "dive")).toBe("b.c.d");
    expect(deep("b.c.d", "next")).toBe("b.c.e");
    expect(deep("b.c.e", "leave")).toBe("a");
    expect(deep("b.c.e", "next")).toBeUndefined();
  });

  it("follows a transition without an event to where it ends", () => {
    const chart = chartOf(
      machineOf({ states: { a: { on: { go: "b" } }, b: { always: "c" }, c: {} } }),
    );
    expect(chart("a", "go")).toBe("c");
  });

  it("accepts a transition from a state to itself", () => {
    const chart = chartOf(machineOf({ states: { a: { on: { stay: "a" } } } }));
    expect(chart("a", "stay")).toBe("a");
  });

  it("refuses an event that an inner state forbids", () => {
    const chart = chartOf(
      machineOf({
        states: {
          a: { initial: "b", on: { stop: "z" }, states: { b: { on: { stop: undefined } } } },
          z: {},
        },
      }),
    );
    expect(chart("a.b", "stop")).toBeUndefined();
  });
});

const refused: readonly (readonly [obstacle: string, config: object])[] = [
  ['"m" has a context', { context: { attempt: 1 }, states: { a: {} } }],
  ['"m.a" has a guard', { states: { a: { on: { go: { guard: () => true, target: "a" } } } } }],
  ['"m.a" has a guard', { states: { a: { always: { guard: () => false, target: "b" } }, b: {} } }],
  ['"m" has parallel states', { type: "parallel", initial: undefined, states: { a: {} } }],
  [
    '"m.a.h" has a history',
    { states: { a: { initial: "b", states: { b: {}, h: { type: "history" } } } } },
  ],
  ['"m.a" has a wildcard', { states: { a: { on: { "*": "b" } }, b: {} } }],
  [
    '"m.a" has an event of XState itself',
    { states: { a: { initial: "b", states: { b: { type: "final" } }, onDone: "c" }, c: {} } },
  ],
  [
    '"m.a" has an event of XState itself, "m.a" has actions',
    { states: { a: { after: { 10: "b" } }, b: {} } },
  ],
  ['"m.b" has an invoked actor', { states: { a: {}, b: { invoke: { src: "work" } } } }],
  ['"m.a" has actions', { states: { a: { entry: "work" } } }],
  ['"m.a" has actions', { states: { a: { exit: "work" } } }],
  ['"m.a" has actions', { states: { a: { on: { go: { actions: "work" } } } } }],
  [
    '"m.a" has actions',
    { states: { a: { initial: { target: "b", actions: "work" }, states: { b: {} } } } },
  ],
];

describe("chartOf refuses a machine in which", () => {
  it.for(refused)("%s", ([obstacle, config]) => {
    const machine = machineOf(config);
    expect(() => chartOf(machine)).toThrow(
      `The machine "m" cannot be a chart: ${obstacle}. State and event type alone must decide;` +
        " put the choice into a core rule that picks the event.",
    );
  });

  it("several things stand in the way, and names them all", () => {
    const machine = machineOf({
      context: {},
      states: { a: { entry: "work", on: { "x.*": "a" } } },
    });
    expect(() => chartOf(machine)).toThrow(
      '"m" has a context, "m.a" has a wildcard, "m.a" has actions.',
    );
  });
});
