/**
 * What can be done to a run from outside: tell it something, answer a node that waits. What is said stands in a store before
 * the run is woken, so that a wake-up which is lost loses nothing: the watchdog sends it again.
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { eventProblem } from "#core/platform-limits";
import { commandEventType } from "#core/step-name";
import type { JsonValue } from "#core/value";
import type { ServiceFailure } from "#services/errors";
import type { ResourceProvider } from "#services/resource-provider";
import { ExecutionStore } from "#services/execution-store";
import type { CommandResult, RunCommand } from "#services/run-command";
import type { AnswerResult } from "#services/wait-store";
import { WaitStore } from "#services/wait-store";
import { WorkflowInstances } from "#services/workflow-instances";
import { readKnownSecrets } from "./masking.ts";

const pauseMillis = 100;
const mostPauses = 20;

/** A run that is being started may have no instance yet. When it takes longer than this, the watchdog tells it. */
const sendWhenCreated: (
  instanceId: string,
  eventType: string,
) => Effect.Effect<void, ServiceFailure, WorkflowInstances> = Effect.fnUntraced(
  function* (instanceId, eventType) {
    const instances = yield* WorkflowInstances;
    for (let pause = 0; pause < mostPauses; pause++) {
      if (yield* instances.send(instanceId, eventType)) return;
      yield* Effect.sleep(pauseMillis);
    }
    yield* instances.send(instanceId, eventType);
  },
);

/** Accepted means that it stands, not that the run has seen it yet: its status says that. */
export const commandRun: (
  organizationId: string,
  executionId: string,
  command: RunCommand,
) => Effect.Effect<CommandResult, ServiceFailure, ExecutionStore | WorkflowInstances> =
  Effect.fnUntraced(function* (organizationId, executionId, command) {
    const store = yield* ExecutionStore;
    const result = yield* store.command(organizationId, executionId, command);
    if (result.status !== "accepted") return result;
    const { status, number, instanceId = executionId } = result;
    yield* sendWhenCreated(instanceId, commandEventType(number));
    return { status, number };
  });

export interface Answer {
  readonly organizationId: string;
  readonly executionId: string;
  readonly nodeId: string;
  /** Of the wait, when several of the node are open. */
  readonly name?: string;
  readonly data: JsonValue;
}

export const answerWait: (
  answer: Answer,
) => Effect.Effect<AnswerResult, ServiceFailure, ResourceProvider | WaitStore | WorkflowInstances> =
  Effect.fnUntraced(function* (answer) {
    // Waits of nodes without an id are the engine's own.
    if (answer.nodeId === "") return { status: "unknown" };
    const message = eventProblem(answer.data);
    if (message !== undefined) return { status: "refused", message };
    const waits = yield* WaitStore;
    // Whoever answers need not know what is secret.
    const data = (yield* readKnownSecrets(answer.organizationId)).json(answer.data);
    const now = yield* Clock.currentTimeMillis;
    const result = yield* waits.answer({ ...answer, data, now });
    if (result.status === "accepted") {
      const instances = yield* WorkflowInstances;
      const { instanceId = answer.executionId, eventType } = result.wait;
      yield* instances.send(instanceId, eventType);
    }
    return result;
  });
