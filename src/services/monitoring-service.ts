/**
 * Tells whoever watches how a run goes. Messages are sent from inside steps, so a replay sends none again. A watcher that is
 * slow, broken or absent changes nothing (MONITOR-2): publishing neither waits nor fails.
 */
import * as Context from "effect/Context";
import * as Layer from "effect/Layer";
import type { SkipDetails } from "#core/execution-state";
import type { WorkflowExecutionStatus } from "#core/lifecycle";
import type { NodeRuntimeValues } from "#core/value";

export type NodeProgress =
  | { readonly status: "executing"; readonly attempt: number }
  | { readonly status: "retrying"; readonly attempt: number; readonly error: string }
  /** Parked on an answer, at most until then, in milliseconds since 1970. */
  | { readonly status: "waiting"; readonly name: string; readonly until: number | null }
  | { readonly status: "completed"; readonly outputs: NodeRuntimeValues; readonly usage: number }
  | { readonly status: "failed"; readonly error: string }
  | ({ readonly status: "skipped" } & SkipDetails);

export type MonitoringMessage = {
  readonly organizationId: string;
  readonly executionId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
} & (
  | { readonly type: "run"; readonly status: WorkflowExecutionStatus; readonly error?: string }
  | ({ readonly type: "node"; readonly nodeId: string } & NodeProgress)
);

/** Nobody watches: the engine does not even make the messages. */
export const silent = (): void => {};

export class MonitoringService extends Context.Service<
  MonitoringService,
  { readonly publish: (message: MonitoringMessage) => void }
>()("pawl/MonitoringService") {
  static readonly layerSilent: Layer.Layer<MonitoringService> = Layer.succeed(MonitoringService, {
    publish: silent,
  });

  /** Hands every message to a function of this process. What it throws or rejects with is its own affair. */
  static readonly layerListener = (
    listen: (message: MonitoringMessage) => unknown,
  ): Layer.Layer<MonitoringService> =>
    Layer.succeed(MonitoringService, {
      publish: (message) => {
        try {
          const told = listen(message);
          if (told instanceof Promise) told.catch(() => undefined);
        } catch {
          // A broken watcher changes nothing (MONITOR-2).
        }
      },
    });
}
