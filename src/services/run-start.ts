/**
 * What a run was started with, as two texts: the document, which many runs share, and the rest. A redrive reads them, and
 * so does whoever must create a run's instance again.
 */
import type { ExecuteParams } from "#core/execution-context";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import { reportSubmission } from "#core/report";
import type { Workflow } from "#core/workflow";

export interface StartTexts {
  readonly document: string;
  /** All but the document. */
  readonly params: string;
}

/** Undefined when JSON cannot say it: such a run is refused, and nobody can start it again. */
export const startTextsOf = ({ workflow, ...params }: ExecuteParams): StartTexts | undefined => {
  try {
    const document = JSON.stringify(workflow) as string | undefined;
    return document === undefined ? undefined : { document, params: JSON.stringify(params) };
  } catch {
    return undefined;
  }
};

export const startOf = ({ document, params }: StartTexts): ExecuteParams => ({
  ...(JSON.parse(params) as Omit<ExecuteParams, "workflow">),
  workflow: JSON.parse(document) as ExecuteParams["workflow"],
});

const isIdle = (node: NodeExecution): boolean =>
  node.status === "idle" &&
  node.error === undefined &&
  node.outputs === null &&
  node.usage === 0 &&
  node.attempts.length === 0 &&
  Object.keys(node.inputs).length === 0;

/**
 * Whether nothing has happened yet, so that the record says no more than the document does: an idle entry for each of its
 * nodes and for no other, in its order.
 */
export const isInitialRecord = (
  { error, endedAt, nodeExecutions }: WorkflowExecution,
  { workflow }: ExecuteParams,
): boolean => {
  const nodes: unknown = (workflow as Partial<Workflow> | null)?.nodes;
  return (
    error === undefined &&
    endedAt === null &&
    Array.isArray(nodes) &&
    nodes.length === nodeExecutions.length &&
    nodeExecutions.every(
      (node, index) => isIdle(node) && node.nodeId === (nodes as Workflow["nodes"])[index]?.id,
    )
  );
};

/** The record of a run in which nothing has happened yet: every node of the document is idle. */
export const initialRecord = (
  workflow: Workflow,
  { nodeExecutions: _none, ...facts }: WorkflowExecution,
): WorkflowExecution => ({ ...reportSubmission(workflow, facts.id, 0), ...facts });
