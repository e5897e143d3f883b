/**
 * Searches text for a pattern, with the meaning that JavaScript gives it, in a bounded and always equal number of steps. The
 * platform's own RegExp cannot be stopped, and a node that is computed between steps would hang its run at every replay.
 */
import type { Match } from "./pattern-attempt.ts";
import { attemptsOn } from "./pattern-attempt.ts";
import { programOf } from "./pattern-program.ts";
import { readPattern } from "./pattern-syntax.ts";

export interface Pattern {
  /** The flag `g`: all matches are meant, not the first. */
  readonly global: boolean;
  /** The flag `y`: a match has to begin where the search does. */
  readonly sticky: boolean;
  /** The flag `u`: a character is a code point, not a code unit. */
  readonly unicode: boolean;
  readonly groupCount: number;
  /** A name can stand in several branches, of which at most one matches. */
  readonly groupsByName: ReadonlyMap<string, readonly number[]>;
  /**
   * Gives the first match at a position or after it. All searches of one text together may take so many steps, then they
   * throw a NodeFailure.
   */
  readonly searchIn: (text: string, sticky: boolean) => (from: number) => Match | undefined;
}

export const compilePattern = (source: string, flags: string): Pattern => {
  const syntax = readPattern(source, flags);
  const program = programOf(syntax);
  const { unicode, groupCount, groupsByName } = syntax;
  return {
    global: flags.includes("g"),
    sticky: flags.includes("y"),
    unicode,
    groupCount,
    groupsByName,
    searchIn: (text, sticky) => {
      const attempt = attemptsOn(text, program, unicode);
      return (from) => {
        for (let start = from; start <= text.length; start++) {
          const caught = attempt(start);
          if (caught !== undefined) return caught;
          if (sticky) return undefined;
          if (unicode && text.codePointAt(start)! > 0xffff) start++;
        }
        return undefined;
      };
    },
  };
};
