/** `pawl run`: from a workflow file to its record, durably or in this process, with every node shown as it goes. */
import { randomUUID } from "node:crypto";
import type { ExecuteParams } from "#core/execution-context";
import type { InputOverrides } from "#core/inputs";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import { mergePorts } from "#core/parameter";
import type { WorkflowExecution } from "#core/report";
import type { JsonValue } from "#core/value";
import type { Workflow } from "#core/workflow";
import { builtInNodes } from "#nodes/registry";
import { registryOf } from "#services/node-registry";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import { edgeFedInputs, parseInputs } from "./input-option.ts";
import { isError, problemCounts, problemsOf, renderProblems } from "./problem-list.ts";
import type { ProgressView } from "./progress-view.ts";
import { createProgressView } from "./progress-view.ts";
import { renderRun } from "./run-table.ts";
import { endOnSignal, onShutdown } from "./shutdown.ts";
import { columnsOf, paintFor, print, printJson, remark } from "./terminal.ts";
import { printable, shorten } from "./text.ts";
import type { WorkflowFile } from "./workflow-file.ts";
import { readWorkflowFile } from "./workflow-file.ts";

export interface RunCommandOptions {
  readonly direct?: boolean;
  readonly json?: boolean;
  readonly input?: readonly string[];
  readonly credits?: string;
  readonly org: string;
}

const stateDirectory = ".pawl";
/** What the platform takes as an instance's parameters: 1 MiB of JSON. */
const paramsLimit = 1024 * 1024;

/** Lists what is wrong on stderr, and refuses the run if an error is among it. */
const checkWorkflow = (file: WorkflowFile): Workflow => {
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
const creditsOf = (text: string | undefined): number => {
  if (text === undefined) return Number.MAX_SAFE_INTEGER;
  const credits = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(credits) && credits >= 0) return credits;
  throw new CommandError(
    "USAGE",
    `--credits takes a number of at least 0, not '${printable(shorten(text, 40))}'.`,
  );
};

/** The inputs of a document and those that it leaves to its node types. */
const withTypePorts = (workflow: Workflow): Workflow => {
  const types = registryOf(builtInNodes);
  return {
    ...workflow,
    nodes: workflow.nodes.map((node) => ({ ...node, ...mergePorts(node, types.get(node.type)) })),
  };
};

const overridesOf = (workflow: Workflow, options: readonly string[]): InputOverrides => {
  const overrides = parseInputs(withTypePorts(workflow), options);
  for (const input of edgeFedInputs(workflow, overrides)) {
    remark(
      `--input: an edge leads into '${printable(shorten(input, 60))}', and it wins whenever it carries a value.`,
    );
  }
  return overrides;
};

const paramsOf = (workflow: Workflow, options: RunCommandOptions): ExecuteParams => {
  if (options.org === "") throw new CommandError("USAGE", "--org takes an id that is not empty.");
  return {
    workflow,
    userId: "local",
    organizationId: options.org,
    computeCredits: creditsOf(options.credits),
    ...(options.input === undefined
      ? {}
      : { inputOverrides: overridesOf(workflow, options.input) }),
  };
};

/** The platform's own refusal says nothing, and its local twin takes what the real one does not. */
const checkSize = (params: ExecuteParams): void => {
  const bytes = Buffer.byteLength(JSON.stringify(params));
  if (bytes <= paramsLimit) return;
  throw new CommandError(
    "PARAMS_TOO_LARGE",
    `The workflow with its inputs is ${bytes.toLocaleString("en")} bytes of JSON, and the platform takes ${paramsLimit.toLocaleString("en")} at most. ` +
      "Shorten the values in it; 'pawl run --direct' has no such limit.",
  );
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
  const layers = MonitoringService.layerListener(view.show);
  return createDirectRuntime({ layers }).run(params, id);
};

const runDurably = async (
  params: ExecuteParams,
  id: string,
  view: ProgressView,
): Promise<WorkflowExecution> => {
  const { startLocalRuntime } = await import("./local-runtime.ts");
  view.hint("Starting the runtime");
  const runtime = await startLocalRuntime({
    directory: stateDirectory,
    // The directory may hold another run that wakes up.
    listen: (message) => {
      if (message.executionId === id) view.show(message);
    },
    onWait: (owner) =>
      view.say(`Waiting for another run in ${stateDirectory}/ to end (process ${owner}).`),
  });
  view.hint("Running");
  await runtime.start(id, params);
  const execution = await runtime.settled(params.organizationId, id);
  await runtime.dispose();
  return execution;
};

const exitCodeByStatus: Readonly<Record<WorkflowExecutionStatus, ExitCode>> = {
  submitted: exitCodes.error,
  executing: exitCodes.error,
  paused: exitCodes.error,
  completed: exitCodes.completed,
  error: exitCodes.error,
  exhausted: exitCodes.exhausted,
  cancelled: exitCodes.cancelled,
};

export const runCommand = async (path: string, options: RunCommandOptions): Promise<ExitCode> => {
  const file = await readWorkflowFile(path);
  const workflow = checkWorkflow(file);
  const params = paramsOf(workflow, options);
  if (options.direct !== true) checkSize(params);
  const id = randomUUID();
  const stream = options.json === true ? process.stderr : process.stdout;
  const view = createProgressView(stream, workflow);
  const endView = onShutdown(async () => view.end());
  endOnSignal(() => remark(`Interrupted. Run ${id} did not end.`));
  const run = options.direct === true ? runDirectly : runDurably;
  const execution = await run(params, id, view);
  await endView();
  if (options.json === true) printJson(execution);
  else print(renderRun(workflow, execution, columnsOf(process.stdout), paintFor(process.stdout)));
  return exitCodeByStatus[execution.status];
};
