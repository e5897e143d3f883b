/** `pawl run`: from a workflow file to its record, durably or in this process, with every node shown as it goes. */
import { randomUUID } from "node:crypto";
import type { ExecuteParams } from "#core/execution-context";
import type { InputOverrides } from "#core/inputs";
import { mergePorts } from "#core/parameter";
import { paramsProblem, storedParamsLimit } from "#core/platform-limits";
import type { WorkflowExecution } from "#core/report";
import type { JsonValue } from "#core/value";
import type { Workflow } from "#core/workflow";
import { builtInNodes } from "#nodes/registry";
import { registryOf } from "#services/node-registry";
import type { ExitCode } from "./command-error.ts";
import { CommandError } from "./command-error.ts";
import { amountOf } from "./credit-amount.ts";
import { edgeFedInputs, parseInputs } from "./input-option.ts";
import { isError, problemCounts, problemsOf, renderProblems } from "./problem-list.ts";
import { checkOrganization } from "./local-runs.ts";
import type { ProgressView } from "./progress-view.ts";
import { commandText } from "./shell-command.ts";
import { endOnSignal } from "./shutdown.ts";
import { columnsOf, paintFor, printJson, remark } from "./terminal.ts";
import { printable, shorten } from "./text.ts";
import type { WorkflowFile } from "./workflow-file.ts";
import type { Watch } from "./watch-run.ts";
import { exitCodeOf, openWatch, printKeptRun, printRun, startView } from "./watch-run.ts";
import { readWorkflowFile } from "./workflow-file.ts";

export interface RunCommandOptions {
  readonly direct?: boolean;
  readonly json?: boolean;
  readonly input?: readonly string[];
  readonly credits?: string;
  readonly org: string;
}

/** Lists what is wrong on stderr, and refuses the run if an error is among it. */
export const checkWorkflow = (file: WorkflowFile): Workflow => {
  const problems = problemsOf(file);
  if (problems.length === 0) return file.document as Workflow;
  const paint = paintFor(process.stderr);
  remark(`${renderProblems(file.name, problems, columnsOf(process.stderr), paint)}\n`);
  if (!problems.some(isError)) return file.document as Workflow;
  throw new CommandError(
    "INVALID_WORKFLOW",
    `${file.name} cannot run: ${problemCounts(problems)}.`,
    { details: problems as unknown as JsonValue },
  );
};

/** No limit is told as the largest number that JSON carries exactly. */
export const creditsOf = (text: string | undefined): number =>
  text === undefined ? Number.MAX_SAFE_INTEGER : amountOf("--credits", text);

/** The inputs of a document and those that it leaves to its node types. */
const withTypePorts = (workflow: Workflow): Workflow => {
  const types = registryOf(builtInNodes);
  return {
    ...workflow,
    nodes: workflow.nodes.map((node) => ({ ...node, ...mergePorts(node, types.get(node.type)) })),
  };
};

export const overridesOf = (workflow: Workflow, options: readonly string[]): InputOverrides => {
  const overrides = parseInputs(withTypePorts(workflow), options);
  for (const input of edgeFedInputs(workflow, overrides)) {
    remark(
      `--input: an edge leads into '${printable(shorten(input, 60))}', and it wins whenever it carries a value.`,
    );
  }
  return overrides;
};

const paramsOf = (workflow: Workflow, options: RunCommandOptions): ExecuteParams => ({
  workflow,
  userId: "local",
  organizationId: checkOrganization(options),
  computeCredits: creditsOf(options.credits),
  ...(options.input === undefined ? {} : { inputOverrides: overridesOf(workflow, options.input) }),
});

/** Refused before the runtime is started; `startRun` would say the same. */
const checkSize = (params: ExecuteParams): void => {
  const problem = paramsProblem(params, storedParamsLimit);
  if (problem === undefined) return;
  const direct = commandText(params.organizationId, "run --direct");
  throw new CommandError("PARAMS_TOO_LARGE", `${problem} '${direct}' has no such limit.`);
};

const runDirectly = async (
  params: ExecuteParams,
  id: string,
  view: ProgressView,
): Promise<WorkflowExecution> => {
  const [{ createDirectRuntime }, { MonitoringService }] = await Promise.all([
    import("#runtime/direct-runtime"),
    import("#services/monitoring-service"),
  ]);
  endOnSignal(() => remark(`Interrupted. Run ${id} did not end.`));
  const layers = MonitoringService.layerListener(view.show);
  return createDirectRuntime({ layers }).run(params, id);
};

interface Beginning {
  /** Opened already. */
  readonly watch: Watch;
  /** What is done before the run begins. */
  readonly before: WorkflowExecution;
}

/** Starts a run and follows it to its end. */
export const runDurably = async (
  params: ExecuteParams,
  isJson: boolean,
  beginning?: Beginning,
): Promise<ExitCode> => {
  const { workflow, organizationId } = params;
  const executionId = randomUUID();
  const { view, endView } = startView(isJson, workflow);
  endOnSignal(() => remark("Interrupted. The run was not started."));
  view.hint("Starting the runtime");
  if (beginning !== undefined) view.begin(beginning.before);
  const watch = beginning?.watch ?? (await openWatch(view.say));
  view.hint("Running");
  const { follow } = watch.attend({ organizationId, executionId, view });
  const started = await watch.runtime.ask("start", { executionId, params });
  // A start that is asked for again, since the process that took it died, may find that the run has ended.
  if (started.status === "refused") throw new CommandError("RUN_REFUSED", started.message);
  const ended = await follow();
  await endView();
  if (isJson) printJson(ended.execution);
  else await printKeptRun(watch.runtime, organizationId, workflow, ended);
  const exitCode = exitCodeOf(ended);
  await watch.end(exitCode);
  return exitCode;
};

export const runCommand = async (path: string, options: RunCommandOptions): Promise<ExitCode> => {
  const file = await readWorkflowFile(path);
  const workflow = checkWorkflow(file);
  const params = paramsOf(workflow, options);
  const isJson = options.json === true;
  if (options.direct !== true) {
    checkSize(params);
    return runDurably(params, isJson);
  }
  const { view, endView } = startView(isJson, workflow);
  const execution = await runDirectly(params, randomUUID(), view);
  await endView();
  if (isJson) printJson(execution);
  else printRun(workflow, { execution, waits: [] });
  return exitCodeOf({ execution, waits: [] });
};
