/**
 * A state chart as Mermaid text (`stateDiagram-v2`), which GitHub and many editors draw where it stands. Colours are left
 * to them, so it fits their light and dark themes. Final states have a thick border instead of Mermaid's one end mark:
 * arrows to that mark push boxes onto the arrows of a compound state.
 */
import type { ChartArrow, ChartState, StateChart } from "./chart.ts";

/** A path without the dots, which Mermaid does not take in a name. */
const idOf = ({ path }: ChartState): string => path.replaceAll(".", "_");

const indent = (lines: readonly string[]): readonly string[] => lines.map((line) => `  ${line}`);

/** An arrow stands in the innermost compound state that holds both its ends, or Mermaid pulls one end in. */
const arrowsWithin = (chart: StateChart, path: string | undefined): readonly ChartArrow[] =>
  chart.arrows.filter(
    ({ source, target }) =>
      source.within.findLast((outer) => target.within.includes(outer)) === path,
  );

const linesWithin = (
  chart: StateChart,
  states: readonly ChartState[],
  initial: ChartState,
  path: string | undefined,
): readonly string[] => [
  `[*] --> ${idOf(initial)}`,
  ...states.flatMap((state) => linesOfState(chart, state)),
  ...arrowsWithin(chart, path).map(
    ({ source, target, events }) => `${idOf(source)} --> ${idOf(target)} : ${events.join("<br>")}`,
  ),
];

const linesOfState = (chart: StateChart, state: ChartState): readonly string[] => {
  const { name, description, initial, states, path } = state;
  const title = `state "${name}" as ${idOf(state)}`;
  if (initial !== undefined) {
    return [`${title} {`, ...indent(linesWithin(chart, states, initial, path)), "}"];
  }
  return description === "" ? [title] : [title, `${idOf(state)} : ${description}`];
};

export const renderMermaid = (chart: StateChart): string => {
  const finals = chart.everyState.filter(({ final }) => final).map(idOf);
  return `${[
    "stateDiagram-v2",
    ...indent([
      "direction LR",
      ...linesWithin(chart, chart.states, chart.initial, undefined),
      "classDef final stroke-width:3px",
      `class ${finals.join(",")} final`,
    ]),
  ].join("\n")}\n`;
};
