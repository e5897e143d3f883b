/** The record of a run that is spread over several instances, made in its last step of what the parts have left. */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type { ExecutionState } from "#core/execution-state";
import type { Part } from "#core/plan-parts";
import { replay } from "#core/replay";
import type { ReportFacts, WorkflowExecution } from "#core/report";
import { reportExecution, reportLoss } from "#core/report";
import { handOverStep } from "#core/step-name";
import { transition } from "#machines/index";
import type { ObjectScope } from "#services/object-store";
import { ObjectStore } from "#services/object-store";
import type { WorkflowInstances } from "#services/workflow-instances";
import type { Folded } from "./part-results.ts";
import { foldParts, resultsIn, writeResults } from "./part-results.ts";
import type { Run } from "./run.ts";
import type { Commands } from "./run-commands.ts";
import { runParts } from "./run-parts.ts";

const scopeOf = ({ params, executionId }: Run): ObjectScope => ({
  organizationId: params.organizationId,
  executionId,
});

/** What a redrive took over is to the parts like what an earlier part has done. */
const handOver = async (run: Run, begun: ExecutionState): Promise<void> => {
  if (begun.counts.completed === 0) return;
  await run.steps.do(handOverStep, { retry: true }, async () => {
    const writing = writeResults(scopeOf(run), 0, resultsIn(begun, begun.graph.nodes));
    await run.perform(Effect.provideService(writing, ObjectStore, run.objects));
    return { part: 0 };
  });
};

/** A cancel that came when every node had ended changes nothing. */
const cancelled = (run: Run, { state, interrupted }: Folded): ExecutionState => {
  const record = { status: "cancelled", started: interrupted } as const;
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
  const { ended, isCancelled, error } = await runParts(run, instances, parts, begun, commands);
  return async (endedAt) => {
    if (endedAt === null) return reportExecution(begun, { ...facts, endedAt });
    const folding = foldParts(scopeOf(run), begun, ended, run.params.inputOverrides);
    const folded = await run.perform(Effect.provideService(folding, ObjectStore, run.objects));
    if (error !== undefined) {
      return reportLoss(reportExecution(folded.state, { ...facts, endedAt: null }), error, endedAt);
    }
    return reportExecution(isCancelled ? cancelled(run, folded) : folded.state, {
      ...facts,
      endedAt,
    });
  };
};
