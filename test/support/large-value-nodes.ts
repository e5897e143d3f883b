/** Nodes of a test that make, measure and pass on what is too large for a step's result. */
import type { NodeDefinition } from "#services/node-definition";
import { defineNode } from "#nodes/define-node";

const facts = { category: "test", name: "", description: "" } as const;

/** A cat that no single byte can say, at the end. */
const largeText = defineNode({
  ...facts,
  type: "large-text",
  inputs: [{ name: "length", type: "number", required: true }],
  outputs: [{ name: "text", type: "string" }],
  run: ({ length }) => ({ text: `${"x".repeat(length - 2)}🐾` }),
});

const textLength = defineNode({
  ...facts,
  type: "text-length",
  inputs: [{ name: "text", type: "string", required: true }],
  outputs: [
    { name: "length", type: "number" },
    { name: "end", type: "string" },
  ],
  run: ({ text }) => ({ length: text.length, end: text.slice(-3) }),
});

/** Counts what edges gather. */
const countTexts = defineNode({
  ...facts,
  type: "count-texts",
  inputs: [{ name: "texts", type: "string", repeated: true, required: true }],
  outputs: [
    { name: "count", type: "number" },
    { name: "length", type: "number" },
  ],
  run: ({ texts }) => ({
    count: texts.length,
    length: texts.reduce((sum, text) => sum + text.length, 0),
  }),
});

/** The same from a sub-step, with the input read before it. */
const textLengthInStep = defineNode({
  ...facts,
  type: "text-length-in-step",
  multiStep: true,
  inputs: [{ name: "text", type: "string", required: true }],
  outputs: [{ name: "length", type: "number" }],
  run: async ({ text }, { doStep }) => ({ length: await doStep("inputs", () => text.length) }),
});

const largeFile = defineNode({
  ...facts,
  type: "large-file",
  inputs: [{ name: "length", type: "number", required: true }],
  outputs: [{ name: "file", type: "blob" }],
  run: ({ length }) => {
    const data = new Uint8Array(length);
    data[length - 1] = 7;
    return { file: { data, mimeType: "video/mp4", filename: "large.mp4" } };
  },
});

/** Bytes in, the same bytes and what they are out. */
const fileLength = defineNode({
  ...facts,
  type: "file-length",
  inputs: [{ name: "file", type: "blob", required: true }],
  outputs: [
    { name: "file", type: "blob" },
    { name: "length", type: "number" },
    { name: "last", type: "number" },
  ],
  run: ({ file }) => ({ file, length: file.data.length, last: file.data.at(-1) }),
});

export const largeValueNodes: readonly NodeDefinition[] = [
  largeText,
  textLength,
  countTexts,
  textLengthInStep,
  largeFile,
  fileLength,
];
