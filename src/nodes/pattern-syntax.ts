/**
 * Reads a JavaScript regular expression into a tree, for `pattern-program.ts`. Whether it is one is left to the platform's own
 * RegExp, which only checks it here and never runs it: so this reads valid patterns alone, with the flag `u` and in the
 * lenient form without. What one character must be, a class such as [^a-z] or \p{L}, is asked of a RegExp of that class
 * alone, which cannot backtrack; so classes, cases and Unicode are the platform's to the last letter.
 */
import * as Result from "effect/Result";
import { NodeFailure } from "#services/node-definition";

/** Takes a code unit, or with the flag `u` a code point. */
export type CharacterTest = (code: number) => boolean;

export type PatternTree =
  | { readonly kind: "character"; readonly test: CharacterTest }
  | { readonly kind: "sequence"; readonly items: readonly PatternTree[] }
  | { readonly kind: "choice"; readonly options: readonly PatternTree[] }
  | {
      readonly kind: "repeat";
      readonly item: PatternTree;
      readonly least: number;
      readonly most: number;
      readonly greedy: boolean;
      /** The groups inside, which every round forgets. */
      readonly firstGroup: number;
      readonly lastGroup: number;
    }
  | { readonly kind: "group"; readonly group: number; readonly item: PatternTree }
  | {
      readonly kind: "look";
      readonly item: PatternTree;
      readonly behind: boolean;
      readonly negative: boolean;
    }
  | {
      readonly kind: "backreference";
      readonly groups: readonly number[];
      readonly isSame: (a: number, b: number) => boolean;
    }
  | { readonly kind: "start" | "end"; readonly multiline: boolean }
  | { readonly kind: "boundary"; readonly negative: boolean; readonly isWord: CharacterTest };

export interface PatternSyntax {
  readonly tree: PatternTree;
  readonly unicode: boolean;
  /** Without group 0, the whole match. */
  readonly groupCount: number;
  /** A name can stand in several branches. */
  readonly groupsByName: ReadonlyMap<string, readonly number[]>;
}

/** Those that change what a part of the pattern means; the others are about the search. */
interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

const knownFlags = ["d", "g", "i", "m", "s", "u", "y"];
const longestPattern = 10_000;
/** Reading nests as deep as the groups do. */
const deepest = 200;

const checkFlags = (flags: string): void => {
  for (const [index, flag] of Array.from(flags).entries()) {
    if (!knownFlags.includes(flag)) {
      throw new NodeFailure({
        message: `The flag '${flag}' is not supported; use any of ${knownFlags.join(", ")}`,
      });
    }
    if (flags.indexOf(flag) < index) {
      throw new NodeFailure({ message: `The flag '${flag}' is given twice` });
    }
  }
};

const checkPattern = (source: string, flags: string): void => {
  if (source.length > longestPattern) {
    throw new NodeFailure({ message: `The pattern is longer than ${longestPattern} characters` });
  }
  const parsed = Result.try(() => new RegExp(source, flags));
  if (Result.isSuccess(parsed)) return;
  const message = parsed.failure instanceof Error ? parsed.failure.message : String(parsed.failure);
  // The platform repeats the whole pattern before it says what is wrong.
  const reason = message.replace(`Invalid regular expression: /${source}/${flags}: `, "");
  throw new NodeFailure({ message: `The pattern is not a regular expression: ${reason}` });
};

/** One character at a time, and the answers for ASCII are kept. */
const characterTest = (source: string, { i, s }: Flags, unicode: boolean): CharacterTest => {
  const pattern = new RegExp(
    `^(?:${source})$`,
    (i ? "i" : "") + (s ? "s" : "") + (unicode ? "u" : ""),
  );
  const ask = (code: number): boolean => pattern.test(String.fromCodePoint(code));
  const known = new Int8Array(128);
  return (code) => {
    if (code >= 128) return ask(code);
    if (known[code] === 0) known[code] = ask(code) ? 1 : -1;
    return known[code] === 1;
  };
};

/** Whether a backreference takes two characters for the same. */
const sameTest = ({ i }: Flags, unicode: boolean): ((a: number, b: number) => boolean) => {
  const twice = new RegExp("^([^])\\1$", unicode ? "iu" : "i");
  return (a, b) => a === b || (i && twice.test(String.fromCodePoint(a, b)));
};

const escaped = (code: number): string => {
  const character = String.fromCodePoint(code);
  return /[\^$\\.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
};

const groupsOf = (source: string): { count: number; byName: Map<string, number[]> } => {
  const byName = new Map<string, number[]>();
  let count = 0;
  // Escapes and classes are passed over whole, since a parenthesis in them opens nothing.
  for (const [text, name] of source.matchAll(
    /\\[^]|\[(?:\\[^]|[^\]\\])*\]|\((?!\?)|\(\?<(?![=!])([^>]+)>/g,
  )) {
    if (!text.startsWith("(")) continue;
    count++;
    if (name === undefined) continue;
    const known = plainName(name);
    byName.set(known, [...(byName.get(known) ?? []), count]);
  }
  return { count, byName };
};

/** A name may spell its letters as escapes. */
const plainName = (name: string): string =>
  name.replace(/\\u(?:\{([0-9a-f]+)\}|([0-9a-f]{4}))/gi, (_, long, short) =>
    String.fromCodePoint(Number.parseInt(long ?? short, 16)),
  );

const unicodeEscape =
  /\\(?:u\{[0-9a-fA-F]+\}|u[dD][89abAB][^]{2}\\u[dD][c-fC-F][^]{2}|u[^]{4}|x[^]{2}|c[^]|[pP]\{[^}]*\}|[^])/uy;
const lenientEscape =
  /\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[a-zA-Z]|[0-3][0-7]{0,2}|[4-7][0-7]?|(?=c)|[^])/y;
const classText = /\[(?:\\[^]|[^\]\\])*\]/y;
const quantifier = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})(\?)?/y;
const groupOpening = /\((?:\?(?:<([^=!>][^>]*)>|(<?[=!])|([ims]*)(?:-([ims]*))?:))?/y;

export const readPattern = (source: string, flagText: string): PatternSyntax => {
  checkFlags(flagText);
  checkPattern(source, flagText);
  const unicode = flagText.includes("u");
  const { count, byName } = groupsOf(source);
  let at = 0;
  let opened = 0;

  const take = (token: RegExp): RegExpExecArray | null => {
    token.lastIndex = at;
    const match = token.exec(source);
    if (match !== null) at = token.lastIndex;
    return match;
  };

  /** The same characters share a test: each is a RegExp. */
  const tests = new Map<string, CharacterTest>();
  const testOf = (text: string, flags: Flags): CharacterTest => {
    const key = `${flags.i} ${flags.s} ${text}`;
    const test = tests.get(key) ?? characterTest(text, flags, unicode);
    tests.set(key, test);
    return test;
  };
  const character = (text: string, flags: Flags): PatternTree => ({
    kind: "character",
    test: testOf(text, flags),
  });

  const literal = (flags: Flags): PatternTree => {
    const code = unicode ? source.codePointAt(at)! : source.charCodeAt(at);
    at += code > 0xffff ? 2 : 1;
    // A letter in any case, or whatever else folds: the platform knows.
    return flags.i
      ? character(escaped(code), flags)
      : { kind: "character", test: (other) => other === code };
  };

  const backreference = (groups: readonly number[], flags: Flags): PatternTree => ({
    kind: "backreference",
    groups,
    isSame: sameTest(flags, unicode),
  });

  const readEscape = (flags: Flags): PatternTree => {
    if (take(/\\[bB]/y) !== null) {
      const negative = source[at - 1] === "B";
      return { kind: "boundary", negative, isWord: testOf("\\w", flags) };
    }
    const digits = /\\([1-9]\d*)/y;
    digits.lastIndex = at;
    const number = Number(digits.exec(source)?.[1] ?? Infinity);
    if (number <= count) {
      take(digits);
      return backreference([number], flags);
    }
    const named = byName.size > 0 || unicode ? take(/\\k<([^>]+)>/y) : null;
    if (named !== null) return backreference(byName.get(plainName(named[1]!)) ?? [], flags);
    const text = take(unicode ? unicodeEscape : lenientEscape)![0];
    return character(text === "\\" ? "\\\\" : text, flags);
  };

  const readGroup = (flags: Flags, depth: number): PatternTree => {
    const [text, , look, added, removed] = take(groupOpening)!;
    const capturing = text === "(" || (text.startsWith("(?<") && look === undefined);
    const group = capturing ? ++opened : 0;
    const inner = {
      i: (flags.i || added?.includes("i") === true) && removed?.includes("i") !== true,
      m: (flags.m || added?.includes("m") === true) && removed?.includes("m") !== true,
      s: (flags.s || added?.includes("s") === true) && removed?.includes("s") !== true,
    };
    const item = readChoice(inner, depth + 1);
    at++;
    if (capturing) return { kind: "group", group, item };
    return look === undefined
      ? item
      : { kind: "look", item, behind: look.startsWith("<"), negative: look.endsWith("!") };
  };

  const readAtom = (flags: Flags, depth: number): PatternTree => {
    switch (source.charAt(at)) {
      case "(":
        return readGroup(flags, depth);
      case "\\":
        return readEscape(flags);
      case "[":
        return character(take(classText)![0], flags);
      case ".":
        at++;
        return character(".", flags);
      case "^":
        at++;
        return { kind: "start", multiline: flags.m };
      case "$":
        at++;
        return { kind: "end", multiline: flags.m };
      default:
        return literal(flags);
    }
  };

  const readTerm = (flags: Flags, depth: number): PatternTree => {
    const firstGroup = opened + 1;
    const item = readAtom(flags, depth);
    const match = take(quantifier);
    if (match === null) return item;
    const [, sign, low, comma, high, lazy] = match;
    const least = sign === undefined ? Number(low) : sign === "+" ? 1 : 0;
    const upTo = comma === undefined ? least : high === "" ? Infinity : Number(high);
    const most = sign === undefined ? upTo : sign === "?" ? 1 : Infinity;
    return {
      kind: "repeat",
      item,
      least,
      most,
      greedy: lazy === undefined,
      firstGroup,
      lastGroup: opened,
    };
  };

  const readChoice = (flags: Flags, depth: number): PatternTree => {
    if (depth > deepest) {
      throw new NodeFailure({ message: "The pattern's groups nest too deeply" });
    }
    const options: PatternTree[] = [];
    for (;;) {
      const items: PatternTree[] = [];
      while (at < source.length && source[at] !== "|" && source[at] !== ")") {
        items.push(readTerm(flags, depth));
      }
      options.push(items.length === 1 ? items[0]! : { kind: "sequence", items });
      if (source[at] !== "|") break;
      at++;
    }
    return options.length === 1 ? options[0]! : { kind: "choice", options };
  };

  const flags = { i: flagText.includes("i"), m: flagText.includes("m"), s: flagText.includes("s") };
  return { tree: readChoice(flags, 0), unicode, groupCount: count, groupsByName: byName };
};
