/** The waits of a run as people see them: what is asked, until when, and the command that answers it. */
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import type { JsonValue } from "#core/value";
import { isJsonObject } from "#core/value";
import type { Workflow } from "#core/workflow";
import type { StandingWait, Wait } from "#services/wait-store";
import { commandText, shellWord } from "./shell-command.ts";
import type { Paint } from "./terminal.ts";
import { durationText, printable, shorten, wrap } from "./text.ts";

/** Waits that can be answered now. */
export const openWaits = (
  waits: readonly StandingWait[],
  now: number = Date.now(),
): readonly StandingWait[] =>
  waits.filter(
    ({ status, deadline }) => status === "open" && (deadline === null || deadline > now),
  );

/** Whether a run can only go on when somebody answers: every node that has begun and not ended waits. */
export const isOnlyWaiting = (
  { status, nodeExecutions }: WorkflowExecution,
  waits: readonly StandingWait[],
): boolean => {
  const waiting = new Set(openWaits(waits).map(({ nodeId }) => nodeId));
  return (
    status === "executing" &&
    waiting.size > 0 &&
    nodeExecutions.every((node) => node.status !== "executing" || waiting.has(node.nodeId))
  );
};

/** Enough of an id to mean one run: the first part of a UUID, or the id. */
export const shortRunId = (id: string): string =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-/.test(id) ? id.slice(0, 8) : id;

/** `14:05`, or `26 Nov, 14:05` on another day. In local time. */
export const clockText = (millis: number, now: number = Date.now()): string => {
  const date = new Date(millis);
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const day = { day: "numeric", month: "short" } as const;
  const isToday = date.toDateString() === new Date(now).toDateString();
  return isToday ? time : `${date.toLocaleDateString("en-GB", day)}, ${time}`;
};

interface AnsweredWait {
  readonly organizationId: string;
  readonly executionId: string;
  readonly nodeId: string;
  /** Needed only where several waits of the node are open. */
  readonly name?: string;
  /** What stands for the answer. */
  readonly data?: string;
}

export const answerCommand = ({
  organizationId,
  executionId,
  nodeId,
  name,
  data,
}: AnsweredWait): string => {
  const options = [
    ...(name === undefined ? [] : [`--name ${shellWord(name)}`]),
    ...(data === undefined ? [] : [`--data ${data}`]),
  ];
  const names = [shortRunId(executionId), nodeId];
  return commandText(organizationId, "answer", names, options.join(" "));
};

/** A question in a text is shown as it is, and what else is asked as JSON below it. */
const questionLines = (question: JsonValue): readonly string[] => {
  if (!isJsonObject(question)) return [JSON.stringify(question)];
  const { question: text, ...rest } = question;
  return [
    ...(text === undefined ? [] : [typeof text === "string" ? text : JSON.stringify(text)]),
    ...Object.entries(rest).map(([key, value]) => `${key}: ${JSON.stringify(value)}`),
  ];
};

const outcomeOf = (wait: StandingWait): { readonly mark: string; readonly text: string } => {
  switch (wait.status) {
    case "open":
      return { mark: "✗", text: "nobody answered in time" };
    case "expired":
      return { mark: "✗", text: "nobody answered in time" };
    case "closed":
      return { mark: "–", text: "the run ended first" };
    case "answered":
      return {
        mark: "✓",
        text: `answered after ${durationText(wait.answeredAt - wait.openedAt)}: ${JSON.stringify(wait.data)}`,
      };
  }
};

const longestQuestion = 400;

export const renderWaits = (
  workflow: Pick<Workflow, "nodes">,
  { id, status }: WorkflowExecution,
  waits: readonly StandingWait[],
  columns: number,
  paint: Paint,
): string => {
  const now = Date.now();
  const open = isFinalStatus(status) ? [] : openWaits(waits, now);
  const namedTwice = (wait: Wait): boolean =>
    open.filter(({ nodeId }) => nodeId === wait.nodeId).length > 1;
  const indented = (text: string): readonly string[] =>
    wrap(shorten(printable(text), longestQuestion), columns - 2).map((line) => `  ${line}`);
  return waits
    .flatMap((wait) => {
      const { organizationId, nodeId, name, deadline, question } = wait;
      const who = `${shorten(printable(nodeId), 60)} (${shorten(printable(name), 40)})`;
      if (!open.includes(wait)) {
        const { mark, text } = outcomeOf(wait);
        return [shorten(`${mark} ${who}: ${printable(text)}`, columns)];
      }
      const until = deadline === null ? "" : ` until ${clockText(deadline, now)}`;
      const type = workflow.nodes.find((node) => node.id === nodeId)?.type;
      const command = answerCommand({
        organizationId,
        executionId: id,
        nodeId,
        ...(namedTwice(wait) ? { name } : {}),
        data: type === "wait-for-approval" ? "true" : "JSON",
      });
      return [
        paint("yellow", shorten(`… ${who} waits for an answer${until}`, columns)),
        ...questionLines(question).flatMap(indented),
        // Not broken over lines: it is there to be copied.
        `  ${paint("cyan", printable(command))}`,
      ];
    })
    .join("\n");
};
