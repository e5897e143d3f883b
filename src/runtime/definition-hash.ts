/** What addresses a definition (REPLAY-3). */
import { sha256 } from "./sha256.ts";

/**
 * SHA-256 of the definition as it was given, in hex; undefined for what no file can hold: a value that contains itself, or
 * nests deeper than JSON can be written. Keeps no hold of the text, which is as large as the document.
 */
export const hashDefinition = (document: unknown): Promise<string> | undefined => {
  let text: string | undefined;
  try {
    text = JSON.stringify(document);
  } catch {
    return undefined;
  }
  return sha256(text ?? "");
};
