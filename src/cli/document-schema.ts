/** The JSON Schema of a workflow file, taken from the schema that Pawl itself decodes with. */
import * as Schema from "effect/Schema";
import { Workflow } from "#core/workflow";

/** Draft 2020-12. Unknown keys are allowed everywhere: this is the format of files that already exist. */
const workflowJsonSchema = (): Readonly<Record<string, unknown>> => {
  const { definitions } = Schema.toJsonSchemaDocument(Workflow);
  const { Workflow: root, ...others } = definitions as Readonly<
    Record<string, Readonly<Record<string, unknown>>>
  >;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "urn:pawl:workflow",
    title: root?.["title"],
    description:
      "A graph of typed nodes that Pawl runs on Cloudflare Workflows. Unknown keys are kept and ignored.",
    type: root?.["type"],
    properties: {
      $schema: { type: "string", description: "Where an editor finds this schema." },
      ...(root?.["properties"] as object),
    },
    required: root?.["required"],
    additionalProperties: root?.["additionalProperties"],
    $defs: others,
  };
};

/** The text of `schema/workflow.schema.json`. */
export const workflowJsonSchemaText = (): string =>
  `${JSON.stringify(workflowJsonSchema(), null, 2)}\n`;
