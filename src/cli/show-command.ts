/** `pawl show`: everything that is known of one run, as it stands now. */
import type { NodeExecution, WorkflowExecution } from "#core/report";
import { isFinalStatus } from "#core/lifecycle";
import type { Workflow } from "#core/workflow";
import type { ExitCode } from "./command-error.ts";
import { exitCodes } from "./command-error.ts";
import { readExhaustion } from "./exhaustion.ts";
import type { AskLocal, RunView } from "./local-protocol.ts";
import {
  checkOrganization,
  findRun,
  readDocument,
  readRun,
  requireRuns,
  visitRuns,
} from "./local-runs.ts";
import { renderRun } from "./run-table.ts";
import { renderTimeline } from "./run-timeline.ts";
import { renderWaits, shortRunId } from "./run-waits.ts";
import { commandText } from "./shell-command.ts";
import type { Cell } from "./table.ts";
import { renderTable } from "./table.ts";
import type { Paint } from "./terminal.ts";
import { columnsOf, paintFor, print, printJson, sentenceColumnsOf } from "./terminal.ts";
import { dateText, durationText, printable, shorten, wrap } from "./text.ts";

export interface ShowOptions {
  readonly json?: boolean;
  readonly org: string;
}

const attemptHeadings = [
  { heading: "Node" },
  { heading: "Try", align: "right" },
  { heading: "After", align: "right" },
  { heading: "Time", align: "right" },
  { heading: "Outcome" },
] as const;

/** More would be read by nobody; the JSON has those that the record keeps. */
const shownAttempts = 20;

const attemptRows = (
  { nodeId, attempts }: NodeExecution,
  runStart: number,
): readonly (readonly Cell[])[] => {
  const rows = attempts.map((attempt, index): readonly Cell[] => {
    const from = Date.parse(attempt.startedAt);
    return [
      { text: index === 0 ? nodeId : "" },
      { text: String(index + 1) },
      { text: durationText(from - runStart), format: "dim" },
      { text: durationText(Date.parse(attempt.endedAt) - from), format: "dim" },
      attempt.error === undefined
        ? { text: "✓ completed", format: "green" }
        : { text: `✗ ${attempt.error}`, format: "red", isWrapped: true },
    ];
  });
  if (rows.length <= shownAttempts) return rows;
  const left = rows.length - shownAttempts;
  const gap = ["", "", "", "", `${left} more`].map((text): Cell => ({ text, format: "dim" }));
  return [...rows.slice(0, shownAttempts / 2), gap, ...rows.slice(-shownAttempts / 2)];
};

/** Of nodes that were tried more than once; the others' one attempt is their line in the table. */
const renderAttempts = (
  { nodeExecutions, startedAt }: WorkflowExecution,
  columns: number,
  paint: Paint,
): string => {
  const start = Date.parse(startedAt);
  const rows = nodeExecutions
    .filter(({ attempts }) => attempts.length > 1)
    .flatMap((node) => attemptRows(node, start));
  return rows.length === 0 ? "" : renderTable(attemptHeadings, rows, columns, paint);
};

/** `From run 1a2b3c4d: order, total`. */
const renderReused = ({ nodeExecutions }: WorkflowExecution): string => {
  const columns = sentenceColumnsOf(process.stdout);
  const reused = nodeExecutions.filter(({ reusedFrom }) => reusedFrom !== undefined);
  return Array.from(
    Map.groupBy(reused, ({ reusedFrom = "" }) => reusedFrom),
    ([from, nodes]) =>
      wrap(
        `From run ${printable(shortRunId(from))}: ${nodes.map(({ nodeId }) => printable(shorten(nodeId, 40))).join(", ")}`,
        columns,
      ).join("\n"),
  ).join("\n");
};

/** What a person may do now, beside answering. */
const nextStep = async (
  ask: AskLocal,
  organizationId: string,
  workflow: Workflow,
  execution: WorkflowExecution,
): Promise<string> => {
  const { id, status, endedAt } = execution;
  const command = (name: string): string => commandText(organizationId, name, [shortRunId(id)]);
  if (status === "paused") return `'${command("resume")}' goes on with it.`;
  if (endedAt === null && !isFinalStatus(status))
    return `'${command("resume")}' follows it, and sets it going if it stands still.`;
  if (status === "completed") return "";
  return (
    (await readExhaustion(ask, organizationId, workflow, execution)) ??
    `'${command("redrive")}' runs again what did not complete, and keeps the rest.`
  );
};

const render = (
  workflow: Workflow,
  { execution, waits }: RunView,
  next: string,
  columns: number,
  paint: Paint,
): string => {
  const section = (title: string, text: string): readonly string[] =>
    text === "" ? [] : ["", paint("bold", title), text];
  const title = `${shorten(printable(workflow.name), 60)}, started ${dateText(execution.startedAt)}`;
  return [
    paint("bold", shorten(title, columns)),
    "",
    renderRun(workflow, execution, columns, paint, waits),
    ...section("Timeline", renderTimeline(execution, waits, columns, paint)),
    ...section("Attempts", renderAttempts(execution, columns, paint)),
    ...section("Waits", renderWaits(workflow, execution, waits, columns, paint)),
    ...section("Reused", renderReused(execution)),
    ...(next === "" ? [] : ["", ...wrap(next, sentenceColumnsOf(process.stdout))]),
  ].join("\n");
};

export const showCommand = async (run: string, options: ShowOptions): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  requireRuns(run, organizationId);
  const { workflow, view, next } = await visitRuns(async (runtime) => {
    const id = await findRun(runtime, organizationId, run);
    const found = await readRun(runtime, organizationId, id);
    const document = await readDocument(runtime, organizationId, found.execution);
    const step = await nextStep(runtime.ask, organizationId, document, found.execution);
    return { workflow: document, view: found, next: step };
  });
  if (options.json === true) printJson({ ...view.execution, waits: view.waits });
  else print(render(workflow, view, next, columnsOf(process.stdout), paintFor(process.stdout)));
  return exitCodes.completed;
};
