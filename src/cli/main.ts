/**
 * `pawl`, from its arguments to its exit code. The only place that turns an error into words on stderr: what a person can
 * mend is told without a trace, and the rest is a bug that asks to be reported.
 */
import type { Command } from "commander";
import { CommanderError } from "commander";
import type { JsonValue } from "#core/value";
import { CommandError, exitCodes, runtimeFailed } from "./command-error.ts";
import { createProgram } from "./program.ts";
import { shellNames } from "./shell-command.ts";
import { isEndedBySignal, runCleanups } from "./shutdown.ts";
import { columnsOf, ignoreLeavingReaders, paintFor, printJson, remark } from "./terminal.ts";
import { printable, wrap } from "./text.ts";

interface Refusal {
  readonly code: string;
  /** The first line says what is wrong; more lines show it. */
  readonly message: string;
  readonly details?: JsonValue | undefined;
}

/** Sentences break between words; what is indented is shown as it is. */
const fitToTerminal = (line: string): readonly string[] =>
  process.stderr.isTTY && !line.startsWith(" ") ? wrap(line, columnsOf(process.stderr)) : [line];

const refuse = ({ code, message, details }: Refusal, args: readonly string[]): void => {
  const lines = `pawl: ${message}`.split("\n").flatMap(fitToTerminal);
  remark(lines.join("\n").replace("pawl:", paintFor(process.stderr)(["bold", "red"], "pawl:")));
  if (!args.includes("--json")) return;
  const [first] = message.split("\n", 1);
  printJson({ error: { code, message: first, ...(details === undefined ? {} : { details }) } });
};

/** The command that is meant, as far as there is one: `secrets set`. */
const commandIn = (program: Command, [first, ...rest]: readonly string[]): string => {
  const command = program.commands.find((known) => known.name() === first);
  return command === undefined ? "" : `${command.name()} ${commandIn(command, rest)}`;
};

/** Commander has the words; they only want a capital and a full stop. */
const usageMessage = (
  { message }: CommanderError,
  program: Command,
  args: readonly string[],
): string => {
  const text = message
    .replace(/^error: /, "")
    .replaceAll("\n", " ")
    .replace(/ \((Did you mean .*\?)\)$/, ". $1");
  const sentence = text.charAt(0).toUpperCase() + text.slice(1) + (/[.?)]$/.test(text) ? "" : ".");
  const command = commandIn(program, args);
  const [, option = ""] = /^error: unknown option '(.*?)'/.exec(message) ?? [];
  const literal =
    option !== "" && command.endsWith(" remove ")
      ? `'pawl ${command}${printable(shellNames([option]))}' removes what is called so. `
      : "";
  return `${sentence}\n${literal}'pawl ${command}--help' says what there is.`;
};

const reportBug = (error: unknown): void => {
  const message = error instanceof Error ? error.message : String(error);
  const [first = ""] = message.split("\n", 1);
  const isDebugging = (process.env["PAWL_DEBUG"] ?? "") !== "";
  remark(
    [
      `pawl: something went wrong that should not have: ${printable(first)}`,
      isDebugging && error instanceof Error
        ? (error.stack ?? message)
        : "This is a bug in pawl. Set PAWL_DEBUG=1 to see where it happened, and report it with that.",
    ].join("\n"),
  );
};

/** The embedded runtime's program could not be started: told as an event, out of reach of those who started it. */
const isSpawnError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && ((error as NodeJS.ErrnoException).syscall ?? "").startsWith("spawn");

/** A file that a person named cannot be written or read; Node's own words name it and the reason. */
const isFileError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error &&
  [
    "EISDIR",
    "ENOTDIR",
    "ENOENT",
    "EACCES",
    "EPERM",
    "EROFS",
    "ENOSPC",
    "EEXIST",
    "ENAMETOOLONG",
  ].includes((error as NodeJS.ErrnoException).code ?? "");

const exitCodeOf = (error: unknown, program: Command, args: readonly string[]): number => {
  if (error instanceof CommanderError) {
    // Help and version are answers; `pawl` alone is shown its help, and has done nothing.
    if (error.exitCode === 0) return exitCodes.completed;
    if (error.code !== "commander.help") {
      refuse({ code: "USAGE", message: usageMessage(error, program, args) }, args);
    }
    return exitCodes.usage;
  }
  if (error instanceof CommandError) {
    refuse(error, args);
    return error.exitCode;
  }
  if (isSpawnError(error)) return exitCodeOf(runtimeFailed(error), program, args);
  if (isFileError(error)) {
    refuse({ code: "FILE_FAILED", message: `A file could not be used: ${error.message}.` }, args);
    return exitCodes.usage;
  }
  reportBug(error);
  return exitCodes.error;
};

/** Sets the exit code and lets the process end by itself, so that what was printed reaches its reader. */
export const main = async (args: readonly string[]): Promise<void> => {
  ignoreLeavingReaders();
  const program = createProgram(async (exitCode) => {
    process.exitCode = await exitCode;
  });
  /** Moving lines are taken away before the error is told, or they would take it along. */
  const end = async (failure?: { readonly error: unknown }): Promise<void> => {
    const isClean = await runCleanups();
    if (failure !== undefined && !isEndedBySignal()) {
      process.exitCode = exitCodeOf(failure.error, program, args);
    }
    if (!isClean) process.exit();
  };
  process.on("uncaughtException", (error) => {
    void end({ error }).finally(() => process.exit());
  });
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    return end({ error });
  }
  return end();
};
