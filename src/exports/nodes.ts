/** `pawl/nodes`: the built-in node types, and what it takes to define one. */
export { builtInNodes } from "#nodes/registry";
export { defineNode } from "#nodes/define-node";
export { NodeFailure } from "#services/node-definition";
export type {
  BinaryValue,
  Integration,
  MultiStepContext,
  NodeContext,
  NodeDefinition,
} from "#services/node-definition";
