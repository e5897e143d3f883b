/** How a run's statuses look: one mark and one colour for each, the same while it runs and in the table at its end. */
import type { NodeExecutionStatus, WorkflowExecutionStatus } from "#core/lifecycle";
import type { NodeExecution } from "#core/report";
import type { NodeRuntimeValues } from "#core/value";
import type { Workflow } from "#core/workflow";
import type { Paint } from "./terminal.ts";

type Format = Parameters<Paint>[0];

export interface Look {
  readonly mark: string;
  readonly format: Format;
}

export const nodeLooks: Readonly<Record<NodeExecutionStatus, Look>> = {
  idle: { mark: "·", format: "dim" },
  executing: { mark: "●", format: "cyan" },
  completed: { mark: "✓", format: "green" },
  failed: { mark: "✗", format: "red" },
  skipped: { mark: "–", format: "dim" },
};

/** Of a node, and of a run that only an answer can bring on. */
export const waitingLook: Look = { mark: "…", format: "yellow" };

export const runLooks: Readonly<Record<WorkflowExecutionStatus, Look>> = {
  submitted: nodeLooks.idle,
  executing: nodeLooks.executing,
  paused: { mark: "‖", format: "yellow" },
  completed: nodeLooks.completed,
  error: nodeLooks.failed,
  exhausted: { mark: "!", format: "yellow" },
  cancelled: { mark: "!", format: "yellow" },
};

export type OutputsText = (nodeId: string, outputs: NodeRuntimeValues) => string;

/**
 * `total: 129.5, customer: "Ada"`. JSON, so that a text is told from a number. Outputs that the document hides are shown
 * only where there are no others.
 */
export const outputsTextFor = ({ nodes }: Workflow): OutputsText => {
  const hiddenById = new Map(
    nodes.map(({ id, outputs }) => [
      id,
      new Set(outputs.filter(({ hidden }) => hidden === true).map(({ name }) => name)),
    ]),
  );
  return (nodeId, outputs) => {
    const entries = Object.entries(outputs);
    const shown = entries.filter(([port]) => hiddenById.get(nodeId)?.has(port) !== true);
    return (shown.length > 0 ? shown : entries)
      .map(([port, value]) => `${port}: ${JSON.stringify(value)}`)
      .join(", ");
  };
};

/** Why a node was skipped. The nodes named are the ones that blocked it directly. */
export const skipText = ({
  skipReason,
  blockedBy = [],
}: Pick<NodeExecution, "skipReason" | "blockedBy">): string => {
  const names = blockedBy.length > 3 ? [...blockedBy.slice(0, 3), "..."] : blockedBy;
  return skipReason === "upstream_failure"
    ? `${names.join(", ")} did not complete`
    : `${names.join(", ")} took another branch`;
};
