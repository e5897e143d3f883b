/** What the command and the Worker that it embeds say to each other, as JSON. */
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";

export interface Migration {
  /** The file's name: `0001_executions.sql`. */
  readonly name: string;
  readonly sql: string;
}

export type LocalRequest =
  | { readonly type: "migrate"; readonly migrations: readonly Migration[] }
  | { readonly type: "start"; readonly executionId: string; readonly params: ExecuteParams }
  | { readonly type: "read"; readonly organizationId: string; readonly executionId: string }
  | { readonly type: "status"; readonly executionId: string };

export type LocalResponse =
  | { readonly type: "done" }
  | { readonly type: "record"; readonly execution: WorkflowExecution | null }
  /** The platform's own word for the instance, such as `running`, `complete` or `errored`. */
  | { readonly type: "status"; readonly status: string; readonly error: string | null };
