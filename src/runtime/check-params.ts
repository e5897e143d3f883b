/** What a run is started with comes from anywhere: it is looked at before anything of it is used. */
import type { ExecuteParams } from "#core/execution-context";
import { isInputOverrides } from "#core/inputs";
import type { Validation, ValidationOptions } from "#core/validate";
import { validateWorkflow } from "#core/validate";

const malformed = (message: string): Validation => ({
  workflow: undefined,
  graph: undefined,
  problems: [{ severity: "error", code: "MALFORMED", path: [], message }],
});

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
  const { inputOverrides = {} } = params;
  return isInputOverrides(inputOverrides)
    ? validateWorkflow(params.workflow, options)
    : malformed("inputOverrides are not of the form { node: { input: value } }.");
};
