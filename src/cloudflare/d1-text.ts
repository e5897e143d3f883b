/**
 * Ids as texts in D1, which keeps UTF-8 and turns every lone surrogate into the same character: two organizations would be
 * one (ACCESS-1). An id that UTF-8 cannot say is kept as JSON behind a mark; all others stand as they are.
 */
const mark = "json:";

/** Different ids give different texts: one that begins like the mark is marked too. */
export const idToText = (id: string): string =>
  id.isWellFormed() && !id.startsWith(mark) ? id : mark + JSON.stringify(id);

export const textToId = (text: string): string =>
  text.startsWith(mark) ? (JSON.parse(text.slice(mark.length)) as string) : text;
