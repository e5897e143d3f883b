/** `pawl answer`: gives a node what it waits for, and goes on with the run. What cannot be taken is refused in plain words. */
import { text as readText } from "node:stream/consumers";
import * as Result from "effect/Result";
import { isFinalStatus } from "#core/lifecycle";
import type { JsonValue } from "#core/value";
import type { AnswerRefusal, Wait } from "#services/wait-store";
import type { ExitCode } from "./command-error.ts";
import { CommandError, exitCodes } from "./command-error.ts";
import { alreadyEnded } from "./control-commands.ts";
import { parseJson } from "./json-source.ts";
import type { RunView } from "./local-protocol.ts";
import type { LocalRuntime } from "./local-runtime.ts";
import {
  checkOrganization,
  findRun,
  readDocument,
  readRun,
  requireRuns,
  visitRuns,
} from "./local-runs.ts";
import { nearest } from "./nearest.ts";
import { answerCommand, clockText, shortRunId } from "./run-waits.ts";
import { commandText } from "./shell-command.ts";
import { paintFor, print, printJson, remark } from "./terminal.ts";
import { named, printable } from "./text.ts";
import { finishWatch, isAtWaits, openWatch, startView } from "./watch-run.ts";

export interface AnswerOptions {
  readonly data?: string;
  readonly name?: string;
  /** Commander's word for `--no-follow`. */
  readonly follow: boolean;
  readonly json?: boolean;
  readonly org: string;
}

/** An argument of a process takes less than an answer may. */
const dataOf = async (given: string | undefined): Promise<JsonValue> => {
  if (given === undefined) return null;
  const text = given === "-" ? await readText(process.stdin) : given;
  const parsed = parseJson(text);
  if (Result.isFailure(parsed)) {
    throw new CommandError(
      "INVALID_DATA",
      `--data is not JSON: ${parsed.failure.reason}. A text stands in quotes within quotes: --data '"yes"'.\n\n${parsed.failure.excerpt}`,
    );
  }
  return parsed.success as JsonValue;
};

interface Asked {
  readonly organizationId: string;
  readonly executionId: string;
  readonly nodeId: string;
  readonly name?: string;
  readonly data: JsonValue;
}

const refused = (code: string, message: string): CommandError =>
  new CommandError(code, message, { exitCode: exitCodes.error });

const showCommand = (organizationId: string, id: string): string =>
  commandText(organizationId, "show", [shortRunId(id)]);

/** The store knows no such wait: the node is another, has ended, or does not wait yet. */
const notWaiting = (
  { organizationId, nodeId, name }: Asked,
  { execution, waits }: RunView,
): CommandError => {
  const { id, nodeExecutions, status } = execution;
  const node = nodeExecutions.find((entry) => entry.nodeId === nodeId);
  if (node === undefined) {
    const near = nearest(
      nodeId,
      nodeExecutions.map((entry) => entry.nodeId),
    );
    return new CommandError(
      "UNKNOWN_NODE",
      `Run ${id} has no node ${named(nodeId)}. ` +
        (near.length > 0
          ? `Did you mean ${near.map(named).join(", ")}?`
          : `'${showCommand(organizationId, id)}' lists its nodes.`),
    );
  }
  const names = waits.filter((wait) => wait.nodeId === nodeId).map((wait) => wait.name);
  if (name !== undefined && names.length > 0) {
    return new CommandError(
      "UNKNOWN_WAIT",
      `Node ${named(nodeId)} has no wait ${named(name)}. It has ${names.map(named).join(", ")}.`,
    );
  }
  if (isFinalStatus(status)) {
    return alreadyEnded({ organizationId, executionId: id }, status, "the answer was not taken.");
  }
  if (node.status === "idle" || node.status === "executing") {
    return refused(
      "ANSWER_EARLY",
      `Node ${named(nodeId)} does not wait for an answer yet. The answer was not taken, and nothing is lost: ` +
        `give it again once the node waits, which '${showCommand(organizationId, id)}' tells.`,
    );
  }
  return refused(
    "NODE_ENDED",
    `Node ${named(nodeId)} is ${node.status} and waits for nothing. The answer was not taken.`,
  );
};

const refusalOf = (refusal: AnswerRefusal, asked: Asked, view: RunView): CommandError => {
  const { organizationId, executionId, nodeId } = asked;
  switch (refusal.status) {
    case "unknown":
      return notWaiting(asked, view);
    case "duplicate":
      return refused(
        "ANSWER_DUPLICATE",
        `Node ${named(nodeId)} was answered already, at ${clockText(refusal.answeredAt)}. The first answer stands.`,
      );
    case "late":
      return refused(
        "ANSWER_LATE",
        `Node ${named(nodeId)} no longer waits: its time is over, or the run ended. The answer was not taken.`,
      );
    case "ambiguous":
      return new CommandError(
        "AMBIGUOUS_WAIT",
        `Node ${named(nodeId)} waits for several answers. Name one:\n\n` +
          refusal.names
            .map(
              (name) =>
                `  ${printable(answerCommand({ organizationId, executionId, nodeId, name }))}`,
            )
            .join("\n"),
      );
    case "refused":
      return new CommandError("DATA_TOO_LARGE", refusal.message);
  }
};

const give = async (runtime: LocalRuntime, asked: Asked): Promise<Wait> => {
  const result = await runtime.ask("answer", asked);
  if (result.status === "accepted") return result.wait;
  throw refusalOf(result, asked, await readRun(runtime, asked.organizationId, asked.executionId));
};

const askedOf = (
  organizationId: string,
  executionId: string,
  nodeId: string,
  data: JsonValue,
  { name }: AnswerOptions,
): Asked => ({
  organizationId,
  executionId,
  nodeId,
  data,
  ...(name === undefined ? {} : { name }),
});

export const answerCommandLine = async (
  run: string,
  nodeId: string,
  options: AnswerOptions,
): Promise<ExitCode> => {
  const organizationId = checkOrganization(options);
  const data = await dataOf(options.data);
  requireRuns(run, organizationId);
  const isJson = options.json === true;
  const told = (name: string): string => `Node ${named(nodeId)} has the answer to ${named(name)}.`;
  if (!options.follow) {
    const wait = await visitRuns(async (runtime) => {
      const executionId = await findRun(runtime, organizationId, run);
      return give(runtime, askedOf(organizationId, executionId, nodeId, data, options));
    });
    const { executionId, name } = wait;
    if (isJson) printJson({ status: "accepted", run: executionId, nodeId, name });
    else {
      print(
        `${paintFor(process.stdout)("green", "✓")} ${told(name)}\n` +
          `  '${commandText(organizationId, "resume", [shortRunId(executionId)])}' follows the run, and sets it going if it stands still.`,
      );
    }
    return exitCodes.completed;
  }
  const watch = await openWatch(remark);
  const { runtime } = watch;
  const executionId = await findRun(runtime, organizationId, run);
  const before = await readRun(runtime, organizationId, executionId);
  const workflow = await readDocument(runtime, organizationId, before.execution);
  const { name } = await give(runtime, askedOf(organizationId, executionId, nodeId, data, options));
  const { view, endView } = startView(isJson, workflow);
  view.say(told(name));
  const waits = before.waits.filter((wait) => wait.nodeId !== nodeId || wait.name !== name);
  const { follow } = watch.attend({
    organizationId,
    executionId,
    view,
    // Who answers a paused run has done all that there is to do.
    isEnough: (now) => isAtWaits(now) || now.execution.status === "paused",
    before: { ...before, waits },
  });
  const after = await follow();
  await endView();
  return finishWatch(watch, organizationId, workflow, after, isJson);
};
