/** `pawl schema`: the JSON Schema that lets an editor complete and check a workflow file. */
import type { ExitCode } from "./command-error.ts";
import { exitCodes } from "./command-error.ts";
import { workflowJsonSchemaText } from "./document-schema.ts";
import { staleFiles, writeGenerated } from "./generated-files.ts";
import { paintFor, print, remark } from "./terminal.ts";

export interface SchemaOptions {
  /** Where to write; true for the usual place. */
  readonly write?: string | true;
  readonly check?: string | true;
}

const usualPlace = "schema/workflow.schema.json";

export const schemaCommand = async ({ write, check }: SchemaOptions): Promise<ExitCode> => {
  const content = workflowJsonSchemaText();
  const target = check ?? write;
  if (target === undefined) {
    print(content.trimEnd());
    return exitCodes.completed;
  }
  const path = target === true ? usualPlace : target;
  if (check === undefined) {
    const written = await writeGenerated([{ path, content }]);
    print(written.length > 0 ? `Wrote ${path}` : `${path} is up to date.`);
    return exitCodes.completed;
  }
  if ((await staleFiles([{ path, content }])).length === 0) {
    print(`${paintFor(process.stdout)("green", "✓")} ${path} is up to date.`);
    return exitCodes.completed;
  }
  remark(
    `${paintFor(process.stderr)("red", "✗")} ${path} is stale. 'pawl schema --write' writes it anew.`,
  );
  return exitCodes.error;
};
