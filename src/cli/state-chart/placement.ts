/**
 * Where the boxes of a sketch go, by Graphviz (WASM): states in columns from west to east, compound states as clusters.
 * Graphviz only measures and places; what it says is read back as plain rectangles, in points, y downwards.
 */
import type { Graph, Node, Subgraph } from "@viz-js/viz";
import type { ChartState, StateChart } from "./chart.ts";
import type { Box, Mark, Sketch, Text, TextStyle } from "./sketch.ts";
import { isBox } from "./sketch.ts";

export type Point = readonly [x: number, y: number];

export interface Rect {
  readonly west: number;
  readonly north: number;
  readonly east: number;
  readonly south: number;
}

export interface Placement {
  readonly frame: Rect;
  /** By the names of the sketch. */
  readonly rects: ReadonlyMap<string, Rect>;
  /** By the paths of compound states. */
  readonly compounds: ReadonlyMap<string, Rect>;
  /** At which height Graphviz leads the link of this index past the boxes between its ends. */
  readonly levels: readonly number[];
}

export const fontSizes: Readonly<Record<TextStyle, number>> = { name: 16, note: 12, event: 13 };
export const lineHeights: Readonly<Record<TextStyle, number>> = { name: 22, note: 14.5, event: 16 };
export const dotRadius = 5;

/** Room between a box and its text, across and down. A final state has a ring inside. */
const paddings: Readonly<Record<Box["kind"], Point>> = {
  state: [11, 7],
  final: [12, 10],
  event: [7, 3],
};

/** The least room for each line that meets a state on one side. */
const lineGap = 12;

export const escapeXml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export const heightOf = (texts: readonly Text[]): number =>
  texts.reduce((height, { style }) => height + lineHeights[style], 0);

const inches = (points: number): number => points / 72;

const measured = ({ style, text }: Text): string => {
  const face = style === "name" ? `<B>${escapeXml(text)}</B>` : escapeXml(text);
  return `<FONT POINT-SIZE="${fontSizes[style]}">${face}</FONT>`;
};

const nodeOf = (spot: Box | Mark, { links }: Sketch): Node => {
  const { name } = spot;
  if (!isBox(spot)) {
    const size = inches(spot.kind === "dot" ? 2 * dotRadius : 1);
    return { name, attributes: { label: "", width: size, height: size } };
  }
  const [across, down] = paddings[spot.kind];
  const ends = (["tail", "head"] as const).map(
    (side) => links.filter((link) => link[side] === name).length,
  );
  const crowd = spot.kind === "event" ? 0 : (Math.max(...ends) + 1) * lineGap;
  return {
    name,
    attributes: {
      label: { html: spot.texts.map(measured).join("<BR/>") },
      margin: `${inches(across)},0`,
      height: inches(Math.max(heightOf(spot.texts) + 2 * down, crowd)),
    },
  };
};

const graphOf = (chart: StateChart, sketch: Sketch): Graph => {
  const nodesIn = (path: string | undefined): Node[] =>
    sketch.spots.filter(({ within }) => within === path).map((spot) => nodeOf(spot, sketch));
  const clustersOf = (states: readonly ChartState[]): Subgraph[] =>
    states
      .filter(({ initial }) => initial !== undefined)
      .map(({ path, name, states: inner }) => ({
        name: `cluster ${path}`,
        graphAttributes: { label: { html: measured({ style: "name", text: name }) }, margin: 12 },
        nodes: nodesIn(path),
        subgraphs: clustersOf(inner),
      }));
  const finals = chart.states.filter(({ final }) => final).map(({ path }) => ({ name: path }));
  return {
    graphAttributes: { rankdir: "LR", nodesep: inches(16), ranksep: inches(22) },
    nodeAttributes: { shape: "box", fontname: "Helvetica", width: 0 },
    edgeAttributes: { dir: "none" },
    nodes: nodesIn(undefined),
    subgraphs: [...clustersOf(chart.states), { graphAttributes: { rank: "sink" }, nodes: finals }],
    edges: [
      ...sketch.links.map(({ tail, head, weight, enters }, link) => ({
        tail,
        head,
        // Room for the tip of an arrow between its event and the border of the compound state.
        attributes: { link, weight, minlen: enters === undefined ? 1 : 2 },
      })),
      ...sketch.order.map(([tail, head]) => ({
        tail,
        head,
        attributes: { style: "invis", weight: 0 },
      })),
    ],
  };
};

/** The part of Graphviz' JSON that is read here. Widths and heights are in inches. */
interface GraphvizJson {
  readonly bb: string;
  readonly objects: readonly {
    readonly name: string;
    readonly bb?: string;
    readonly pos?: string;
    readonly width?: string;
    readonly height?: string;
  }[];
  readonly edges: readonly {
    readonly link?: string;
    readonly _draw_?: readonly { readonly op: string; readonly points?: readonly Point[] }[];
  }[];
}

const numbersIn = (text = ""): readonly number[] => text.split(",").map(Number);

const rectOfCorners = (corners: string): Rect => {
  const [west = 0, a = 0, east = 0, b = 0] = numbersIn(corners);
  return { west, east, north: Math.min(a, b), south: Math.max(a, b) };
};

const rectOfCentre = (centre = "", width = "", height = ""): Rect => {
  const [x = 0, y = 0] = numbersIn(centre);
  const [dx, dy] = [Number(width) * 36, Number(height) * 36];
  return { west: x - dx, north: y - dy, east: x + dx, south: y + dy };
};

export const placeSketch = async (chart: StateChart, sketch: Sketch): Promise<Placement> => {
  // A megabyte of WASM that no other command should wait for.
  const { instance } = await import("@viz-js/viz");
  const viz = await instance();
  const json = viz.renderJSON(graphOf(chart, sketch), { yInvert: true }) as GraphvizJson;
  const rects = new Map<string, Rect>();
  const compounds = new Map<string, Rect>();
  for (const { name, bb, pos, width, height } of json.objects) {
    if (bb === undefined) rects.set(name, rectOfCentre(pos, width, height));
    else compounds.set(name.replace("cluster ", ""), rectOfCorners(bb));
  }
  const levels: number[] = [];
  for (const { link, _draw_ } of json.edges) {
    const spline = _draw_?.find(({ op }) => op === "b")?.points;
    if (link === undefined || spline === undefined) continue;
    // Every third point of a spline lies on it; the middle one of these is past the bends at both ends.
    const [, level = 0] = spline[3 * Math.floor((spline.length - 1) / 6)] ?? [];
    levels[Number(link)] = level;
  }
  return { frame: rectOfCorners(json.bb), rects, compounds, levels };
};
