/** `pawl/testing`: run a node or a workflow of your own in a test, and write its graph as one line. */
export { runNode, testOrganizationId } from "#testing/run-node";
export type { RunNodeOptions } from "#testing/run-node";
export { createDirectRuntime } from "#runtime/direct-runtime";
export type { DirectRuntime, DirectRuntimeOptions } from "#runtime/direct-runtime";
export { CreditService } from "#services/credit-service";
export { ExecutionStore } from "#services/execution-store";
export { MonitoringService } from "#services/monitoring-service";
export { ObjectStore } from "#services/object-store";
export { ResourceProvider } from "#services/resource-provider";
export { WaitStore } from "#services/wait-store";
