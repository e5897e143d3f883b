/**
 * A JSON text and the places in it: where it breaks, and where a path of the document stands. The value itself comes from
 * JSON.parse, which alone keeps a key such as `__proto__`.
 */
import * as Result from "effect/Result";
import type { Node as SyntaxNode, ParseError } from "jsonc-parser";
import { parseTree } from "jsonc-parser";
import { padStart, printable, shorten, widthOf } from "./text.ts";

/** Both count from 1; a column is a UTF-16 unit, as in editors. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface BrokenJson extends Position {
  /** Such as `a comma is missing here`. */
  readonly reason: string;
  /** The line with a caret below the place. */
  readonly excerpt: string;
}

const strict = { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false };

/** By the codes of jsonc-parser. */
const reasons: Readonly<Record<number, string>> = {
  1: "this is not a JSON value",
  2: "this is not a JSON number",
  3: "a key in double quotes is expected here",
  4: "a value is expected here",
  5: "a colon is missing here",
  6: "a comma is missing here",
  7: "a closing brace '}' is missing here",
  8: "a closing bracket ']' is missing here",
  9: "the document has ended before this",
  10: "comments are not allowed in JSON",
  11: "comments are not allowed in JSON",
  12: "this string has no closing quote",
  13: "this number ends too early",
  14: "this is not a \\u escape",
  15: "this is not an escape that JSON knows",
  16: "this character must be escaped",
};

const positionAt = (text: string, offset: number): Position => {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - lineStart + 1 };
};

const excerptWidth = 76;

/** A long line is cut to what surrounds the place. */
const excerptAt = (text: string, offset: number): string => {
  const { line, column } = positionAt(text, offset);
  const source = text.split("\n")[line - 1]?.replace(/\r$/, "") ?? "";
  const from = column > 50 ? column - 40 : 0;
  const before = (from > 0 ? "…" : "") + printable(source.slice(from, column - 1));
  const shown = before + printable(source.slice(column - 1, column - 1 + excerptWidth));
  const margin = `  ${line} | `;
  return `${margin}${shorten(shown, excerptWidth)}\n${padStart("^", widthOf(margin + before) + 1)}`;
};

/** The end of a text is shown where its last word ends, not on an empty line. */
const lastOffset = (text: string): number => text.trimEnd().length;

/** Undefined when the text is nested too deeply for the parser, which calls itself for each level. */
const parseSyntax = (text: string, errors: ParseError[]): SyntaxNode | undefined =>
  Result.getOrElse(
    Result.try(() => parseTree(text, errors, strict)),
    () => undefined,
  );

const breakOf = (text: string, error: unknown): BrokenJson => {
  const errors: ParseError[] = [];
  parseSyntax(text, errors);
  const first = errors[0];
  const stated = /position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
  const found = first?.offset ?? (stated === undefined ? text.length : Number(stated));
  const offset = Math.min(found, lastOffset(text));
  return {
    ...positionAt(text, offset),
    reason: reasons[first?.error ?? 0] ?? "this is not JSON",
    excerpt: excerptAt(text, offset),
  };
};

export const parseJson = (text: string): Result.Result<unknown, BrokenJson> =>
  Result.try({
    try: () => JSON.parse(text) as unknown,
    catch: (error) => breakOf(text, error),
  });

const propertyOf = (parent: SyntaxNode, key: string): SyntaxNode | undefined =>
  parent.children?.findLast((property) => property.children?.[0]?.value === key)?.children?.[1];

const childAt = (parent: SyntaxNode, key: string | number): SyntaxNode | undefined => {
  if (parent.type === "object") return propertyOf(parent, String(key));
  return parent.type === "array" ? parent.children?.[Number(key)] : undefined;
};

/** Finds the place of a path, or of the nearest thing around it that the text has. */
export const locator = (text: string): ((path: readonly (string | number)[]) => Position) => {
  const root = parseSyntax(text, []);
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1))
    lineStarts.push(at + 1);
  return (path) => {
    let node = root;
    for (const key of path) {
      const child = node === undefined ? undefined : childAt(node, key);
      if (child === undefined) break;
      node = child;
    }
    const offset = node?.offset ?? 0;
    const line = lineStarts.findLastIndex((start) => start <= offset);
    return { line: line + 1, column: offset - (lineStarts[line] ?? 0) + 1 };
  };
};
