/**
 * The two charts against their machines: every transition is walked on paths that XState's own graph tools find, and every
 * event that the machine does not define is refused. What the machine defines is read off its nodes, not off its steps.
 */
import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode, StateValue } from "xstate";
import { getAdjacencyMap, getShortestPaths } from "xstate/graph";
import { describe, expect, it } from "vitest";
import type {
  NodeEventType,
  NodeExecutionStatus,
  NodeLifecycle,
  WorkflowEventType,
  WorkflowExecutionStatus,
  WorkflowLifecycle,
} from "#core/lifecycle";
import { isFinalStatus, nodeStatusOf, workflowStatusOf } from "#core/lifecycle";
import { pathOf } from "#machines/chart";
import { nodeChart, nodeMachine, workflowChart, workflowMachine } from "#machines/index";

/** The compiler sees to it that these name every word of the lifecycles, and no other. */
const nodeStatuses: Readonly<Record<NodeLifecycle, NodeExecutionStatus>> = {
  idle: "idle",
  "executing.running": "executing",
  "executing.retrying": "executing",
  "executing.waiting": "executing",
  "executing.sleeping": "executing",
  completed: "completed",
  failed: "failed",
  skipped: "skipped",
};
const nodeEvents: Readonly<Record<NodeEventType, true>> = {
  start: true,
  complete: true,
  fail: true,
  skip: true,
  retry: true,
  wait: true,
  sleep: true,
  resume: true,
  cancel: true,
};
const workflowStatuses: Readonly<Record<WorkflowLifecycle, WorkflowExecutionStatus>> = {
  submitted: "submitted",
  "executing.active": "executing",
  "executing.paused": "paused",
  completed: "completed",
  error: "error",
  exhausted: "exhausted",
  cancelled: "cancelled",
};
const workflowEvents: Readonly<Record<WorkflowEventType, true>> = {
  start: true,
  startNode: true,
  moveNode: true,
  complete: true,
  fail: true,
  exhaust: true,
  pause: true,
  resume: true,
  cancel: true,
};

interface Subject {
  readonly machine: AnyStateMachine;
  readonly chart: (from: string, event: string) => string | undefined;
  readonly statusOf: (lifecycle: string) => string;
  readonly statuses: Readonly<Record<string, string>>;
  readonly events: readonly string[];
  readonly finals: readonly string[];
}

const subjects: readonly Subject[] = [
  {
    machine: nodeMachine,
    chart: nodeChart as Subject["chart"],
    statusOf: nodeStatusOf as Subject["statusOf"],
    statuses: nodeStatuses,
    events: Object.keys(nodeEvents),
    finals: ["completed", "failed", "skipped"],
  },
  {
    machine: workflowMachine,
    chart: workflowChart as Subject["chart"],
    statusOf: workflowStatusOf as Subject["statusOf"],
    statuses: workflowStatuses,
    events: Object.keys(workflowEvents),
    finals: ["completed", "error", "exhausted", "cancelled"],
  },
];

const leavesOf = (node: AnyStateNode): readonly AnyStateNode[] => {
  const inner = Object.values(node.states);
  return inner.length === 0 ? [node] : inner.flatMap(leavesOf);
};

const entered = (node: AnyStateNode): AnyStateNode =>
  node.type === "compound" ? entered(node.initial.target[0]!) : node;

const nameOf = (node: AnyStateNode): string => node.path.join(".");

/** `state --event--> state` for each transition that a state has or inherits. An inner state's word comes first. */
const definedIn = (machine: AnyStateMachine): readonly string[] =>
  leavesOf(machine.root).flatMap((leaf) => {
    const targets = new Map<string, AnyStateNode>();
    for (let node: AnyStateNode | undefined = leaf; node !== undefined; node = node.parent) {
      for (const [event, [transition]] of node.transitions) {
        if (!targets.has(event)) targets.set(event, transition!.target![0]!);
      }
    }
    return [...targets].map(([event, target]) =>
      arrow(nameOf(leaf), event, nameOf(entered(target))),
    );
  });

const arrow = (from: string, event: string, to: string): string => `${from} --${event}--> ${to}`;

interface Step {
  readonly event: string;
  readonly path: string;
}

interface Taken {
  readonly event: { readonly type: string };
  readonly state: AnyMachineSnapshot;
}

const stepOf = ({ event, state }: Taken): Step => ({
  event: event.type,
  path: pathOf(state.value),
});

/** To every state by the shortest way, and from there one step along each of its transitions. */
const pathsThrough = ({ machine, events }: Subject): readonly (readonly Step[])[] => {
  const options = {
    events: events.map((type) => ({ type })),
    serializeState: ({ value }: AnyMachineSnapshot) => pathOf(value),
    filterEvents: (snapshot: AnyMachineSnapshot, event: { type: string }) => snapshot.can(event),
  };
  const adjacent = new Map(Object.entries(getAdjacencyMap(machine, options)));
  return getShortestPaths(machine, options).flatMap(({ state, steps }) => {
    const way = (steps as readonly Taken[]).map(stepOf);
    const { transitions } = adjacent.get(options.serializeState(state))!;
    const onward = (Object.values(transitions) as readonly Taken[]).map(stepOf);
    return onward.map((step) => [...way, step]);
  });
};

const refusedPairs = ({ machine, statuses, events }: Subject): readonly [string, string][] => {
  const defined = definedIn(machine);
  return Object.keys(statuses).flatMap((state) =>
    events
      .filter((event) => !defined.some((line) => line.startsWith(`${state} --${event}-->`)))
      .map((event): [string, string] => [state, event]),
  );
};

const valueOf = (path: string): StateValue => {
  const [outer, ...inner] = path.split(".");
  return inner.length === 0 ? outer! : { [outer!]: valueOf(inner.join(".")) };
};

describe.for(subjects)("$machine.id chart", (subject) => {
  const { machine, chart, statuses, statusOf, events, finals } = subject;

  it("has the states of its lifecycle and no other", () => {
    expect(leavesOf(machine.root).map(nameOf).toSorted()).toEqual(Object.keys(statuses).toSorted());
  });

  it("has the events of its lifecycle and no other", () => {
    const known: readonly string[] = machine.events;
    expect(known.toSorted()).toEqual(events.toSorted());
  });

  it("gives every state one public status", () => {
    const given = Object.keys(statuses).map((state) => [state, statusOf(state)]);
    expect(Object.fromEntries(given)).toEqual(statuses);
  });

  it("follows the machine on paths that walk every transition", () => {
    const walked = new Set<string>();
    for (const [start, ...steps] of pathsThrough(subject)) {
      let state = start!.path;
      for (const { event, path } of steps) {
        expect([state, event, chart(state, event)]).toEqual([state, event, path]);
        walked.add(arrow(state, event, path));
        state = path;
      }
    }
    expect([...walked].toSorted()).toEqual(definedIn(machine).toSorted());
  });

  it("refuses every event that the machine does not define for the state, as XState does", () => {
    const pairs = refusedPairs(subject);
    expect(pairs.length + definedIn(machine).length).toBe(
      Object.keys(statuses).length * events.length,
    );
    const accepted = pairs.filter(([state, event]) => {
      const snapshot: AnyMachineSnapshot = machine.resolveState({
        value: valueOf(state),
        context: {},
      });
      return chart(state, event) !== undefined || snapshot.can({ type: event });
    });
    expect(accepted).toEqual([]);
  });

  it("accepts nothing in a final state", () => {
    const ended = leavesOf(machine.root).filter(({ type }) => type === "final");
    expect(ended.map(nameOf).toSorted()).toEqual(finals.toSorted());
    const accepted = finals.flatMap((state) => events.map((event) => chart(state, event)));
    expect(new Set(accepted)).toEqual(new Set([undefined]));
  });

  it("refuses words that it does not know", () => {
    const words = ["", "__proto__", "constructor", "xstate.init", "executing"];
    const known = leavesOf(machine.root).map(nameOf);
    expect(words.flatMap((word) => known.map((state) => chart(state, word)))).toEqual(
      words.flatMap(() => known.map(() => undefined)),
    );
    expect(words.map((word) => chart(word, "start"))).toEqual(words.map(() => undefined));
  });
});

it("calls a run final exactly in the final states of its machine", () => {
  const states = Object.keys(workflowStatuses) as WorkflowLifecycle[];
  const final = states.filter((state) => isFinalStatus(workflowStatusOf(state)));
  expect(final).toEqual(["completed", "error", "exhausted", "cancelled"]);
});
