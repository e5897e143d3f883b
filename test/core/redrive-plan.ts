/** Plans of redrives for example tests: `told(ran(workflow, ends), target(corrected))` says what becomes of each node. */
import type { InputOverrides } from "#core/inputs";
import type { RedriveSource, RedriveTarget } from "#core/redrive";
import { planRedrive, redriveReasonText } from "#core/redrive";
import { reportExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import type { End } from "./settle.ts";
import { graphOf, settle } from "./settle.ts";

export const facts = { executionId: "first", startedAt: 0, endedAt: 9_000 };

/** A run of the document that is over, with nodes that ended so; the others never began. */
export const ran = (
  workflow: Workflow,
  ends: Readonly<Record<string, End>>,
  overrides?: InputOverrides,
): RedriveSource => ({
  graph: graphOf(workflow),
  execution: reportExecution(settle(workflow, ends), facts),
  overrides,
});

export const target = (
  workflow: Workflow,
  rest: Partial<Omit<RedriveTarget, "graph">> = {},
): RedriveTarget => ({ graph: graphOf(workflow), overrides: undefined, ...rest });

/** What becomes of each node, in the plan's order. */
export const told = (source: RedriveSource, to: RedriveTarget): readonly string[] =>
  planRedrive(source, to).map((decision) => `${decision.nodeId}: ${redriveReasonText(decision)}`);

export const kept = (...ids: readonly string[]): readonly string[] =>
  ids.map((id) => `${id}: taken over from run 'first'`);
