/** `pawl validate`: every problem of a workflow file at once, without running it. */
import type { Workflow } from "#core/workflow";
import type { ExitCode } from "./command-error.ts";
import { exitCodes } from "./command-error.ts";
import { isError, problemCounts, problemsOf, renderProblems } from "./problem-list.ts";
import { columnsOf, paintFor, print, printJson } from "./terminal.ts";
import { count } from "./text.ts";
import { readWorkflowFile } from "./workflow-file.ts";

export interface ValidateOptions {
  readonly json?: boolean;
}

export const validateCommand = async (
  path: string,
  options: ValidateOptions,
): Promise<ExitCode> => {
  const file = await readWorkflowFile(path);
  const problems = problemsOf(file);
  const isValid = !problems.some(isError);
  const exitCode = isValid ? exitCodes.completed : exitCodes.usage;
  if (options.json === true) {
    const errors = problems.filter(isError).length;
    const warnings = problems.length - errors;
    printJson({ file: file.name, valid: isValid, errors, warnings, problems });
    return exitCode;
  }
  const paint = paintFor(process.stdout);
  const found = problemCounts(problems);
  if (found !== undefined) {
    print(`${renderProblems(file.name, problems, columnsOf(process.stdout), paint)}\n`);
  }
  if (!isValid) {
    print(`${paint("red", "✗")} ${file.name} cannot run: ${found}.`);
    return exitCode;
  }
  const { nodes, edges } = file.document as Workflow;
  const size = `${count(nodes.length, "node")}, ${count(edges.length, "edge")}`;
  print(
    found === undefined
      ? `${paint("green", "✓")} ${file.name} is valid: ${size}.`
      : `${paint("yellow", "!")} ${file.name} can run, with ${found}: ${size}.`,
  );
  return exitCode;
};
