/**
 * The same run in this process, without durability: for tests, for tools, for short work. Services are built for each run
 * unless they are given, so that two runs share nothing by accident.
 */
import type * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import type { JsonValue } from "#core/value";
import type { NodeDefinition } from "#services/node-definition";
import type { CommandResult, RunCommand } from "#services/run-command";
import type { AnswerResult } from "#services/wait-store";
import { WorkflowInstances } from "#services/workflow-instances";
import { answerWait, commandRun } from "./control-run.ts";
import { memoryServices } from "./default-services.ts";
import type { DirectEvents } from "./direct-steps.ts";
import { createDirectEvents, directStepsWith } from "./direct-steps.ts";
import type { RunOptions } from "./execute-workflow.ts";
import { executeWorkflow } from "./execute-workflow.ts";
import type { RunServices } from "./run.ts";

export interface DirectRuntimeOptions extends RunOptions {
  /** Beside the built-in nodes; one of the same type replaces the built-in one. */
  readonly nodes?: readonly NodeDefinition[];
  /** Services to use in place of the memory ones, merged into one layer. Layers built here are built once a run. */
  readonly layers?: Layer.Layer<never>;
}

export interface DirectRuntime {
  /**
   * Resolves to the record whatever the nodes do and whatever the document holds. Rejects only when a service fails for
   * good, with that service's failure.
   */
  readonly run: (params: ExecuteParams, instanceId: string) => Promise<WorkflowExecution>;
  /** Tells a run of this runtime something; `unknown` when it is not running. */
  readonly command: (instanceId: string, command: RunCommand) => Promise<CommandResult>;
  /** Answers a node that waits; `name` tells one of several waits of the node from the others. */
  readonly answer: (
    instanceId: string,
    nodeId: string,
    data: JsonValue,
    name?: string,
  ) => Promise<AnswerResult>;
}

/** A run that is under way in this process. */
interface LiveRun {
  readonly organizationId: string;
  readonly context: Context.Context<RunServices | WorkflowInstances>;
}

const instancesOf = (events: DirectEvents): WorkflowInstances["Service"] => ({
  canCreate: false,
  create: () => Effect.succeed("exists"),
  send: (_executionId, eventType) =>
    Effect.as(
      Effect.sync(() => events.send(eventType)),
      true,
    ),
  stop: () => Effect.void,
  endOf: () => Effect.succeed(undefined),
});

export const createDirectRuntime = (options: DirectRuntimeOptions = {}): DirectRuntime => {
  const { nodes, layers = Layer.empty, ...runOptions } = options;
  const memory = memoryServices(nodes);
  const liveRuns = new Map<string, LiveRun>();
  const tell = <A, E>(
    instanceId: string,
    effect: (run: LiveRun) => Effect.Effect<A, E, RunServices | WorkflowInstances>,
    otherwise: A,
  ): Promise<A> => {
    const run = liveRuns.get(instanceId);
    return run === undefined
      ? Promise.resolve(otherwise)
      : Effect.runPromise(Effect.provideContext(effect(run), run.context));
  };
  return {
    run: (params, instanceId) => {
      const events = createDirectEvents();
      const instances = Layer.succeed(WorkflowInstances, instancesOf(events));
      const services = Layer.mergeAll(memory, directStepsWith(events), instances, layers);
      const { organizationId } = params;
      const run = Effect.gen(function* () {
        const context = yield* Effect.context<RunServices | WorkflowInstances>();
        liveRuns.set(instanceId, { organizationId, context });
        return yield* executeWorkflow(params, instanceId, runOptions);
      });
      return Effect.runPromise(run.pipe(Effect.provide(services))).finally(() =>
        liveRuns.delete(instanceId),
      );
    },
    command: (instanceId, command) =>
      tell(instanceId, (run) => commandRun(run.organizationId, instanceId, command), {
        status: "unknown",
      }),
    answer: (instanceId, nodeId, data, name) =>
      tell(
        instanceId,
        ({ organizationId }) =>
          answerWait({
            organizationId,
            executionId: instanceId,
            nodeId,
            data,
            ...(name === undefined ? {} : { name }),
          }),
        { status: "unknown" },
      ),
  };
};
