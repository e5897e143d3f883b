/** How the end of a part of a run is told: by an answer to a wait that belongs to no node. */
import type { PartParams } from "#core/execution-context";
import { partEventType } from "#core/step-name";
import type { JsonValue } from "#core/value";
import { isJsonObject } from "#core/value";
import type { Wait, WaitKey } from "#services/wait-store";

/** Ids of nodes are not empty. */
const noNode = "";

export const partWaitKey = (
  organizationId: string,
  executionId: string,
  part: number,
): WaitKey => ({ organizationId, executionId, nodeId: noNode, name: `part ${part}` });

/** What a part's wait asks: enough to create its instance again. */
export interface PartQuestion {
  readonly instanceId: string;
  readonly params: PartParams;
}

export const partWait = (question: PartQuestion, openedAt: number): Wait => {
  const { organizationId, partOf, part } = question.params;
  return {
    ...partWaitKey(organizationId, partOf, part),
    eventType: partEventType(part),
    openedAt,
    deadline: null,
    question: question as unknown as JsonValue,
  };
};

/** Undefined for a wait of a node. */
export const partQuestionOf = ({
  nodeId,
  question,
}: Pick<Wait, "nodeId" | "question">): PartQuestion | undefined =>
  nodeId === noNode && isJsonObject(question) ? (question as unknown as PartQuestion) : undefined;

/** How a part ended: it says so itself, or the watchdog in its place. */
export type PartEnd =
  | {
      readonly status: "ended";
      /** The run's budget has refused one of its nodes. */
      readonly isSpent: boolean;
    }
  | { readonly status: "lost"; readonly error: string };

export const partEndOf = (data: JsonValue): PartEnd => {
  if (!isJsonObject(data)) return { status: "ended", isSpent: false };
  if (data["status"] !== "lost") return { status: "ended", isSpent: data["isSpent"] === true };
  const { error } = data;
  return { status: "lost", error: typeof error === "string" ? error : "unknown" };
};
