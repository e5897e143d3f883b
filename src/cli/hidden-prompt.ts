/**
 * A line that is typed or pasted into a terminal and not shown. A paste may have several lines: the terminal marks where it
 * begins and ends, so that what follows the first line does not fall into the shell.
 */
import { StringDecoder } from "node:string_decoder";
import { setTimeout as delay } from "node:timers/promises";
import { CommandError } from "./command-error.ts";
import { endOnSignal, onShutdown } from "./shutdown.ts";
import { remark } from "./terminal.ts";

const escape = "\u001b";
const marksPastes = `${escape}[?2004h`;
const leavesPastes = `${escape}[?2004l`;
const keySequence = new RegExp(`^${escape}(?:\\[[0-?]*[ -/]*[@-~]|O.|[^[O])`, "u");
const interrupt = "\u0003";
const endOfInput = "\u0004";
const eraseAll = "\u0015";
const erases = new Set(["\u0008", "\u007f"]);

export type LineEnd =
  /** More is to come. */
  | "open"
  | "done"
  /** Ctrl-D. */
  | "left"
  /** Ctrl-C. */
  | "interrupted"
  /** Lines that the terminal did not mark as one paste. */
  | "several-lines";

/** What the keys mean. */
export const createHiddenLine = (): {
  readonly type: (text: string) => LineEnd;
  readonly value: () => string;
} => {
  let characters: string[] = [];
  let isPasting = false;
  /** The beginning of a key's sequence whose rest is to come. */
  let begun = "";

  /** How much of the text a key's sequence takes; undefined when it is not whole. */
  const takeSequence = (text: string): number | undefined => {
    const [whole] = keySequence.exec(text) ?? [];
    if (whole === undefined) return undefined;
    if (whole === `${escape}[200~`) isPasting = true;
    else if (whole === `${escape}[201~`) isPasting = false;
    return whole.length;
  };

  const type = (typed: string): LineEnd => {
    // Esc alone is a key too, and takes nothing of what is typed after it.
    let text = begun === escape && !/^[[O]/.test(typed) ? typed : begun + typed;
    begun = "";
    while (text !== "") {
      if (text.startsWith(escape)) {
        const length = takeSequence(text);
        if (length === undefined) {
          begun = text;
          return "open";
        }
        text = text.slice(length);
        continue;
      }
      const character = String.fromCodePoint(text.codePointAt(0) ?? 0);
      text = text.slice(character.length);
      if (isPasting) characters.push(character);
      else if (character === interrupt) return "interrupted";
      else if (character === endOfInput) return "left";
      else if (character === "\r" || character === "\n") {
        return /[^\r\n]/.test(text) ? "several-lines" : "done";
      } else if (erases.has(character)) characters.pop();
      else if (character === eraseAll) characters = [];
      else if (character >= " " || character === "\t") characters.push(character);
    }
    return "open";
  };
  return { type, value: () => characters.join("").replace(/\r\n?/g, "\n") };
};

/** What is left of a paste goes nowhere: the shell would run it. */
const drain = async (): Promise<void> => {
  process.stdin.on("data", () => {});
  await delay(200);
};

/** Asks on the terminal, and gives it back as it was however this ends. */
export const askHidden = async (question: string): Promise<string> => {
  const { stdin } = process;
  const screen = process.stderr.isTTY ? process.stderr : process.stdout;
  const show = (text: string): void => {
    if (screen.isTTY) screen.write(text);
  };
  endOnSignal(() => remark("Interrupted. Nothing was set."));
  stdin.setRawMode(true);
  const restore = onShutdown(async () => {
    stdin.setRawMode(false);
    stdin.pause();
    show(`${leavesPastes}\n`);
  });
  show(`${marksPastes}${question}`);

  const line = createHiddenLine();
  const decoder = new StringDecoder("utf8");
  const end = await new Promise<LineEnd>((resolve) => {
    stdin.on("data", (chunk: Buffer) => {
      const state = line.type(decoder.write(chunk));
      if (state !== "open") resolve(state);
    });
    stdin.once("end", () => resolve("left"));
  });
  stdin.removeAllListeners("data");
  if (end === "several-lines") await drain();
  if (end === "interrupted") {
    process.kill(process.pid, "SIGINT");
    // The signal's handler restores the terminal and ends the process.
    return new Promise(() => {});
  }
  await restore();
  if (end === "several-lines") {
    throw new CommandError(
      "INVALID_SECRET",
      "More than one line came, so nothing was set. Several lines go through stdin: pawl secrets set NAME < FILE",
    );
  }
  return end === "left" ? "" : line.value();
};
