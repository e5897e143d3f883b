/**
 * What a command and the Worker that holds its runs say to each other, as JSON: inside one process, and over the socket of
 * the process that holds `.pawl`.
 */
import type { ExecuteParams, RedriveParams } from "#core/execution-context";
import type { InputOverrides } from "#core/inputs";
import type { WorkflowExecution } from "#core/report";
import type { JsonValue } from "#core/value";
import type { Workflow } from "#core/workflow";
import type { CreditPlan } from "#core/credits";
import type { CreditAccount } from "#services/credit-service";
import type { ExecutionRow, ListOptions } from "#services/execution-store";
import type { IntegrationFacts, Tokens } from "#services/integration-store";
import type { CommandResult, RunCommand } from "#services/run-command";
import type { StartResult } from "#runtime/start-run";
import type { SecretFacts } from "#services/secret-store";
import type { AnswerResult, StandingWait } from "#services/wait-store";

export interface Migration {
  /** The file's name: `0001_executions.sql`. */
  readonly name: string;
  readonly sql: string;
}

export interface RunKey {
  readonly organizationId: string;
  readonly executionId: string;
}

export interface ListedRun extends ExecutionRow {
  /** Nodes of a live run that wait for an answer. */
  readonly waiting: readonly string[];
}

/** A run as its record and its waits tell it. */
export interface RunView {
  readonly execution: WorkflowExecution;
  readonly waits: readonly StandingWait[];
}

export interface PlannedNode {
  readonly nodeId: string;
  readonly action: "reuse" | "run";
  /** Such as `failed`; `reused` for what is taken over. */
  readonly reason: string;
  /** The same in words. */
  readonly text: string;
  /** Of what is taken over: 16 hexadecimal digits of the node's definition and inputs. */
  readonly hash?: string;
  /** What it cost when it ran, in compute credits, of what is taken over. */
  readonly usage?: number;
}

export interface ListedIntegration extends IntegrationFacts {
  /** Whether a new token can be had in the place of one whose time is over; null when it is not over, or cannot be opened. */
  readonly isRenewable: boolean | null;
}

/** How many secrets, and how many integrations. */
export interface Sealed {
  readonly secrets: number;
  readonly integrations: number;
}

export interface SealedCount extends Sealed {
  readonly organizationId: string;
}

export interface SealedPlace {
  readonly kind: "secret" | "integration";
  readonly organizationId: string;
  /** Of the integration, or the name of the secret. */
  readonly id: string;
}

export interface SealedRow extends SealedPlace {
  /** Of the master key. */
  readonly keyVersion: number;
}

export interface SealedCheck {
  /** Of the master key, each under which something stands, in ascending order. */
  readonly versions: readonly number[];
  /** The first of those looked at that does not open; null when all do. */
  readonly unopened: SealedRow | null;
}

interface Named {
  readonly organizationId: string;
  readonly name: string;
}

interface Identified {
  readonly organizationId: string;
  readonly id: string;
}

type Refused = { readonly status: "refused"; readonly message: string };

/** What can be asked, with what, and what the answer is. */
export interface LocalCalls {
  readonly migrate: {
    readonly request: { readonly migrations: readonly Migration[] };
    readonly answer: null;
  };
  readonly start: {
    readonly request: { readonly executionId: string; readonly params: ExecuteParams };
    readonly answer: StartResult;
  };
  readonly list: {
    readonly request: { readonly organizationId: string; readonly options: ListOptions };
    readonly answer: readonly ListedRun[];
  };
  /** Ids that are meant: the id itself, those that begin so (at most six), or the newest run for `last`. */
  readonly find: {
    readonly request: { readonly organizationId: string; readonly run: string };
    readonly answer: readonly string[];
  };
  readonly read: { readonly request: RunKey; readonly answer: RunView | null };
  readonly readStart: { readonly request: RunKey; readonly answer: ExecuteParams | null };
  readonly command: {
    readonly request: RunKey & { readonly command: RunCommand };
    readonly answer: CommandResult;
  };
  readonly answer: {
    readonly request: RunKey & {
      readonly nodeId: string;
      readonly name?: string;
      readonly data: JsonValue;
    };
    readonly answer: AnswerResult;
  };
  readonly planRedrive: {
    readonly request: {
      readonly organizationId: string;
      readonly redrive: RedriveParams;
      readonly workflow: Workflow;
      readonly overrides?: InputOverrides;
    };
    readonly answer:
      | { readonly status: "planned"; readonly nodes: readonly PlannedNode[] }
      | Refused;
  };
  /** Sets a run going whose process has died. */
  readonly wake: { readonly request: RunKey; readonly answer: null };
  /** How and why the platform has ended the run's instance; null while it has not. */
  readonly endOf: { readonly request: RunKey; readonly answer: string | null };
  readonly setSecret: {
    readonly request: Named & { readonly value: string };
    readonly answer: "created" | "replaced";
  };
  /** False when there is none of that name. */
  readonly removeSecret: { readonly request: Named; readonly answer: boolean };
  readonly listSecrets: {
    readonly request: { readonly organizationId: string };
    readonly answer: readonly SecretFacts[];
  };
  /** Of each organization that has something sealed. */
  readonly countSealed: { readonly request: object; readonly answer: readonly SealedCount[] };
  /** Opens one row of each version of the master key, or every row. */
  readonly checkSealed: {
    readonly request: {
      readonly isThorough: boolean;
      /** Is about to be replaced, and may be as it is. */
      readonly except?: SealedPlace;
      /** Alone; all organizations unless told. */
      readonly organizationId?: string;
    };
    readonly answer: SealedCheck;
  };
  /** Seals anew what stands under older master keys, of all organizations. */
  readonly reseal: { readonly request: object; readonly answer: Sealed };
  readonly readAccount: {
    readonly request: { readonly organizationId: string };
    readonly answer: CreditAccount;
  };
  readonly setPlan: {
    readonly request: { readonly organizationId: string; readonly plan: CreditPlan };
    readonly answer: CreditAccount;
  };
  readonly listIntegrations: {
    readonly request: { readonly organizationId: string };
    readonly answer: readonly ListedIntegration[];
  };
  readonly connectIntegration: {
    readonly request: Identified & { readonly provider: string; readonly tokens: Tokens };
    readonly answer: "created" | "replaced";
  };
  /** False when there is none of that id. */
  readonly removeIntegration: { readonly request: Identified; readonly answer: boolean };
}

export type LocalCall = keyof LocalCalls;

export type LocalRequest = {
  readonly [Call in LocalCall]: { readonly type: Call } & LocalCalls[Call]["request"];
}[LocalCall];

/** Of one call in its request's words. */
export type AskLocal = <Call extends LocalCall>(
  type: Call,
  request: LocalCalls[Call]["request"],
) => Promise<LocalCalls[Call]["answer"]>;

export type LocalResponse =
  | { readonly status: "answered"; readonly answer: LocalCalls[LocalCall]["answer"] }
  /** A service's own words, and its own name of what failed. */
  | { readonly status: "failed"; readonly message: string; readonly operation: string };
