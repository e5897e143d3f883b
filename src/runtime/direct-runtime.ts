/**
 * The same run in this process, without durability: for tests, for tools, for short work. Services are built for each run
 * unless they are given, so that two runs share nothing by accident.
 */
import type * as Context from "effect/Context";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import { quoted } from "#core/problem";
import type { JsonValue } from "#core/value";
import type { RunKey } from "#services/credit-service";
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
import { runInstanceId } from "./instance-id.ts";
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
   * good, with that service's failure, and while the organization has a run under way here that has the id.
   */
  readonly run: (params: ExecuteParams, executionId: string) => Promise<WorkflowExecution>;
  /** Tells a run of this runtime something; `unknown` when it is not running. */
  readonly command: (run: NamedRun, command: RunCommand) => Promise<CommandResult>;
  /** Answers a node that waits; `name` tells one of several waits of the node from the others. */
  readonly answer: (
    run: NamedRun,
    nodeId: string,
    data: JsonValue,
    name?: string,
  ) => Promise<AnswerResult>;
}

/** A run's id belongs to its organization. The id alone will do as long as a single one has it under way. */
export type NamedRun = string | RunKey;

/** Nothing was done: more than one run would have the id. */
export class RunIdTaken extends Data.TaggedError("RunIdTaken")<{
  readonly executionId: string;
  readonly message: string;
}> {}

/** A run that is under way in this process. */
interface LiveRun {
  readonly key: RunKey;
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

const taken = (executionId: string, message: string): RunIdTaken =>
  new RunIdTaken({ executionId, message });

/** Execution id -> organization id -> run. */
type LiveRuns = Map<string, Map<string, LiveRun>>;

const findRun = (runs: LiveRuns, run: NamedRun): LiveRun | undefined => {
  if (typeof run !== "string") return runs.get(run.executionId)?.get(run.organizationId);
  const [found, other] = runs.get(run)?.values() ?? [];
  if (other === undefined) return found;
  throw taken(
    run,
    `Several organizations have a run ${quoted(run)} under way. Name it by { organizationId, executionId }.`,
  );
};

export const createDirectRuntime = (options: DirectRuntimeOptions = {}): DirectRuntime => {
  const { nodes, layers = Layer.empty, ...runOptions } = options;
  const memory = memoryServices(nodes);
  const liveRuns: LiveRuns = new Map();
  const tell = async <A, E>(
    run: NamedRun,
    effect: (key: RunKey) => Effect.Effect<A, E, RunServices | WorkflowInstances>,
    otherwise: A,
  ): Promise<A> => {
    const live = findRun(liveRuns, run);
    return live === undefined
      ? otherwise
      : Effect.runPromise(Effect.provideContext(effect(live.key), live.context));
  };
  return {
    run: (params, executionId) => {
      const events = createDirectEvents();
      const instances = Layer.succeed(WorkflowInstances, instancesOf(events));
      const services = Layer.mergeAll(memory, directStepsWith(events), instances, layers);
      const { organizationId } = params;
      const key = { organizationId, executionId };
      const run = Effect.gen(function* () {
        const context = yield* Effect.context<RunServices | WorkflowInstances>();
        const runs = liveRuns.get(executionId) ?? new Map<string, LiveRun>();
        if (runs.has(organizationId)) {
          return yield* taken(
            executionId,
            `Run ${quoted(executionId)} is under way. Give the new one another id.`,
          );
        }
        liveRuns.set(executionId, runs.set(organizationId, { key, context }));
        const end = Effect.sync(() => {
          runs.delete(organizationId);
          if (runs.size === 0) liveRuns.delete(executionId);
        });
        // As on a platform: what idempotency keys begin with is not the same for two organizations.
        const instance = Effect.promise(() => runInstanceId(organizationId, executionId));
        return yield* instance.pipe(
          Effect.flatMap((instanceId) =>
            executeWorkflow(params, executionId, { ...runOptions, instanceId }),
          ),
          Effect.ensuring(end),
        );
      });
      return Effect.runPromise(run.pipe(Effect.provide(services)));
    },
    command: (run, command) =>
      tell(run, (key) => commandRun(key.organizationId, key.executionId, command), {
        status: "unknown",
      }),
    answer: (run, nodeId, data, name) =>
      tell(
        run,
        (key) => answerWait({ ...key, nodeId, data, ...(name === undefined ? {} : { name }) }),
        { status: "unknown" },
      ),
  };
};
