/**
 * A platform in this process: a run and the parts it is spread over, each an instance with events and a record of its own. One
 * may die, and goes on from its record when it is begun again. What was created and sent is written down.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ExecuteParams, InstanceParams, PartParams } from "#core/execution-context";
import { isPartParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import { commandRun } from "#runtime/control-run";
import { memoryServices } from "#runtime/default-services";
import type { DirectEvents } from "#runtime/direct-steps";
import { createDirectEvents } from "#runtime/direct-steps";
import { executePart } from "#runtime/execute-part";
import type { RunOptions } from "#runtime/execute-workflow";
import { executeWorkflow } from "#runtime/execute-workflow";
import type { RunServices } from "#runtime/run";
import { wakeRuns } from "#runtime/wake-runs";
import { CreditService } from "#services/credit-service";
import type { DurableStep } from "#services/durable-step";
import type { NodeDefinition } from "#services/node-definition";
import { ObjectStore } from "#services/object-store";
import type { CommandResult, RunCommand } from "#services/run-command";
import { WorkflowInstances } from "#services/workflow-instances";
import { type HeldServices, holdServices } from "./held-services.ts";
import { type Platform, recordingPlatform } from "./recording-steps.ts";

/** One life of an instance. */
interface Life {
  readonly events: DirectEvents;
  readonly platform: Platform;
  isDead: boolean;
}

export interface Instances {
  readonly held: HeldServices;
  readonly credits: CreditService["Service"];
  /** Parts that have an instance, in the order of being created. */
  readonly created: PartParams[];
  /** `instance event`. */
  readonly sent: string[];
  /** Begins a run, or goes on with one that has died. Resolves to its record. */
  readonly run: (
    params: ExecuteParams,
    id?: string,
    options?: RunOptions,
  ) => Promise<WorkflowExecution>;
  /** The process dies: nothing more comes of what it was doing. */
  readonly kill: (id?: string) => void;
  readonly command: (command: RunCommand) => Promise<CommandResult>;
  readonly record: () => Promise<WorkflowExecution | undefined>;
  /** A round of the watchdog over every run. */
  readonly lookAfter: () => Promise<unknown>;
}

interface InstancesOptions extends RunOptions {
  readonly nodes: readonly NodeDefinition[];
  /** Asked before an instance is created; one that is lost leaves no trace. */
  readonly fateOf?: (id: string) => Promise<"lives" | "lost">;
}

const never = (): Promise<never> => new Promise(() => {});

export const openInstances = (options: InstancesOptions): Instances => {
  const { nodes, fateOf = async () => "lives", ...runOptions } = options;
  const held = holdServices();
  const { credits } = held;
  const ledger = Layer.succeed(CreditService, credits);
  const objects = Effect.runSync(Effect.provide(ObjectStore, ObjectStore.layerMemory));
  const lives = new Map<string, Life>();
  const created: PartParams[] = [];
  const sent: string[] = [];

  const live = <A>(
    id: string,
    run: Effect.Effect<A, never, DurableStep | RunServices>,
  ): Promise<A> => {
    const events = createDirectEvents();
    const recorded = lives.get(id)?.platform.results;
    const platform = recordingPlatform({
      ...(recorded === undefined ? {} : { recorded }),
      instead: () => (life.isDead ? never() : undefined),
      waitForEvent: (_name, { type }) => events.wait(type, never()),
    });
    const life: Life = { events, platform, isDead: false };
    lives.set(id, life);
    const services = Layer.mergeAll(
      memoryServices(nodes),
      held.layer,
      ledger,
      Layer.succeed(ObjectStore, objects),
      platform.layer,
      instances,
    );
    return Effect.runPromise(Effect.provide(run, services));
  };

  const create = async (id: string, params: InstanceParams): Promise<"created" | "exists"> => {
    const fate = await fateOf(id);
    if (lives.has(id)) return "exists";
    if (fate === "lost" || !isPartParams(params)) return "created";
    created.push(params);
    void live(id, executePart(params, id));
    return "created";
  };

  const instances = Layer.succeed(WorkflowInstances, {
    canCreate: true,
    create: (id, params) => Effect.promise(() => create(id, params)),
    send: (id, type) =>
      Effect.sync(() => {
        sent.push(`${id} ${type}`);
        lives.get(id)?.events.send(type);
        return lives.has(id);
      }),
    stop: () => Effect.void,
    endOf: (id) => Effect.sync(() => (lives.has(id) ? undefined : "lost")),
  });
  const outside = Layer.mergeAll(held.layer, ledger, instances);

  return {
    held,
    credits,
    created,
    sent,
    run: (params, id = "run", changes = {}) =>
      live(id, executeWorkflow(params, id, { ...runOptions, ...changes })),
    kill: (id = "run") => {
      const life = lives.get(id);
      if (life !== undefined) life.isDead = true;
    },
    command: (command) =>
      Effect.runPromise(Effect.provide(commandRun("org", "run", command), outside)),
    record: () => Effect.runPromise(held.executions.get("org", "run")),
    lookAfter: () => {
      // As the first round of a watchdog, which takes every run for one that may have died.
      const round = { now: Date.now(), before: undefined, patience: 1 };
      return Effect.runPromise(Effect.provide(wakeRuns(round), outside));
    },
  };
};
