/**
 * How the lines of a sketch run between placed boxes: level at both ends, side by side where several meet a box, and
 * bending only in the gaps between columns, so that lines which leave in one order and arrive in it do not cross.
 */
import type { Point, Placement, Rect } from "./placement.ts";
import type { Link, Sketch } from "./sketch.ts";

export interface Line {
  readonly leaf: string;
  /** The start, then three points for each Bézier curve. */
  readonly points: readonly Point[];
  readonly tip: { readonly at: Point; readonly towards: "west" | "east" } | undefined;
}

/** The most room between lines that meet one side of a box. */
const lineGap = 14;
/** How far a long line goes while it bends to the height at which it passes the boxes between. */
const bendLength = 26;
/** How much of a line its tip covers. */
const tipLength = 6;

export const centreOf = ({ west, north, east, south }: Rect): Point => [
  (west + east) / 2,
  (north + south) / 2,
];

/** A line with an end that knows where it comes from: the height by which it has its place among others. */
interface Run {
  readonly link: Link;
  readonly tail: Rect;
  readonly head: Rect;
  /** Set when boxes stand between its ends. */
  readonly level: number | undefined;
}

const runsOf = ({ spots, links }: Sketch, { rects, levels }: Placement): readonly Run[] => {
  const boxes = spots.filter(({ kind }) => kind !== "way").map(({ name }) => rects.get(name)!);
  return links.map((link, index): Run => {
    const [tail, head] = [rects.get(link.tail)!, rects.get(link.head)!];
    const isLong =
      link.enters === undefined &&
      boxes.some(({ west, east }) => west > tail.east && east < head.west);
    if (!isLong) return { link, tail, head, level: undefined };
    const isWay = spots.find(({ name }) => name === link.head)?.kind === "way";
    return { link, tail, head, level: isWay ? centreOf(head)[1] : levels[index] };
  });
};

/** The heights at which runs meet their spots on one side: around the middle, in the order of where they come from. */
const heightsOf = (side: "tail" | "head", runs: readonly Run[]): ReadonlyMap<Run, number> => {
  const other = side === "tail" ? "head" : "tail";
  const runsBySpot = Map.groupBy(runs, ({ link }) => link[side]);
  const heights = new Map<Run, number>();
  for (const together of runsBySpot.values()) {
    const inOrder = together
      .map((run) => ({ run, from: run.level ?? centreOf(run[other])[1] }))
      .toSorted((a, b) => a.from - b.from);
    inOrder.forEach(({ run }, place) => {
      const { north, south } = run[side];
      const gap = Math.min(lineGap, (south - north) / (together.length + 1));
      heights.set(run, (north + south) / 2 + (place - (together.length - 1) / 2) * gap);
    });
  }
  return heights;
};

/** The least west and the most east among all that stand in one column. */
const columnOf = (rect: Rect, rects: readonly Rect[]): { west: number; east: number } => {
  const [x] = centreOf(rect);
  const column = rects.filter((other) => Math.abs(centreOf(other)[0] - x) < 1);
  return {
    west: Math.min(...column.map(({ west }) => west)),
    east: Math.max(...column.map(({ east }) => east)),
  };
};

const straight = (from: Point, to: Point): readonly Point[] => [from, to, to];

/** A soft S from one height to another. */
const curve = ([x0, y0]: Point, [x1, y1]: Point): readonly Point[] => {
  const x = (x0 + x1) / 2;
  return [
    [x, y0],
    [x, y1],
    [x1, y1],
  ];
};

export const linesOf = (sketch: Sketch, placement: Placement): readonly Line[] => {
  const { rects, compounds } = placement;
  const runs = runsOf(sketch, placement);
  const tailHeights = heightsOf("tail", runs);
  const headHeights = heightsOf("head", runs);

  return runs.map((run): Line => {
    const { leaf, tip, leaves, enters } = run.link;
    const { east: west } = leaves === undefined ? run.tail : compounds.get(leaves)!;
    const { west: east } = enters === undefined ? run.head : compounds.get(enters)!;
    const [y0, y1] = [tailHeights.get(run)!, headHeights.get(run)!];
    const start: Point = [tip === "tail" ? west + tipLength : west, y0];
    const end: Point = [tip === "head" ? east - tipLength : east, y1];
    const all = [...rects.values()];
    const leave: Point = [Math.max(start[0], columnOf(run.tail, all).east), y0];
    const arrive: Point = [Math.min(end[0], columnOf(run.head, all).west), y1];
    const between = (): readonly Point[] => {
      if (run.level === undefined) return curve(leave, arrive);
      const up: Point = [leave[0] + bendLength, run.level];
      const down: Point = [arrive[0] - bendLength, run.level];
      return [...curve(leave, up), ...straight(up, down), ...curve(down, arrive)];
    };
    const tips = {
      none: undefined,
      tail: { at: [west, y0], towards: "west" },
      head: { at: [east, y1], towards: "east" },
    } as const;
    return {
      leaf,
      points: [start, ...straight(start, leave), ...between(), ...straight(arrive, end)],
      tip: tips[tip],
    };
  });
};
