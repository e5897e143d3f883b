/**
 * The first step of a run: refuses what cannot run, reserves its credits, and stores the live record, so that the run is listed
 * and found. What it decides is on record, and a replay decides it no more.
 */
import { estimateCredits, roundedLimit } from "#core/credits";
import { NewerStepNames } from "#core/errors";
import type { ExecutionState } from "#core/execution-state";
import { isFinalStatus } from "#core/lifecycle";
import { emptyRecord } from "#core/report";
import { secretLiteralProblem, withMaskedTrigger } from "#core/secret-literals";
import { getExecutionStatus } from "#core/status";
import type { JsonValue } from "#core/value";
import { stepNameScheme } from "#core/step-name";
import { cloneSize } from "#core/value";
import { readMask } from "./masking.ts";
import type { Definition, Run } from "./run.ts";
import { saveAndTell } from "./run.ts";
import type { ReusedParts } from "./take-over.ts";

/** What the first step decides, and when. */
export type Initialised = {
  readonly startedAt: number;
  /** By which steps are named; the first one unless told. */
  readonly scheme?: number;
} & (
  | {
      readonly status: "ready";
      /** Steps that hand over what a redrive reuses. */
      readonly reusedParts?: number;
      /** What triggered it, where a secret stood in that. A start from outside has masked it before; others have not. */
      readonly maskedTrigger?: JsonValue;
      /** Where the parts of a run that is spread over several instances end; none for a run of one. */
      readonly partEnds?: readonly number[];
    }
  | { readonly status: "exhausted" }
  | { readonly status: "refused"; readonly error: string }
);

/** Bytes of a structured clone: it stands in the step's result. A start from outside has masked larger ones before. */
const mostMasked = 512 * 1024;

/** A run that goes on under other names would do everything again. */
export const checkScheme = (
  executionId: string,
  { scheme: recorded = 1 }: Pick<Initialised, "scheme">,
): void => {
  if (recorded > stepNameScheme) {
    throw new NewerStepNames({ executionId, recorded, known: stepNameScheme });
  }
};

/**
 * Why the run is refused for its organization's secrets: one is written into what it was started with, or they are sealed under
 * a key that is not there. Whatever else keeps them from being read is worth another try.
 */
const secretProblem = async (run: Run): Promise<string | undefined> => {
  const mask = await readMask(run);
  return "refusal" in mask ? mask.refusal : secretLiteralProblem(mask, run.params);
};

/** Reserves the estimate and stores the live record, so that the run is listed and found. */
export const initialise = async (
  run: Run,
  definition: Definition,
  started: ExecutionState,
  reusedParts: ReusedParts | undefined,
  partEnds: readonly number[] | undefined,
): Promise<Initialised> => {
  const { organizationId, computeCredits } = run.params;
  const { executionId } = run;
  const startedAt = run.now();
  const begun = { startedAt, scheme: stepNameScheme };
  const parts = await reusedParts?.();
  if (parts !== undefined && "refusal" in parts) {
    return { ...begun, status: "refused", error: parts.refusal };
  }
  const earlier = parts?.flat() ?? [];
  const reused = new Set(earlier.map(({ nodeId }) => nodeId));
  const costOf = (type: string): number | undefined => run.registry.get(type)?.computeCost;
  // In whole millionths, as it is allotted: less reserved than may be spent could pass the limit.
  const budget = roundedLimit(started.graph.workflow.settings?.budget ?? Number.POSITIVE_INFINITY);
  const left = budget - earlier.reduce((sum, { reusedUsage }) => sum + reusedUsage, 0);
  const estimate = Math.min(estimateCredits(started.graph, costOf, reused), Math.max(left, 0));
  const asked = { organizationId, executionId, estimate, limit: computeCredits, now: startedAt };
  // One round trip for all three. The watchdog gives back what is reserved by a run that dies before it is stored, and a run
  // that is refused settles at nothing.
  const [secret, isReserved] = await Promise.all([
    secretProblem(run),
    run.perform(run.credits.reserve(asked)),
    run.perform(run.watch.begin),
  ]);
  if (secret !== undefined) return { ...begun, status: "refused", error: secret };
  if (!isReserved) return { ...begun, status: "exhausted" };
  const start = withMaskedTrigger(await run.mask(), run.params);
  const status = getExecutionStatus(started);
  // An empty workflow is complete as soon as it starts; its record waits for the time of the end.
  if (!isFinalStatus(status)) {
    const execution = emptyRecord(started.graph.workflow.id, executionId, status, startedAt);
    const saved = { execution, savedAt: startedAt, isInitial: true, start };
    const standing = await saveAndTell(run, definition, saved);
    // The platform begins an instance again when it is told to: all of it would be done for nothing a second time.
    if (isFinalStatus(standing.status)) {
      const error = `This run has ended before, as ${standing.status}. Start another, or redrive it.`;
      return { ...begun, status: "refused", error };
    }
  }
  const masked = start.trigger === run.params.trigger ? undefined : (start.trigger ?? null);
  if (masked !== undefined && cloneSize(masked) > mostMasked) {
    const error = "What triggered the run holds a secret, and is too large to be kept without it.";
    return { ...begun, status: "refused", error };
  }
  return {
    ...begun,
    status: "ready",
    ...(parts === undefined ? {} : { reusedParts: parts.length }),
    ...(masked === undefined ? {} : { maskedTrigger: masked }),
    ...(partEnds === undefined ? {} : { partEnds }),
  };
};
