/** Commands as they stand in hints and errors: a shell reads them, since they are there to be copied. */
import { printable, shorten } from "./text.ts";

/** Which `--org` is when nobody says it. */
export const usualOrganization = "local";

/** As a shell reads it as one word. */
export const shellWord = (text: string): string =>
  /^[\w./:@%+,][\w./:@%+,-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const isLikeOption = (name: string): boolean => name.startsWith("-");

/** Of what there is, as a command's last words: none is taken for an option. */
export const shellNames = (names: readonly string[]): string =>
  [...(names.some(isLikeOption) ? ["--"] : []), ...names.map(shellWord)].join(" ");

/** `pawl show last`, with its organization where that is not the usual one. */
export const commandText = (
  organizationId: string,
  command: string,
  names: readonly string[] = [],
  options: string = "",
): string => {
  const organization =
    organizationId === usualOrganization ? "" : `--org ${printable(shellWord(organizationId))}`;
  const named = shellNames(names);
  const words = names.some(isLikeOption)
    ? [command, options, organization, named]
    : [command, named, options, organization];
  return `pawl ${words.filter((word) => word !== "").join(" ")}`;
};

/** ` for organization 'acme'`, for what there is or is not; empty for the usual one. */
export const forOrganization = (organizationId: string): string =>
  organizationId === usualOrganization
    ? ""
    : ` for organization '${printable(shorten(organizationId, 60))}'`;
