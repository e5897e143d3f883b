/** Where a value leaves the graph: the record shows people what arrived. */
import type { Parameter } from "#core/workflow";
import type { NodeDefinition } from "#services/node-definition";
import { defineNode } from "./define-node.ts";

const outputNode = (
  name: string,
  type: Parameter["type"],
  shows: string,
  id = `output-${type}`,
): NodeDefinition =>
  defineNode({
    type: id,
    name,
    category: "output",
    description: `Shows ${shows} in the record of the run.`,
    pure: true,
    inputs: [{ name: "value", type, required: true }],
    outputs: [{ name: "displayValue", type, hidden: true }],
    run: ({ value }) => ({ displayValue: value }),
  });

export const outputNodes: readonly NodeDefinition[] = [
  outputNode("Any Output", "any", "whatever arrives"),
  outputNode("Boolean Output", "boolean", "yes or no"),
  outputNode("Date Output", "date", "a date"),
  outputNode("GeoJSON Output", "geojson", "a GeoJSON object"),
  outputNode("JSON Output", "json", "a JSON value"),
  outputNode("Number Output", "number", "a number"),
  outputNode("Secret Output", "secret", "the name of a secret, never the secret itself,"),
  outputNode("Text Output", "string", "text", "output-text"),
];
