/**
 * Where the value of a secret comes from: a terminal that does not show it, or stdin. Never an argument, which other programs of
 * the machine can read and the shell keeps in its history.
 */
import { secretProblem } from "#core/secret";
import { CommandError } from "./command-error.ts";
import { askHidden } from "./hidden-prompt.ts";

/** More than a value may have, so that what is wrong with it can be said. */
const mostBytes = 1024 * 1024;

const noValue = (): CommandError =>
  new CommandError("NO_VALUE", "No value came, so nothing was set.");

const readStdin = async (): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > mostBytes) {
      throw new CommandError(
        "INVALID_SECRET",
        `The value is longer than ${mostBytes} bytes, and a secret may have 65536. Nothing was set.`,
      );
    }
  }
  try {
    // A mark of byte order is part of the value: what is kept is what was given.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CommandError(
      "INVALID_SECRET",
      "The value on stdin is no UTF-8 text. Encode bytes first: base64 < FILE | pawl secrets set NAME",
    );
  }
};

/** Editors and `echo` end a text with a line break that is not meant, of either kind. */
const withoutLineEnd = (text: string): string => text.replace(/\r?\n$/, "");

/** Whether ordinary text may well hold it: a word as it stands in a sentence, or few letters and nothing else. */
export const isPlainWord = (value: string): boolean =>
  /^(?:\p{L}{1,11}|(?:\p{Lu}?\p{Ll}+|\p{Lu}+))$/u.test(value) && value.length <= 24;

/** Refused without a word of what it is. */
export const checkSecret = (name: string, value: string): void => {
  const problem = secretProblem(name, value);
  if (problem !== undefined) throw new CommandError("INVALID_SECRET", problem);
};

/** `question` is asked of a person at a terminal. */
export const readSecretValue = async (question: string): Promise<string> => {
  const given = process.stdin.isTTY ? await askHidden(question) : await readStdin();
  const value = withoutLineEnd(given);
  if (value === "") throw noValue();
  return value;
};
