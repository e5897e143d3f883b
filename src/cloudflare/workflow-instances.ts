/** WorkflowInstances over the binding EXECUTE. The platform tells what is wrong in words alone. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { InstanceParams } from "#core/execution-context";
import { failureOf } from "#services/errors";
import { WorkflowInstances } from "#services/workflow-instances";

const says = (reason: unknown, words: string): boolean =>
  reason instanceof Error && reason.message.includes(words);

const isUnknown = (reason: unknown): boolean => says(reason, "instance.not_found");

const endedStatuses = ["complete", "errored", "terminated"];

export const workflowInstancesLayer = (
  workflow: Workflow<InstanceParams>,
): Layer.Layer<WorkflowInstances> =>
  Layer.succeed(WorkflowInstances, {
    canCreate: true,
    create: (instanceId, params) =>
      Effect.tryPromise({
        try: async () => {
          try {
            await workflow.create({ id: instanceId, params });
            return "created";
          } catch (reason) {
            if (says(reason, "already_exists") || says(reason, "already exists")) return "exists";
            throw reason;
          }
        },
        catch: failureOf("WorkflowInstances.create"),
      }),
    send: (instanceId, type) =>
      Effect.tryPromise({
        try: async () => {
          try {
            const instance = await workflow.get(instanceId);
            await instance.sendEvent({ type, payload: {} });
            return true;
          } catch (reason) {
            if (isUnknown(reason)) return false;
            throw reason;
          }
        },
        catch: failureOf("WorkflowInstances.send"),
      }),
    stop: (instanceId) =>
      Effect.tryPromise({
        try: async () => {
          try {
            await (await workflow.get(instanceId)).terminate();
          } catch (reason) {
            if (!isUnknown(reason) && !says(reason, "instance.cannot_terminate")) throw reason;
          }
        },
        catch: failureOf("WorkflowInstances.stop"),
      }),
    endOf: (instanceId) =>
      Effect.tryPromise({
        try: async () => {
          try {
            const { status, error } = await (await workflow.get(instanceId)).status();
            return endedStatuses.includes(status) ? (error?.message ?? status) : undefined;
          } catch (reason) {
            if (isUnknown(reason)) return "lost";
            throw reason;
          }
        },
        catch: failureOf("WorkflowInstances.endOf"),
      }),
  });
