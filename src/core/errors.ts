/** What the core refuses, as tags with fields. Nothing is matched by message text (ERROR-4). */
import * as Data from "effect/Data";
import type {
  NodeEventType,
  NodeLifecycle,
  WorkflowEventType,
  WorkflowLifecycle,
} from "./lifecycle.ts";

/**
 * An event that a machine does not accept (NODE-1). With a `nodeId` it was meant for that node; `from` is the state of
 * the machine that refused: the node's, or the run's when the event is `startNode` or `moveNode`.
 */
export class IllegalTransition extends Data.TaggedError("IllegalTransition")<{
  readonly nodeId?: string;
  readonly from: NodeLifecycle | WorkflowLifecycle | "unknown";
  readonly event: NodeEventType | WorkflowEventType;
}> {
  override get message(): string {
    const { nodeId, from, event } = this;
    if (nodeId === undefined) return `The run is ${from} and does not accept '${event}'`;
    if (from === "unknown") return `Node '${nodeId}' is not part of this workflow`;
    return event === "startNode" || event === "moveNode"
      ? `The run is ${from}, so node '${nodeId}' may not ${event === "startNode" ? "start" : "move"}`
      : `Node '${nodeId}' is ${from} and does not accept '${event}'`;
  }
}

/** A run that a newer version began: this one would not find its steps on record. */
export class NewerStepNames extends Data.TaggedError("NewerStepNames")<{
  readonly executionId: string;
  readonly recorded: number;
  readonly known: number;
}> {
  override get message(): string {
    const { executionId, recorded, known } = this;
    return (
      `Run '${executionId}' was begun by a newer version of Pawl: its steps are named by scheme ${recorded}, and this ` +
      `version knows ${known}. Deploy the newer version again, or start the run anew.`
    );
  }
}
