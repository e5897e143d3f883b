/**
 * Where words go: answers to stdout, remarks to stderr, each with colour only if its reader is a terminal that wants it.
 * A reader that leaves early (`pawl nodes | head`) is no error.
 */
import { styleText } from "node:util";
import { wrap } from "./text.ts";

export type Stream = NodeJS.WriteStream;
type Format = Parameters<typeof styleText>[0];

/** Styles a text for the stream it will be written to. */
export type Paint = (format: Format, text: string) => string;

/** Respects NO_COLOR, FORCE_COLOR and whether the stream is a terminal. */
export const paintFor =
  (stream: Stream): Paint =>
  (format, text) =>
    text === "" ? "" : styleText(format, text, { stream });

/** Columns to lay text out in. What is not a terminal gets room for long lines, the same everywhere. */
export const columnsOf = (stream: Stream): number =>
  Math.max(20, stream.isTTY && stream.columns > 0 ? stream.columns : 120);

/** Columns to break sentences in. What is no terminal gets each in one line, for whoever searches it. */
export const sentenceColumnsOf = (stream: Stream): number =>
  stream.isTTY ? columnsOf(stream) : Number.POSITIVE_INFINITY;

export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

export const printSentence = (text: string): void =>
  print(wrap(text, sentenceColumnsOf(process.stdout)).join("\n"));

/** What a command has done. */
export const printDone = (text: string): void => {
  const [first = "", ...rest] = wrap(text, sentenceColumnsOf(process.stdout) - 2);
  const mark = paintFor(process.stdout)("green", "✓");
  print([`${mark} ${first}`, ...rest.map((line) => `  ${line}`)].join("\n"));
};

export const remark = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** The one document that `--json` promises. */
export const printJson = (document: unknown): void => print(JSON.stringify(document, null, 2));

/** Writing to a pipe whose reader has left fails with EPIPE; the command goes on and keeps its exit code. */
export const ignoreLeavingReaders = (): void => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
};
