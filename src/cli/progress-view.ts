/**
 * A run as it goes: lines that move on a terminal, one plain line for each node that settles anywhere else. Shows what it is
 * told and decides nothing; the table at the end comes from the record.
 */
import { createLogUpdate } from "log-update";
import type { MonitoringMessage } from "#services/monitoring-service";
import type { Workflow } from "#core/workflow";
import type { WorkflowExecution } from "#core/report";
import type { Look, OutputsText } from "./run-words.ts";
import { nodeLooks, outputsTextFor, skipText, waitingLook } from "./run-words.ts";
import { answerCommand, clockText } from "./run-waits.ts";
import type { Paint, Stream } from "./terminal.ts";
import { columnsOf, paintFor } from "./terminal.ts";
import { count, durationText, padEnd, printable, shorten, widthOf } from "./text.ts";

type NodeMessage = Extract<MonitoringMessage, { readonly type: "node" }>;

export interface ProgressView {
  /** The run as it stands when it is gone on with: its settled nodes are counted, and not told again. */
  readonly begin: (execution: WorkflowExecution) => void;
  readonly show: (message: MonitoringMessage) => void;
  /** What is being waited for when it is no node. */
  readonly say: (text: string) => void;
  /** The same for what takes a moment only: a log needs no word of it. */
  readonly hint: (text: string) => void;
  /** Takes the moving lines away. */
  readonly end: () => void;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;
const frameMillis = 80;
const widestId = 32;

const idWidthOf = (id: string): number => widthOf(printable(id.slice(0, widestId * 2)));

/** Without its name, which a message tells but few need. */
const waitOf = ({ organizationId, executionId, nodeId }: NodeMessage) => ({
  organizationId,
  executionId,
  nodeId,
});

const isSettled = ({ status }: NodeMessage): boolean =>
  status === "completed" || status === "failed" || status === "skipped";

/** What there is to say beside the status. */
const remarkOf = (message: NodeMessage, outputsText: OutputsText): string => {
  switch (message.status) {
    case "executing":
      return "";
    case "retrying":
      return `attempt ${message.attempt} failed, trying again: ${message.error}`;
    case "waiting":
      return (
        `waits: ${answerCommand(waitOf(message))}` +
        (message.until === null ? "" : ` (until ${clockText(message.until)})`)
      );
    case "completed":
      return outputsText(message.nodeId, message.outputs);
    case "failed":
      return message.error;
    case "skipped":
      return skipText(message);
  }
};

const lookOf = ({ status }: NodeMessage): Look => {
  if (status === "retrying") return { mark: "↻", format: "yellow" };
  return status === "waiting" ? waitingLook : nodeLooks[status];
};

/** For a file or a log: settled nodes and retries, each on a line of its own. */
const createPlainView = (stream: Stream, workflow: Workflow): ProgressView => {
  const outputsText = outputsTextFor(workflow);
  let hasShown = false;
  const paint = paintFor(stream);
  const columns = columnsOf(stream);
  const widest = workflow.nodes.reduce((most, { id }) => Math.max(most, idWidthOf(id)), 0);
  const idWidth = Math.min(widestId, widest);
  return {
    begin: () => {},
    show: (message) => {
      if (message.type !== "node" || message.status === "executing") return;
      hasShown = true;
      const { mark, format } = lookOf(message);
      const start = `${mark} ${padEnd(message.status, 9)}  `;
      const id = padEnd(shorten(printable(message.nodeId), widestId), idWidth);
      const room = columns - widthOf(start + id) - 2;
      const remark = shorten(printable(remarkOf(message, outputsText)), Math.max(16, room));
      stream.write(`${paint(format, start)}${id}  ${remark}`.trimEnd() + "\n");
    },
    say: (text) => {
      stream.write(`${paint("dim", text)}\n`);
    },
    hint: () => {},
    end: () => {
      if (hasShown) stream.write("\n");
    },
  };
};

interface Seen {
  readonly message: NodeMessage;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
}

/** Those that fit, the running ones before all. */
const visible = (seen: readonly Seen[], room: number): readonly Seen[] => {
  if (seen.length <= room) return seen;
  const running = seen.filter(({ endedAt }) => endedAt === undefined).slice(0, room);
  const settled = seen.filter(({ endedAt }) => endedAt !== undefined);
  return [...settled.slice(settled.length - (room - running.length)), ...running];
};

const createLiveView = (stream: Stream, workflow: Workflow): ProgressView => {
  const outputsText = outputsTextFor(workflow);
  const paint: Paint = paintFor(stream);
  const update = createLogUpdate(stream);
  const seen = new Map<string, Seen>();
  const settledBefore = new Set<string>();
  let said = "Starting";
  let frame = 0;
  const lineOf = ({ message, startedAt, endedAt }: Seen, idWidth: number): string => {
    const isRunning = endedAt === undefined;
    const { mark, format } = lookOf(message);
    const shownMark = message.status === "executing" ? frames[frame % frames.length]! : mark;
    const millis = (endedAt ?? Date.now()) - startedAt;
    // A time that changes with every frame would only flicker.
    const time =
      message.status === "skipped" || (isRunning && millis < 1000) ? "" : durationText(millis);
    const id = padEnd(shorten(printable(message.nodeId), idWidth), idWidth);
    const remark = printable(remarkOf(message, outputsText));
    const room = columnsOf(stream) - idWidth - 15;
    return `${paint(format, shownMark)} ${id}  ${paint("dim", padEnd(time, 8))}  ${shorten(remark, room)}`.trimEnd();
  };
  const draw = (): void => {
    const all = [...seen.values()];
    const settled = settledBefore.size + all.filter(({ endedAt }) => endedAt !== undefined).length;
    const shown = visible(all, Math.max(3, (stream.rows || 24) - 4));
    const widest = Math.max(0, ...shown.map(({ message }) => idWidthOf(message.nodeId)));
    const idWidth = Math.min(widestId, widest, Math.floor(columnsOf(stream) / 2));
    const spinner = frames[frame % frames.length]!;
    const state = said === "" ? `${settled} of ${count(workflow.nodes.length, "node")}` : said;
    update(
      [
        ...shown.map((line) => lineOf(line, idWidth)),
        paint("dim", shorten(`${spinner} ${state}`, columnsOf(stream))),
      ].join("\n"),
    );
  };
  const announce = (text: string): void => {
    said = text;
    draw();
  };
  draw();
  const timer = setInterval(() => {
    frame += 1;
    draw();
  }, frameMillis);
  return {
    begin: ({ nodeExecutions }) => {
      for (const { nodeId, status } of nodeExecutions) {
        if (status !== "idle" && status !== "executing") settledBefore.add(nodeId);
      }
    },
    show: (message) => {
      said = "";
      if (message.type !== "node") return;
      settledBefore.delete(message.nodeId);
      const before = seen.get(message.nodeId);
      seen.set(message.nodeId, {
        message,
        startedAt: before?.startedAt ?? message.at,
        endedAt: isSettled(message) ? message.at : undefined,
      });
    },
    say: announce,
    hint: announce,
    end: () => {
      clearInterval(timer);
      update.clear();
      update.done();
    },
  };
};

export const createProgressView = (stream: Stream, workflow: Workflow): ProgressView =>
  stream.isTTY && process.env["TERM"] !== "dumb"
    ? createLiveView(stream, workflow)
    : createPlainView(stream, workflow);
