/**
 * The WorkflowEntrypoint: payload in, run, record out. Knows the platform's language and nothing of workflows: a refused
 * document is the only thing that it turns into a NonRetryableError (ERROR-1).
 */
import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from "cloudflare:workers";
import { NonRetryableError } from "cloudflare:workflows";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import type { ExecuteParams, InstanceParams } from "#core/execution-context";
import { isPartParams, isStoredParams } from "#core/execution-context";
import type { Mask } from "#core/mask";
import { usageOf } from "#core/report";
import { executePart } from "#runtime/execute-part";
import type { RunOptions } from "#runtime/execute-workflow";
import { executeWorkflow } from "#runtime/execute-workflow";
import { loadParams } from "#runtime/load-params";
import { DurableStep } from "#services/durable-step";
import type { NodeDefinition } from "#services/node-definition";
import { ResourceProvider } from "#services/resource-provider";
import type { PawlEnv } from "./env.ts";
import { cloudflareServices, registryLayer } from "./layers.ts";
import { keepOffConsole, maskConsole } from "./masked-console.ts";
import { workflowInstancesLayer } from "./workflow-instances.ts";
import { workflowSteps } from "./workflow-step.ts";

/** Steps that an instance may take unless its Worker configures more (`limits.steps`). */
const platformStepLimit = 10_000;

export interface EntrypointOptions<Env extends PawlEnv = PawlEnv> {
  /** Beside the built-in nodes; one of the same type replaces the built-in one. */
  readonly nodes?: readonly NodeDefinition[];
  /** Services to use in place of Pawl's own, merged into one layer; called for each run. */
  readonly layers?: (env: Env, context: ExecutionContext) => Layer.Layer<never>;
  /**
   * Steps that an instance may take: 10,000 unless the Worker's `limits.steps` says otherwise. A run that takes more is spread
   * over several instances, of `partSteps` steps each: 1,800 unless told.
   */
  readonly stepLimit?: number;
  readonly partSteps?: number;
}

/** What an instance gives back: small, since the record is in the store. */
export interface ExecuteOutput {
  readonly executionId: string;
  readonly status: string;
  /** Compute credits. */
  readonly usage: number;
}

type ExecuteClass<Env extends PawlEnv> = new (
  context: ExecutionContext,
  env: Env,
) => WorkflowEntrypoint<Env, InstanceParams>;

/** Says what is missing from a payload that is not one of Pawl's; undefined when nothing is. */
const missingParam = (
  payload: Partial<ExecuteParams & Extract<InstanceParams, { stored: true }>> | undefined,
): string | undefined =>
  typeof payload?.organizationId !== "string" || payload.organizationId === ""
    ? "organizationId (a string)"
    : payload.stored === true || "partOf" in payload
      ? undefined
      : typeof payload.userId !== "string"
        ? "userId (a string)"
        : typeof payload.computeCredits !== "number"
          ? "computeCredits (a number)"
          : undefined;

/** Undefined for a part of a run, which has no record of its own. */
const executeInstance = Effect.fnUntraced(function* (
  payload: InstanceParams,
  instanceId: string,
  options: RunOptions,
) {
  if (isPartParams(payload)) return yield* executePart(payload, instanceId);
  const { executionId = instanceId, ...given } = payload;
  const params = isStoredParams(given)
    ? (yield* loadParams(given.organizationId, executionId)).params
    : given;
  const instance = executionId === instanceId ? {} : { instanceId };
  return yield* executeWorkflow(params, executionId, { ...options, ...instance });
});

/** Logs of a Worker are kept: what nodes and libraries write there while the run goes on is masked too (SECRET-1). */
const keptOffConsole = (organizationId: string) =>
  Effect.fnUntraced(function* <A, E, R>(run: Effect.Effect<A, E, R>) {
    const resources = yield* ResourceProvider;
    const mask = (): Mask => resources.maskAtHand(organizationId);
    return yield* Effect.acquireUseRelease(
      Effect.sync(() => {
        maskConsole(console);
        return keepOffConsole(mask);
      }),
      () => run,
      (release) => Effect.sync(release),
    );
  });

/** The class to export from a Worker and to name in its `[[workflows]]` binding EXECUTE. */
export const executeEntrypoint = <Env extends PawlEnv = PawlEnv>(
  options: EntrypointOptions<Env> = {},
): ExecuteClass<Env> => {
  const registry = registryLayer(options.nodes ?? []);
  // Before nodes' own modules take hold of its methods, if they are loaded later.
  maskConsole(console);
  return class Execute extends WorkflowEntrypoint<Env, InstanceParams> {
    override async run(
      event: Readonly<WorkflowEvent<InstanceParams>>,
      step: WorkflowStep,
    ): Promise<ExecuteOutput> {
      const missing = missingParam(event.payload);
      if (missing !== undefined) {
        throw new NonRetryableError(
          `The instance's params lack ${missing}. Pawl takes { workflow, userId, organizationId, computeCredits }.`,
        );
      }
      const services = Layer.mergeAll(
        registry,
        cloudflareServices(this.env),
        workflowInstancesLayer(this.env.EXECUTE),
        Layer.succeed(DurableStep, workflowSteps(step)),
        options.layers?.(this.env, this.ctx) ?? Layer.empty,
      );
      const exit = await Effect.runPromiseExit(
        executeInstance(event.payload, event.instanceId, {
          stepLimit: options.stepLimit ?? platformStepLimit,
          ...(options.partSteps === undefined ? {} : { partSteps: options.partSteps }),
        }).pipe(keptOffConsole(event.payload.organizationId), Effect.provide(services)),
      );
      if (Exit.isFailure(exit)) throw Cause.squash(exit.cause);
      const execution = exit.value;
      if (execution === undefined)
        return { executionId: event.instanceId, status: "part", usage: 0 };
      if (execution.status === "error" && execution.error !== undefined) {
        throw new NonRetryableError(execution.error);
      }
      return {
        executionId: execution.id,
        status: execution.status,
        usage: usageOf(execution),
      };
    }
  };
};
