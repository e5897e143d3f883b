/** SHA-256 in hex, where nobody may find two texts that share it. Lone surrogates are one to it: JSON tells them apart. */
export const sha256 = (text: string): Promise<string> =>
  crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)).then(hexOf);

const hexOf = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
