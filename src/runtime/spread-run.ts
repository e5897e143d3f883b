/** The record of a run that is spread over several instances, made in its last step of what the parts have left. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { ExecutionState } from "#core/execution-state";
import type { Part } from "#core/plan-parts";
import { replay } from "#core/replay";
import type { ReportFacts, WorkflowExecution } from "#core/report";
import { reportExecution, reportLoss } from "#core/report";
import type { RecordedTransition } from "#core/step-result";
import { handOverStep } from "#core/step-name";
import { transition } from "#machines/index";
import type { ObjectScope } from "#services/object-store";
import { ObjectStore } from "#services/object-store";
import type { WorkflowInstances } from "#services/workflow-instances";
import type { Folded } from "./part-results.ts";
import { budgetOf } from "./budget.ts";
import { excessError } from "./excess.ts";
import { foldParts, resultsIn, writeResults } from "./part-results.ts";
import type { Run } from "./run.ts";
import type { Commands } from "./run-commands.ts";
import type { PartsRun } from "./run-parts.ts";
import { runParts } from "./run-parts.ts";

const scopeOf = ({ params, executionId }: Run): ObjectScope => ({
  organizationId: params.organizationId,
  executionId,
});

/** What a redrive took over is to the parts like what an earlier part has done. */
const handOver = async (run: Run, begun: ExecutionState): Promise<void> => {
  if (begun.counts.completed === 0) return;
  await run.steps.do(handOverStep, { retry: true }, async () => {
    const none = { interrupted: [], beyondLimit: [] };
    const writing = writeResults(scopeOf(run), 0, resultsIn(begun, begun.graph.nodes, none));
    await run.perform(Effect.provideService(writing, ObjectStore, run.objects));
    return { part: 0 };
  });
};

/** What stopped the run, and changes nothing when every node had ended. */
const stopped = (
  run: Run,
  { state, interrupted, beyondLimit }: Folded,
  { isCancelled, isSpent }: PartsRun,
): ExecutionState => {
  const budget = isSpent ? budgetOf(run, state.graph.workflow, 0) : undefined;
  const error = budget?.error ?? excessError(state, beyondLimit);
  const exhausted = error === undefined ? undefined : ({ status: "exhausted", error } as const);
  const record: RecordedTransition | undefined = isCancelled
    ? { status: "cancelled", started: interrupted }
    : exhausted;
  if (record === undefined) return state;
  const folding = replay(transition, state, [record], run.params.inputOverrides);
  const exit = Effect.runSyncExit(folding);
  return Exit.isSuccess(exit) ? exit.value : state;
};

/** Gives the record at a moment; null for a replay, whose record was stored long ago. */
export const spreadRun = async (
  run: Run,
  instances: WorkflowInstances["Service"],
  begun: ExecutionState,
  parts: readonly Part[],
  facts: Omit<ReportFacts, "endedAt">,
  commands: Commands,
): Promise<(endedAt: number | null) => Promise<WorkflowExecution>> => {
  await handOver(run, begun);
  const outcome = await runParts(run, instances, parts, begun, commands);
  const { ended, error } = outcome;
  return async (endedAt) => {
    if (endedAt === null) return reportExecution(begun, { ...facts, endedAt });
    const folding = foldParts(scopeOf(run), begun, ended, run.params.inputOverrides);
    const folded = await run.perform(Effect.provideService(folding, ObjectStore, run.objects));
    if (error !== undefined) {
      return reportLoss(reportExecution(folded.state, { ...facts, endedAt: null }), error, endedAt);
    }
    return reportExecution(stopped(run, folded, outcome), { ...facts, endedAt });
  };
};
