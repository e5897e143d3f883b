/** Nodes that only a test wants. */
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { defineNode } from "#nodes/define-node";

const result = [{ name: "result", type: "number" }] as const;

/** Fails, always. */
const failing = defineNode({
  type: "test-fail",
  name: "Fail",
  category: "test",
  description: "Fails.",
  inputs: [{ name: "value", type: "any" }],
  outputs: result,
  run: () => new NodeFailure({ message: "Failed on purpose" }),
});

/** Takes a while, so that a run can be caught in the middle. */
const slow = defineNode({
  type: "test-slow",
  name: "Slow",
  category: "test",
  description: "Takes some milliseconds.",
  inputs: [
    { name: "millis", type: "number", required: true },
    { name: "value", type: "number" },
  ],
  outputs: result,
  run: async ({ millis, value }) => {
    await new Promise((resolve) => setTimeout(resolve, millis));
    return { result: value ?? millis };
  },
});

/** Takes as many compute credits as it is told. */
const costly = defineNode({
  type: "test-costly",
  name: "Costly",
  category: "test",
  description: "Reports a usage.",
  inputs: [{ name: "credits", type: "number", required: true }],
  outputs: result,
  run: ({ credits }, { reportUsage }) => {
    reportUsage(credits);
    return { result: credits };
  },
});

/** Two durable sub-steps with a pause between them. */
const twoSteps = defineNode({
  type: "test-two-steps",
  name: "Two steps",
  category: "test",
  description: "Doubles a number, pauses, adds one.",
  multiStep: true,
  inputs: [{ name: "value", type: "number", required: true }],
  outputs: result,
  run: async ({ value }, { doStep, sleep }) => {
    const doubled = await doStep("double", () => value * 2);
    await sleep("pause", 10);
    return { result: await doStep("add one", () => doubled + 1) };
  },
});

/** Bytes in, bytes out. */
const reverseBytes = defineNode({
  type: "test-reverse-bytes",
  name: "Reverse bytes",
  category: "test",
  description: "Turns a file around; makes one when it gets none.",
  inputs: [{ name: "file", type: "blob" }],
  outputs: [{ name: "file", type: "blob" }],
  run: ({ file }) => ({
    file: {
      data: (file?.data ?? new Uint8Array([1, 2, 3])).toReversed(),
      mimeType: file?.mimeType ?? "application/octet-stream",
    },
  }),
});

export const testNodes: readonly NodeDefinition[] = [failing, slow, costly, twoSteps, reverseBytes];
