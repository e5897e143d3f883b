/**
 * What the picture of a state chart is made of, before anything has a place: boxes, marks, and links that run from west to
 * east. An event name is a box of its own in the middle of its arrow, so that no label can lie on another.
 */
import type { ChartArrow, ChartState, StateChart } from "./chart.ts";
import { leafOf } from "./chart.ts";

export type TextStyle = "name" | "note" | "event";

export interface Text {
  readonly style: TextStyle;
  readonly text: string;
}

/** Here and below, `leaf` is the path of the state whose meaning gives the colour, `within` the compound state around. */
export interface Box {
  readonly kind: "state" | "final" | "event";
  readonly name: string;
  readonly leaf: string;
  readonly within: string | undefined;
  readonly texts: readonly Text[];
}

/** The dot of an initial state, or an unseen point inside a compound state at which an arrow is about to leave it. */
export interface Mark {
  readonly kind: "dot" | "way";
  readonly name: string;
  readonly leaf: string;
  readonly within: string | undefined;
}

export interface Link {
  readonly tail: string;
  readonly head: string;
  readonly leaf: string;
  /** The end of the link that is the tip of the arrow. */
  readonly tip: "tail" | "head" | "none";
  /** What it costs to bend it. */
  readonly weight: number;
  /** The compound state from whose border on, or up to whose border, it is seen. */
  readonly leaves?: string;
  readonly enters?: string;
}

export interface Sketch {
  readonly spots: readonly (Box | Mark)[];
  readonly links: readonly Link[];
  /** Pairs without a line between them, of which the first stands west of the second. */
  readonly order: readonly (readonly [west: string, east: string])[];
}

export const isBox = (spot: Box | Mark): spot is Box => spot.kind !== "dot" && spot.kind !== "way";

const linesOfWidth = (text: string, width: number): readonly string[] => {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1) ?? ""} ${word}`;
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
};

/** As few lines of at most 18 letters as it takes, then as narrow as they allow: no lonely word at the end. */
const wrap = (text: string): readonly string[] => {
  if (text === "") return [];
  const fewest = linesOfWidth(text, 18);
  for (let width = 1; width < 18; width += 1) {
    const lines = linesOfWidth(text, width);
    if (lines.length === fewest.length) return lines;
  }
  return fewest;
};

const dotOf = (path: string): string => `dot ${path}`;
const isCompound = ({ initial }: ChartState): boolean => initial !== undefined;
const entryOf = (state: ChartState): string => (isCompound(state) ? dotOf(state.path) : state.path);

const sketchState = (state: ChartState): Sketch => {
  const { path, name, description, final, initial, within } = state;
  if (initial !== undefined) return sketchInitial(initial, path);
  const kind = final ? "final" : "state";
  const notes = wrap(description).map((text): Text => ({ style: "note", text }));
  const texts: readonly Text[] = [{ style: "name", text: name }, ...notes];
  return {
    spots: [{ kind, name: path, leaf: path, within: within.at(-1), texts }],
    links: [],
    order: [],
  };
};

const sketchInitial = (initial: ChartState, path: string | undefined): Sketch => {
  const [name, leaf] = [dotOf(path ?? ""), leafOf(initial).path];
  return {
    spots: [{ kind: "dot", name, leaf, within: path }],
    links: [{ tail: name, head: entryOf(initial), leaf, tip: "head", weight: 10 }],
    order: [],
  };
};

const sketchArrow = (chart: StateChart, arrow: ChartArrow, index: number): Sketch => {
  const { source, target, events } = arrow;
  const leaf = leafOf(target).path;
  const within = source.within.findLast((path) => target.within.includes(path));
  const texts = events.map((text): Text => ({ style: "event", text }));
  const label: Box = { kind: "event", name: `event ${index}`, leaf, within, texts };
  const inner = within === undefined ? 1 : 3;
  const link = (tail: string, head: string, rest: Partial<Link> = {}): Link => ({
    tail,
    head,
    leaf,
    tip: "none",
    weight: inner,
    ...rest,
  });

  if (source === target) {
    const there = link(source.path, label.name);
    return { spots: [label], links: [there, { ...there, tip: "tail" }], order: [] };
  }
  // What the document names first stands further west, so this arrow runs against the grain.
  if (chart.everyState.indexOf(target) < chart.everyState.indexOf(source)) {
    const links = [
      link(entryOf(target), label.name, { tip: "tail" }),
      link(label.name, entryOf(source)),
    ];
    return { spots: [label], links, order: [] };
  }

  const enters = isCompound(target) ? { enters: target.path, weight: 10 } : {};
  const around = [...source.within, ...(isCompound(source) ? [source.path] : [])];
  const left = around.find((path) => path !== target.path && !target.within.includes(path));
  if (left === undefined) {
    const links = [
      link(entryOf(source), label.name),
      link(label.name, entryOf(target), { tip: "head", ...enters }),
    ];
    return { spots: [label], links, order: [] };
  }
  const way: Mark = { kind: "way", name: `way ${index}`, leaf, within: left };
  const toWay = isCompound(source) ? [] : [link(source.path, way.name, { weight: 2 })];
  const leaves = isCompound(source) ? { leaves: left } : {};
  return {
    spots: [label, way],
    links: [
      ...toWay,
      link(way.name, label.name, { weight: 12, ...leaves }),
      link(label.name, entryOf(target), { tip: "head", weight: 4, ...enters }),
    ],
    order: chart.everyState
      .filter((state) => !isCompound(state) && state.within.includes(left))
      .map(({ path }) => [path, way.name]),
  };
};

export const sketchOf = (chart: StateChart): Sketch => {
  const parts = [
    sketchInitial(chart.initial, undefined),
    ...chart.everyState.map(sketchState),
    ...chart.arrows.map((arrow, index) => sketchArrow(chart, arrow, index)),
  ];
  return {
    spots: parts.flatMap(({ spots }) => spots),
    links: parts.flatMap(({ links }) => links),
    order: parts.flatMap(({ order }) => order),
  };
};
