/** The laws of one node's life: what may follow what, and that nothing it does stops the run. */
import * as fc from "fast-check";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { expect, it } from "vitest";
import { IllegalTransition } from "#core/errors";
import type { ExecutionState } from "#core/execution-state";
import { nodeStateOf } from "#core/execution-state";
import type { NodeEventType, NodeLifecycle } from "#core/lifecycle";
import { nodeStatusOf } from "#core/lifecycle";
import type { NodeEvent, TransitionEvent } from "#core/transition";
import { nodeChart, transition, workflowChart } from "#machines/index";
import { NodeFailure } from "../src/index.ts";
import type { Scenario } from "./arbitraries.ts";
import { scenario, settleOrder } from "./arbitraries.ts";
import type { Outcomes } from "./model.ts";
import { idsOf, nodeOf, outcomesOf } from "./model.ts";
import { expectedNodes, nodeThatRuns, performScenario, runWorkflow, timeless } from "./perform.ts";
import { contentOf, play, startedState } from "./play.ts";
import { holds, holdsAsync } from "./runs.ts";

type Pick = readonly [type: NodeEventType | "pause run" | "resume run", node: number];

const pick: fc.Arbitrary<Pick> = fc.tuple(
  fc.constantFrom<Pick[0][]>(
    "start",
    "start",
    "complete",
    "fail",
    "skip",
    "retry",
    "wait",
    "sleep",
    "resume",
    "resume",
    "cancel",
    "pause run",
    "resume run",
  ),
  fc.nat(6),
);

const nodeEventOf = (type: NodeEventType, nodeId: string): NodeEvent => {
  switch (type) {
    case "start":
      return { type, nodeId, inputs: { in: 1 } };
    case "complete":
      return { type, nodeId, outputs: { out: 1 }, usage: 1, attempts: [] };
    case "fail":
      return { type, nodeId, error: "boom", attempts: [] };
    case "skip":
      return { type, nodeId, skipReason: "conditional_branch", blockedBy: [], cause: "branch" };
    case "retry":
      return { type, nodeId, attempts: [] };
    case "wait":
    case "sleep":
    case "resume":
    case "cancel":
      return { type, nodeId };
  }
};

/** Few nodes, so that random events meet the same one often. The last id is nobody's. */
const eventsOf = ({ workflow }: Scenario, picks: readonly Pick[]): readonly TransitionEvent[] => {
  const ids = [...idsOf(workflow).slice(0, 4), "nobody"];
  return picks.map(([type, node]): TransitionEvent => {
    if (type === "pause run") return { type: "pause" };
    if (type === "resume run") return { type: "resume" };
    return nodeEventOf(type, ids[node % ids.length]!);
  });
};

/** What the charts say: the state that follows, or who refuses and in which state it is. */
const verdictOf = (state: ExecutionState, event: TransitionEvent) => {
  if (!("nodeId" in event)) {
    const next = workflowChart(state.lifecycle, event.type);
    return next === undefined ? { from: state.lifecycle, event: event.type } : { next };
  }
  const { nodeId, type } = event;
  if (!state.graph.nodesById.has(nodeId)) return { nodeId, from: "unknown", event: type };
  const { lifecycle } = nodeStateOf(state, nodeId);
  const next = nodeChart(lifecycle, type);
  if (next === undefined) return { nodeId, from: lifecycle, event: type };
  const question = type === "start" ? "startNode" : "moveNode";
  return workflowChart(state.lifecycle, question) === undefined
    ? { nodeId, from: state.lifecycle, event: question }
    : { next };
};

it("NODE-1 random events do what the charts say: the next state, or a typed refusal", () => {
  holds(
    fc.property(scenario, fc.array(pick, { maxLength: 60, size: "max" }), (played, picks) => {
      let state = startedState(played.workflow);
      for (const event of eventsOf(played, picks)) {
        const before = contentOf(state);
        const verdict = verdictOf(state, event);
        const exit = Effect.runSyncExit(transition(state, event));
        expect(contentOf(state)).toEqual(before);
        if (Exit.isSuccess(exit)) {
          const reached =
            "nodeId" in event
              ? nodeStateOf(exit.value, event.nodeId).lifecycle
              : exit.value.lifecycle;
          expect({ next: reached }).toEqual(verdict);
          state = exit.value;
        } else {
          const [reason] = exit.cause.reasons;
          expect(reason !== undefined && Cause.isFailReason(reason)).toBe(true);
          const error = Cause.squash(exit.cause) as IllegalTransition;
          expect(error).toBeInstanceOf(IllegalTransition);
          const { nodeId, from, event: refused } = error;
          expect({ ...(nodeId === undefined ? {} : { nodeId }), from, event: refused }).toEqual(
            verdict,
          );
        }
      }
    }),
  );
});

const nodeEventTypes: readonly NodeEventType[] = [
  "start",
  "complete",
  "fail",
  "skip",
  "retry",
  "wait",
  "sleep",
  "resume",
  "cancel",
];

it("NODE-1 completed, failed and skipped are final in any run, live or over", () => {
  holds(
    fc.property(scenario, settleOrder, fc.nat(100), (played, order, cut) => {
      const { states } = play(played, order);
      const state = states[cut % states.length]!;
      const isFinal = (lifecycle: NodeLifecycle): boolean =>
        ["completed", "failed", "skipped"].includes(nodeStatusOf(lifecycle));
      for (const nodeId of idsOf(played.workflow)) {
        const { lifecycle } = nodeStateOf(state, nodeId);
        if (!isFinal(lifecycle)) continue;
        for (const type of nodeEventTypes) {
          const refusal = Effect.runSync(Effect.flip(transition(state, nodeEventOf(type, nodeId))));
          expect(refusal).toEqual(new IllegalTransition({ nodeId, from: lifecycle, event: type }));
        }
      }
    }),
  );
});

it("NODE-3 a node whose type is not known fails with that type, and is never called", async () => {
  await holdsAsync(
    fc.asyncProperty(scenario, settleOrder, async (played, order) => {
      const { execution, log } = await performScenario(played, order);
      for (const { nodeId, status, error } of execution.nodeExecutions) {
        if (played.behaviours.get(nodeId)?.does !== "lack its type") continue;
        expect(log.filter((call) => call.nodeId === nodeId)).toEqual([]);
        if (status === "skipped") continue;
        const { type } = nodeOf(played.workflow, nodeId)!;
        expect([status, error]).toEqual(["failed", `Node type not implemented: ${type}`]);
      }
    }),
  );
});

it("NODE-4 a node that throws, fails, times out or runs out of retries is failed with its message", async () => {
  await holdsAsync(
    fc.asyncProperty(scenario, settleOrder, async (played, order) => {
      const { execution, log } = await performScenario(played, order);
      expect(timeless(execution)).toEqual(expectedNodes(played));
      for (const { nodeId, attempts, status, error } of execution.nodeExecutions) {
        const isCalled = nodeOf(played.workflow, nodeId)?.type === "scripted";
        const calls = log.filter((call) => call.nodeId === nodeId);
        if (isCalled) {
          expect(calls.map(({ attempt }) => attempt)).toEqual(attempts.map((_, at) => at + 1));
        }
        if (status === "failed") expect(attempts.at(-1)?.error).toBe(error);
      }
    }),
  );
});

const strange: readonly (() => unknown)[] = [
  () => Object.create(null),
  () => Object.assign(new Error("boom"), { message: { not: "a text" } }),
  () => new NodeFailure({ message: undefined as unknown as string }),
  () => ({
    get out() {
      throw new Error("not to be read");
    },
  }),
  () => ({ out: Object.defineProperty({}, "a", { enumerable: true, get: () => never() }) }),
  () => new Proxy(new Error("boom"), { get: () => never() }),
  () => new Proxy({}, { ownKeys: () => never() }),
  () => ({ then: (resolve: (value: unknown) => void) => resolve({ out: 1 }) }),
  () => ({ then: "soon" }),
  () => ({ out: Array(2) }),
  () => {
    const own: Record<string, unknown> = {};
    return Object.assign(own, { out: own });
  },
];
const never = (): never => {
  throw new Error("not to be read");
};

/** What a careless or hostile node may do instead of its work, and with what. */
const misdeed = fc.record({
  does: fc.constantFrom(...(["throw", "reject", "fail", "return", "resolve", "succeed"] as const)),
  thing: fc.oneof(
    fc
      .anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true })
      .map((thing) => () => thing),
    fc.constantFrom(...strange),
  ),
});

it("NODE-4 whatever a node throws or returns, it is final and the rest goes on", async () => {
  await holdsAsync(
    fc.asyncProperty(scenario, misdeed, fc.nat(50), async (played, misdeed, at) => {
      const { workflow } = played;
      const hostile = workflow.nodes[at % Math.max(1, workflow.nodes.length)]?.id;
      const { does, thing } = misdeed;
      const answers = {
        throw: () => {
          throw thing();
        },
        reject: () => Promise.reject(thing()),
        fail: () => Effect.fail(thing()),
        return: thing,
        resolve: () => Promise.resolve(thing()),
        succeed: () => Effect.succeed(thing()),
      };
      const node = nodeThatRuns((_inputs, { nodeId }) =>
        nodeId === hostile ? (answers[does]() as {}) : { out: nodeId.length },
      );
      const execution = await runWorkflow(played, [node]);
      const outcomes: Outcomes = outcomesOf(played, (id) => {
        const type = nodeOf(workflow, id)?.type;
        if (type === undefined) return { status: "failed", error: `Node not found: ${id}` };
        if (type !== "scripted") {
          return { status: "failed", error: `Node type not implemented: ${type}` };
        }
        if (id !== hostile) return { status: "completed", outputs: { out: id.length }, usage: 1 };
        const entry = execution.nodeExecutions.find(({ nodeId }) => nodeId === id)!;
        if (entry.status !== "completed") return { status: "failed", error: entry.error! };
        return { status: "completed", outputs: entry.outputs!, usage: 1 };
      });
      expect(
        execution.nodeExecutions.map(({ nodeId, status, error }) => [nodeId, status, error]),
      ).toEqual(
        expectedNodes(played, outcomes).map(({ nodeId, status, error }) => [nodeId, status, error]),
      );
      const isThrown = ["throw", "reject", "fail"].includes(does);
      const { status, error } =
        execution.nodeExecutions.find(({ nodeId }) => nodeId === hostile) ?? {};
      if (status === "failed") expect(error).toBeTypeOf("string");
      if (isThrown) expect(status).not.toBe("completed");
    }),
  );
});
