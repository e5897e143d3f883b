/**
 * What a redrive takes over from an earlier run. The plan is made inside a step, since it reads the earlier record; what is
 * taken over comes out of steps in parts that a result can hold, and is folded before the first node runs.
 */
import * as Effect from "effect/Effect";
import type { RedriveParams } from "#core/execution-context";
import type { ExecutionState } from "#core/execution-state";
import type { WorkflowGraph } from "#core/graph";
import type { InputOverrides } from "#core/inputs";
import { collectNodeInputs } from "#core/inputs";
import { isFinalStatus } from "#core/lifecycle";
import type { RedriveDecision, RedriveSource } from "#core/redrive";
import { planRedrive } from "#core/redrive";
import type { WorkflowExecution } from "#core/report";
import { validateWorkflow } from "#core/validate";
import type { NodeRuntimeValues } from "#core/value";
import { frozen } from "#core/value";
import { complete, start } from "#machines/index";
import type { ServiceFailure } from "#services/errors";
import { ExecutionStore } from "#services/execution-store";
import type { Registry } from "#services/node-registry";
import { NodeRegistry } from "#services/node-registry";

/** A node that does not run again. */
export interface ReusedNode {
  readonly nodeId: string;
  readonly outputs: NodeRuntimeValues;
  readonly reusedFrom: string;
  readonly reusedUsage: number;
}

/** Why there is nothing to take over, in words for the person who asked. */
export interface RedriveRefusal {
  readonly refusal: string;
}

const graphOf = (registry: Registry, document: unknown): WorkflowGraph | undefined =>
  validateWorkflow(document, { nodeTypeOf: registry.get }).graph;

/** Every node is as it was before the run: it was refused, had no credits, or was stopped before it did anything. */
const beganNothing = ({ nodeExecutions }: WorkflowExecution): boolean =>
  nodeExecutions.every(({ status }) => status === "idle");

/** Nodes that an earlier redrive was to run again have not ended since. */
const without = (
  execution: WorkflowExecution,
  nodeIds: ReadonlySet<string>,
): WorkflowExecution => ({
  ...execution,
  nodeExecutions: execution.nodeExecutions.filter(({ nodeId }) => !nodeIds.has(nodeId)),
});

/** A redrive that began nothing stands for the run that it was to redrive: what that has done is done. */
const readSource: (
  organizationId: string,
  executionId: string,
) => Effect.Effect<RedriveSource | RedriveRefusal, ServiceFailure, ExecutionStore | NodeRegistry> =
  Effect.fnUntraced(function* (organizationId, executionId) {
    const store = yield* ExecutionStore;
    const registry = yield* NodeRegistry;
    const seen = new Set<string>();
    const chosen = new Set<string>();
    for (let id = executionId; ;) {
      const execution = yield* store.get(organizationId, id);
      if (execution === undefined) return { refusal: `There is no run '${id}'.` };
      if (!isFinalStatus(execution.status)) {
        return {
          refusal: `Run '${id}' is still ${execution.status}. Wait for its end, or cancel it first.`,
        };
      }
      const start = yield* store.readStart(organizationId, id);
      const before = start?.redrive;
      seen.add(id);
      // Two that name each other have done nothing, either of them.
      if (before === undefined || !beganNothing(execution) || seen.has(before.executionId)) {
        return {
          execution: without(execution, chosen),
          graph: start && graphOf(registry, start.workflow),
          overrides: start?.inputOverrides,
        };
      }
      if (before.from !== undefined) chosen.add(before.from);
      id = before.executionId;
    }
  });

/** Which nodes run again and why, in topological order. */
export const readRedrivePlan: (
  organizationId: string,
  redrive: RedriveParams,
  graph: WorkflowGraph,
  overrides: InputOverrides | undefined,
) => Effect.Effect<
  readonly RedriveDecision[] | RedriveRefusal,
  ServiceFailure,
  ExecutionStore | NodeRegistry
> = Effect.fnUntraced(function* (organizationId, { executionId, from }, graph, overrides) {
  if (from !== undefined && !graph.nodesById.has(from)) {
    return { refusal: `The workflow has no node '${from}' to run again from.` };
  }
  const source = yield* readSource(organizationId, executionId);
  return "refusal" in source
    ? source
    : planRedrive(source, { graph, overrides, ...(from === undefined ? {} : { from }) });
});

export const reusedIn = (plan: readonly RedriveDecision[]): readonly ReusedNode[] =>
  plan.flatMap((decision) => {
    if (decision.action !== "reuse") return [];
    const { nodeId, outputs, reusedFrom, reusedUsage } = decision;
    return [{ nodeId, outputs, reusedFrom, reusedUsage }];
  });

/** Folds what was taken over; upstreams come before what hangs on them. */
export const withReusedNodes = (
  started: ExecutionState,
  reused: readonly ReusedNode[],
  overrides: InputOverrides | undefined,
): ExecutionState => {
  let state = started;
  for (const { nodeId, outputs, ...source } of reused) {
    const inputs = collectNodeInputs(state, state.graph.nodesById.get(nodeId)!, overrides);
    state = Effect.runSync(start(state, { nodeId, inputs }));
    const taken = { nodeId, outputs: frozen(outputs), usage: 0, attempts: [], ...source };
    state = Effect.runSync(complete(state, taken));
  }
  return state;
};
