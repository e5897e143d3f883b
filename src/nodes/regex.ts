/**
 * Regular expressions with the meaning that JavaScript gives them, found in a bounded number of steps: why, and why not by
 * the platform's own, is told in docs/decisions/0004-expressions-and-patterns.md.
 */
import type { NodeDefinition } from "#services/node-definition";
import { defineNode } from "./define-node.ts";
import type { Match } from "./pattern-attempt.ts";
import type { Pattern } from "./pattern-search.ts";
import { compilePattern } from "./pattern-search.ts";
import { textBuilder } from "./text-result.ts";

const category = "text";
const pure = true;
const string = { name: "string", type: "string", required: true } as const;
const pattern = { name: "pattern", type: "string", required: true } as const;
const flags = { name: "flags", type: "string", required: false } as const;

const caughtBy = (match: Match, group: number, text: string): string | undefined => {
  const start = match[2 * group];
  const end = match[2 * group + 1];
  return start === undefined || end === undefined || start < 0 || end < 0
    ? undefined
    : text.slice(start, end);
};

const groupsOf = (match: Match, text: string): readonly (string | null)[] =>
  Array.from(
    { length: match.length / 2 - 1 },
    (_, index) => caughtBy(match, index + 1, text) ?? null,
  );

/** One character further, so that a match of nothing is not found again. */
const afterCharacter = ({ unicode }: Pattern, text: string, position: number): number =>
  position + (unicode && (text.codePointAt(position) ?? 0) > 0xffff ? 2 : 1);

function* allMatches(compiled: Pattern, text: string): Generator<Match> {
  const search = compiled.searchIn(text, compiled.sticky);
  for (let match = search(0); match !== undefined;) {
    yield match;
    const [start, end] = match;
    match = search(end > start ? end : afterCharacter(compiled, text, end));
  }
}

/** The first match alone, or with the flag `g` all of them. */
const matchesOf = (compiled: Pattern, text: string): Iterable<Match> => {
  if (compiled.global) return allMatches(compiled, text);
  const match = compiled.searchIn(text, compiled.sticky)(0);
  return match === undefined ? [] : [match];
};

/** A piece of a replacement: text, or what of a match stands there. */
type Piece = string | ((match: Match, text: string) => string);

/** A name holds no `<`; that keeps reading linear. Where the pattern has no names, `$<` is text. */
const signs = /\$(?:[$&`']|\d{1,2})/g;
const signsAndNames = /\$(?:[$&`']|\d{1,2}|<[^<>]*>)/g;

/** Reads `$$`, `$&`, `` $` ``, `$'`, `$1` and `$<name>` as JavaScript does; what means nothing is text. */
const readReplacement = (replacement: string, compiled: Pattern): readonly Piece[] => {
  const pieces: Piece[] = [];
  let from = 0;
  const found = replacement.matchAll(compiled.groupsByName.size === 0 ? signs : signsAndNames);
  for (const { 0: sign, index } of found) {
    const read = readSign(sign, compiled);
    if (read === undefined) continue;
    pieces.push(replacement.slice(from, index), read.piece);
    from = index + read.length;
  }
  pieces.push(replacement.slice(from));
  return pieces.filter((piece) => piece !== "");
};

interface ReadSign {
  readonly piece: Piece;
  readonly length: number;
}

const readSign = (sign: string, { groupCount, groupsByName }: Pattern): ReadSign | undefined => {
  const { length } = sign;
  switch (sign.charAt(1)) {
    case "$":
      return { piece: "$", length };
    case "&":
      return { piece: (match, text) => text.slice(match[0], match[1]), length };
    case "`":
      return { piece: (match, text) => text.slice(0, match[0]), length };
    case "'":
      return { piece: (match, text) => text.slice(match[1]), length };
    case "<": {
      const groups = groupsByName.get(sign.slice(2, -1)) ?? [];
      const caught: Piece = (match, text) =>
        groups.map((group) => caughtBy(match, group, text) ?? "").join("");
      return { piece: caught, length };
    }
    default: {
      // $12 is group 1 and a 2 when there is no group 12.
      const digits = Number(sign.slice(1)) <= groupCount ? sign.slice(1) : sign.slice(1, 2);
      const group = Number(digits);
      if (group < 1 || group > groupCount) return undefined;
      const caught: Piece = (match, text) => caughtBy(match, group, text) ?? "";
      return { piece: caught, length: 1 + digits.length };
    }
  }
};

const replaceMatches = (compiled: Pattern, text: string, replacement: string): string => {
  const pieces = readReplacement(replacement, compiled);
  const result = textBuilder();
  let from = 0;
  for (const match of matchesOf(compiled, text)) {
    result.add(text.slice(from, match[0]));
    for (const piece of pieces) result.add(typeof piece === "string" ? piece : piece(match, text));
    from = match[1];
  }
  result.add(text.slice(from));
  return result.text();
};

/** The parts between the matches, with what groups caught in its place among them. */
const splitAtMatches = (compiled: Pattern, text: string): readonly (string | null)[] => {
  const search = compiled.searchIn(text, false);
  if (text === "") return search(0) === undefined ? [""] : [];
  const parts: (string | null)[] = [];
  let from = 0;
  let match = search(0);
  while (match !== undefined && match[0] < text.length) {
    const [start, end] = match;
    if (end === from) {
      // Nothing would be split off; look one character further, but from where the part begins.
      match = search(afterCharacter(compiled, text, start));
      continue;
    }
    parts.push(text.slice(from, start), ...groupsOf(match, text));
    from = end;
    match = search(end);
  }
  parts.push(text.slice(from));
  return parts;
};

export const regexNodes: readonly NodeDefinition[] = [
  defineNode({
    type: "regex-extract",
    name: "Regex Extract",
    category,
    description:
      "With the flag g: the list of all matches. Without: the first match and what its groups caught. An empty list when nothing matches.",
    pure,
    inputs: [string, pattern, flags],
    outputs: [{ name: "matches", type: "json" }],
    run: (inputs) => {
      const text = inputs.string;
      const compiled = compilePattern(inputs.pattern, inputs.flags ?? "");
      const matches = [...matchesOf(compiled, text)];
      const wholes = matches.map(([start, end]) => text.slice(start, end));
      return {
        matches: compiled.global
          ? wholes
          : [...wholes, ...matches.flatMap((match) => groupsOf(match, text))],
      };
    },
  }),
  defineNode({
    type: "regex-match",
    name: "Regex Match",
    category,
    description: "Whether the pattern is found anywhere in the text.",
    pure,
    inputs: [string, pattern, flags],
    outputs: [{ name: "result", type: "boolean" }],
    run: (inputs) => {
      const compiled = compilePattern(inputs.pattern, inputs.flags ?? "");
      return { result: compiled.searchIn(inputs.string, compiled.sticky)(0) !== undefined };
    },
  }),
  defineNode({
    type: "regex-replace",
    name: "Regex Replace",
    category,
    description:
      "Puts the replacement in place of the first match, or with the flag g of all. It may use $1, $<name> and $&.",
    pure,
    inputs: [string, pattern, { name: "replacement", type: "string", required: true }, flags],
    outputs: [{ name: "result", type: "string" }],
    run: (inputs) => {
      const compiled = compilePattern(inputs.pattern, inputs.flags ?? "");
      return { result: replaceMatches(compiled, inputs.string, inputs.replacement) };
    },
  }),
  defineNode({
    type: "regex-split",
    name: "Regex Split",
    category,
    description:
      "The parts of the text between the matches of the pattern; what groups caught is kept among them.",
    pure,
    inputs: [string, pattern, flags],
    outputs: [{ name: "result", type: "json" }],
    run: (inputs) => ({
      result: splitAtMatches(compilePattern(inputs.pattern, inputs.flags ?? ""), inputs.string),
    }),
  }),
];
