/** A measured figure beside its target, and the table of all of them. */
import { styleText } from "node:util";

export interface Figure {
  /** The spec's id, such as SPEED-1. */
  readonly id: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The largest value that passes; undefined for a figure that is only told. */
  readonly target?: number;
}

export const isMiss = ({ value, target }: Figure): boolean =>
  target !== undefined && !(value <= target);

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

export interface Turns<Side extends string> {
  readonly times: Readonly<Record<Side, readonly number[]>>;
  /** Each round against its own neighbour: the machine's mood changes more slowly than that. */
  readonly ratios: (over: Side, under: Side) => readonly number[];
}

/**
 * The times that each side tells of itself, `rounds` of them after `warmups` that do not count. Every other round goes the
 * other way round, so that no side is always the first.
 */
export const turnByTurn = async <Side extends string>(
  rounds: number,
  warmups: number,
  sides: Readonly<Record<Side, () => Promise<number>>>,
): Promise<Turns<Side>> => {
  const names = Object.keys(sides) as Side[];
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Side,
    number[]
  >;
  for (let round = -warmups; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const time = await sides[name]();
      if (round >= 0) times[name].push(time);
    }
  }
  return {
    times,
    ratios: (over, under) =>
      times[over].map((time, round) => time / (times[under][round] ?? Number.NaN)),
  };
};

/** Milliseconds that each of `rounds` calls took, after `warmups` that do not count. */
export const timings = async (
  rounds: number,
  warmups: number,
  call: () => unknown,
): Promise<readonly number[]> => {
  const times: number[] = [];
  for (let round = -warmups; round < rounds; round++) {
    const begin = performance.now();
    await call();
    if (round >= 0) times.push(performance.now() - begin);
  }
  return times;
};

/** The slope of log time over log size: 1 is linear. */
export const growthExponent = (
  points: readonly { readonly size: number; readonly time: number }[],
): number => {
  const logs = points.map(({ size, time }) => [Math.log(size), Math.log(time)] as const);
  const mean = (pick: 0 | 1): number =>
    logs.reduce((sum, point) => sum + point[pick], 0) / logs.length;
  const [meanSize, meanTime] = [mean(0), mean(1)];
  const over = logs.reduce((sum, [x, y]) => sum + (x - meanSize) * (y - meanTime), 0);
  return over / logs.reduce((sum, [x]) => sum + (x - meanSize) ** 2, 0);
};

const rounded = (value: number): string => {
  if (Number.isInteger(value) || value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
};

export const renderFigures = (figures: readonly Figure[]): string => {
  const rows = figures.map((figure) => [
    figure.id,
    figure.what,
    `${rounded(figure.value)} ${figure.unit}`,
    figure.target === undefined ? "" : `<= ${figure.target} ${figure.unit}`,
    figure.target === undefined
      ? styleText("dim", "told")
      : isMiss(figure)
        ? styleText("red", "MISS")
        : styleText("green", "ok"),
  ]);
  const head = ["rule", "figure", "measured", "target", "verdict"];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (column === 4 ? 7 : (row[column] ?? "").length))),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
};
