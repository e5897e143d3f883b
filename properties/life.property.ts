/** The laws of lives, command by command against a model that is written from the spec. */
import * as fc from "fast-check";
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { expect, it } from "vitest";
import type { IllegalTransition } from "#core/errors";
import type { ExecutionState } from "#core/execution-state";
import { executionStateToJson, nodeStateOf } from "#core/execution-state";
import type { NodeLifecycle } from "#core/lifecycle";
import { nodeStatusOf } from "#core/lifecycle";
import { getExecutionStatus } from "#core/status";
import type { TransitionEvent } from "#core/transition";
import { transition } from "#machines/index";
import { scenario } from "./arbitraries.ts";
import type { LifeModel, NodeCommand, NodeWord, Refusal, RunCommand } from "./life-model.ts";
import { publicStatusOf, publicWordOf, tellNode, tellRun } from "./life-model.ts";
import { idsOf } from "./model.ts";
import { contentOf, startedState } from "./play.ts";
import { holds } from "./runs.ts";

type Command =
  | { readonly type: NodeCommand; readonly node: number }
  | { readonly type: RunCommand; readonly node?: undefined };

/** Ways through a life are more likely than refusals, or no life would ever get far. */
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    arbitrary: fc.record({
      type: fc.constantFrom<NodeCommand[]>("start", "complete", "resume"),
      node: fc.nat(5),
    }),
    weight: 12,
  },
  {
    arbitrary: fc.record({
      type: fc.constantFrom<NodeCommand[]>(
        ...([
          "fail",
          "retry",
          "wait",
          "sleep",
          "skip by failure",
          "skip by branch",
          "cancel",
        ] as const),
      ),
      node: fc.nat(5),
    }),
    weight: 12,
  },
  {
    arbitrary: fc.record({ type: fc.constantFrom<RunCommand[]>("pause", "resume", "resume") }),
    weight: 5,
  },
  {
    arbitrary: fc.record({ type: fc.constantFrom<RunCommand[]>("cancel", "exhaust") }),
    weight: 1,
  },
);

const commands = fc.array(command, { minLength: 1, maxLength: 80, size: "max" });

const attempts = [{ startedAt: 1, endedAt: 2, error: "busy" }];

const eventOf = (type: NodeCommand, nodeId: string): TransitionEvent => {
  switch (type) {
    case "start":
      return { type, nodeId, inputs: { in: 1 } };
    case "complete":
      return { type, nodeId, outputs: { out: 1 }, usage: 1, attempts: [] };
    case "fail":
      return { type, nodeId, error: "boom", attempts };
    case "retry":
      return { type, nodeId, attempts };
    case "skip by failure":
    case "skip by branch": {
      const cause = type === "skip by failure" ? "failure" : "branch";
      return { type: "skip", nodeId, skipReason: "conditional_branch", blockedBy: [], cause };
    }
    case "wait":
    case "sleep":
    case "resume":
    case "cancel":
      return { type, nodeId };
  }
};

const runEventOf = (type: RunCommand): TransitionEvent =>
  type === "exhaust" ? { type, error: "spent" } : ({ type } as TransitionEvent);

const lifecycleOf = (word: NodeWord): NodeLifecycle =>
  word === "running" || word === "retrying" || word === "waiting" || word === "sleeping"
    ? `executing.${word}`
    : word;

const runLifecycleOf = (run: LifeModel["run"]): string =>
  run === "active" || run === "paused" ? `executing.${run}` : run;

/** The fields of the refusal, from the states as they were before. */
const fieldsOf = (
  refusal: NonNullable<Refusal>,
  before: LifeModel,
  nodeId: string,
  event: string,
): object => {
  switch (refusal.by) {
    case "nobody knows it":
      return { nodeId, from: "unknown", event };
    case "node":
      return { nodeId, from: lifecycleOf(before.nodes.get(nodeId)!), event };
    case "run":
      return { nodeId, from: runLifecycleOf(before.run), event: `${refusal.asked}Node` };
  }
};

const fieldsOfError = ({ nodeId, from, event }: IllegalTransition): object => ({
  ...(nodeId === undefined ? {} : { nodeId }),
  from,
  event,
});

/** All that people see of a state. */
const seen = (state: ExecutionState, ids: readonly string[]): object => ({
  status: getExecutionStatus(state),
  nodes: ids.map((id) => [id, nodeStatusOf(nodeStateOf(state, id).lifecycle)]),
  counts: state.counts,
  json: {
    executed: [...executionStateToJson(state).executedNodes].sort(),
    skipped: [...executionStateToJson(state).skippedNodes].sort(),
    failed: Object.keys(executionStateToJson(state).nodeErrors).sort(),
  },
});

const expectedToSee = (model: LifeModel): object => {
  const inWords = (...words: readonly string[]): readonly string[] =>
    Array.from(model.nodes)
      .filter(([, word]) => words.includes(publicWordOf(word)))
      .map(([id]) => id)
      .sort();
  const skipped = inWords("skipped");
  return {
    status: publicStatusOf(model.run),
    nodes: Array.from(model.nodes, ([id, word]) => [id, publicWordOf(word)]),
    counts: {
      executing: inWords("executing").length,
      completed: inWords("completed").length,
      failed: inWords("failed").length,
      skippedByFailure: model.skippedByFailure.size,
      skippedByBranch: skipped.length - model.skippedByFailure.size,
    },
    json: { executed: inWords("completed"), skipped, failed: inWords("failed") },
  };
};

it("NODE-1 command by command a life is what the spec says, and what it refuses changes nothing", () => {
  holds(
    fc.property(scenario, commands, (played, given) => {
      const ids = idsOf(played.workflow);
      if (ids.length === 0) return;
      // Few nodes and one that is not there, so that many commands meet one life.
      const told = [...ids.slice(0, 4), "nobody"];
      let state = startedState(played.workflow);
      const model: LifeModel = {
        run: "active",
        nodes: new Map(ids.map((id) => [id, "idle"])),
        skippedByFailure: new Set(),
        isStrict: played.workflow.settings?.statusPolicy !== "branch-aware",
      };
      // The others have had their life, or no run would ever end.
      for (const id of ids.slice(4)) {
        for (const type of ["start", "complete"] as const) {
          state = Effect.runSync(transition(state, eventOf(type, id)));
          tellNode(model, id, type);
        }
      }
      for (const { type, node } of given) {
        const before = { ...model, nodes: new Map(model.nodes) };
        const content = contentOf(state);
        let expected: object | undefined;
        let event: TransitionEvent;
        if (node === undefined) {
          event = runEventOf(type);
          if (tellRun(model, type)) expected = { from: runLifecycleOf(before.run), event: type };
        } else {
          const nodeId = told[node % told.length]!;
          event = eventOf(type, nodeId);
          const refusal = tellNode(model, nodeId, type);
          if (refusal !== undefined) expected = fieldsOf(refusal, before, nodeId, event.type);
        }
        const result = Effect.runSync(Effect.result(transition(state, event)));
        expect(contentOf(state)).toEqual(content);
        if (Result.isFailure(result)) expect(fieldsOfError(result.failure)).toEqual(expected);
        else {
          expect(expected).toBeUndefined();
          state = result.success;
        }
        expect(seen(state, ids)).toEqual(expectedToSee(model));
      }
    }),
  );
});
