/**
 * A run's timeline as text: a line for each node that did something, all on one axis, with its attempts, the pauses between
 * them and its waits. Marks differ in shape, so that nothing is told by colour alone.
 */
import type { NodeExecution, WorkflowExecution } from "#core/report";
import type { StandingWait } from "#services/wait-store";
import type { Paint } from "./terminal.ts";
import { durationText, padEnd, padStart, printable, shorten, widthOf } from "./text.ts";

type Kind = "pause" | "attempt" | "failed" | "wait";

interface Span {
  readonly kind: Kind;
  readonly from: number;
  readonly to: number;
}

const looks = {
  attempt: { mark: "█", format: "green", meaning: "an attempt" },
  failed: { mark: "×", format: "red", meaning: "a failed attempt" },
  pause: { mark: "·", format: "dim", meaning: "the pause before the next" },
  wait: { mark: "░", format: "yellow", meaning: "waiting for an answer" },
} as const;

const kinds = ["attempt", "failed", "pause", "wait"] as const;

const waitSpan = (wait: StandingWait, now: number): Span => ({
  kind: "wait",
  from: wait.openedAt,
  to:
    wait.status === "answered"
      ? wait.answeredAt
      : Math.max(wait.openedAt, Math.min(now, wait.deadline ?? now)),
});

/** Later ones are drawn over earlier ones: a wait lies within the attempt that waits. */
const spansOf = (
  { attempts }: NodeExecution,
  waits: readonly StandingWait[],
  now: number,
): readonly Span[] => {
  const tries = attempts.map(({ startedAt, endedAt, error }): Span => {
    const kind = error === undefined ? "attempt" : "failed";
    return { kind, from: Date.parse(startedAt), to: Date.parse(endedAt) };
  });
  const pauses = tries
    .slice(1)
    .map((next, index): Span => ({ kind: "pause", from: tries[index]!.to, to: next.from }));
  return [...pauses, ...tries, ...waits.map((wait) => waitSpan(wait, now))];
};

/** One cell for each column; what is too short for a cell takes one all the same. */
const cellsOf = (
  spans: readonly Span[],
  start: number,
  total: number,
  width: number,
): readonly (Kind | undefined)[] => {
  const cells = Array.from<Kind | undefined>({ length: width });
  const columnOf = (time: number): number =>
    Math.max(0, Math.min(width, ((time - start) / total) * width));
  for (const { kind, from, to } of spans) {
    const first = Math.min(width - 1, Math.floor(columnOf(from)));
    const last = Math.max(first + 1, Math.min(width, Math.ceil(columnOf(to))));
    cells.fill(kind, first, last);
  }
  return cells;
};

const drawn = (cells: readonly (Kind | undefined)[], paint: Paint): string => {
  let text = "";
  for (let from = 0; from < cells.length;) {
    const kind = cells[from];
    let to = from;
    while (to < cells.length && cells[to] === kind) to++;
    text +=
      kind === undefined
        ? " ".repeat(to - from)
        : paint(looks[kind].format, looks[kind].mark.repeat(to - from));
    from = to;
  }
  return text;
};

const widestId = 24;
const timeWidth = 8;
const widestBar = 80;

/** Empty when no node has done anything yet. */
export const renderTimeline = (
  execution: WorkflowExecution,
  waits: readonly StandingWait[],
  columns: number,
  paint: Paint,
): string => {
  const now = execution.endedAt === null ? Date.now() : Date.parse(execution.endedAt);
  const longestId = Math.min(widestId, Math.floor(columns / 4));
  const waitsByNode = Map.groupBy(waits, ({ nodeId }) => nodeId);
  const lines = execution.nodeExecutions
    .map((node) => ({
      id: shorten(printable(node.nodeId), longestId),
      spans: spansOf(node, waitsByNode.get(node.nodeId) ?? [], now),
    }))
    .filter(({ spans }) => spans.length > 0)
    .map(({ id, spans }) => ({
      id,
      spans,
      from: Math.min(...spans.map((span) => span.from)),
      to: Math.max(...spans.map((span) => span.to)),
    }))
    .sort((a, b) => a.from - b.from);
  if (lines.length === 0) return "";
  const start = Math.min(Date.parse(execution.startedAt), ...lines.map(({ from }) => from));
  const end = lines.reduce((latest, { to }) => Math.max(latest, to), start + 1);
  const idWidth = Math.max(...lines.map(({ id }) => widthOf(id)));
  const width = Math.max(3, Math.min(widestBar, columns - idWidth - timeWidth - 4));
  const total = durationText(end - start);
  const axis = `${padEnd("", idWidth)}  0${padStart(total, width - 1)}`;
  const used = new Set(lines.flatMap(({ spans }) => spans.map(({ kind }) => kind)));
  const legend = kinds
    .filter((kind) => used.has(kind))
    .map((kind) => `${looks[kind].mark} ${looks[kind].meaning}`)
    .join("  ");
  return [
    paint("dim", axis),
    ...lines.map(({ id, spans, from, to }) => {
      const bar = drawn(cellsOf(spans, start, end - start, width), paint);
      return `${padEnd(id, idWidth)}  ${bar}  ${paint("dim", padStart(durationText(to - from), timeWidth))}`;
    }),
    paint("dim", `${padEnd("", idWidth)}  ${shorten(legend, columns - idWidth - 2)}`),
  ].join("\n");
};
