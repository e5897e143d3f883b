/** A table that fits its terminal: no lines, headings dim, one column that takes what is left. */
import type { Paint } from "./terminal.ts";
import { padEnd, padStart, printable, shorten, widthOf, wrap } from "./text.ts";

type Format = Parameters<Paint>[0];

export interface Cell {
  readonly text: string;
  readonly format?: Format;
  /**
   * Broken over up to four lines instead of shortened; `words` over as many as it takes, and no word, which may be wider than
   * the terminal. Only in the last column.
   */
  readonly isWrapped?: boolean | "words";
}

export interface Column {
  readonly heading: string;
  readonly align?: "right";
}

const gap = "  ";
const wrappedLines = 4;
const narrowestFirst = 8;
const narrowestLast = 16;

/** Natural widths; when they do not fit, the last column gives way, and then the first, which never takes the most. */
const widthsOf = (natural: readonly number[], columns: number): readonly number[] => {
  const widths = natural.map((width, index) =>
    index === 0 ? Math.min(width, Math.max(narrowestFirst, Math.floor(columns * 0.4))) : width,
  );
  const last = widths.length - 1;
  const excess = (): number =>
    widths.reduce((sum, width) => sum + width, 0) + gap.length * last - columns;
  for (const [index, narrowest] of [
    [last, narrowestLast],
    [0, narrowestFirst],
    [last, 4],
  ] as const) {
    const width = widths[index] ?? 0;
    widths[index] = Math.max(Math.min(width, narrowest), width - Math.max(0, excess()));
  }
  return widths;
};

const linesOf = ({ text, isWrapped }: Cell, width: number): readonly string[] => {
  if (isWrapped === "words") return wrap(text, width, "keep");
  if (isWrapped !== true) return [shorten(text, width)];
  const lines = wrap(shorten(text, width * wrappedLines), width);
  return lines.length <= wrappedLines
    ? lines
    : [
        ...lines.slice(0, wrappedLines - 1),
        shorten(lines.slice(wrappedLines - 1).join(" "), width),
      ];
};

export const renderTable = (
  headings: readonly Column[],
  rows: readonly (readonly Cell[])[],
  columns: number,
  paint: Paint,
): string => {
  const cells = rows.map((row) => row.map((cell) => ({ ...cell, text: printable(cell.text) })));
  // What is longer than the terminal is as long as the terminal, which saves measuring it.
  const natural = headings.map(({ heading }, index) =>
    cells.reduce(
      (most, row) => Math.max(most, widthOf((row[index]?.text ?? "").slice(0, columns * 2))),
      widthOf(heading),
    ),
  );
  const widths = widthsOf(natural, columns);
  const line = (texts: readonly string[], formats: readonly (Format | undefined)[]): string =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0;
        const format = formats[index];
        const painted = format === undefined ? text : paint(format, text);
        if (headings[index]?.align === "right") return padStart(painted, width);
        return index === texts.length - 1 ? painted : padEnd(painted, width);
      })
      .join(gap)
      .trimEnd();
  const header = line(
    headings.map(({ heading }, index) => shorten(heading, widths[index] ?? 0)),
    headings.map(() => "dim" as const),
  );
  const body = cells.flatMap((row) => {
    const lines = row.map((cell, index) => linesOf(cell, widths[index] ?? 0));
    const height = Math.max(...lines.map((cellLines) => cellLines.length));
    return Array.from({ length: height }, (_, at) =>
      line(
        lines.map((cellLines) => cellLines[at] ?? ""),
        row.map(({ format }) => format),
      ),
    );
  });
  return [header, ...body].join("\n");
};
