/** What addresses a definition (REPLAY-3). */

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
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text ?? "")).then(hexOf);
};

const hexOf = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
