/** `pawl runs`: the runs that are kept here, newest first. */
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import type { ListedRun } from "./local-protocol.ts";
import { checkOrganization, hasRuns, stateDirectory, visitRuns } from "./local-runs.ts";
import { shortRunId } from "./run-waits.ts";
import { runLooks, waitingLook } from "./run-words.ts";
import { commandText, forOrganization } from "./shell-command.ts";
import type { Cell } from "./table.ts";
import { renderTable } from "./table.ts";
import { columnsOf, paintFor, print, printJson, printSentence } from "./terminal.ts";
import { dateText, durationText, printable, shorten } from "./text.ts";

export interface RunsOptions {
  readonly json?: boolean;
  readonly org: string;
  readonly status?: WorkflowExecutionStatus;
  readonly workflow?: string;
  readonly limit: string;
}

const limitOf = ({ limit }: RunsOptions): number => {
  const number = Number(limit);
  if (Number.isInteger(number) && number >= 1 && number <= 1000) return number;
  throw new CommandError(
    "USAGE",
    `--limit takes a whole number from 1 to 1000, not '${printable(shorten(limit, 40))}'.`,
  );
};

const headings = [
  { heading: "Run" },
  { heading: "Workflow" },
  { heading: "Status" },
  { heading: "Started" },
  { heading: "Took", align: "right" },
  { heading: "" },
] as const;

const remarkOf = ({ error, waiting }: ListedRun): Cell => {
  if (error !== null) return { text: error, format: "red" };
  if (waiting.length === 0) return { text: "" };
  const names = waiting.length > 3 ? [...waiting.slice(0, 3), "..."] : waiting;
  return { text: `${names.join(", ")} ${waiting.length === 1 ? "waits" : "wait"} for an answer` };
};

const rowOf = (run: ListedRun): readonly Cell[] => {
  const isWaiting = run.waiting.length > 0 && run.status === "executing";
  const { mark, format } = isWaiting ? waitingLook : runLooks[run.status];
  const took =
    run.endedAt === null ? undefined : Date.parse(run.endedAt) - Date.parse(run.startedAt);
  return [
    { text: shortRunId(run.id) },
    { text: shorten(printable(run.workflowId), 24) },
    { text: `${mark} ${isWaiting ? "waiting" : run.status}`, format },
    { text: dateText(run.startedAt), format: "dim" },
    { text: took === undefined ? "" : durationText(took), format: "dim" },
    remarkOf(run),
  ];
};

const noneText = ({ status, workflow, org }: RunsOptions): string => {
  const which = [
    ...(status === undefined ? [] : [`with status ${status}`]),
    ...(workflow === undefined ? [] : [`of workflow '${printable(shorten(workflow, 60))}'`]),
  ].join(" ");
  return which === ""
    ? `There are no runs in ${stateDirectory}/${forOrganization(org)} yet. '${commandText(org, "run FILE")}' starts one.`
    : `There are no runs ${which} in ${stateDirectory}/${forOrganization(org)}. '${commandText(org, "runs")}' lists all.`;
};

export const runsCommand = async (options: RunsOptions): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  const limit = limitOf(options);
  const { status, workflow } = options;
  const rows = hasRuns()
    ? await visitRuns(({ ask }) =>
        ask("list", {
          organizationId,
          options: {
            // One more tells whether there are more.
            limit: limit + 1,
            ...(status === undefined ? {} : { status }),
            ...(workflow === undefined ? {} : { workflowId: workflow }),
          },
        }),
      )
    : [];
  const shown = rows.slice(0, limit);
  if (options.json === true) {
    printJson({ runs: shown, more: rows.length > limit });
    return exitCodes.completed;
  }
  if (shown.length === 0) {
    print(noneText(options));
    return exitCodes.completed;
  }
  const paint = paintFor(process.stdout);
  const columns = columnsOf(process.stdout);
  print(renderTable(headings, shown.map(rowOf), columns, paint));
  const more = rows.length > limit ? ` Older ones: --limit ${Math.min(1000, limit * 2)}.` : "";
  const hint = `'${commandText(organizationId, "show RUN")}' shows one; the beginning of its id, or 'last', will do.${more}`;
  print("");
  printSentence(hint);
  return exitCodes.completed;
};
