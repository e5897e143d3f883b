/** What a person reads when a run has ended: a line for each node, then one for the whole. */
import { isFinalStatus } from "#core/lifecycle";
import type { NodeExecution, WorkflowExecution } from "#core/report";
import { usageOf } from "#core/report";
import type { Workflow } from "#core/workflow";
import type { StandingWait } from "#services/wait-store";
import { clockText, isOnlyWaiting, openWaits } from "./run-waits.ts";
import type { OutputsText } from "./run-words.ts";
import { nodeLooks, outputsTextFor, runLooks, skipText, waitingLook } from "./run-words.ts";
import type { Cell } from "./table.ts";
import { renderTable } from "./table.ts";
import type { Paint } from "./terminal.ts";
import { sentenceColumnsOf } from "./terminal.ts";
import { count, durationText, printable, wrap } from "./text.ts";

const millisBetween = (from: string | null, to: string | null): number | undefined =>
  from === null || to === null ? undefined : Date.parse(to) - Date.parse(from);

/** The waits that are open, by node. */
type WaitsByNode = ReadonlyMap<string, StandingWait>;

const resultCell = (
  node: NodeExecution,
  outputsText: OutputsText,
  wait: StandingWait | undefined,
): Cell => {
  if (wait !== undefined) {
    const { deadline } = wait;
    return {
      text: `waits for an answer${deadline === null ? "" : ` until ${clockText(deadline)}`}`,
    };
  }
  if (node.error !== undefined) return { text: node.error, format: "red", isWrapped: true };
  if (node.skipReason !== undefined) {
    return { text: skipText(node), format: "dim", isWrapped: true };
  }
  return { text: node.outputs === null ? "" : outputsText(node.nodeId, node.outputs) };
};

const statusWord = ({ status, reusedFrom }: NodeExecution, isWaiting: boolean): string => {
  if (isWaiting) return "waiting";
  return reusedFrom === undefined ? status : "reused";
};

const rowOf = (
  node: NodeExecution,
  outputsText: OutputsText,
  waits: WaitsByNode,
): readonly Cell[] => {
  const wait = waits.get(node.nodeId);
  const { mark, format } = wait === undefined ? nodeLooks[node.status] : waitingLook;
  const millis = millisBetween(node.startedAt, node.endedAt);
  const tries = node.attempts.length > 1 ? ` in ${node.attempts.length} tries` : "";
  return [
    { text: node.nodeId },
    { text: `${mark} ${statusWord(node, wait !== undefined)}${tries}`, format },
    { text: millis === undefined ? "" : durationText(millis), format: "dim" },
    resultCell(node, outputsText, wait),
  ];
};

/** `5 of 8 nodes completed, 1 failed, 2 skipped`. */
const countsText = (nodes: readonly NodeExecution[]): string => {
  const of = (status: NodeExecution["status"]): number =>
    nodes.filter((node) => node.status === status).length;
  const parts = (["failed", "skipped", "executing", "idle"] as const)
    .filter((status) => of(status) > 0)
    .map((status) => `${of(status)} ${status}`);
  const completed = of("completed");
  const reused = nodes.filter(({ reusedFrom }) => reusedFrom !== undefined).length;
  const all = completed === nodes.length;
  return [
    all
      ? `${count(completed, "node")} completed`
      : `${completed} of ${count(nodes.length, "node")} completed`,
    ...(reused > 0 ? [`${reused} of them reused`] : []),
    ...parts,
  ].join(", ");
};

const words = {
  submitted: "Not started",
  executing: "Still running",
  paused: "Paused",
  completed: "Completed in",
  error: "Ended in error after",
  exhausted: "Ran out of credits after",
  cancelled: "Cancelled after",
} as const;

const headings = [
  { heading: "Node" },
  { heading: "Status" },
  { heading: "Time", align: "right" },
  { heading: "Result" },
] as const;

/** Why a run in which nothing failed ended in error: the one rule that surprises people. */
const strictHint = ({ status, error, nodeExecutions }: WorkflowExecution): string | undefined => {
  const skipped = nodeExecutions.find(({ skipReason }) => skipReason === "conditional_branch");
  return status === "error" &&
    error === undefined &&
    skipped !== undefined &&
    nodeExecutions.every(({ status: node }) => node === "completed" || node === "skipped")
    ? `No node failed, but '${skipped.nodeId}' was skipped because a branch was not taken. Under the strict statusPolicy, the ` +
        `default, that is an error; "settings": { "statusPolicy": "branch-aware" } makes it none.`
    : undefined;
};

/** Lines of the summary, the first of which begins with the status in its colour. */
const summaryOf = (
  execution: WorkflowExecution,
  paint: Paint,
  isWaiting: boolean,
): readonly string[] => {
  const columns = sentenceColumnsOf(process.stdout);
  const { id, status, error, nodeExecutions } = execution;
  const { mark, format } = isWaiting ? waitingLook : runLooks[status];
  const millis = millisBetween(execution.startedAt, execution.endedAt);
  const word = isWaiting ? "Waiting for an answer" : words[status];
  const verdict = `${mark} ${word}${millis === undefined ? "" : ` ${durationText(millis)}`}`;
  const facts = `${countsText(nodeExecutions)}; ${count(usageOf(execution), "compute credit")}.`;
  const [first = "", ...rest] = wrap(`${verdict}: ${facts}`, columns - 2);
  return [
    first.startsWith(verdict) ? paint(format, verdict) + first.slice(verdict.length) : first,
    ...rest.map((line) => `  ${line}`),
    ...(error === undefined ? [] : wrap(printable(error), columns - 2)).map(
      (line) => `  ${paint(format, line)}`,
    ),
    ...wrap(strictHint(execution) ?? "", columns - 2)
      .filter((line) => line !== "")
      .map((line) => `  ${line}`),
    `  ${paint("dim", `run ${id}`)}`,
  ];
};

export const renderRun = (
  workflow: Workflow,
  execution: WorkflowExecution,
  columns: number,
  paint: Paint,
  waits: readonly StandingWait[] = [],
): string => {
  const outputsText = outputsTextFor(workflow);
  const open = isFinalStatus(execution.status) ? [] : openWaits(waits);
  const waitsByNode = new Map(open.map((wait) => [wait.nodeId, wait]));
  const rows = execution.nodeExecutions.map((node) => rowOf(node, outputsText, waitsByNode));
  return [
    ...(rows.length === 0 ? [] : [renderTable(headings, rows, columns, paint), ""]),
    ...summaryOf(execution, paint, isOnlyWaiting(execution, waits)),
  ].join("\n");
};
