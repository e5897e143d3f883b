/** `pawl redrive`: a new run that takes over what an earlier one has done, and runs the rest. */
import type { ExecuteParams, RedriveParams } from "#core/execution-context";
import { paramsProblem, storedParamsLimit } from "#core/platform-limits";
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import type { PlannedNode } from "./local-protocol.ts";
import type { LocalRuntime } from "./local-runtime.ts";
import { amountOf } from "./credit-amount.ts";
import { checkOrganization, findRun, readRun, requireRuns, visitRuns } from "./local-runs.ts";
import type { RedriveOptions } from "./redrive-params.ts";
import { paramsOf, tellEarlierInputs } from "./redrive-params.ts";
import { checkWorkflow, runDurably } from "./run-command.ts";
import type { BudgetOutlook } from "./redrive-budget.ts";
import { checkOutlook, outlookOf, outlookText, suffices } from "./redrive-budget.ts";
import { shortRunId } from "./run-waits.ts";
import { commandText } from "./shell-command.ts";
import type { Cell } from "./table.ts";
import { renderTable } from "./table.ts";
import { columnsOf, paintFor, print, printJson, remark, sentenceColumnsOf } from "./terminal.ts";
import { count, wrap } from "./text.ts";
import { openWatch } from "./watch-run.ts";
import { readWorkflowFile } from "./workflow-file.ts";

const readEarlier = async (
  { ask }: LocalRuntime,
  organizationId: string,
  executionId: string,
): Promise<ExecuteParams> => {
  const start = await ask("readStart", { organizationId, executionId });
  if (start !== null) return start;
  throw new CommandError(
    "NO_START",
    `What run ${executionId} was started with is not kept. Start a new run with '${commandText(organizationId, "run FILE")}'.`,
    { exitCode: exitCodes.error },
  );
};

const planOf = async (
  { ask }: LocalRuntime,
  params: ExecuteParams,
  redrive: RedriveParams,
): Promise<readonly PlannedNode[]> => {
  const { organizationId, workflow, inputOverrides } = params;
  const plan = await ask("planRedrive", {
    organizationId,
    redrive,
    workflow,
    ...(inputOverrides === undefined ? {} : { overrides: inputOverrides }),
  });
  if (plan.status === "planned") return plan.nodes;
  throw new CommandError("REDRIVE_REFUSED", plan.message);
};

const headings = [{ heading: "Node" }, { heading: "" }, { heading: "Why" }] as const;

const rowOf = ({ nodeId, action, text }: PlannedNode): readonly Cell[] => [
  { text: nodeId },
  action === "run"
    ? { text: "↻ runs again", format: "yellow" }
    : { text: "✓ is reused", format: "green" },
  { text, isWrapped: true },
];

const renderPlan = (
  nodes: readonly PlannedNode[],
  executionId: string,
  outlook: BudgetOutlook | undefined,
): string => {
  const paint = paintFor(process.stdout);
  const columns = columnsOf(process.stdout);
  const sentence = (text: string): readonly string[] =>
    wrap(text, sentenceColumnsOf(process.stdout));
  const again = nodes.filter(({ action }) => action === "run").length;
  const reused = nodes.length - again;
  return [
    renderTable(headings, nodes.map(rowOf), columns, paint),
    "",
    ...sentence(
      `${count(again, "node")} would run again, ${reused} would be reused from run ${executionId}. Nothing was started.`,
    ),
    ...(outlook === undefined ? [] : sentence(outlookText(outlook))),
  ].join("\n");
};

/** Reused nodes are done before the new run begins. */
const doneBefore = (params: ExecuteParams, nodes: readonly PlannedNode[]): WorkflowExecution => ({
  id: "",
  workflowId: params.workflow.id,
  status: "submitted",
  nodeExecutions: nodes.map(({ nodeId, action }) => ({
    nodeId,
    status: action === "reuse" ? "completed" : "idle",
    inputs: {},
    outputs: null,
    usage: 0,
    startedAt: null,
    endedAt: null,
    attempts: [],
  })),
  startedAt: new Date(0).toISOString(),
  endedAt: null,
});

interface Planned {
  readonly params: ExecuteParams;
  readonly nodes: readonly PlannedNode[];
  /** The earlier run. */
  readonly executionId: string;
  /** It completed: what it skipped was on a branch that it did not take, and would be skipped again. */
  readonly isDone: boolean;
}

const plan = async (
  runtime: LocalRuntime,
  run: string,
  corrected: Workflow | undefined,
  options: RedriveOptions,
): Promise<Planned> => {
  const { from, org: organizationId } = options;
  const executionId = await findRun(runtime, organizationId, run);
  const earlier = await readEarlier(runtime, organizationId, executionId);
  const redrive = { executionId, ...(from === undefined ? {} : { from }) };
  const params = paramsOf(earlier, corrected, redrive, options);
  const problem = paramsProblem(params, storedParamsLimit);
  if (problem !== undefined) throw new CommandError("PARAMS_TOO_LARGE", problem);
  if (corrected !== undefined) tellEarlierInputs(earlier);
  const nodes = await planOf(runtime, params, redrive);
  const { execution } = await readRun(runtime, organizationId, executionId);
  return { params, executionId, nodes, isDone: execution.status === "completed" };
};

const show = ({ params, nodes, executionId }: Planned, isJson: boolean): void => {
  const outlook = outlookOf(params.workflow, nodes);
  if (!isJson) return print(renderPlan(nodes, executionId, outlook));
  if (outlook === undefined) return printJson({ run: executionId, nodes });
  const { budget, taken, estimate } = outlook;
  const words = { credits: budget, taken, estimate, suffices: suffices(outlook) };
  return printJson({ run: executionId, nodes, budget: words });
};

export const redriveCommand = async (run: string, options: RedriveOptions): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  if (options.budget !== undefined) amountOf("--budget", options.budget);
  const corrected =
    options.with === undefined ? undefined : checkWorkflow(await readWorkflowFile(options.with));
  requireRuns(run, organizationId);
  const isJson = options.json === true;
  if (options.dryRun === true) {
    const planned = await visitRuns((runtime) => plan(runtime, run, corrected, options));
    show(planned, isJson);
    return exitCodes.completed;
  }
  const watch = await openWatch(remark);
  const { params, nodes, executionId, isDone } = await plan(watch.runtime, run, corrected, options);
  if (isDone && nodes.every(({ reason }) => reason === "reused" || reason === "skipped")) {
    const names = [shortRunId(executionId)];
    throw new CommandError(
      "NOTHING_TO_RUN",
      `Run ${executionId} completed and nothing has changed: nothing would run again. ` +
        `'${commandText(organizationId, "redrive", names, "--from NODE")}' runs a node and what follows it again.`,
    );
  }
  const outlook = outlookOf(params.workflow, nodes);
  if (outlook !== undefined) checkOutlook(outlook, { organizationId, executionId });
  return runDurably(params, isJson, { watch, before: doneBefore(params, nodes) });
};
