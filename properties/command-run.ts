/**
 * Runs a durable scenario in this process and tells it things at random turns of the event loop. Timers are the test's, since
 * a run begins to listen only when it has lasted a moment.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import * as fc from "fast-check";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { vi } from "vitest";
import type { WorkflowExecution } from "#core/report";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { createDirectEvents, directStepsWith } from "#runtime/direct-steps";
import type { Steps } from "#services/durable-step";
import { DurableStep } from "#services/durable-step";
import { MonitoringService } from "#services/monitoring-service";
import type { CommandResult, RunCommand } from "#services/run-command";
import { WorkflowInstances } from "#services/workflow-instances";
import { holdServices } from "../test/support/held-services.ts";
import { durableNodes, pass } from "./durable-run.ts";
import type { DurableScenario } from "./lives.ts";
import { delayOf } from "./perform.ts";
import { answerTo, executionId, organizationId } from "./world.ts";

export interface GivenCommand {
  /** Turns after the command before. */
  readonly after: number;
  readonly command: RunCommand;
}

/** What a run is told, at random turns. */
export const script = (...commands: readonly RunCommand[]): fc.Arbitrary<GivenCommand[]> =>
  fc.array(fc.record({ after: fc.nat(40), command: fc.constantFrom(...commands) }), {
    maxLength: 6,
  });

export interface CommandedRun {
  readonly execution: WorkflowExecution;
  readonly results: readonly (readonly [command: RunCommand, result: CommandResult])[];
  /** Nodes in the order in which they began. */
  readonly begun: readonly string[];
  /** What nodes did, in steps that they began after the run was cancelled. */
  readonly doneLate: readonly string[];
  /** Nodes that began while the run had stood paused for some turns and had been told nothing since. */
  readonly begunInPause: readonly string[];
  /** Whether the run was seen to stand paused. */
  readonly hasStoodPaused: boolean;
}

/** Steps that take their time before and after, as a platform's do. */
const slowSteps = (order: number): Layer.Layer<DurableStep | WorkflowInstances> => {
  const events = createDirectEvents();
  const slowed = Effect.map(DurableStep, (steps): Steps => ({
    ...steps,
    do: async (name, options, perform) => {
      await pass(delayOf(name, order));
      const result = await steps.do(name, options, perform);
      await pass(delayOf(name, order + 1));
      return result;
    },
  }));
  return Layer.merge(
    Layer.effect(DurableStep, slowed).pipe(Layer.provide(directStepsWith(events))),
    Layer.succeed(WorkflowInstances, {
      canCreate: false,
      create: () => Effect.succeed("exists"),
      send: (_id, eventType) =>
        Effect.as(
          Effect.sync(() => events.send(eventType)),
          true,
        ),
      stop: () => Effect.void,
      endOf: () => Effect.succeed(undefined),
    }),
  );
};

const mostTurns = 5_000;
/** What the run was told has reached its loop by then, and so have the steps that were asked for before. */
const turnsToSettle = 16;
/** A run listens after 200 ms: after some turns. */
const millisPerTurn = 25;

export const runCommanded = async (
  played: DurableScenario,
  order: number,
  script: readonly GivenCommand[],
): Promise<CommandedRun> => {
  const held = holdServices();
  const begun = new Set<string>();
  const doneLate: string[] = [];
  const begunInPause: string[] = [];
  let turnsPaused = 0;
  let hasStoodPaused = false;
  const nodes = durableNodes(played, order, {
    effect: (place, _key, { signal }) => {
      if (signal.aborted) doneLate.push(place);
    },
    called: ({ nodeId }) => {
      if (!begun.has(nodeId) && turnsPaused > turnsToSettle) begunInPause.push(nodeId);
      begun.add(nodeId);
    },
  });
  const waiting: { readonly nodeId: string; readonly name: string; left: number }[] = [];
  const watcher = MonitoringService.layerListener((message) => {
    if (message.type !== "node" || message.status !== "waiting") return;
    const { nodeId, name } = message;
    waiting.push({ nodeId, name, left: delayOf(name + nodeId, order) });
  });
  const layers = Layer.mergeAll(held.layer, watcher, slowSteps(order));
  const runtime = createDirectRuntime({ nodes, layers });
  const { workflow, overrides } = played;
  let execution: WorkflowExecution | undefined;
  let failure: { readonly reason: unknown } | undefined;
  const ended = runtime
    .run(
      { workflow, userId: "user", organizationId, computeCredits: 1e6, inputOverrides: overrides },
      executionId,
    )
    .then(
      (record) => {
        execution = record;
      },
      (reason: unknown) => {
        failure = { reason };
      },
    );
  const answerDue = async (): Promise<void> => {
    for (const wait of waiting.filter((due) => due.left-- === 0)) {
      const { nodeId, name } = wait;
      await runtime.answer(executionId, nodeId, answerTo(nodeId, name), name);
    }
  };

  const results: [RunCommand, CommandResult][] = [];
  // Whatever was said, a paused run goes on in the end.
  const given = [...script, { after: turnsToSettle * 2, command: "resume" as const }];
  let left = given[0]!.after;
  let turn = 0;
  while (execution === undefined) {
    if (failure !== undefined) throw failure.reason;
    if (turn === mostTurns) throw new Error(`The run has not ended after ${turn} turns`);
    await nextTurn();
    vi.advanceTimersByTime(millisPerTurn);
    await answerDue();
    const stored = await Effect.runPromise(held.executions.get(organizationId, executionId));
    // The definition is hashed in another thread, which takes what time it takes.
    if (stored === undefined) continue;
    turn++;
    turnsPaused = stored?.status === "paused" ? turnsPaused + 1 : 0;
    hasStoodPaused ||= turnsPaused > turnsToSettle;
    if (left-- > 0) continue;
    const next = given[results.length];
    if (next === undefined) continue;
    turnsPaused = 0;
    results.push([next.command, await runtime.command(executionId, next.command)]);
    left = given[results.length]?.after ?? 0;
  }
  await ended;
  // What a node still does after the end of its run would show by now.
  for (let turn = 0; turn < turnsToSettle; turn++) {
    await nextTurn();
    vi.advanceTimersByTime(millisPerTurn);
  }
  return {
    execution,
    results,
    begun: [...begun],
    doneLate,
    begunInPause,
    hasStoodPaused,
  };
};
