/** Reads a workflow file, or stdin as `-`: its text and the document in it. What goes wrong here is told without a trace. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import * as Result from "effect/Result";
import { CommandError } from "./command-error.ts";
import { parseJson } from "./json-source.ts";
import { printable, shorten } from "./text.ts";

export interface WorkflowFile {
  /** As a person gave it; `stdin` for `-`. */
  readonly name: string;
  readonly text: string;
  readonly document: unknown;
}

const shownPath = (path: string): string => shorten(printable(path), 200);

const fail = (code: string, message: string): never => {
  throw new CommandError(code, message);
};

const directoryMessage = async (path: string): Promise<string> => {
  const files = await readdir(path).catch((): string[] => []);
  const example = files.sort().find((file) => file.endsWith(".json") && !file.startsWith("."));
  return (
    `'${printable(path)}' is a directory. Give the path of one workflow file` +
    (example === undefined ? "." : `, such as ${printable(join(path, example))}.`)
  );
};

const readError = async (path: string, error: NodeJS.ErrnoException): Promise<never> => {
  const name = shownPath(path);
  const { code = "" } = error;
  if (["ENOENT", "ENOTDIR"].includes(code)) {
    return fail("FILE_NOT_FOUND", `There is no file '${name}'. Check the path.`);
  }
  if (code === "EISDIR") return fail("NOT_A_FILE", await directoryMessage(path));
  return fail(
    "FILE_NOT_READABLE",
    ["EACCES", "EPERM"].includes(code)
      ? `'${name}' may not be read. Check its permissions.`
      : `'${name}' cannot be read (${code}).`,
  );
};

/** A byte order mark is dropped by the decoder. */
const decodeText = (name: string, bytes: Uint8Array): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return fail("INVALID_JSON", `'${name}' is not UTF-8 text. Save it as UTF-8.`);
  }
};

const readBytes = (path: string): Promise<Uint8Array> =>
  path === "-"
    ? buffer(process.stdin)
    : readFile(path).catch((error: NodeJS.ErrnoException) => readError(path, error));

const nounOf = (document: unknown): string => {
  if (document === null) return "null";
  if (Array.isArray(document)) return "an array";
  return `a ${typeof document}`;
};

/** Deeper, and what turns documents into text and back runs out of stack somewhere. */
const deepest = 500;

const isTooDeep = (document: unknown): boolean => {
  let level: readonly unknown[] = [document];
  for (let depth = 0; depth <= deepest && level.length > 0; depth++) {
    level = level.flatMap((value): readonly unknown[] =>
      typeof value === "object" && value !== null ? Object.values(value) : [],
    );
  }
  return level.length > 0;
};

export const readWorkflowFile = async (path: string): Promise<WorkflowFile> => {
  const name = path === "-" ? "stdin" : printable(path);
  const text = decodeText(name, await readBytes(path));
  if (text.trim() === "") {
    return fail(
      "INVALID_JSON",
      `'${name}' is empty. A workflow file is a JSON object; 'pawl schema' describes it.`,
    );
  }
  const parsed = parseJson(text);
  if (Result.isFailure(parsed)) {
    const { line, column, reason, excerpt } = parsed.failure;
    throw new CommandError(
      "INVALID_JSON",
      `${name}:${line}:${column} is not valid JSON: ${reason}.\n\n${excerpt}`,
      { details: { file: name, line, column, reason } },
    );
  }
  const document = parsed.success;
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    return fail(
      "NOT_A_WORKFLOW",
      `'${name}' holds ${nounOf(document)}. A workflow file is a JSON object with id, name, trigger, nodes and edges; 'pawl schema' describes it.`,
    );
  }
  if (isTooDeep(document)) {
    return fail(
      "NOT_A_WORKFLOW",
      `'${name}' is nested more than ${deepest} levels deep, which Pawl does not run.`,
    );
  }
  return { name, text, document };
};
