/** What is too much for one step's result, cut into pieces that each fit. The same list gives the same pieces. */
import type { JsonValue } from "#core/value";
import { cloneSize } from "#core/value";

/** Bytes of a structured clone. A result keeps 1 MiB. */
const largestPiece = 512 * 1024;

/** In order, none of them empty. What is larger than a piece has one of its own. */
export const piecesOf = <A extends object>(list: readonly A[]): readonly (readonly A[])[] => {
  const pieces: A[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const one of list) {
    const own = cloneSize(one as JsonValue);
    size += own;
    if (size > largestPiece) {
      pieces.push([]);
      size = own;
    }
    pieces.at(-1)!.push(one);
  }
  return pieces;
};
