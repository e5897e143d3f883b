/** Runs a durable scenario in a world, in as many processes as it takes, and says what must be there in the end. */
import { setImmediate as nextTurn } from "node:timers/promises";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { WorkflowExecution } from "#core/report";
import { memoryServices } from "#runtime/default-services";
import { executeWorkflow } from "#runtime/execute-workflow";
import { CreditService } from "#services/credit-service";
import { DurableStep } from "#services/durable-step";
import type {
  MultiStepContext,
  NodeContext,
  NodeDefinition,
  NodeFacts,
} from "#services/node-definition";
import { defineNode } from "../src/index.ts";
import { scriptedType } from "./arbitraries.ts";
import type { DurableScenario, Turn } from "./lives.ts";
import { pureType, stepsType } from "./lives.ts";
import type { Outcomes } from "./model.ts";
import { outcomesOf } from "./model.ts";
import { behave, delayOf } from "./perform.ts";
import type { Process, World } from "./world.ts";
import { answerTo, executionId, organizationId, placeOf, startProcess } from "./world.ts";

/** What one process did of a run. */
export interface Stretch {
  readonly process: Process;
  /** Undefined when it died first. */
  readonly execution: WorkflowExecution | undefined;
}

const facts = {
  name: "Scripted",
  category: "test",
  description: "Does what the test says.",
  inputs: [],
  outputs: [],
} as const;

type Returned = ReturnType<NodeDefinition["run"]>;

/** Nodes take some turns of the event loop, each of its own number. */
export const pass = async (turns: number): Promise<void> => {
  for (let turn = 0; turn < turns; turn++) await nextTurn();
};

/** What the nodes tell of their lives. */
export interface Witness {
  readonly effect: (place: string, key: string, context: NodeFacts) => void;
  /** At each call of a node's function, but for the ones that only compute. */
  readonly called: (context: NodeFacts) => void;
}

export const durableNodes = (
  played: DurableScenario,
  order: number,
  { effect, called }: Witness,
): readonly NodeDefinition[] => {
  const { behaviours, lives } = played;
  const behaveInTime = async (context: NodeFacts) => {
    const answer = behave(played, context);
    return Effect.isEffect(answer) ? Effect.runPromise(answer) : answer;
  };
  const runOnce = (context: NodeContext): Returned => {
    const delay = delayOf(context.nodeId, order);
    return delay === 0
      ? behave(played, context)
      : pass(delay).then(async () => behaveInTime(context));
  };
  const step = async (context: MultiStepContext, name: string): Promise<void> => {
    const { nodeId, doStep } = context;
    const isHurried = behaviours.get(nodeId)?.does === "time out";
    const did = await doStep(name, async ({ idempotencyKey }) => {
      effect(placeOf(nodeId, name), idempotencyKey, context);
      if (!isHurried) await pass(delayOf(nodeId + name, order));
      return [nodeId, name];
    });
    if (did[0] !== nodeId || did[1] !== name) throw new Error(`Step ${name} gave ${did.join()}`);
  };
  const take = async (context: MultiStepContext, turn: Turn): Promise<void> => {
    const { nodeId, attempt } = context;
    switch (turn.does) {
      case "step":
        return step(context, turn.name);
      case "sleep":
        return context.sleep(turn.name, 5);
      case "wait": {
        const { name, ends, strays } = turn;
        const answer = await context.waitForEvent(name, {
          question: { ends, strays },
          ...(ends === "timed out" ? { timeout: 0 } : {}),
        });
        const full = attempt === 1 ? name : `${name} (attempt ${attempt})`;
        const expected = ends === "answered" ? answerTo(nodeId, full) : "timed out";
        const got = answer.status === "answered" ? answer.data : "timed out";
        if (JSON.stringify(got) !== JSON.stringify(expected)) {
          throw new Error(`Wait ${full} got ${JSON.stringify(got)}`);
        }
      }
    }
  };
  const runSteps = async (context: MultiStepContext) => {
    const { nodeId, doStep } = context;
    called(context);
    const life = lives.get(nodeId)!;
    if (life.kind !== "steps") throw new Error("Not a life in steps");
    await step(context, life.first);
    if (life.isTogether) await Promise.all(life.turns.map(async (turn) => take(context, turn)));
    else for (const turn of life.turns) await take(context, turn);
    if (behaviours.get(nodeId)?.does === "time out") {
      await doStep("hang", () => new Promise<null>(() => {}));
    }
    return behaveInTime(context);
  };
  return [
    defineNode({
      ...facts,
      type: scriptedType,
      run: (_inputs, context) => {
        called(context);
        effect(placeOf(context.nodeId, null), context.idempotencyKey, context);
        return runOnce(context);
      },
    }),
    defineNode({
      ...facts,
      type: pureType,
      pure: true,
      // As much as any of them reports: one that reports more takes a step.
      computeCost: 5,
      run: (_inputs, context) => runOnce(context),
    }),
    defineNode({
      ...facts,
      type: stepsType,
      multiStep: true,
      run: (_inputs, context) => runSteps(context),
    }),
  ];
};

/** One process takes the run up where it stands, and dies at that moment of its own or lives to the end. */
export const takeUp = async (
  played: DurableScenario,
  world: World,
  order: number,
  lastMoment?: number,
): Promise<Stretch> => {
  const process = startProcess(world, lastMoment);
  const nodes = durableNodes(played, order, { effect: process.effect, called: () => {} });
  const { workflow, overrides } = played;
  const params = {
    workflow,
    userId: "user",
    organizationId,
    computeCredits: 1_000_000,
    inputOverrides: overrides,
  };
  const services = Layer.mergeAll(
    memoryServices(nodes),
    Layer.succeed(DurableStep, process.steps),
    Layer.succeed(CreditService, world.held.credits),
    world.held.layer,
  );
  const run = Effect.runPromise(
    executeWorkflow(params, executionId).pipe(Effect.provide(services)),
  );
  return { process, execution: await Promise.race([run, process.death]) };
};

/** The places where effects must have happened: in every node that ran, once for each of its steps. */
export const expectedPlaces = (
  played: DurableScenario,
  outcomes: Outcomes = outcomesOf(played),
): readonly string[] =>
  [...played.lives].flatMap(([nodeId, life]) => {
    if (outcomes.get(nodeId)?.status === "skipped") return [];
    if (life.kind !== "steps") return life.kind === "pure" ? [] : [placeOf(nodeId, null)];
    const steps = life.turns.filter(({ does }) => does === "step").map(({ name }) => name);
    return [life.first, ...steps].map((name) => placeOf(nodeId, name));
  });
