/**
 * Turns a machine into the core's `Chart` function: every state is reached, and every event tried in it, by running the
 * machine itself, once, with one reused scope; the answers are kept as a table. A transition then costs a look-up instead
 * of an actor. A table is sound only when state and event type alone decide, so any other machine is refused;
 * `properties/charts.property.ts` holds the table to XState's own `transition()`.
 */
import type {
  AnyActorScope,
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyStateNode,
  StateValue,
} from "xstate";
import { createActor } from "xstate";
import type { Chart } from "#core/lifecycle";

/** A state value as a path: `{ executing: "running" }` is `executing.running`. */
export const pathOf = (value: StateValue): string => {
  if (typeof value === "string") return value;
  const [parent, child] = Object.entries(value)[0]!;
  return child === undefined ? parent : `${parent}.${pathOf(child)}`;
};

/** What in a state a table would silently get wrong, or leave undone. */
const obstaclesIn = (node: AnyStateNode): readonly string[] => {
  const chosen = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  const taken = node.type === "compound" ? [...chosen, node.initial] : chosen;
  const events = chosen.map(({ eventType }): string => eventType);
  const found: Readonly<Record<string, boolean>> = {
    "parallel states": node.type === "parallel",
    "a history": node.type === "history",
    "a guard": chosen.some(({ guard }) => guard !== undefined),
    "a wildcard": events.some((event) => event.includes("*")),
    "an event of XState itself": events.some((event) => event.startsWith("xstate.")),
    "an invoked actor": node.invoke.length > 0,
    actions: [node.entry, node.exit, ...taken.map(({ actions }) => actions)].flat().length > 0,
  };
  return [
    ...Object.keys(found)
      .filter((obstacle) => found[obstacle])
      .map((obstacle) => `"${node.id}" has ${obstacle}`),
    ...Object.values(node.states).flatMap(obstaclesIn),
  ];
};

const refuseUnlessInert = (machine: AnyStateMachine): void => {
  const context = machine.config.context === undefined ? [] : [`"${machine.id}" has a context`];
  const obstacles = [...context, ...obstaclesIn(machine.root)];
  if (obstacles.length === 0) return;
  throw new Error(
    `The machine "${machine.id}" cannot be a chart: ${obstacles.join(", ")}. ` +
      "State and event type alone must decide; put the choice into a core rule that picks the event.",
  );
};

/** XState's own step over snapshots, without the throw-away actor that `transition()` makes on each call. */
const stepperOf = (
  machine: AnyStateMachine,
): ((from: AnyMachineSnapshot, type: string) => AnyMachineSnapshot) => {
  const self = createActor(machine);
  const scope: AnyActorScope = {
    self,
    system: self.system,
    id: "",
    sessionId: "",
    logger: () => {},
    defer: () => {},
    emit: () => {},
    stopChild: () => {},
    actionExecutor: () => {},
  };
  return (from, type) => machine.transition(from, { type }, scope) as AnyMachineSnapshot;
};

export const chartOf = <State extends string, EventType extends string>(
  machine: AnyStateMachine,
): Chart<State, EventType> => {
  refuseUnlessInert(machine);
  const step = stepperOf(machine);
  const table = new Map<string, ReadonlyMap<string, State>>();
  const reached: AnyMachineSnapshot[] = [createActor(machine).getSnapshot() as AnyMachineSnapshot];
  for (const snapshot of reached) {
    const path = pathOf(snapshot.value);
    if (table.has(path)) continue;
    const row = new Map<string, State>();
    for (const event of machine.events as readonly string[]) {
      // Not `next !== snapshot`: a transition from a state to itself gives the identical snapshot.
      if (!snapshot.can({ type: event })) continue;
      const next = step(snapshot, event);
      row.set(event, pathOf(next.value) as State);
      reached.push(next);
    }
    table.set(path, row);
  }
  return (from, event) => table.get(from)?.get(event);
};
