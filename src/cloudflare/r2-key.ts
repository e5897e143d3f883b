/**
 * Ids as segments of R2 keys. People choose ids, so a segment never holds a slash, never reads as `.` or `..`, and is never
 * longer than its share of the 1,024 bytes that a key may have. Different ids give different segments: the organization is
 * one of them (ACCESS-1).
 */
import { sha256 } from "#runtime/sha256";

/** Three such segments and the words between them fit in a key. */
export const longestSegment = 300;

const hexDigits = 64;

/** JSON's escapes tell lone surrogates apart, which `encodeURIComponent` alone refuses. */
const escaped = (id: string): string =>
  encodeURIComponent(JSON.stringify(id).slice(1, -1)).replaceAll("~", "%7E").replace(/^\./, "%2E");

/** An id that is too long keeps a readable head and ends in `~` and a hash of the whole; no other segment holds a `~`. */
export const keySegment = async (id: string): Promise<string> => {
  const segment = escaped(id);
  return segment.length <= longestSegment
    ? segment
    : `${segment.slice(0, longestSegment - hexDigits - 1)}~${await sha256(segment)}`;
};
