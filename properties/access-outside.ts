/**
 * What people do to runs of their organization from outside: start, command and answer them, over the same stores; and what the
 * platform was asked to do for them, of which each organization sees what became of its own runs.
 */
import * as fc from "fast-check";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import type { InstanceParams } from "#core/execution-context";
import { answerWait, commandRun } from "#runtime/control-run";
import { startRun } from "#runtime/start-run";
import type { ExecutionStore } from "#services/execution-store";
import type { ResourceProvider } from "#services/resource-provider";
import { RunWatch } from "#services/run-watch";
import type { WaitStore } from "#services/wait-store";
import { WorkflowInstances } from "#services/workflow-instances";
import { graph } from "../test/support/graph.ts";
import type { Calls } from "./access-question.ts";
import { asked, mark, nothing } from "./access-question.ts";

type Told = Effect.Effect<unknown, unknown>;

interface Start {
  readonly executionId: string;
  readonly userId: string;
}

interface Command {
  readonly executionId: string;
  readonly command: "pause" | "resume" | "cancel";
}

interface Answer {
  readonly executionId: string;
  readonly nodeId: string;
  readonly data: string;
}

export interface Outside {
  readonly start: (organizationId: string, start: Start) => Told;
  readonly command: (organizationId: string, command: Command) => Told;
  readonly answer: (organizationId: string, answer: Answer) => Told;
  /** Instances of its runs, with what was sent to them. */
  readonly instances: (organizationId: string) => Told;
}

interface Instance {
  readonly params: InstanceParams;
  readonly events: string[];
}

export const newOutside = (
  stores: Context.Context<ExecutionStore | ResourceProvider | WaitStore>,
): Outside => {
  const instances = new Map<string, Instance>();
  const platform: WorkflowInstances["Service"] = {
    canCreate: false,
    create: (id, params) =>
      Effect.sync(() => {
        if (instances.has(id)) return "exists";
        instances.set(id, { params, events: [] });
        return "created";
      }),
    // Of runs that nobody started, too: else whoever tells them something would wait for their instance.
    send: (id, eventType) =>
      Effect.sync(() => {
        instances.get(id)?.events.push(eventType);
        return true;
      }),
    stop: () => Effect.void,
    endOf: () => Effect.succeed(undefined),
  };
  const context = stores.pipe(
    Context.add(WorkflowInstances, platform),
    Context.add(RunWatch, { begin: Effect.void }),
  );
  return {
    start: (organizationId, { executionId, userId }) => {
      const params = { workflow: graph("a -> b"), userId, organizationId, computeCredits: 10 };
      return Effect.provideContext(startRun(params, executionId), context);
    },
    command: (organizationId, { executionId, command }) =>
      Effect.provideContext(commandRun(organizationId, executionId, command), context),
    answer: (organizationId, answer) =>
      Effect.provideContext(answerWait({ organizationId, ...answer }), context),
    instances: (organizationId) =>
      Effect.sync(() =>
        [...instances].filter(([, { params }]) => params.organizationId === organizationId),
      ),
  };
};

export const outsideCalls = (id: fc.Arbitrary<string>): Calls<Outside> => ({
  start: asked(fc.record({ executionId: id, userId: mark }), (outside, organizationId, one) =>
    outside.start(organizationId, one),
  ),
  command: asked(
    fc.record({ executionId: id, command: fc.constantFrom("pause", "resume", "cancel") }),
    (outside, organizationId, one) => outside.command(organizationId, one),
  ),
  answer: asked(
    fc.record({ executionId: id, nodeId: id, data: mark }),
    (outside, organizationId, one) => outside.answer(organizationId, one),
  ),
  instances: asked(nothing, (outside, organizationId) => outside.instances(organizationId)),
});
