/** Commands as they stand in hints and errors: a shell reads them, since they are there to be copied. */
import { printable, shorten } from "./text.ts";

/** Which `--org` is when nobody says it. */
export const usualOrganization = "local";

/** As a shell reads it as one word. */
export const shellWord = (text: string): string =>
  /^[\w./:@%+,][\w./:@%+,-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** `pawl show last`, with its organization where that is not the usual one. */
export const commandText = (organizationId: string, words: string): string =>
  `pawl ${words}${organizationId === usualOrganization ? "" : ` --org ${printable(shellWord(organizationId))}`}`;

/** ` for organization 'acme'`, for what there is or is not; empty for the usual one. */
export const forOrganization = (organizationId: string): string =>
  organizationId === usualOrganization
    ? ""
    : ` for organization '${printable(shorten(organizationId, 60))}'`;
