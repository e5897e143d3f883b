/** What stays the same through a run: the definition, its order, whose run it is, and what started it. */
import type { WorkflowGraph } from "./graph.ts";
import type { InputOverrides } from "./inputs.ts";
import type { JsonValue } from "./value.ts";
import type { Workflow } from "./workflow.ts";

/** The earlier run that a redrive goes on from. */
export interface RedriveParams {
  readonly executionId: string;
  /** Runs again with all its descendants, beside what must anyway. */
  readonly from?: string;
}

/** What a run is started with. */
export interface ExecuteParams {
  /** The document; anything else is refused with a record that says why. */
  readonly workflow: Workflow;
  readonly userId: string;
  readonly organizationId: string;
  /** Compute credits that the organization may spend in all: a finite number of at least 0, 2^32 or more for no limit. */
  readonly computeCredits: number;
  readonly inputOverrides?: InputOverrides;
  /** What started the run: the body of a request, a message. Null unless told. */
  readonly trigger?: JsonValue;
  /** For a run that takes over what an earlier one has done. */
  readonly redrive?: RedriveParams;
}

/** For an instance whose run has parameters that are too large for it: they are in the store, under the run's id. */
export interface StoredParams {
  readonly organizationId: string;
  readonly stored: true;
}

/** One part of a run that takes more steps than an instance may. */
export interface PartParams {
  readonly organizationId: string;
  readonly partOf: string;
  /** The instance of the run, when it has another id than the run. */
  readonly runInstanceId?: string;
  readonly part: number;
  /** Places in the order, the last not among them. */
  readonly from: number;
  readonly to: number;
  /** Parts whose results it needs; 0 is what a redrive took over. */
  readonly needs: readonly number[];
  /** Nodes that it may run at a time. */
  readonly places: number;
  /** The last command that the run had been told when the part was created, and whether that was to pause. */
  readonly seenCommand: number;
  readonly isPaused: boolean;
  /** What nodes that were taken over cost in earlier runs, for the run's budget. */
  readonly carried?: number;
}

/** Which run the instance is to run; the one that has the instance's id unless told. */
interface NamedRun {
  readonly executionId?: string;
}

/** What an instance is created with. */
export type InstanceParams = (ExecuteParams & NamedRun) | (StoredParams & NamedRun) | PartParams;

export const isPartParams = (params: InstanceParams): params is PartParams => "partOf" in params;
export const isStoredParams = (params: InstanceParams): params is StoredParams =>
  "stored" in params;

export interface WorkflowExecutionContext {
  readonly workflow: Workflow;
  readonly orderedNodeIds: readonly string[];
  readonly workflowId: string;
  readonly organizationId: string;
  readonly executionId: string;
  readonly trigger: JsonValue;
}

export const contextOf = (
  { workflow, nodes }: WorkflowGraph,
  params: ExecuteParams,
  executionId: string,
): WorkflowExecutionContext => ({
  workflow,
  orderedNodeIds: nodes.map(({ id }) => id),
  workflowId: workflow.id,
  organizationId: params.organizationId,
  executionId,
  trigger: params.trigger ?? null,
});
