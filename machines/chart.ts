/**
 * Turns a machine into the core's `Chart` function: every state is reached, and every event tried in it, by running the
 * machine itself, once, with one reused scope; the answers are kept as a table. A transition then costs a look-up instead
 * of an actor. Sound for machines whose transitions depend on state and event type alone, which is what `machines/` holds;
 * `properties/charts.property.ts` holds the table to XState's own `transition()`.
 */
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, StateValue } from "xstate";
import { createActor } from "xstate";
import type { Chart } from "#core/lifecycle";

/** A state value as a path: `{ executing: "running" }` is `executing.running`. */
export const pathOf = (value: StateValue): string => {
  if (typeof value === "string") return value;
  const [parent, child] = Object.entries(value)[0]!;
  return child === undefined ? parent : `${parent}.${pathOf(child)}`;
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
  const step = stepperOf(machine);
  const table = new Map<string, ReadonlyMap<string, State>>();
  const reached: AnyMachineSnapshot[] = [createActor(machine).getSnapshot() as AnyMachineSnapshot];
  for (const snapshot of reached) {
    const path = pathOf(snapshot.value as StateValue);
    if (table.has(path)) continue;
    const row = new Map<string, State>();
    for (const event of machine.events as readonly string[]) {
      // Not `next !== snapshot`: a transition from a state to itself gives the identical snapshot.
      if (!snapshot.can({ type: event })) continue;
      const next = step(snapshot, event);
      row.set(event, pathOf(next.value as StateValue) as State);
      reached.push(next);
    }
    table.set(path, row);
  }
  return (from, event) => table.get(from)?.get(event);
};
