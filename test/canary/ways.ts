/** How a careless node writes a text down: as it is, within others, and encoded. */

const base64Of = (text: string): string =>
  btoa(String.fromCharCode(...new TextEncoder().encode(text)));

const hexOf = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("");

const urlSafe = (base64: string): string =>
  base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

const narrowWaysOf = (text: string): Readonly<Record<string, string>> => ({
  raw: text,
  "in a text": `Bearer ${text}!`,
  base64: base64Of(text),
  "base64 after one byte": base64Of(`:${text}.`),
  "base64 after two bytes": base64Of(`a:${text}.`),
  "base64 for addresses": urlSafe(base64Of(text)),
  "base64 for addresses after one byte": urlSafe(base64Of(`?${text}~~`)),
  "base64 in a form": new URLSearchParams({ key: base64Of(`..${text}`) }).toString(),
  "in an address": `https://example.com/?key=${encodeURIComponent(text)}`,
  "in a whole address": encodeURI(`https://example.com/${text}/`),
  "in a form": new URLSearchParams({ key: text }).toString(),
  hex: hexOf(text),
  "upper-case hex": hexOf(text).toUpperCase(),
  JSON: JSON.stringify({ key: text }),
  "JSON within JSON": JSON.stringify({ key: JSON.stringify([text]) }),
});

/** Name of the way -> what is written. Text beyond Latin-1 is kept as two bytes a character. */
export const waysOf = (text: string): Readonly<Record<string, string>> => {
  const narrow = narrowWaysOf(text);
  return { ...narrow, "in wide text": `\u2602 ${Object.values(narrow).join(" ")}` };
};

/** Of each text in each way. */
export const allWaysOf = (texts: readonly string[]): readonly string[] =>
  texts.flatMap((text) => Object.values(waysOf(text)));
