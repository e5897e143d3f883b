/** What a redrive starts its new run with: what the earlier run was given, and what is given now in its place. */
import type { ExecuteParams, RedriveParams } from "#core/execution-context";
import type { InputOverrides } from "#core/inputs";
import { recordOf } from "#core/value";
import type { Workflow } from "#core/workflow";
import { creditsOf, overridesOf } from "./run-command.ts";
import { remark } from "./terminal.ts";
import { printable, shorten } from "./text.ts";

export interface RedriveOptions {
  readonly from?: string;
  readonly with?: string;
  readonly input?: readonly string[];
  readonly credits?: string;
  readonly budget?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly org: string;
}

/** Those of the earlier run, each replaced by one that is given now. */
const mergedOverrides = (
  earlier: InputOverrides = {},
  given: InputOverrides = {},
): InputOverrides => {
  const ids = new Set([...Object.keys(earlier), ...Object.keys(given)]);
  const of = (overrides: InputOverrides, id: string) =>
    Object.hasOwn(overrides, id) ? Object.entries(overrides[id]!) : [];
  return recordOf(
    [...ids].map((id) => [id, recordOf([...of(earlier, id), ...of(given, id)])] as const),
  );
};

export const tellEarlierInputs = ({ inputOverrides = {} }: ExecuteParams): void => {
  const inputs = Object.entries(inputOverrides).flatMap(([id, ports]) =>
    Object.keys(ports).map((port) => `${id}.${port}`),
  );
  if (inputs.length === 0) return;
  const names = inputs.slice(0, 5).map((input) => `'${printable(shorten(input, 60))}'`);
  remark(
    `The earlier run's --input for ${names.join(", ")}${inputs.length > 5 ? " and more" : ""} holds here too; another --input replaces it.`,
  );
};

/** A budget is no part of what a node is: all that is done stays done. */
const withBudget = (workflow: Workflow, budget: string | undefined): Workflow =>
  budget === undefined
    ? workflow
    : { ...workflow, settings: { ...workflow.settings, budget: Number(budget) } };

export const paramsOf = (
  earlier: ExecuteParams,
  corrected: Workflow | undefined,
  redrive: RedriveParams,
  options: RedriveOptions,
): ExecuteParams => {
  const workflow = withBudget(corrected ?? earlier.workflow, options.budget);
  const given = options.input === undefined ? {} : overridesOf(workflow, options.input);
  const inputOverrides = mergedOverrides(earlier.inputOverrides, given);
  return {
    ...earlier,
    workflow,
    ...(Object.keys(inputOverrides).length === 0 ? {} : { inputOverrides }),
    ...(options.credits === undefined ? {} : { computeCredits: creditsOf(options.credits) }),
    redrive,
  };
};
