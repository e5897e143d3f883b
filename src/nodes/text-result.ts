/**
 * Text that a node puts together from many pieces. A short template or replacement can ask for gigabytes, and a Worker that
 * runs out of memory dies without a word and does the same on every replay; so there is a largest length, and a failure.
 */
import { NodeFailure } from "#services/node-definition";

/** Text as it is, all else as JSON says it. */
export const textOf = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);

/** UTF-16 code units. More than any text that is of use on an edge, little beside a Worker's 128 MB. */
const longestText = 16_000_000;

interface TextBuilder {
  /** Throws a NodeFailure once the text is too long. */
  readonly add: (piece: string) => void;
  readonly text: () => string;
}

export const textBuilder = (): TextBuilder => {
  const chunks: string[] = [];
  let pieces: string[] = [];
  let length = 0;
  return {
    add: (piece) => {
      // An empty piece counts too, or ever more of them would cost nothing.
      length += Math.max(piece.length, 1);
      if (length > longestText) {
        throw new NodeFailure({ message: `The text grows beyond ${longestText} characters` });
      }
      pieces.push(piece);
      if (pieces.length < 4096) return;
      chunks.push(pieces.join(""));
      pieces = [];
    },
    text: () => chunks.join("") + pieces.join(""),
  };
};
