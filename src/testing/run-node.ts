/**
 * Runs one node the way a run does: its inputs come over edges from a node that gives them, so defaults, types, files,
 * attempts and outputs are all the engine's own.
 */
import type * as Layer from "effect/Layer";
import type { NodeExecution } from "#core/report";
import type { Parameter, Policy } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import type { NodeDefinition, NodeValue } from "#services/node-definition";

export interface RunNodeOptions {
  readonly policy?: Policy;
  /** Services to use in place of the memory ones, such as `ResourceProvider.layerMemory({ test: { secrets } })`. */
  readonly layers?: Layer.Layer<never>;
}

/** The organization that the node runs for, as `ResourceProvider.layerMemory` wants it. */
export const testOrganizationId = "test";

const anyPort = (name: string): Parameter => ({ name, type: "any" });

/** Input name -> value; a file is `{ data, mimeType }`. Resolves to the node's entry in the record. */
export const runNode = async (
  definition: NodeDefinition,
  inputs: Readonly<Record<string, NodeValue>> = {},
  { policy, layers }: RunNodeOptions = {},
): Promise<NodeExecution> => {
  const given = defineNode({
    type: "given",
    name: "Given",
    category: "test",
    description: "Gives a node under test its inputs.",
    inputs: [],
    outputs: [],
    run: () => inputs,
  });
  const names = Object.keys(inputs);
  const undeclared = names.filter((name) => !definition.inputs.some((port) => port.name === name));
  const { nodeExecutions } = await createDirectRuntime({
    nodes: [given, definition],
    ...(layers === undefined ? {} : { layers }),
  }).run(
    {
      workflow: {
        id: "test",
        name: "Test",
        trigger: "manual",
        nodes: [
          {
            id: "given",
            name: "Given",
            type: given.type,
            inputs: [],
            outputs: names.map(anyPort),
          },
          {
            id: "node",
            name: definition.name,
            type: definition.type,
            inputs: [...definition.inputs, ...undeclared.map(anyPort)],
            outputs: definition.outputs,
            ...(policy === undefined ? {} : { policy }),
          },
        ],
        edges: names.map((name) => ({
          source: "given",
          sourceOutput: name,
          target: "node",
          targetInput: name,
        })),
      },
      userId: "test",
      organizationId: testOrganizationId,
      computeCredits: Number.MAX_SAFE_INTEGER,
    },
    "test",
  );
  const execution = nodeExecutions.find(({ nodeId }) => nodeId === "node");
  if (execution === undefined) throw new Error("The run has no entry of the node");
  return execution;
};
