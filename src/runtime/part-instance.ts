/** Where a part of a run lives, and how its end is told: by an answer to a wait that belongs to no node. */
import type { PartParams } from "#core/execution-context";
import { fingerprint } from "#core/fingerprint";
import { partEventType } from "#core/step-name";
import type { JsonValue } from "#core/value";
import { isJsonObject } from "#core/value";
import type { Wait, WaitKey } from "#services/wait-store";

/** Ids of nodes are not empty. */
const noNode = "";

/**
 * An instance's id takes 100 characters of a few kinds and is known to the whole platform, where an execution's belongs to its
 * organization: a readable head, and a hash of all that tells parts apart.
 */
export const partInstanceId = (
  organizationId: string,
  executionId: string,
  part: number,
): string => {
  const head = executionId.replaceAll(/[^\w-]/g, "_").slice(0, 60);
  return `${head}-part-${part}-${fingerprint([organizationId, executionId, String(part)])}`;
};

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
  | { readonly status: "ended" }
  | { readonly status: "lost"; readonly error: string };

export const partEndOf = (data: JsonValue): PartEnd => {
  if (!isJsonObject(data) || data["status"] !== "lost") return { status: "ended" };
  const { error } = data;
  return { status: "lost", error: typeof error === "string" ? error : "unknown" };
};
