/**
 * Performs a scenario through the direct runtime: one scripted node type that does what each node is to do, after a delay of
 * its own. Says what the record must be, by the model.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import type { NodeContext, NodeDefinition, NodeFacts } from "#services/node-definition";
import { createDirectRuntime, defineNode, NodeFailure } from "../src/index.ts";
import type { Scenario } from "./arbitraries.ts";
import { scriptedType } from "./arbitraries.ts";
import type { Outcomes } from "./model.ts";
import { idsOf, inputsOf, nodeOf, orderOf, outcomesOf } from "./model.ts";

/** One call of a node's function. */
interface Call {
  readonly nodeId: string;
  readonly attempt: number;
  readonly inputs: Readonly<Record<string, unknown>>;
}

interface Performance {
  readonly execution: WorkflowExecution;
  /** Every call, in the order they were made. */
  readonly log: readonly Call[];
}

type Run = (inputs: Call["inputs"], context: NodeContext) => ReturnType<NodeDefinition["run"]>;

export const nodeThatRuns = (run: Run, type: string = scriptedType): NodeDefinition =>
  defineNode({
    type,
    name: "Scripted",
    category: "test",
    description: "Does what the test says.",
    inputs: [],
    outputs: [],
    run,
  });

export const runWorkflow = (
  { workflow, overrides }: Pick<Scenario, "workflow" | "overrides">,
  nodes: readonly NodeDefinition[],
  layers?: Layer.Layer<never>,
): Promise<WorkflowExecution> =>
  createDirectRuntime({ nodes, ...(layers === undefined ? {} : { layers }) }).run(
    {
      workflow,
      userId: "user",
      organizationId: "organization",
      computeCredits: 1_000_000,
      inputOverrides: overrides,
    },
    "execution",
  );

/** The three ways to fail are one. */
const failure = (nodeId: string, message: string): ReturnType<Run> => {
  const failed = new NodeFailure({ message });
  switch (nodeId.length % 3) {
    case 0:
      return failed;
    case 1:
      return Effect.fail(failed);
    default:
      throw failed;
  }
};

const never = new Promise<never>(() => {});

/** What the node does, once its delay is over. */
export const behave = ({ workflow, behaviours }: Scenario, context: NodeFacts): ReturnType<Run> => {
  const { nodeId, attempt } = context;
  const behaviour = behaviours.get(nodeId)!;
  switch (behaviour.does) {
    case "recover":
    case "complete": {
      if (attempt <= (nodeOf(workflow, nodeId)?.policy?.retries?.limit ?? 0)) {
        throw new NodeFailure({ message: "not yet", retryable: true });
      }
      context.reportUsage(behaviour.usage);
      return behaviour.outputs;
    }
    case "fail":
      return failure(nodeId, behaviour.error);
    case "throw":
      throw new Error(behaviour.error);
    case "exhaust":
      throw new NodeFailure({ message: behaviour.error, retryable: true });
    case "time out":
      return never;
    case "lack its type":
      throw new Error("A node without a type cannot run");
  }
};

/** How many turns of the event loop a node takes; some answer at once. */
export const delayOf = (nodeId: string, order: number): number => {
  let mixed = order;
  for (let at = 0; at < Math.min(nodeId.length, 20); at++) {
    mixed = Math.imul(mixed ^ nodeId.charCodeAt(at), 0x5bd1e995);
  }
  return order === 0 ? 0 : Math.max(0, ((mixed >>> 13) % 8) - 2);
};

const scriptedNode = (scenario: Scenario, order: number, log: Call[]): NodeDefinition =>
  nodeThatRuns((inputs, context) => {
    const { nodeId, attempt } = context;
    log.push({ nodeId, attempt, inputs });
    const delay = delayOf(nodeId, order);
    if (delay === 0) return behave(scenario, context);
    const wait = async (): Promise<void> => {
      for (let turn = 0; turn < delay; turn++) await nextTurn();
    };
    return wait().then(async () => {
      const answer = behave(scenario, context);
      return Effect.isEffect(answer) ? Effect.runPromise(answer) : answer;
    });
  });

/** `order` decides how long each node takes. */
export const performScenario = async (
  scenario: Scenario,
  order: number,
  layers?: Layer.Layer<never>,
): Promise<Performance> => {
  const log: Call[] = [];
  const execution = await runWorkflow(scenario, [scriptedNode(scenario, order, log)], layers);
  return { execution, log };
};

/** The record's entry but for its times. */
type TimelessNode = Omit<NodeExecution, "startedAt" | "endedAt" | "attempts"> & {
  /** The error of each attempt; undefined for one that succeeded. */
  readonly attempts: readonly (string | undefined)[];
};

export const timeless = ({ nodeExecutions }: WorkflowExecution): readonly TimelessNode[] =>
  nodeExecutions.map(({ startedAt: _startedAt, endedAt: _endedAt, attempts, ...node }) => ({
    ...node,
    attempts: attempts.map(({ error }) => error),
  }));

const attemptsOf = (
  { workflow, behaviours }: Scenario,
  id: string,
  error: string | undefined,
): readonly (string | undefined)[] => {
  const limit = nodeOf(workflow, id)?.policy?.retries?.limit ?? 0;
  const does = behaviours.get(id)?.does;
  if (does === "exhaust") return Array<string | undefined>(limit + 1).fill(error);
  const isRecovered = does === "recover" && error === undefined;
  return isRecovered ? [...Array<string>(limit).fill("not yet"), undefined] : [error];
};

/** The record's entries as the spec has them. */
export const expectedNodes = (
  scenario: Scenario,
  outcomes: Outcomes = outcomesOf(scenario),
): readonly TimelessNode[] => {
  const { workflow } = scenario;
  const missing = orderOf(workflow)!.filter((id) => nodeOf(workflow, id) === undefined);
  const reported = [...idsOf({ ...workflow, edges: [] }), ...missing];
  return reported.map((nodeId): TimelessNode => {
    const outcome = outcomes.get(nodeId)!;
    const inputs = inputsOf(scenario, outcomes, nodeId);
    switch (outcome.status) {
      case "completed":
        return { nodeId, inputs, ...outcome, attempts: attemptsOf(scenario, nodeId, undefined) };
      case "failed": {
        const attempts = attemptsOf(scenario, nodeId, outcome.error);
        return { nodeId, inputs, outputs: null, usage: 0, ...outcome, attempts };
      }
      case "skipped":
        return { nodeId, inputs: {}, outputs: null, usage: 0, ...outcome, attempts: [] };
    }
  });
};
