/** Where every command finds its runs: the state directory of this project, and a run by what a person calls it. */
import { existsSync } from "node:fs";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import { decodeWorkflow } from "#core/workflow";
import type { Workflow } from "#core/workflow";
import * as Result from "effect/Result";
import { CommandError } from "./command-error.ts";
import type { RunView } from "./local-protocol.ts";
import type { LocalRuntime, LocalRuntimeOptions } from "./local-runtime.ts";
import { commandText, forOrganization } from "./shell-command.ts";
import { remark } from "./terminal.ts";
import { count, named } from "./text.ts";

export const stateDirectory = ".pawl";

export interface OrganizationOption {
  readonly org: string;
}

/** Whether any run was ever kept here; asking the runtime would make the directory. */
export const hasRuns = (): boolean => existsSync(`${stateDirectory}/v3`);

export const checkOrganization = ({ org }: OrganizationOption): string => {
  if (org === "") throw new CommandError("USAGE", "--org takes an id that is not empty.");
  return org;
};

/** The runtime's code is large, and is loaded only by those who need it. */
export const openRuns = async (
  options: Omit<LocalRuntimeOptions, "directory">,
): Promise<LocalRuntime> => {
  const { openLocalRuntime } = await import("./local-runtime.ts");
  return openLocalRuntime({ directory: stateDirectory, ...options });
};

/** For a command that looks, or says one thing, and leaves. */
export const visitRuns = async <A>(use: (runtime: LocalRuntime) => Promise<A>): Promise<A> => {
  const runtime = await openRuns({
    isVisit: true,
    listen: () => {},
    onWait: (owner) =>
      remark(`Waiting for process ${owner}, which holds ${stateDirectory}/, to end.`),
  });
  const result = await use(runtime);
  await runtime.dispose();
  return result;
};

export const noSuchRun = (run: string, organizationId: string): CommandError =>
  new CommandError(
    "UNKNOWN_RUN",
    run === "last"
      ? `There is no run in ${stateDirectory}/${forOrganization(organizationId)} yet. '${commandText(organizationId, "run FILE")}' starts one.`
      : `There is no run ${named(run)} in ${stateDirectory}/${forOrganization(organizationId)}. '${commandText(organizationId, "runs")}' lists them.`,
  );

export const requireRuns = (run: string, organizationId: string): void => {
  if (!hasRuns()) throw noSuchRun(run, organizationId);
};

/** The one run that is meant by an id, the beginning of one, or `last`. */
export const findRun = async (
  { ask }: LocalRuntime,
  organizationId: string,
  run: string,
): Promise<string> => {
  const [id, ...others] = run === "" ? [] : await ask("find", { organizationId, run });
  if (id === undefined) throw noSuchRun(run, organizationId);
  if (others.length === 0) return id;
  const found = [id, ...others];
  throw new CommandError(
    "AMBIGUOUS_RUN",
    `${named(run)} may be ${found.length > 5 ? "more than 5 runs" : count(found.length, "run")}: ` +
      `${found.slice(0, 5).map(named).join(", ")}. Give more of the id.`,
  );
};

export const readRun = async (
  { ask }: LocalRuntime,
  organizationId: string,
  executionId: string,
): Promise<RunView> => {
  const view = await ask("read", { organizationId, executionId });
  if (view === null) throw noSuchRun(executionId, organizationId);
  return view;
};

/** What a run is shown with when its document is not to be had: its nodes by name. */
const barely = ({ workflowId, nodeExecutions }: WorkflowExecution): Workflow => ({
  id: workflowId,
  name: workflowId,
  trigger: "manual",
  nodes: nodeExecutions.map(({ nodeId: id }) => ({
    id,
    name: id,
    type: "",
    inputs: [],
    outputs: [],
  })),
  edges: [],
});

/** The document that the run was started on. */
const documentOf = (start: ExecuteParams | null, execution: WorkflowExecution): Workflow => {
  const decoded = start === null ? undefined : decodeWorkflow(start.workflow);
  return decoded !== undefined && Result.isSuccess(decoded) ? decoded.success : barely(execution);
};

export const readDocument = async (
  { ask }: LocalRuntime,
  organizationId: string,
  execution: WorkflowExecution,
): Promise<Workflow> =>
  documentOf(await ask("readStart", { organizationId, executionId: execution.id }), execution);
