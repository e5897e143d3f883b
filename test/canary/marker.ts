/**
 * Texts that are no secrets and go wherever secrets go, one for each way: a search that finds them looks in the right places.
 * They are put together at run time, so that no bundle and no document holds them.
 */

export type Channel =
  | "answer"
  | "cache"
  | "console"
  | "error"
  | "file"
  | "large"
  | "late"
  | "object"
  | "output"
  | "question"
  | "step"
  | "trigger";

/** Differs in every encoding, as the secrets do. */
export const markerOf = (channel: Channel): string =>
  ["mark/", channel, '+100% "?????', channel, "\u00e9&>>>>>more'"].join("");
