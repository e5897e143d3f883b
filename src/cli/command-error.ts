/**
 * What a command refuses to go on with, in words for a person. Only these become exit codes; everything else that is thrown
 * is a bug, and `main.ts` says so.
 */
import type { JsonValue } from "#core/value";

/** Spec section 14. */
export const exitCodes = { completed: 0, error: 1, usage: 2, exhausted: 3, cancelled: 4 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export class CommandError extends Error {
  readonly _tag = "CommandError";
  /** Stable, for programs: FILE_NOT_FOUND, INVALID_JSON. */
  readonly code: string;
  readonly exitCode: ExitCode;
  /** What `--json` says beside code and message. */
  readonly details: JsonValue | undefined;

  constructor(
    code: string,
    message: string,
    options: { readonly exitCode?: ExitCode; readonly details?: JsonValue } = {},
  ) {
    super(message);
    this.code = code;
    this.exitCode = options.exitCode ?? exitCodes.usage;
    this.details = options.details;
  }
}

export const runtimeFailed = (reason: unknown): CommandError =>
  new CommandError(
    "RUNTIME_FAILED",
    `The embedded Workers runtime (workerd) did not start: ${reason instanceof Error ? reason.message : String(reason)}\n` +
      "'npm ci' installs it anew; 'pawl run --direct' runs the workflow without it.",
    { exitCode: exitCodes.error },
  );
