/**
 * Finds many texts in a text or in bytes at once, in time that does not depend on how many they are: of each it knows one
 * stretch of a few units, its anchor, by hash, and compares the rest only where an anchor stands.
 */
import { anchorsOf, bitsFor, spread } from "./mask-anchors.ts";

export interface Pattern {
  readonly text: string;
  /** What of it follows the text belongs to the find. */
  readonly tail: string;
  readonly name: string;
}

/** Finds that overlap are one region, which has the name of the earliest of them, of the longest where two begin together. */
export interface Region {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/** Code units, or bytes. */
export type Units = string | Uint8Array;

/** Regions from left to right; with `firstOnly` at most one, anywhere. */
export type Scanner = (units: Units, firstOnly?: boolean) => readonly Region[];

/** Anchors of patterns that are long enough have this many units. */
const wholeAnchor = 8;
const none = -1;

const unitAt = (units: Units, index: number): number =>
  typeof units === "string" ? units.charCodeAt(index) : units[index]!;

interface Find {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  /** Of the find that gave the name. */
  readonly length: number;
}

/** Adds a find to regions that lie apart in order, all of which begin before it ends. */
const addFind = (regions: Find[], find: Find): void => {
  let merged = find;
  let last = regions.at(-1);
  while (last !== undefined && last.end > merged.start) {
    const isFirst =
      last.start < merged.start || (last.start === merged.start && last.length >= merged.length);
    merged = {
      ...(isFirst ? last : merged),
      start: Math.min(last.start, merged.start),
      end: Math.max(last.end, merged.end),
    };
    regions.pop();
    last = regions.at(-1);
  }
  regions.push(merged);
};

/** Looks for patterns that all have at least `window` units. */
const searchOf = (
  patterns: readonly Pattern[],
  window: number,
): ((units: Units, firstOnly: boolean) => Find[]) => {
  const { step, anchorHash, anchorEnd } = anchorsOf(
    patterns.map(({ text }) => text),
    window,
  );
  const unused = 32 - bitsFor(16 * patterns.length);
  const slotOf = (hash: number): number => Math.imul(hash, spread) >>> unused;
  const heads = new Int32Array(2 ** (32 - unused)).fill(none);
  const next = new Int32Array(patterns.length);
  for (const [at, hash] of anchorHash.entries()) {
    next[at] = heads[slotOf(hash)]!;
    heads[slotOf(hash)] = at;
  }
  // Where each pattern failed last. The next one to try, a few units on, most often fails there too; without this, patterns
  // that repeat themselves would be compared in full at every unit.
  const missAt = new Int32Array(patterns.length);

  const stands = (units: Units, at: number, start: number): boolean => {
    const { text } = patterns[at]!;
    const last = missAt[at]! - start;
    if (last >= 0 && last < text.length && text.charCodeAt(last) !== unitAt(units, start + last)) {
      return false;
    }
    // Outwards from the anchor, for a stretch that is compared in vain then holds no other anchor of this pattern. Beyond
    // the ends of the units nothing is equal.
    let index = anchorEnd[at]!;
    while (index >= 0 && text.charCodeAt(index) === unitAt(units, start + index)) index--;
    if (index < 0) {
      index = anchorEnd[at]! + 1;
      while (index < text.length && text.charCodeAt(index) === unitAt(units, start + index))
        index++;
      if (index === text.length) return true;
    }
    missAt[at] = start + index;
    return false;
  };

  // The two loops that everything goes through. They are written twice because one loop over both kinds is three times slower.
  let hash = 0;
  const anchorInText = (text: string, from: number): number => {
    let at = hash;
    let index = from;
    for (; index < text.length; index++) {
      at = Math.imul(at, step) ^ text.charCodeAt(index);
      if (heads[Math.imul(at, spread) >>> unused] !== none) break;
    }
    hash = at;
    return index;
  };
  const anchorInBytes = (bytes: Uint8Array, from: number): number => {
    let at = hash;
    let index = from;
    for (; index < bytes.length; index++) {
      at = Math.imul(at, step) ^ bytes[index]!;
      if (heads[Math.imul(at, spread) >>> unused] !== none) break;
    }
    hash = at;
    return index;
  };
  const nextAnchor = (units: Units, from: number): number =>
    typeof units === "string" ? anchorInText(units, from) : anchorInBytes(units, from);

  return (units, firstOnly) => {
    const regions: Find[] = [];
    // Where each pattern was found last: it is found again only after that, as a text is replaced everywhere. Comparing a
    // pattern that repeats itself with a text that does would take as long as both together.
    const ends = new Map<number, number>();
    hash = 0;
    for (
      let index = nextAnchor(units, 0);
      index < units.length;
      index = nextAnchor(units, index + 1)
    ) {
      let at = heads[slotOf(hash)]!;
      while (at !== none) {
        const start = index - anchorEnd[at]!;
        const isNew = anchorHash[at] === hash && start >= (ends.get(at) ?? 0);
        if (isNew && stands(units, at, start)) {
          const { text, tail, name } = patterns[at]!;
          let end = start + text.length;
          for (let extra = 0; extra < tail.length && end < units.length; extra++, end++) {
            if (unitAt(units, end) !== tail.charCodeAt(extra)) break;
          }
          ends.set(at, start + text.length);
          addFind(regions, { start, end, name, length: text.length });
          if (firstOnly) return regions;
        }
        at = next[at]!;
      }
    }
    return regions;
  };
};

const shortestOf = (patterns: readonly Pattern[]): number =>
  patterns.reduce((least, { text }) => Math.min(least, text.length), wholeAnchor);

/** Patterns are not empty. Short ones, which need short anchors, are looked for apart. */
export const scannerOf = (patterns: readonly Pattern[]): Scanner => {
  const long = patterns.filter(({ text }) => text.length >= wholeAnchor);
  const short = patterns.filter(({ text }) => text.length < wholeAnchor);
  const searches = [long, short]
    .filter((some) => some.length > 0)
    .map((some) => searchOf(some, shortestOf(some)));
  const shortest = shortestOf(patterns);
  return (units, firstOnly = false) => {
    if (units.length < shortest) return [];
    const [regions = [], more = []] = searches.map((search) => search(units, firstOnly));
    if (more.length === 0) return regions;
    if (regions.length === 0) return more;
    const all = [...regions, ...more].sort((a, b) => a.start - b.start || b.length - a.length);
    const merged: Find[] = [];
    for (const find of all) addFind(merged, find);
    return merged;
  };
};
