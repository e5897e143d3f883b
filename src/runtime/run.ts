/** One run and what it works with: its services, resolved once, and the few things that every part of it does with them. */
import * as Cause from "effect/Cause";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Option from "effect/Option";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import { keyPart } from "#core/step-name";
import { CreditService } from "#services/credit-service";
import { DurableStep } from "#services/durable-step";
import type { SavedExecution } from "#services/execution-store";
import { ExecutionStore } from "#services/execution-store";
import type { MonitoringMessage } from "#services/monitoring-service";
import { MonitoringService, silent } from "#services/monitoring-service";
import { NodeRegistry } from "#services/node-registry";
import { ObjectStore } from "#services/object-store";
import { ResourceProvider } from "#services/resource-provider";
import { RunWatch } from "#services/run-watch";
import { WaitStore } from "#services/wait-store";
import { WorkflowInstances } from "#services/workflow-instances";
import type { NodeEnvironment } from "./node-environment.ts";

export type RunServices =
  | CreditService
  | ExecutionStore
  | MonitoringService
  | NodeRegistry
  | ObjectStore
  | ResourceProvider
  | RunWatch
  | WaitStore;

export interface Run extends Pick<
  NodeEnvironment,
  | "asked"
  | "keyPrefix"
  | "mask"
  | "maskAtHand"
  | "now"
  | "objects"
  | "perform"
  | "publish"
  | "registry"
  | "resources"
  | "runExit"
  | "steps"
  | "waits"
> {
  readonly executionId: string;
  /** The instance of the run, when it has another id than the run. */
  readonly instanceId?: string;
  readonly params: ExecuteParams;
  readonly store: ExecutionStore["Service"];
  readonly credits: CreditService["Service"];
  readonly watch: RunWatch["Service"];
  /** Other instances of the platform, for a run that takes more than one; undefined where there are none. */
  readonly instances: WorkflowInstances["Service"] | undefined;
  readonly publishStatus: (execution: WorkflowExecution) => void;
}

/** What of a run is stored beside its record. */
export type Definition = Pick<SavedExecution, "workflowName" | "definitionHash">;

type Saved = Pick<SavedExecution, "execution" | "isInitial" | "savedAt" | "start">;

/** Gives the record that stands: a step that runs twice finds the one of its first time. */
export const saveRecord = (
  { store, params, instanceId, perform }: Run,
  definition: Definition,
  saved: Saved,
): Promise<WorkflowExecution> => {
  const { organizationId, userId } = params;
  const instance = instanceId === undefined ? {} : { instanceId };
  return perform(store.save({ organizationId, userId, ...instance, ...definition, ...saved }));
};

/** The same, told to whoever watches. */
export const saveAndTell = async (
  run: Run,
  definition: Definition,
  saved: Saved,
): Promise<WorkflowExecution> => {
  const standing = await saveRecord(run, definition, saved);
  run.publishStatus(standing);
  return standing;
};

export const makeRun = Effect.fnUntraced(function* (
  params: ExecuteParams,
  executionId: string,
  instanceId: string | undefined,
) {
  const runExit: NodeEnvironment["runExit"] = Effect.runPromiseExitWith(
    yield* Effect.context<never>(),
  );
  const clock = yield* Clock.Clock;
  const monitoring = yield* MonitoringService;
  const publish = (message: MonitoringMessage): void => {
    try {
      monitoring.publish(message);
    } catch {
      // A watcher that throws must not fail the run (MONITOR-2), and there is nobody else to tell.
    }
  };
  const { organizationId } = params;
  const resources = yield* ResourceProvider;
  const run: Run = {
    executionId,
    ...(instanceId === undefined ? {} : { instanceId }),
    // Not the run's id: another organization may have a run with the same, and both may use one service (ACCESS-1).
    keyPrefix: `${keyPart(instanceId ?? executionId)}/`,
    params,
    steps: yield* DurableStep,
    registry: yield* NodeRegistry,
    resources,
    mask: () => resources.maskFor(organizationId),
    maskAtHand: () => resources.maskAtHand(organizationId),
    objects: yield* ObjectStore,
    store: yield* ExecutionStore,
    waits: yield* WaitStore,
    credits: yield* CreditService,
    watch: yield* RunWatch,
    instances: Option.getOrUndefined(
      Option.filter(yield* Effect.serviceOption(WorkflowInstances), ({ canCreate }) => canCreate),
    ),
    asked: { hasWaits: false },
    now: () => clock.currentTimeMillisUnsafe(),
    publish:
      monitoring.publish === silent
        ? silent
        : (nodeId, progress) =>
            publish({
              organizationId,
              executionId,
              at: clock.currentTimeMillisUnsafe(),
              type: "node",
              nodeId,
              ...progress,
            }),
    publishStatus: ({ status, error }) =>
      publish({
        organizationId,
        executionId,
        at: clock.currentTimeMillisUnsafe(),
        type: "run",
        status,
        ...(error === undefined ? {} : { error }),
      }),
    runExit,
    perform: async (effect) => {
      const exit = await runExit(effect);
      if (Exit.isSuccess(exit)) return exit.value;
      throw Cause.squash(exit.cause);
    },
  };
  return run;
});
