/** The nodes of durable runs: one for each way that a node can go. All give a number on, so that they fit together. */
import { defineNode } from "#nodes/define-node";
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { gateMillis } from "./durable-types.ts";

export const benchTypes = {
  trivial: "bench-trivial",
  gate: "bench-gate",
  failing: "bench-failing",
  patient: "bench-patient",
  retried: "bench-retried",
  slept: "bench-slept",
  waited: "bench-waited",
} as const;

/** How long a node sleeps that sleeps. Milliseconds. */
export const napMillis = 1;

const common = {
  category: "bench",
  inputs: [{ name: "value", type: "number" }],
  outputs: [{ name: "result", type: "number" }],
} as const;

const once = { retries: { limit: 1, delay: 0, backoff: "constant" } } as const;

export const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, millis));

export const benchNodes: readonly NodeDefinition[] = [
  defineNode({
    ...common,
    type: benchTypes.trivial,
    name: "Trivial",
    description: "Adds one.",
    pure: true,
    run: ({ value = 0 }) => ({ result: value + 1 }),
  }),
  defineNode({
    ...common,
    type: benchTypes.gate,
    name: "Gate",
    description: "Takes long enough to be paused.",
    run: async ({ value = 0 }) => {
      await pause(gateMillis);
      return { result: value };
    },
  }),
  defineNode({
    ...common,
    type: benchTypes.failing,
    name: "Failing",
    description: "Fails, and would fail again.",
    run: () => new NodeFailure({ message: "on purpose" }),
  }),
  defineNode({
    ...common,
    type: benchTypes.patient,
    name: "Patient",
    description: "May be tried again, and need not be.",
    policy: once,
    run: ({ value = 0 }) => ({ result: value + 1 }),
  }),
  defineNode({
    ...common,
    type: benchTypes.retried,
    name: "Retried",
    description: "Fails once and is tried again without a delay.",
    policy: once,
    run: ({ value = 0 }, { attempt }) =>
      attempt === 1
        ? new NodeFailure({ message: "not yet", retryable: true })
        : { result: value + 1 },
  }),
  defineNode({
    ...common,
    type: benchTypes.slept,
    name: "Slept",
    description: "Does something and sleeps a moment.",
    multiStep: true,
    run: async ({ value = 0 }, { doStep, sleep }) => {
      const result = await doStep("add", () => value + 1);
      await sleep("nap", napMillis);
      return { result };
    },
  }),
  defineNode({
    ...common,
    type: benchTypes.waited,
    name: "Waited",
    description: "Waits for an answer.",
    multiStep: true,
    run: async ({ value = 0 }, { waitForEvent }) => {
      await waitForEvent("event");
      return { result: value + 1 };
    },
  }),
];
