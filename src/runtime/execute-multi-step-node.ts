/**
 * A node that does several durable things: its function runs between steps, again at every replay, and each thing it does
 * is a step of its own under the node's name. A last step records the transition. Its bytes stay references, since reading
 * them here would be I/O outside a step.
 */
import * as Result from "effect/Result";
import type { NodeStepResult } from "#core/step-result";
import { nodeStepName, subStepName } from "#core/step-name";
import type { JsonValue } from "#core/value";
import { isJsonValue } from "#core/value";
import { durationMillis } from "#core/workflow";
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import type { NodeCall, MultiStepTools } from "./execute-node.ts";
import { attemptNode, completedWith, failureFrom } from "./execute-node.ts";
import type { NodeEnvironment } from "./node-environment.ts";

/** What a sub-step leaves on record: a failure too, since an exception would lose its fields. */
type SubStepRecord = { readonly startedAt: number } & (
  | { readonly status: "completed"; readonly value: JsonValue }
  | { readonly status: "failed"; readonly message: string; readonly retryable: boolean }
);

const performSubStep = async (
  env: NodeEnvironment,
  name: string,
  perform: () => JsonValue | Promise<JsonValue>,
): Promise<SubStepRecord> => {
  const startedAt = env.clock.currentTimeMillisUnsafe();
  try {
    const value = await perform();
    if (!isJsonValue(value)) {
      throw new NodeFailure({ message: `Step '${name}' returned something that is not JSON` });
    }
    return { startedAt, status: "completed", value };
  } catch (thrown) {
    const { message, retryable } = failureFrom(thrown);
    return { startedAt, status: "failed", message, retryable };
  }
};

export const executeMultiStepNode = async (
  env: NodeEnvironment,
  call: NodeCall,
  definition: NodeDefinition,
): Promise<NodeStepResult> => {
  const { id } = call.graphNode;
  const names = new Set<string>();
  let startedAt: number | undefined;
  /** Two steps of one name would swap their results on replay. */
  const claim = (name: string): string => {
    if (names.has(name)) {
      throw new NodeFailure({ message: `Step '${name}' stands twice in node '${id}'` });
    }
    names.add(name);
    return subStepName(id, name);
  };
  const tools: MultiStepTools = {
    doStep: async (name, perform) => {
      const step = claim(name);
      const record = await env.steps.do(step, { retry: false }, () => {
        if (names.size === 1) env.publish(id, { status: "executing", attempt: 1 });
        return performSubStep(env, name, perform);
      });
      startedAt ??= record.startedAt;
      if (record.status === "failed") {
        throw new NodeFailure({ message: record.message, retryable: record.retryable });
      }
      return record.value as Awaited<ReturnType<typeof perform>>;
    },
    sleep: async (name, duration) => {
      const millis = durationMillis(duration);
      if (millis === undefined) {
        throw new NodeFailure({ message: `Sleep '${name}' has no duration: ${duration}` });
      }
      await env.steps.sleep(claim(name), millis);
    },
  };
  const outcome = await attemptNode(env, call, definition, 1, env.signal, tools);
  return env.steps.do(nodeStepName(id), { retry: false }, async () => {
    const endedAt = env.clock.currentTimeMillisUnsafe();
    const times = { startedAt: startedAt ?? endedAt, endedAt };
    if (Result.isSuccess(outcome)) return completedWith(env, id, outcome.success, [times]);
    const error = outcome.failure.message;
    env.publish(id, { status: "failed", error });
    return { nodeId: id, status: "failed", error, attempts: [{ ...times, error }] };
  });
};
