/**
 * How large data is, before anything is written: the bytes of its JSON, and more where a structured clone, which platforms
 * keep and measure, takes more. That is so for text beyond Latin-1 (two bytes a character) and for fractions (nine).
 */

const fraction = 9;

const escapes = new Set(["\b", "\t", "\n", "\f", "\r"].map((escape) => escape.charCodeAt(0)));

/** Bytes of a text's JSON, or of its clone. Counts, and builds nothing. */
const textSize = (text: string): number => {
  let json = 2;
  let isLatin = true;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x20) json += escapes.has(unit) ? 2 : 6;
    else if (unit === 0x22 || unit === 0x5c) json += 2;
    else if (unit < 0x80) json += 1;
    else if (unit < 0x800) json += 2;
    // A pair of surrogates is four bytes of UTF-8; a lone one is written as an escape.
    else if (unit < 0xd800 || unit > 0xdfff) json += 3;
    else if (text.codePointAt(index)! > 0xffff) {
      json += 4;
      index++;
    } else json += 6;
    isLatin &&= unit < 0x100;
  }
  return isLatin ? json : Math.max(json, 2 * text.length + 2);
};

const numberSize = (number: number): number =>
  Number.isInteger(number) ? `${number}`.length : Math.max(`${number}`.length, fraction);

/** What JSON leaves out of an object. */
const isAbsent = (value: unknown): boolean =>
  value === undefined || typeof value === "function" || typeof value === "symbol";

/**
 * Bytes. Stops counting soon after `most`, so that what refers to one part many times costs no more than what is that large;
 * infinite for what holds itself or nests deeper than JSON can be written, unless `most` comes first.
 */
export const dataSize = (value: unknown, most: number = Number.POSITIVE_INFINITY): number => {
  let size = 0;
  const count = (at: unknown): void => {
    if (size > most) return;
    if (typeof at === "string") size += at.length > most ? at.length + 2 : textSize(at);
    else if (typeof at === "number") size += numberSize(at);
    else if (typeof at !== "object" || at === null) size += at === false ? 5 : 4;
    else if (Array.isArray(at)) {
      size += 2 + Math.max(at.length - 1, 0);
      for (const part of at) count(part);
    } else {
      size += 1;
      let isEmpty = true;
      for (const [key, part] of Object.entries(at)) {
        if (isAbsent(part)) continue;
        size += 2 + textSize(key);
        isEmpty = false;
        count(part);
      }
      if (isEmpty) size += 1;
    }
  };
  try {
    count(value);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
  return size;
};
