/** The record of a run that people and programs read: one entry for every node, in document order, missing ones last. */
import * as DateTime from "effect/DateTime";
import type { ExecutionState, SkipCause, SkipReason } from "./execution-state.ts";
import { nodeStateOf } from "./execution-state.ts";
import type { NodeExecutionStatus, WorkflowExecutionStatus } from "./lifecycle.ts";
import { nodeStatusOf } from "./lifecycle.ts";
import { getExecutionStatus } from "./status.ts";
import type { NodeRuntimeValues } from "./value.ts";
import type { Workflow } from "./workflow.ts";

/** ISO 8601 in UTC of milliseconds since 1970. */
export const isoOf = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis));

/** One try at a node; times are ISO 8601. */
export interface ReportedAttempt {
  readonly startedAt: string;
  readonly endedAt: string;
  readonly error?: string;
}

export interface NodeExecution {
  readonly nodeId: string;
  readonly status: NodeExecutionStatus;
  readonly inputs: NodeRuntimeValues;
  /** Null unless completed. */
  readonly outputs: NodeRuntimeValues | null;
  readonly error?: string;
  /** Compute credits. */
  readonly usage: number;
  readonly skipReason?: SkipReason;
  readonly blockedBy?: readonly string[];
  readonly cause?: SkipCause;
  /** The run in which the node really ran, when a redrive took it over from there. */
  readonly reusedFrom?: string;
  /** What it cost there, in compute credits. */
  readonly reusedUsage?: number;
  /** Start of the first and end of the last attempt, ISO 8601; null when none was made. */
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly attempts: readonly ReportedAttempt[];
}

export interface WorkflowExecution {
  readonly id: string;
  readonly workflowId: string;
  readonly status: WorkflowExecutionStatus;
  readonly nodeExecutions: readonly NodeExecution[];
  /** Why the run as a whole stopped. What went wrong in a node is at that node. */
  readonly error?: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601; null while the run is live. */
  readonly endedAt: string | null;
}

/** Who and when: what the state does not hold. Times are milliseconds since 1970. */
export interface ReportFacts {
  readonly executionId: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
}

type IsoOf = typeof isoOf;

/** Formatting a time costs more than the rest of an entry, and many nodes share their milliseconds. */
const rememberedIso = (): IsoOf => {
  const known = new Map<number, string>();
  return (millis) => {
    const iso = known.get(millis) ?? isoOf(millis);
    known.set(millis, iso);
    return iso;
  };
};

const none: readonly ReportedAttempt[] = [];

const nodeExecutionOf = (state: ExecutionState, nodeId: string, iso: IsoOf): NodeExecution => {
  const node = nodeStateOf(state, nodeId);
  const { lifecycle, inputs, outputs, error, usage, skip, reusedFrom, reusedUsage } = node;
  const attempts =
    node.attempts.length === 0
      ? none
      : node.attempts.map((attempt) => ({
          ...attempt,
          startedAt: iso(attempt.startedAt),
          endedAt: iso(attempt.endedAt),
        }));
  const status = nodeStatusOf(lifecycle);
  const startedAt = attempts[0]?.startedAt ?? null;
  const endedAt = attempts.at(-1)?.endedAt ?? null;
  // Most entries have no more to say, and a literal without spreads is made in a fraction of the time and space.
  if (error === undefined && skip === undefined && reusedFrom === undefined) {
    const given = outputs ?? null;
    return { nodeId, status, inputs, outputs: given, usage, startedAt, endedAt, attempts };
  }
  return {
    nodeId,
    status,
    inputs,
    outputs: outputs ?? null,
    ...(error === undefined ? {} : { error }),
    usage,
    ...skip,
    ...(reusedFrom === undefined ? {} : { reusedFrom }),
    ...(reusedUsage === undefined ? {} : { reusedUsage }),
    startedAt,
    endedAt,
    attempts,
  };
};

/** Document order first: the order people wrote. */
const reportedIds = ({ graph }: ExecutionState): readonly string[] => [
  ...graph.workflow.nodes.map(({ id }) => id),
  ...graph.nodes.filter(({ node }) => node === undefined).map(({ id }) => id),
];

export const reportExecution = (state: ExecutionState, facts: ReportFacts): WorkflowExecution => {
  const iso = rememberedIso();
  return {
    id: facts.executionId,
    workflowId: state.graph.workflow.id,
    status: getExecutionStatus(state),
    nodeExecutions: reportedIds(state).map((id) => nodeExecutionOf(state, id, iso)),
    ...(state.error === undefined ? {} : { error: state.error }),
    startedAt: iso(facts.startedAt),
    endedAt: facts.endedAt === null ? null : iso(facts.endedAt),
  };
};

const idleExecution = (nodeId: string): NodeExecution => ({
  nodeId,
  status: "idle",
  inputs: {},
  outputs: null,
  usage: 0,
  startedAt: null,
  endedAt: null,
  attempts: [],
});

/** A record that lists no nodes yet. */
export const emptyRecord = (
  workflowId: string,
  executionId: string,
  status: WorkflowExecutionStatus,
  startedAt: number,
): WorkflowExecution => ({
  id: executionId,
  workflowId,
  status,
  nodeExecutions: [],
  startedAt: isoOf(startedAt),
  endedAt: null,
});

/** The record of a run that has been asked for and has not begun. */
export const reportSubmission = (
  workflow: Workflow,
  executionId: string,
  startedAt: number,
): WorkflowExecution => ({
  id: executionId,
  workflowId: workflow.id,
  status: "submitted",
  nodeExecutions: [...new Set(workflow.nodes.map(({ id }) => id))].map(idleExecution),
  startedAt: isoOf(startedAt),
  endedAt: null,
});

/** The record of a run that ended without saying so: what was under way has failed with it. */
export const reportLoss = (
  live: WorkflowExecution,
  error: string,
  endedAt: number,
): WorkflowExecution => ({
  ...live,
  status: "error",
  error,
  endedAt: isoOf(endedAt),
  nodeExecutions: live.nodeExecutions.map((node) =>
    node.status === "executing" ? { ...node, status: "failed", error } : node,
  ),
});

/** The record of a document that validation refused: nothing ran. A malformed one has no nodes to list. */
export const reportRefusal = (
  workflow: Workflow | undefined,
  error: string,
  facts: ReportFacts,
): WorkflowExecution => ({
  id: facts.executionId,
  workflowId: workflow?.id ?? "",
  status: "error",
  nodeExecutions: [...new Set(workflow?.nodes.map(({ id }) => id))].map(idleExecution),
  error,
  startedAt: isoOf(facts.startedAt),
  endedAt: facts.endedAt === null ? null : isoOf(facts.endedAt),
});

/** Compute credits that the run is billed: what its completed nodes cost. */
export const usageOf = (execution: WorkflowExecution): number =>
  execution.nodeExecutions.reduce((sum, node) => sum + node.usage, 0);
