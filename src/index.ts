/** Pawl's root export: run a workflow in this process, define nodes, read the results. Knows no platform. */
export { createDirectRuntime, RunIdTaken } from "#runtime/direct-runtime";
export type { DirectRuntime, DirectRuntimeOptions, NamedRun } from "#runtime/direct-runtime";
export { defineNode } from "#nodes/define-node";
export { builtInNodes } from "#nodes/registry";
export { NodeFailure } from "#services/node-definition";
export type {
  BinaryValue,
  Integration,
  MultiStepContext,
  NodeContext,
  NodeDefinition,
} from "#services/node-definition";
export { CreditService } from "#services/credit-service";
export type { CreditAccount, CreditEntry } from "#services/credit-service";
export type { CreditPlan } from "#core/credits";
export { DurableStep } from "#services/durable-step";
export { ServiceFailure } from "#services/errors";
export { ExecutionStore } from "#services/execution-store";
export { IntegrationStore } from "#services/integration-store";
export type { IntegrationFacts, NewConnection, Tokens } from "#services/integration-store";
export { MonitoringService } from "#services/monitoring-service";
export type { MonitoringMessage } from "#services/monitoring-service";
export { NodeRegistry } from "#services/node-registry";
export { ObjectStore } from "#services/object-store";
export { ResourceProvider } from "#services/resource-provider";
export type { Resources } from "#services/resource-provider";
export { SecretStore } from "#services/secret-store";
export type { NewSecret, SecretFacts } from "#services/secret-store";
export { WaitStore } from "#services/wait-store";
export { decodeWorkflow } from "#core/workflow";
export type { Edge, Node, Parameter, Policy, Settings, Workflow } from "#core/workflow";
export { validateWorkflow } from "#core/validate";
export type { Validation, ValidationOptions } from "#core/validate";
export type { Problem } from "#core/problem";
export type { ExecuteParams } from "#core/execution-context";
export type { NodeExecution, WorkflowExecution } from "#core/report";
export type { JsonValue, ObjectReference, RuntimeValue } from "#core/value";
