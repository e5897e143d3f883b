/** Words that several commands share, and how each is called. */
import { Option } from "commander";
import type { ExitCode } from "./command-error.ts";
import { paintFor } from "./terminal.ts";

/** What a command is called with, and what it does then. */
export type Finish = (exitCode: Promise<ExitCode>) => Promise<void>;

export const examples = (...lines: readonly string[]): string =>
  `\n${paintFor(process.stdout)("bold", `Example${lines.length === 1 ? "" : "s"}:`)}\n${lines
    .map((line) => `  ${line}`)
    .join("\n")}`;

export const collect = (value: string, values: readonly string[] = []): readonly string[] => [
  ...values,
  value,
];

export const inputOption = (): Option =>
  new Option(
    "-i, --input <node.port=value>",
    "give an input another value for this run; may be repeated",
  ).argParser(collect);

export const organization = ["--org <id>", "the organization", "local"] as const;
export const runArgument = [
  "<run>",
  "id of a run, the beginning of one, or 'last' for the newest",
] as const;
