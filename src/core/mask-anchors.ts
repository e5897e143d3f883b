/**
 * The stretch of each pattern by which it is looked for: the one that is rarest among all patterns. So it is not what all keys
 * of a service begin with, and stands once in its own pattern if any stretch does, which bounds what is compared in vain.
 */

export interface Anchors {
  /** The hash of the units up to here is `Math.imul(hash before, step) ^ unit`; only a window's last units count in it. */
  readonly step: number;
  readonly anchorHash: Int32Array;
  /** Where in its pattern each anchor's last unit is. */
  readonly anchorEnd: Int32Array;
}

/** Spreads a hash over its upper bits, which choose a place in a table. */
export const spread = 0x9e3779b1;

/** That a count goes up to. */
const most = 255;

/** Of a table that has room for so many, as long as it stays small. */
export const bitsFor = (entries: number): number =>
  Math.min(Math.max(Math.ceil(Math.log2(entries)), 8), 20);

/** All patterns have at least `window` units. */
export const anchorsOf = (patterns: readonly string[], window: number): Anchors => {
  // A unit's share has left 32 bits when `window` more have come in.
  const step = 2 ** Math.ceil(32 / window);
  const unused = 32 - bitsFor(patterns.reduce((sum, pattern) => sum + pattern.length, 0));
  // A byte each, for the table then stays where memory is fast; what is more often there is common enough.
  const counts = new Uint8Array(2 ** (32 - unused));
  for (const pattern of patterns) {
    let hash = 0;
    for (let index = 0; index < pattern.length; index++) {
      hash = Math.imul(hash, step) ^ pattern.charCodeAt(index);
      if (index < window - 1) continue;
      const slot = Math.imul(hash, spread) >>> unused;
      if (counts[slot]! < most) counts[slot]!++;
    }
  }
  const anchorHash = new Int32Array(patterns.length);
  const anchorEnd = new Int32Array(patterns.length);
  for (const [at, pattern] of patterns.entries()) {
    let hash = 0;
    let rarest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < pattern.length; index++) {
      hash = Math.imul(hash, step) ^ pattern.charCodeAt(index);
      if (index < window - 1) continue;
      const count = counts[Math.imul(hash, spread) >>> unused]!;
      if (count >= rarest) continue;
      rarest = count;
      anchorHash[at] = hash;
      anchorEnd[at] = index;
    }
  }
  return { step, anchorHash, anchorEnd };
};
