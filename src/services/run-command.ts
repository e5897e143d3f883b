/**
 * What people tell a run from outside. The last command that was accepted stands and has a number, so that a run knows
 * which it has seen; which command is news after which is said here alone.
 */
import type { WorkflowExecutionStatus } from "#core/lifecycle";

export type RunCommand = "pause" | "resume" | "cancel";

/** Null and 0 before the first. */
export interface StandingCommand {
  readonly command: RunCommand | null;
  /** Higher by one with each command that is news. */
  readonly number: number;
}

/** Whom to wake. */
export interface RunInstance {
  /** The platform's instance that runs the run, when it has another id than the run. */
  readonly instanceId?: string;
}

export type CommandResult =
  /** The number of the command that stands now: an earlier one's when this one said the same. */
  | { readonly status: "accepted"; readonly number: number }
  /** There is nothing to resume. */
  | { readonly status: "notPaused" }
  /** What is being cancelled neither pauses nor goes on. */
  | { readonly status: "cancelling" }
  | { readonly status: "ended"; readonly as: WorkflowExecutionStatus }
  | { readonly status: "unknown" };

/** The same for whoever then wakes the run. */
export type StoredCommand =
  | Exclude<CommandResult, { readonly status: "accepted" }>
  | (Extract<CommandResult, { readonly status: "accepted" }> & RunInstance);

export const addressed = (result: CommandResult, { instanceId }: RunInstance): StoredCommand =>
  result.status === "accepted" && instanceId !== undefined ? { ...result, instanceId } : result;

/** The standing commands after which each is news. */
export const newsAfter: Readonly<Record<RunCommand, readonly (RunCommand | "none")[]>> = {
  pause: ["none", "resume"],
  resume: ["pause"],
  cancel: ["none", "pause", "resume"],
};

export const isNews = (command: RunCommand, standing: StandingCommand): boolean =>
  newsAfter[command].includes(standing.command ?? "none");

/** The answer to a command that is no news. */
export const answerToOldNews = (command: RunCommand, standing: StandingCommand): CommandResult => {
  if (command !== "cancel" && standing.command === "cancel") return { status: "cancelling" };
  return command === "resume"
    ? { status: "notPaused" }
    : { status: "accepted", number: standing.number };
};
