/**
 * Runs one built-in node as the engine does, without an engine: defaults filled in, the answer awaited whichever way it comes,
 * unpopulated outputs left out. A failure is `{ failed: message }`, whether it was returned, thrown or failed with.
 */
import * as Effect from "effect/Effect";
import { builtInNodes } from "#nodes/registry";
import type { RuntimeValue } from "#core/value";
import type { NodeContext, NodeOutputs, NodeResult } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { registryOf } from "#services/node-registry";

const registry = registryOf(builtInNodes);

const unavailable = (): never => {
  throw new Error("A pure node asks its context for nothing");
};

const context: NodeContext = {
  nodeId: "node",
  workflowId: "workflow",
  organizationId: "organization",
  executionId: "execution",
  attempt: 1,
  idempotencyKey: "execution/node",
  signal: new AbortController().signal,
  trigger: {},
  getSecret: unavailable,
  getIntegration: unavailable,
  reportUsage: unavailable,
};

const populated = (outputs: NodeOutputs): NodeOutputs =>
  Object.fromEntries(Object.entries(outputs).filter(([, value]) => value != null));

export const runNode = async (
  type: string,
  given: Readonly<Record<string, RuntimeValue>> = {},
): Promise<NodeOutputs> => {
  const definition = registry.get(type);
  if (definition === undefined || definition.multiStep) throw new Error(`No such node: ${type}`);
  const defaults = definition.inputs.flatMap(({ name, value }) =>
    value === undefined || value === null ? [] : [[name, value] as const],
  );
  const inputs = { ...Object.fromEntries(defaults), ...given };
  try {
    const answer = definition.run(inputs, context);
    const result: NodeResult<NodeOutputs> = Effect.isEffect(answer)
      ? await Effect.runPromise(answer)
      : await answer;
    return result instanceof NodeFailure ? { failed: result.message } : populated(result);
  } catch (thrown) {
    if (thrown instanceof NodeFailure) return { failed: thrown.message };
    throw thrown;
  }
};
