/**
 * One part of a run in an instance of its own: takes over what earlier parts have done, runs its nodes, leaves their
 * transitions for the others and the record, and tells the run that it has ended. The run's row, its credits and its record
 * are the run's own.
 */
import * as Effect from "effect/Effect";
import type { PartParams } from "#core/execution-context";
import { contextOf } from "#core/execution-context";
import type { ExecutionState } from "#core/execution-state";
import { initialState } from "#core/execution-state";
import type { GraphNode } from "#core/graph";
import { replay } from "#core/replay";
import { partEventType, persistPartStep, reuseStepName } from "#core/step-name";
import type { NodeStepResult } from "#core/step-result";
import { inlineLimitOf } from "#core/stored-value";
import { validateWorkflow } from "#core/validate";
import { start, transition } from "#machines/index";
import { ObjectStore } from "#services/object-store";
import type { DurableStep } from "#services/durable-step";
import { budgetOf } from "./budget.ts";
import type { LoadedParams } from "./load-params.ts";
import { loadParams } from "./load-params.ts";
import { piecesOf } from "./pieces.ts";
import { partWaitKey } from "./part-instance.ts";
import type { NodesRun } from "./nodes-run.ts";
import { beyondLimitIn, readResults, resultsIn, writeResults } from "./part-results.ts";
import type { Run, RunServices } from "./run.ts";
import { makeRun } from "./run.ts";
import { listenToCommands } from "./run-commands.ts";
import { runNodes } from "./run-nodes.ts";

/** Inside a step: what earlier parts have done of the nodes that this part's edges come from, and of its own when reused. */
const readEarlier = async (
  run: Run,
  state: ExecutionState,
  own: readonly GraphNode[],
  needs: readonly number[],
): Promise<readonly NodeStepResult[]> => {
  const wanted = new Set(
    own.flatMap(({ id, inbound }) => [id, ...inbound.map(({ source }) => source)]),
  );
  const scope = { organizationId: run.params.organizationId, executionId: run.executionId };
  const found = new Map<string, NodeStepResult>();
  for (const part of needs) {
    const reading = readResults(scope, part);
    const { results } = await run.perform(Effect.provideService(reading, ObjectStore, run.objects));
    for (const result of results) if (wanted.has(result.nodeId)) found.set(result.nodeId, result);
  }
  return state.graph.nodes.flatMap(({ id }) => found.get(id) ?? []);
};

/** In which the part begins: a step for each piece of what it takes over. */
const takeOver = async (
  run: Run,
  started: ExecutionState,
  own: readonly GraphNode[],
  needs: readonly number[],
): Promise<Pick<NodesRun, "state" | "beyondLimit">> => {
  let reading: Promise<readonly (readonly NodeStepResult[])[]> | undefined;
  const piece = (number: number) =>
    run.steps.do(reuseStepName(number), { retry: true }, async () => {
      reading ??= readEarlier(run, started, own, needs).then(piecesOf);
      const pieces = await reading;
      return { pieces: pieces.length, results: pieces[number - 1] ?? [] };
    });
  const first = await piece(1);
  const results = [...first.results];
  for (let number = 2; number <= first.pieces; number++) {
    for (const result of (await piece(number)).results) results.push(result);
  }
  const replaying = replay(transition, started, results, run.params.inputOverrides);
  return { state: Effect.runSync(replaying), beyondLimit: beyondLimitIn(results) };
};

const tellEnd = async (run: Run, part: number, isSpent: boolean): Promise<void> => {
  const key = partWaitKey(run.params.organizationId, run.executionId, part);
  await run.perform(
    run.waits.answer({ ...key, data: { status: "ended", isSpent }, now: run.now() }),
  );
  const sending = run.instances?.send(run.instanceId ?? run.executionId, partEventType(part));
  if (sending !== undefined) await run.perform(sending);
};

const runPart = async (
  run: Run,
  instanceId: string,
  params: PartParams,
  { isResumed, readAt: startedAt }: LoadedParams,
): Promise<void> => {
  const { executionId } = run;
  const { part, from, to, needs, organizationId } = params;
  const { graph } = validateWorkflow(run.params.workflow, { nodeTypeOf: run.registry.get });
  // The run itself has checked the document before it started a part of it.
  if (graph === undefined) throw new Error("The document of the run has changed");
  const own = graph.nodes.slice(from, to);
  const started = Effect.runSync(start(initialState(graph), {}));
  const nobodyLooks = async (): Promise<void> => {};
  const begun = await takeOver(run, started, own, needs);
  const ended = await runNodes(
    {
      ...run,
      context: contextOf(graph, run.params, executionId),
      nodes: graph.nodes,
      instanceId,
      startedAt,
      inlineLimit: inlineLimitOf(own.length),
      saveProgress: () => undefined,
      budget: budgetOf(run, graph.workflow, params.carried ?? 0),
    },
    begun.state,
    run.params.inputOverrides,
    listenToCommands(run, { isResumed, signal: undefined, ofPart: true, saveLive: nobodyLooks }),
    { ...params, beyondLimit: begun.beyondLimit },
  );
  if (ended.failure !== undefined) throw ended.failure.reason;
  await run.steps.do(persistPartStep, { retry: true }, async () => {
    const results = resultsIn(ended.state, own, ended);
    const writing = writeResults({ organizationId, executionId }, part, results);
    await run.perform(Effect.provideService(writing, ObjectStore, run.objects));
    await tellEnd(run, part, ended.state.lifecycle === "exhausted");
    return { status: "ended" };
  });
};

export const executePart: (
  part: PartParams,
  instanceId: string,
) => Effect.Effect<undefined, never, DurableStep | RunServices> = Effect.fnUntraced(
  function* (part, instanceId) {
    const loaded = yield* loadParams(part.organizationId, part.partOf);
    const run = yield* makeRun(loaded.params, part.partOf, part.runInstanceId);
    yield* Effect.promise(() => runPart(run, instanceId, part, loaded));
    return undefined;
  },
);
