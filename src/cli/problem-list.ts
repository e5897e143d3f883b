/** What validation found, as a person reads it and as a program does: each problem with its place in the file. */
import type { Problem } from "#core/problem";
import { pathText } from "#core/problem";
import { validateWorkflow } from "#core/validate";
import { builtInNodes } from "#nodes/registry";
import { registryOf } from "#services/node-registry";
import { locator } from "./json-source.ts";
import type { Paint } from "./terminal.ts";
import { count, printable, wrap } from "./text.ts";
import type { WorkflowFile } from "./workflow-file.ts";

export interface PlacedProblem extends Omit<Problem, "message" | "path"> {
  readonly path: readonly (string | number)[];
  /** The path in words: `nodes[3].inputs.a`. */
  readonly place: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

const registry = registryOf(builtInNodes);

/** Everything that is wrong with the file, errors first, each kind in the order of the file. */
export const problemsOf = ({ text, document }: WorkflowFile): readonly PlacedProblem[] => {
  const { problems } = validateWorkflow(document, { nodeTypeOf: registry.get });
  if (problems.length === 0) return [];
  const locate = locator(text);
  return problems
    .map(({ severity, code, path, message }) => ({
      severity,
      code,
      path,
      place: pathText(path),
      ...locate(path),
      message,
    }))
    .sort(
      (a, b) =>
        Number(b.severity === "error") - Number(a.severity === "error") ||
        a.line - b.line ||
        a.column - b.column,
    );
};

export const isError = ({ severity }: PlacedProblem): boolean => severity === "error";

/** `2 errors and 1 warning`; undefined when there is nothing to count. */
export const problemCounts = (problems: readonly PlacedProblem[]): string | undefined => {
  const errors = problems.filter(isError).length;
  const warnings = problems.length - errors;
  const parts = [
    ...(errors > 0 ? [count(errors, "error")] : []),
    ...(warnings > 0 ? [count(warnings, "warning")] : []),
  ];
  return parts.length === 0 ? undefined : parts.join(" and ");
};

const colours = { error: "red", warning: "yellow" } as const;

/** Two or more lines for each problem: what and where, then what to do. */
export const renderProblems = (
  file: string,
  problems: readonly PlacedProblem[],
  columns: number,
  paint: Paint,
): string =>
  problems
    .map(({ severity, code, place, line, column, message }) => {
      const where = `${file}:${line}:${column}`;
      const path = place === "" ? "" : `  ${paint("dim", printable(place))}`;
      return [
        `${paint(["bold", colours[severity]], severity)} ${paint("bold", code)}  ${where}${path}`,
        ...wrap(printable(message), Math.min(columns, 100) - 2).map((text) => `  ${text}`),
      ].join("\n");
    })
    .join("\n\n");
