/** Lets two organizations run their runs side by side over the same services, or one alone, and gathers what each sees of it. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { WorkflowExecution } from "#core/report";
import type { DirectRuntime } from "#runtime/direct-runtime";
import type { MonitoringMessage } from "#services/monitoring-service";
import { MonitoringService } from "#services/monitoring-service";
import { createDirectRuntime } from "../src/index.ts";
import type { Side } from "./access-programs.ts";
import { sides } from "./access-programs.ts";
import type { Services } from "./access-question.ts";
import { all } from "./access-question.ts";
import type { Household, RunPlan, Street } from "./access-runs.ts";
import { nodeId, usingNodes, workflowOf } from "./access-runs.ts";
import { openContext, servicesOf } from "./access-services.ts";
import { pass } from "./durable-run.ts";

const perform = Effect.runPromise;

/** One organization among those who use the services. */
interface Member {
  readonly organizationId: string;
  readonly household: Household;
  readonly services: Services;
  readonly runtime: DirectRuntime;
}

const furnish = async ({ organizationId, household, services }: Member): Promise<void> => {
  for (const [id, value] of household.resources) {
    const tokens = { accessToken: `${value} as a token`, expiresAt: null, scopes: [] };
    const connection = { organizationId, id, provider: "test", tokens, now: 1 };
    await perform(services.SecretStore.set({ organizationId, name: id, value, now: 1 }));
    await perform(services.IntegrationStore.connect(connection));
  }
};

/** A wait that somebody else has taken from a run would keep it for a day. */
const longestRun = 5_000;

/** Answers whatever the run might ask, as long as it lives. */
const runAnswered = async (member: Member, plan: RunPlan): Promise<WorkflowExecution> => {
  const { organizationId, services, runtime } = member;
  const { executionId, mark, computeCredits, nodes, other, goesOn } = plan;
  const idOfObject = (run: string, name: string): string =>
    Effect.runSync(services.ObjectStore.idOf({ organizationId, executionId: run }, name));
  const workflow = workflowOf(plan, idOfObject);
  const redrive = goesOn ? { redrive: { executionId: other } } : {};
  const params = { workflow, userId: mark, organizationId, computeCredits, trigger: mark };
  const key = { organizationId, executionId };
  let isOver = false;
  const running = runtime.run({ ...params, ...redrive }, executionId).finally(() => {
    isOver = true;
  });
  const answering = async (): Promise<void> => {
    const begun = performance.now();
    while (!isOver) {
      // Long enough that others may do something to what waits.
      await pass(4);
      if (performance.now() - begun > longestRun) await runtime.command(key, "cancel");
      for (const at of nodes.keys()) await runtime.answer(key, nodeId(at), mark);
    }
  };
  const [execution] = await Promise.all([running, answering()]);
  return execution;
};

/** What the organization finds of its runs when they are over. */
const remainsOf = async ({ organizationId, household, services }: Member) => {
  const runs = [...new Set(household.runs.map(({ executionId }) => executionId))];
  return [
    await perform(services.ExecutionStore.list(organizationId)),
    await perform(services.CreditService.account(organizationId)),
    await perform(services.CreditService.listEntries(organizationId, all)),
    ...(await Promise.all(
      runs.map((executionId) =>
        perform(services.ObjectStore.list({ organizationId, executionId })),
      ),
    )),
  ];
};

/** Lines of JSON: an assertion must not print an own key `__proto__`. */
interface View {
  readonly executions: readonly string[];
  readonly remains: readonly string[];
  readonly messages: readonly string[];
}

const linesOf = (values: readonly unknown[]): readonly string[] =>
  values.map((value) => JSON.stringify(value));

const live = async (
  { organizations, households }: Street,
  present: readonly Side[],
): Promise<readonly View[]> => {
  const context = await perform(openContext);
  const services = servicesOf(context);
  const messages: MonitoringMessage[] = [];
  const layers = Layer.merge(
    Layer.succeedContext(context),
    MonitoringService.layerListener((message) => messages.push(message)),
  );
  const runtime = createDirectRuntime({ nodes: usingNodes, layers });
  const liveIn = async (side: Side): Promise<View> => {
    const [organizationId, household] = [organizations[side], households[side]];
    const member: Member = { organizationId, household, services, runtime };
    await furnish(member);
    const executions: WorkflowExecution[] = [];
    for (const plan of household.runs) executions.push(await runAnswered(member, plan));
    return {
      executions: linesOf(executions),
      remains: linesOf(await remainsOf(member)),
      // Of nodes that run at once, either may be told of first.
      messages: linesOf(messages.filter((one) => one.organizationId === organizationId)).toSorted(),
    };
  };
  return Promise.all(present.map(liveIn));
};

export const liveTogether = (street: Street): Promise<readonly View[]> => live(street, sides);

/** As if there were nobody else. */
export const liveApart = async (street: Street): Promise<readonly View[]> =>
  (await Promise.all(sides.map((side) => live(street, [side])))).flat();
