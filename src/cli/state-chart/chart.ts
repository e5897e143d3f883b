/**
 * A machine as a picture sees it: states inside states, and the arrows between them, read off XState's own state nodes.
 * Nothing is drawn by hand, so a picture cannot tell another story than the machine. Both picture forms start here.
 */
import type { AnyStateNode } from "xstate";

export interface ChartState {
  readonly path: string;
  readonly name: string;
  readonly description: string;
  readonly final: boolean;
  /** Paths of the compound states that hold this one, outermost first. */
  readonly within: readonly string[];
  /** The child in which a compound state begins. */
  readonly initial: ChartState | undefined;
  readonly states: readonly ChartState[];
}

/** All events that lead from one state to another: one arrow, however many words. */
export interface ChartArrow {
  readonly source: ChartState;
  readonly target: ChartState;
  readonly events: readonly string[];
}

export interface StateChart {
  readonly name: string;
  readonly initial: ChartState;
  /** The outermost ones. */
  readonly states: readonly ChartState[];
  /** All of them, in the order of the document. */
  readonly everyState: readonly ChartState[];
  readonly arrows: readonly ChartArrow[];
}

const pathOf = (node: AnyStateNode): string => node.path.join(".");

const childrenOf = (node: AnyStateNode): readonly AnyStateNode[] => Object.values(node.states);

const stateOf = (node: AnyStateNode, within: readonly string[]): ChartState => {
  const path = pathOf(node);
  const states = childrenOf(node).map((child) => stateOf(child, [...within, path]));
  return {
    path,
    name: node.key,
    description: node.description ?? "",
    final: node.type === "final",
    within,
    initial: initialIn(node, states),
    states,
  };
};

const initialIn = (node: AnyStateNode, states: readonly ChartState[]): ChartState | undefined => {
  const key = node.type === "compound" ? node.initial.target[0]?.key : undefined;
  return states.find(({ name }) => name === key);
};

const selfAndInner = (state: ChartState): readonly ChartState[] => [
  state,
  ...state.states.flatMap(selfAndInner),
];

const arrowsOf = (root: AnyStateNode, states: readonly ChartState[]): readonly ChartArrow[] => {
  const statesByPath = new Map(states.map((state) => [state.path, state]));
  const arrowsByEnds = new Map<string, ChartArrow>();
  const visit = (node: AnyStateNode): void => {
    for (const { target, eventType } of [...node.transitions.values()].flat()) {
      const source = statesByPath.get(pathOf(node));
      // A transition without a target stays where it is.
      const end = statesByPath.get(pathOf(target?.[0] ?? node));
      if (source === undefined || end === undefined)
        throw new Error(`${root.key}: an arrow from or to the machine itself cannot be drawn`);
      const ends = JSON.stringify([source.path, end.path]);
      const events = arrowsByEnds.get(ends)?.events ?? [];
      arrowsByEnds.set(ends, { source, target: end, events: [...events, eventType] });
    }
    childrenOf(node).forEach(visit);
  };
  visit(root);
  return [...arrowsByEnds.values()];
};

export const stateChartOf = (root: AnyStateNode): StateChart => {
  const states = childrenOf(root).map((child) => stateOf(child, []));
  const initial = initialIn(root, states);
  if (initial === undefined)
    throw new Error(`${root.key}: a machine without an initial state cannot be drawn`);
  const everyState = states.flatMap(selfAndInner);
  return { name: root.key, initial, states, everyState, arrows: arrowsOf(root, everyState) };
};

/** The innermost state in which a state begins: it gives the state its meaning. */
export const leafOf = (state: ChartState): ChartState =>
  state.initial === undefined ? state : leafOf(state.initial);
