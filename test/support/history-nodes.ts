/**
 * The nodes that recorded runs are made of. What stands here has runs on record: it may be added to and never changed, or a
 * replay would tell of the change and not of the engine.
 */
import { defineNode } from "#nodes/define-node";
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";

const facts = { category: "history", name: "", description: "", outputs: [] } as const;
const input = [{ name: "in", type: "any" }] as const;

const plusOne = (value: unknown): number => (typeof value === "number" ? value + 1 : 1);

/** `tell` hears of everything that a node does: nothing, in a replay. */
export const historyNodes = (tell: (what: string) => void): readonly NodeDefinition[] => [
  defineNode({
    ...facts,
    type: "effect",
    inputs: input,
    run: (inputs, { nodeId }) => {
      tell(`effect ${nodeId}`);
      return { out: plusOne(inputs.in) };
    },
  }),
  defineNode({
    ...facts,
    type: "pure",
    pure: true,
    inputs: input,
    run: (inputs) => ({ out: plusOne(inputs.in) }),
  }),
  defineNode({
    ...facts,
    type: "fork",
    inputs: input,
    run: (inputs, { nodeId }) => {
      tell(`fork ${nodeId}`);
      return { left: inputs.in ?? "left" };
    },
  }),
  defineNode({
    ...facts,
    type: "fail",
    inputs: [],
    run: (_inputs, { nodeId }) => {
      tell(`fail ${nodeId}`);
      return new NodeFailure({ message: `${nodeId} fails` });
    },
  }),
  defineNode({
    ...facts,
    type: "third-time",
    inputs: [],
    run: (_inputs, { nodeId, attempt }) => {
      tell(`try ${nodeId} ${attempt}`);
      if (attempt === 3) return { out: attempt };
      throw new NodeFailure({
        message: `not on attempt ${attempt}`,
        retryable: true,
        ...(attempt === 1 ? {} : { retryAfter: 45_000 }),
      });
    },
  }),
  defineNode({
    ...facts,
    type: "hang",
    inputs: [],
    run: (_inputs, { nodeId }) => {
      tell(`hang ${nodeId}`);
      return new Promise<never>(() => {});
    },
  }),
  defineNode({
    ...facts,
    type: "steps",
    inputs: input,
    multiStep: true,
    run: async (inputs, { nodeId, doStep, sleep, attempt }) => {
      const first = await doStep("first", () => {
        tell(`first ${nodeId}`);
        return plusOne(inputs.in);
      });
      await sleep("rest", "3 hours");
      const [left, right] = await Promise.all([
        doStep("left/right", () => {
          tell(`left ${nodeId}`);
          return first * 10;
        }),
        doStep("right", () => {
          tell(`right ${nodeId}`);
          return first * 100;
        }),
      ]);
      if (attempt === 1) throw new NodeFailure({ message: "once more", retryable: true });
      return { out: left + right };
    },
  }),
  defineNode({
    ...facts,
    type: "two-waits",
    inputs: [],
    multiStep: true,
    run: async (_inputs, { waitForEvent }) => {
      const answers = await Promise.all([
        waitForEvent("one", { question: { ask: 1 } }),
        waitForEvent("two", { timeout: "2 days" }),
      ]);
      return { out: answers.map((answer) => (answer.status === "answered" ? answer.data : null)) };
    },
  }),
];
