/**
 * Two organizations with secrets of their own, whose runs live at once: started from outside or by hand, killed, cancelled,
 * answered, while a secret is replaced. Gathers all that was kept of them anywhere, and all that anybody was told.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { d1ResourceProviderLayer } from "#cloudflare/d1-resource-provider";
import type { ExecuteParams, InstanceParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import { answerWait } from "#runtime/control-run";
import { memoryServices } from "#runtime/default-services";
import { executeWorkflow } from "#runtime/execute-workflow";
import { startRun } from "#runtime/start-run";
import { CreditService } from "#services/credit-service";
import { DurableStep } from "#services/durable-step";
import { IntegrationStore } from "#services/integration-store";
import { MonitoringService } from "#services/monitoring-service";
import { ObjectStore } from "#services/object-store";
import { RunWatch } from "#services/run-watch";
import { SecretStore } from "#services/secret-store";
import { TokenRefresher } from "#services/token-refresher";
import { WorkflowInstances } from "#services/workflow-instances";
import { holdServices } from "../test/support/held-services.ts";
import { cancelLater, keepRun } from "./keeper.ts";
import { carriers } from "./secret-nodes.ts";
import type { SecretPlan, SecretRunPlan } from "./secret-plans.ts";
import { organizationIds, withLiteral } from "./secret-plans.ts";
import type { Purse } from "./secret-values.ts";
import { valuesOf, writers } from "./secret-values.ts";
import { makeTurns } from "./turns.ts";
import type { World } from "./world.ts";
import { newWorld } from "./world.ts";

export interface SecretRun extends SecretRunPlan {
  readonly world: World;
  readonly execution: WorkflowExecution | undefined;
  readonly isRefused: boolean;
}

/** A node read a secret or token: what it was given, and what it might have been given. */
interface Reading {
  readonly given: string | undefined;
  readonly standing: readonly string[];
}

export interface SecretStory {
  /** All texts, keys and numbers that were kept or told, one a line. */
  readonly kept: string;
  readonly secrets: readonly string[];
  readonly readings: readonly Reading[];
  readonly runs: readonly SecretRun[];
}

/** Texts, keys and numbers in it, at any depth. */
const textsIn = (value: unknown): readonly string[] => {
  if (value instanceof Uint8Array) return [new TextDecoder().decode(value)];
  if (typeof value !== "object" || value === null) return [String(value)];
  return [...Object.keys(value), ...Object.values(value).flatMap((part) => textsIn(part))];
};

export const liveWithSecrets = async (plan: SecretPlan): Promise<SecretStory> => {
  const turns = makeTurns(plan.order);
  const held = holdServices();
  const get = <Service>(effect: Effect.Effect<Service, unknown>): Service =>
    Effect.runSync(effect as Effect.Effect<Service>);
  const secrets = get(Effect.provide(SecretStore, SecretStore.layerMemory));
  const integrations = get(Effect.provide(IntegrationStore, IntegrationStore.layerMemory));
  const objects = get(Effect.provide(ObjectStore, ObjectStore.layerMemory));
  const refresher = Layer.succeed(TokenRefresher, {
    refresh: () => Effect.succeed({ status: "unknown" }),
  });
  for (const [at, { secrets: own, tokens }] of plan.purses.entries()) {
    const facts = { organizationId: organizationIds[at]!, now: 1 };
    for (const [name, value] of own) get(secrets.set({ ...facts, name, value }));
    for (const [id, accessToken] of tokens) {
      const given = { accessToken, expiresAt: null, scopes: [] };
      get(integrations.connect({ ...facts, id, provider: "github", tokens: given }));
    }
  }
  const told: unknown[] = [];
  const created: [instanceId: string, params: InstanceParams][] = [];
  const readings: Reading[] = [];
  const providing = (store: SecretStore["Service"]) =>
    d1ResourceProviderLayer.pipe(
      Layer.provide(
        Layer.mergeAll(
          Layer.succeed(SecretStore, store),
          Layer.succeed(IntegrationStore, integrations),
          refresher,
        ),
      ),
    );
  const instances = Layer.succeed(WorkflowInstances, {
    canCreate: false,
    create: (id, params) =>
      Effect.sync(() => {
        created.push([id, params]);
        return "created" as const;
      }),
    send: () => Effect.succeed(true),
    stop: () => Effect.void,
    endOf: () => Effect.succeed(undefined),
  });
  const outside = Layer.mergeAll(
    held.layer,
    providing(secrets),
    instances,
    RunWatch.layerNone,
    Layer.succeed(ObjectStore, objects),
  );
  const listener = MonitoringService.layerListener((message) => told.push(message));

  interface Begun {
    readonly run: SecretRunPlan;
    readonly world: World;
    readonly purse: Purse;
    readonly params: ExecuteParams;
    readonly instanceId?: string;
    readonly isRefused: boolean;
  }
  const begin = async (run: SecretRunPlan, earlier: readonly SecretRunPlan[]): Promise<Begun> => {
    const { organization, played, writing, literal } = run;
    const purse = plan.purses[organization]!;
    // A secret that is replaced before anybody looks for it is none any more; tokens stay.
    const text = writers[writing]!((run.isDirect ? purse.tokens : purse.secrets)[0]![1]);
    // The organizations have runs of the same ids.
    const before = earlier.filter((one) => one.organization === organization).length;
    const key = { organizationId: organizationIds[organization]!, executionId: `run ${before}` };
    const answers: World["answers"] = async ({ nodeId, name, question }) => {
      if (JSON.stringify(question).includes("answerWith")) {
        const data = { said: writers[writing]!(purse.tokens[0]![1]) };
        await Effect.runPromise(
          answerWait({ ...key, nodeId, name, data }).pipe(Effect.provide(outside)),
        );
      }
      return true;
    };
    const world = newWorld(key, held, answers);
    const { workflow, overrides } = played;
    const params = withLiteral(
      {
        workflow,
        userId: "user",
        organizationId: key.organizationId,
        computeCredits: 1_000_000,
        inputOverrides: overrides,
        trigger: { body: text },
      },
      literal,
      text,
    );
    if (run.isDirect) return { run, world, purse, params, isRefused: false };
    const started = startRun(params, key.executionId).pipe(Effect.provide(outside));
    const result = await Effect.runPromise(started);
    told.push(result);
    const known = { run, world, purse };
    if (result.status === "refused") return { ...known, params, isRefused: true };
    const [instanceId, given] = created.at(-1)!;
    return { ...known, params: given as ExecuteParams, instanceId, isRefused: false };
  };
  const begun: Begun[] = [];
  for (const run of plan.runs)
    begun.push(
      await begin(
        run,
        begun.map((one) => one.run),
      ),
    );

  const keep = async ({
    run,
    world,
    purse,
    params,
    instanceId,
    isRefused,
  }: Begun): Promise<SecretRun> => {
    if (isRefused) return { ...run, world, execution: undefined, isRefused };
    const kept = await keepRun(turns, world, run, (process) => {
      const witness = {
        effect: process.effect,
        given: (of: "secret" | "token", name: string, given: string | undefined): void => {
          const own = of === "token" ? purse.tokens : purse.secrets;
          const standing = own.filter(([id]) => id === name).map(([, value]) => value);
          const isNewer = of === "secret" && name === purse.secrets[0]![0];
          readings.push({ given, standing: isNewer ? [...standing, purse.newer] : standing });
        },
      };
      const asking = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
        Effect.promise(() => process.ask(() => Effect.runSync(effect)));
      const provider = providing({
        ...secrets,
        read: (...asked) => asking(secrets.read(...asked)),
        readAll: (organization) => asking(secrets.readAll(organization)),
      });
      const services = Layer.mergeAll(
        memoryServices(carriers(run.played, purse, witness)),
        Layer.succeed(DurableStep, process.steps),
        Layer.succeed(ObjectStore, objects),
        Layer.succeed(CreditService, held.credits),
        held.layer,
        listener,
        provider,
      );
      const running = executeWorkflow(
        params,
        world.key.executionId,
        instanceId === undefined ? {} : { instanceId },
      );
      return Effect.runPromise(running.pipe(Effect.provide(services)));
    });
    return { ...run, world, execution: kept.execution, isRefused };
  };
  const renew = async (): Promise<void> => {
    if (plan.renewedAfter === undefined) return;
    for (let turn = 0; turn < plan.renewedAfter; turn++) await turns.take();
    for (const [at, { secrets: own, newer: value }] of plan.purses.entries()) {
      const facts = { organizationId: organizationIds[at]!, name: own[0]![0], now: 2 };
      get(secrets.set({ ...facts, value }));
    }
  };
  const [runs] = await turns.giveUntil(() =>
    Promise.all([
      Promise.all(begun.map(keep)),
      renew(),
      Promise.all(begun.map(({ run, world }) => cancelLater(turns, world, run))),
    ]),
  );

  const recordsOf = async ({ world: { key, journal }, execution }: SecretRun) => {
    const { organizationId, executionId } = key;
    const files = await Effect.runPromise(objects.list(key));
    return [
      execution,
      Array.from(journal, ([name, text]) => [name, JSON.parse(text) as unknown]),
      get(held.executions.get(organizationId, executionId)),
      get(held.executions.readStart(organizationId, executionId)),
      get(held.waits.list(organizationId, executionId)),
      files.map(({ reference }) => [reference, get(objects.read(organizationId, reference.id))]),
    ];
  };
  const rows = organizationIds.map((organization) => get(held.executions.list(organization)));
  const everything = [told, created, rows, await Promise.all(runs.map(recordsOf))];
  return {
    kept: textsIn(everything).join("\n"),
    secrets: plan.purses.flatMap(valuesOf),
    readings,
    runs,
  };
};
