/** What each node type is and does: type id -> definition. */
import * as Context from "effect/Context";
import * as Layer from "effect/Layer";
import type { NodeDefinition } from "./node-definition.ts";
import { withCost } from "./node-definition.ts";

export interface Registry {
  readonly get: (type: string) => NodeDefinition | undefined;
  /** In the order they were given. */
  readonly list: readonly NodeDefinition[];
}

/**
 * A later definition of a type replaces an earlier one, so that people can replace a built-in node. Throws for one whose cost
 * cannot be billed.
 */
export const registryOf = (definitions: Iterable<NodeDefinition>): Registry => {
  const byType = new Map(
    Array.from(definitions, (definition) => [definition.type, withCost(definition)]),
  );
  return { get: (type) => byType.get(type), list: [...byType.values()] };
};

export class NodeRegistry extends Context.Service<NodeRegistry, Registry>()("pawl/NodeRegistry") {
  static readonly layer = (definitions: Iterable<NodeDefinition>): Layer.Layer<NodeRegistry> =>
    Layer.succeed(NodeRegistry, registryOf(definitions));
}
