/** What a run is started with comes from anywhere: it is looked at before anything of it is used. */
import { mostCredits } from "#core/credits";
import type { ExecuteParams } from "#core/execution-context";
import { isInputOverrides } from "#core/inputs";
import type { Validation, ValidationOptions } from "#core/validate";
import { validateWorkflow } from "#core/validate";

const malformed = (message: string): Validation => ({
  workflow: undefined,
  graph: undefined,
  problems: [{ severity: "error", code: "MALFORMED", path: [], message }],
});

const isJson = (value: unknown): boolean => {
  try {
    JSON.stringify(value);
    return true;
  } catch {
    return false;
  }
};

/** Infinity is none: JSON cannot say it, and a run that is begun again would be given another limit. */
export const creditsProblem = ({ computeCredits }: ExecuteParams): string | undefined =>
  Number.isFinite(computeCredits) && computeCredits >= 0
    ? undefined
    : `computeCredits is what the organization may spend, a number of at least 0: ${mostCredits} or more for no limit.`;

/** Documents and overrides come from anywhere: what is no data at all is refused before it is read. */
export const checkParams = (
  params: ExecuteParams,
  isData: boolean,
  options: ValidationOptions,
): Validation => {
  if (!isData) {
    return malformed(
      "The document cannot be written as JSON. Give plain data that does not contain itself.",
    );
  }
  const { workflow, ...rest } = params;
  const { inputOverrides = {} } = rest;
  if (!isInputOverrides(inputOverrides)) {
    return malformed("inputOverrides are not of the form { node: { input: value } }.");
  }
  // Nobody could begin it again, nor redrive it.
  if (!isJson(rest)) {
    return malformed(
      "The run's parameters cannot be written as JSON. Give plain data that does not contain itself.",
    );
  }
  const problem = creditsProblem(params);
  return problem === undefined ? validateWorkflow(workflow, options) : malformed(problem);
};
