/**
 * A state chart as an SVG picture. Colours mean public statuses. The picture brings its own ground, light or dark as the
 * reader's browser asks, and needs no font but what every system has.
 */
import type { NodeExecutionStatus, WorkflowExecutionStatus } from "#core/lifecycle";
import type { ChartState, StateChart } from "./chart.ts";
import { leafOf } from "./chart.ts";
import type { Line } from "./lines.ts";
import { centreOf, linesOf } from "./lines.ts";
import type { Point, Rect } from "./placement.ts";
import {
  dotRadius,
  escapeXml,
  fontSizes,
  heightOf,
  lineHeights,
  placeSketch,
} from "./placement.ts";
import type { Box } from "./sketch.ts";
import { isBox, sketchOf } from "./sketch.ts";

type Status = NodeExecutionStatus | WorkflowExecutionStatus;

/** Ground, line and ink. */
type Hue = readonly [ground: string, line: string, ink: string];

interface Tint {
  readonly light: Hue;
  readonly dark: Hue;
}

const tint = (light: Hue, dark: Hue): Tint => ({ light, dark });

const grey = tint(["#f6f8fa", "#848d97", "#32383f"], ["#1c2128", "#848d97", "#d1d7e0"]);
const red = tint(["#ffefed", "#cf222e", "#a40e26"], ["#301619", "#f85149", "#ffaba3"]);

const tints: Readonly<Record<Status, Tint>> = {
  idle: grey,
  submitted: grey,
  executing: tint(["#e8f4ff", "#0969da", "#0550ae"], ["#10233f", "#4493f8", "#9cccff"]),
  paused: tint(["#f7f0ff", "#8250df", "#6639ba"], ["#231a38", "#a371f7", "#d2b0ff"]),
  completed: tint(["#e6f8ea", "#1a7f37", "#116329"], ["#11291b", "#3fb950", "#7ee787"]),
  failed: red,
  error: red,
  skipped: tint(["#fff8d6", "#bf8700", "#7d4e00"], ["#2b2210", "#d29922", "#f0c75e"]),
  exhausted: tint(["#fff1e5", "#bc4c00", "#953800"], ["#2e1c10", "#db6d28", "#ffb77c"]),
  cancelled: tint(["#eaeef2", "#57606a", "#32383f"], ["#262c36", "#9198a1", "#d1d7e0"]),
};

const themes = {
  light: { page: "#ffffff", border: "#d1d9e0", mark: "#32383f", muted: "#59636e" },
  dark: { page: "#0d1117", border: "#3d444d", mark: "#d1d7e0", muted: "#9198a1" },
} as const;

const styleSheet = (statuses: readonly Status[]): string => {
  const themeRules = (theme: keyof typeof themes): readonly string[] => {
    const { page, border, mark, muted } = themes[theme];
    return [
      ...statuses.flatMap((status) => {
        const [ground, line, ink] = tints[status][theme];
        return [
          `.${status} rect{fill:${ground};stroke:${line}}`,
          `.${status} path{stroke:${line}}.${status} polygon{fill:${line}}`,
          `.${status} .name,.${status} .event{fill:${ink}}`,
        ];
      }),
      `.page{fill:${page};stroke:${border}}circle{fill:${mark}}.note{fill:${muted}}`,
      `.label rect{fill:${page}}`,
    ];
  };
  return [
    "text{font-family:Helvetica,Arial,'Liberation Sans',sans-serif;text-anchor:middle}",
    ...Object.entries(fontSizes).map(([style, size]) => `.${style}{font-size:${size}px}`),
    ".name{font-weight:bold}.compound .name{text-anchor:start}",
    "rect{stroke-width:1.25}path{fill:none;stroke-width:1.4;stroke-linecap:round}",
    ".compound rect{fill-opacity:.55;stroke-opacity:.5}.label rect{stroke-opacity:.5}",
    ...themeRules("light"),
    "@media(prefers-color-scheme:dark){",
    ...themeRules("dark"),
    "}",
    ".final .ring{fill:none}",
  ].join("\n");
};

/** One decimal is finer than a pixel, and the same on every machine. */
const short = (value: number): string => String(Math.round(value * 10) / 10);
const pair = ([x, y]: Point): string => `${short(x)},${short(y)}`;

const rectangle = ({ west, north, east, south }: Rect, radius: number, name = ""): string =>
  `<rect${name === "" ? "" : ` class="${name}"`} x="${short(west)}" y="${short(north)}"` +
  ` width="${short(east - west)}" height="${short(south - north)}" rx="${radius}"/>`;

const inset = ({ west, north, east, south }: Rect, by: number): Rect => ({
  west: west + by,
  north: north + by,
  east: east - by,
  south: south - by,
});

const textAt = (style: string, [x, y]: Point, text: string): string =>
  `<text class="${style}" x="${short(x)}" y="${short(y)}">${escapeXml(text)}</text>`;

const group = (names: string, parts: readonly string[]): string =>
  `<g class="${names}">${parts.join("")}</g>`;

const paintCompound = ({ name }: ChartState, rect: Rect, status: Status): string =>
  group(`${status} compound`, [
    rectangle(rect, 14),
    textAt("name", [rect.west + 18, rect.north + 27], name),
  ]);

const paintLine = ({ points, tip }: Line, status: Status): string => {
  const [start, ...rest] = points.map(pair);
  const path = `<path d="M${start}C${rest.join(" ")}"/>`;
  if (tip === undefined) return group(status, [path]);
  const [x, y] = tip.at;
  const base = tip.towards === "east" ? x - 7.5 : x + 7.5;
  const corners: readonly Point[] = [tip.at, [base, y - 3.5], [base, y + 3.5]];
  return group(status, [path, `<polygon points="${corners.map(pair).join(" ")}"/>`]);
};

const paintDot = (rect: Rect): string => {
  const [x, y] = centreOf(rect);
  return `<circle cx="${short(x)}" cy="${short(y)}" r="${dotRadius}"/>`;
};

const paintBox = ({ kind, texts }: Box, rect: Rect, status: Status): string => {
  const [x, y] = centreOf(rect);
  const lines = texts.map(({ style, text }, index) => {
    const middle = y + heightOf(texts.slice(0, index)) + (lineHeights[style] - heightOf(texts)) / 2;
    // Letters look centred with their base line a third of their size below the middle.
    return textAt(style, [x, middle + fontSizes[style] * 0.35], text);
  });
  switch (kind) {
    case "state":
      return group(status, [rectangle(rect, 10), ...lines]);
    case "final": {
      const frames = [rectangle(rect, 12, "ring"), rectangle(inset(rect, 3.5), 9)];
      return group(`${status} final`, [...frames, ...lines]);
    }
    case "event":
      return group(`${status} label`, [rectangle(rect, 11), ...lines]);
  }
};

export const renderSvg = async (
  chart: StateChart,
  statusOf: (path: string) => Status,
): Promise<string> => {
  const sketch = sketchOf(chart);
  const placement = await placeSketch(chart, sketch);
  const rectOf = (name: string): Rect => placement.rects.get(name)!;
  const boxes = sketch.spots.filter(isBox);
  const dots = sketch.spots.filter(({ kind }) => kind === "dot");
  const compounds = chart.everyState.filter(({ initial }) => initial !== undefined);

  const page = inset(placement.frame, -14);
  const [width, height] = [short(page.east - page.west), short(page.south - page.north)];
  const viewBox = `${short(page.west)} ${short(page.north)} ${width} ${height}`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${viewBox}" width="${width}" height="${height}" role="img">`,
    `<title>The life of a ${escapeXml(chart.name)}</title>`,
    `<style>`,
    styleSheet([...new Set(boxes.map(({ leaf }) => statusOf(leaf)))]),
    `</style>`,
    rectangle(inset(page, 0.5), 12, "page"),
    ...compounds.map((state) =>
      paintCompound(state, placement.compounds.get(state.path)!, statusOf(leafOf(state).path)),
    ),
    ...linesOf(sketch, placement).map((line) => paintLine(line, statusOf(line.leaf))),
    ...dots.map(({ name }) => paintDot(rectOf(name))),
    ...boxes.map((box) => paintBox(box, rectOf(box.name), statusOf(box.leaf))),
    `</svg>`,
  ].join("\n")}\n`;
};
