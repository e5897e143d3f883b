/** How the embedded Worker answers a command: with the use cases and the stores that a server has, and nothing of its own. */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { isFinalStatus } from "#core/lifecycle";
import type { RedriveDecision } from "#core/redrive";
import type { WorkflowGraph } from "#core/graph";
import { redriveReasonText } from "#core/redrive";
import { nodeHash } from "#core/redrive-node";
import { validateWorkflow } from "#core/validate";
import { answerWait, commandRun } from "#runtime/control-run";
import { runInstanceId } from "#runtime/instance-id";
import { readRedrivePlan } from "#runtime/reuse-nodes";
import { startRun } from "#runtime/start-run";
import type { ServiceFailure } from "#services/errors";
import type { ExecutionRow, ListPosition } from "#services/execution-store";
import { ExecutionStore } from "#services/execution-store";
import { NodeRegistry } from "#services/node-registry";
import type { ResourceProvider } from "#services/resource-provider";
import { RunWatch } from "#services/run-watch";
import type { StandingWait } from "#services/wait-store";
import { WaitStore } from "#services/wait-store";
import { wakeEventType, WorkflowInstances } from "#services/workflow-instances";
import type {
  ListedRun,
  LocalCall,
  LocalCalls,
  LocalRequest,
  PlannedNode,
  RunKey,
} from "./local-protocol.ts";
import type { ResourceRequest } from "./local-resources.ts";

export type RunRequestServices =
  | ExecutionStore
  | NodeRegistry
  | ResourceProvider
  | RunWatch
  | WaitStore
  | WorkflowInstances;

/** About runs: all but what organizations have, and the database's own affairs. */
export type RunRequest = Exclude<
  LocalRequest,
  ResourceRequest | { readonly type: "checkSealed" | "countSealed" | "migrate" }
>;

type Answering<Call extends LocalCall> = Effect.Effect<
  LocalCalls[Call]["answer"],
  ServiceFailure,
  RunRequestServices
>;

const isOpen = (wait: StandingWait, now: number): boolean =>
  wait.status === "open" && (wait.deadline === null || wait.deadline > now);

const withWaits = (
  row: ExecutionRow,
): Effect.Effect<ListedRun, ServiceFailure, RunRequestServices> =>
  isFinalStatus(row.status)
    ? Effect.succeed({ ...row, waiting: [] })
    : Effect.gen(function* () {
        const waits = yield* WaitStore;
        const now = yield* Clock.currentTimeMillis;
        const standing = yield* waits.list(row.organizationId, row.id);
        const open = standing.filter((wait) => isOpen(wait, now));
        return { ...row, waiting: [...new Set(open.map(({ nodeId }) => nodeId))] };
      });

const listRuns = ({ organizationId, options }: LocalCalls["list"]["request"]): Answering<"list"> =>
  Effect.gen(function* () {
    const store = yield* ExecutionStore;
    const rows = yield* store.list(organizationId, options);
    return yield* Effect.forEach(rows, withWaits, { concurrency: 8 });
  });

const pageSize = 500;
/** As many as a person wants to be told when several are meant. */
const mostFound = 6;

const findRuns = ({ organizationId, run }: LocalCalls["find"]["request"]): Answering<"find"> =>
  Effect.gen(function* () {
    const store = yield* ExecutionStore;
    if ((yield* store.readCommand(organizationId, run)) !== undefined) return [run];
    if (run === "last") {
      return (yield* store.list(organizationId, { limit: 1 })).map(({ id }) => id);
    }
    const found: string[] = [];
    let before: ListPosition | undefined;
    for (;;) {
      const page = yield* store.list(organizationId, {
        limit: pageSize,
        ...(before === undefined ? {} : { before }),
      });
      found.push(...page.map(({ id }) => id).filter((id) => id.startsWith(run)));
      before = page.at(-1);
      if (found.length >= mostFound || page.length < pageSize) return found.slice(0, mostFound);
    }
  });

const readRun = ({
  organizationId,
  executionId,
}: LocalCalls["read"]["request"]): Answering<"read"> =>
  Effect.gen(function* () {
    const store = yield* ExecutionStore;
    const waits = yield* WaitStore;
    // Before the record: a wait that is answered in between is shown as answered too late, never as open for ever.
    const standing = yield* waits.list(organizationId, executionId);
    const execution = yield* store.get(organizationId, executionId);
    return execution === undefined ? null : { execution, waits: standing };
  });

/** Without inputs and outputs, which nobody asked for. */
const plannedNode = (graph: WorkflowGraph, decision: RedriveDecision): PlannedNode => {
  const { nodeId, action } = decision;
  const text = redriveReasonText(decision);
  if (decision.action === "run") return { nodeId, action, reason: decision.reason, text };
  const hash = nodeHash(graph.nodesById.get(nodeId)!, decision.inputs);
  return { nodeId, action, reason: "reused", text, hash, usage: decision.reusedUsage };
};

const planRedrive = ({
  organizationId,
  redrive,
  workflow,
  overrides,
}: LocalCalls["planRedrive"]["request"]): Answering<"planRedrive"> =>
  Effect.gen(function* () {
    const registry = yield* NodeRegistry;
    const { graph } = validateWorkflow(workflow, { nodeTypeOf: registry.get });
    if (graph === undefined) {
      return {
        status: "refused",
        message: "The workflow has errors; give a corrected one with --with FILE.",
      };
    }
    const plan = yield* readRedrivePlan(organizationId, redrive, graph, overrides);
    return "refusal" in plan
      ? { status: "refused", message: plan.refusal }
      : { status: "planned", nodes: plan.map((decision) => plannedNode(graph, decision)) };
  });

/** A run whose row is not there yet has an instance all the same. */
const withInstance = <A>(
  { organizationId, executionId }: RunKey,
  use: (
    instances: WorkflowInstances["Service"],
    instanceId: string,
  ) => Effect.Effect<A, ServiceFailure>,
): Effect.Effect<A, ServiceFailure, RunRequestServices> =>
  Effect.gen(function* () {
    const standing = yield* (yield* ExecutionStore).readCommand(organizationId, executionId);
    const { instanceId = executionId } = standing ?? {
      instanceId: yield* Effect.promise(() => runInstanceId(organizationId, executionId)),
    };
    return yield* use(yield* WorkflowInstances, instanceId);
  });

export const answerRequest = (
  request: RunRequest,
): Effect.Effect<LocalCalls[RunRequest["type"]]["answer"], ServiceFailure, RunRequestServices> => {
  switch (request.type) {
    case "start":
      return startRun(request.params, request.executionId);
    case "list":
      return listRuns(request);
    case "find":
      return findRuns(request);
    case "read":
      return readRun(request);
    case "readStart":
      return ExecutionStore.use((store) =>
        store.readStart(request.organizationId, request.executionId),
      ).pipe(Effect.map((start) => start ?? null));
    case "command":
      return commandRun(request.organizationId, request.executionId, request.command);
    case "answer":
      return answerWait(request);
    case "planRedrive":
      return planRedrive(request);
    case "wake":
      return RunWatch.use(({ begin }) => begin).pipe(
        Effect.andThen(withInstance(request, (instances, id) => instances.send(id, wakeEventType))),
        Effect.as(null),
      );
    case "endOf":
      return withInstance(request, (instances, id) => instances.endOf(id)).pipe(
        Effect.map((end) => end ?? null),
      );
  }
};
