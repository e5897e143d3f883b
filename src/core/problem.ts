/** What validation finds: a code, a path into the document, and a message that says what to do. */
export type ErrorCode =
  | "MALFORMED"
  | "DUPLICATE_NODE_ID"
  | "CYCLE_DETECTED"
  | "TYPE_MISMATCH"
  | "UNKNOWN_PORT"
  | "DUPLICATE_CONNECTION"
  | "STEP_BUDGET_EXCEEDED";

export type WarningCode =
  | "MISSING_NODE"
  | "UNKNOWN_NODE_TYPE"
  | "MISSING_REQUIRED_INPUT"
  | "AMBIGUOUS_INPUT"
  | "UNREACHABLE_OUTPUT";

interface Place {
  /** Keys and indexes that lead to the place, such as `["edges", 2, "target"]`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}
export type Problem =
  | ({ readonly severity: "error"; readonly code: ErrorCode } & Place)
  | ({ readonly severity: "warning"; readonly code: WarningCode } & Place);

/** `nodes[3].inputs[0].type`, for people. */
export const pathText = (path: readonly (string | number)[]): string =>
  path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`,
    "",
  );

/** A name in a message: quoted, and short enough for a line. */
export const quoted = (name: string): string =>
  name.length > 60 ? `'${name.slice(0, 57).toWellFormed()}...'` : `'${name}'`;

/** More would be read by nobody, and the message is stored in several places. */
const toldProblems = 20;

/** The message of a refused run: its errors, so that one look is enough. */
export const refusalMessage = (problems: readonly Problem[]): string => {
  const errors = problems.filter(({ severity }) => severity === "error");
  const told = errors.slice(0, toldProblems).map(({ code, path, message }) => {
    const place = pathText(path);
    return `${code}${place === "" ? "" : ` at ${place}`}: ${message}`;
  });
  const rest = errors.length - told.length;
  return `Workflow validation failed: ${told.join("; ")}${rest > 0 ? `; and ${rest} more` : ""}`;
};
