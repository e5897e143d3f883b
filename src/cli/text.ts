/** Text measured in terminal columns: emoji and CJK are two wide. Ids and values of strangers are made harmless first. */
import stringWidth from "string-width";

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Control characters and direction marks, which could move the cursor or turn a line around. */
const harmful = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The text on one line, with every character that would act on the terminal spelled out. */
export const printable = (text: string): string =>
  text.replace(
    harmful,
    (found) => escapes[found] ?? `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

export const widthOf = (text: string): number => stringWidth(text);

/** The text, or its beginning and an ellipsis, in at most `width` columns. */
export const shorten = (text: string, width: number): string => {
  // A grapheme is at least one code unit, so a text this short needs no measuring twice.
  if (text.length <= width * 8 && widthOf(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const next = used + widthOf(segment);
    if (next > width - 1) break;
    kept += segment;
    used = next;
  }
  return width <= 0 ? "" : `${kept}…`;
};

export const padEnd = (text: string, width: number): string =>
  text + " ".repeat(Math.max(0, width - widthOf(text)));

export const padStart = (text: string, width: number): string =>
  " ".repeat(Math.max(0, width - widthOf(text))) + text;

const splitLongWord = (word: string, width: number): readonly string[] => {
  if (widthOf(word) <= width) return [word];
  const parts: string[] = [];
  let part = "";
  let used = 0;
  for (const { segment } of graphemes.segment(word)) {
    const next = widthOf(segment);
    if (part !== "" && used + next > width) {
      parts.push(part);
      part = "";
      used = 0;
    }
    part += segment;
    used += next;
  }
  return [...parts, part];
};

/**
 * Lines of at most `width` columns, broken between words where that is possible. What is there to be copied is kept whole, and
 * is then longer than its line.
 */
export const wrap = (
  text: string,
  width: number,
  longWords: "split" | "keep" = "split",
): readonly string[] => {
  const lines: string[] = [];
  let line = "";
  const words = text.split(" ");
  for (const word of longWords === "keep"
    ? words
    : words.flatMap((long) => splitLongWord(long, width))) {
    if (line === "") line = word;
    else if (widthOf(line) + 1 + widthOf(word) <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
};

/** `1 node`, `3 nodes`. */
export const count = (amount: number, noun: string): string =>
  `${amount} ${noun}${amount === 1 ? "" : "s"}`;

/** A duration that a person reads at a glance. */
export const durationText = (millis: number): string => {
  if (millis < 1000) return `${Math.round(millis)} ms`;
  const seconds = millis / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return `${minutes} m ${String(Math.round(seconds) % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} m`;
};

/** As in the records of runs; null for a time that no date can hold. */
export const isoText = (millis: number): string | null => {
  const date = new Date(millis);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
};

const two = (value: number): string => String(value).padStart(2, "0");

/** `2026-11-24 14:05:09`, in local time, of an ISO 8601 time. */
export const dateText = (iso: string): string => {
  const at = new Date(iso);
  return (
    `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  );
};

/** A name in a sentence: quoted, and short enough for a line. */
export const named = (name: string): string => `'${printable(shorten(name, 60))}'`;
