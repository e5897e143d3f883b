/**
 * A stable hash for names and for people's eyes. Nothing rests on it alone where a collision would do harm: it is not
 * cryptographic, and whoever chooses the text can make two that share it.
 */

/** No character is this large, so no text can be taken for two. */
const seam = 0x10000;

/**
 * 64 bits of one text or several, in two lanes that mix differently: one 32-bit hash meets itself among 100,000 ids. `["ab",
 * "c"]` is another than `["a", "bc"]`. Never change it: recorded runs rely on the names made with it.
 */
export const fingerprint = (texts: Iterable<string>): string => {
  let left = 0x811c9dc5;
  let right = 0x9747b28c;
  const mix = (unit: number): void => {
    left = Math.imul(left ^ unit, 0x01000193);
    right = Math.imul((right + unit) ^ (right >>> 15), 0x85ebca6b);
  };
  let isFirst = true;
  for (const text of texts) {
    if (!isFirst) mix(seam);
    isFirst = false;
    for (let index = 0; index < text.length; index++) mix(text.charCodeAt(index));
  }
  right = Math.imul(right ^ (left >>> 13), 0xc2b2ae35);
  return [left, right].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
};
