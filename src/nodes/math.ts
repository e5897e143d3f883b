/** Numbers in, a number out. */
import { defineNode } from "./define-node.ts";

export const addition = defineNode({
  type: "addition",
  name: "Addition",
  category: "math",
  description: "Adds two numbers.",
  pure: true,
  inputs: [
    { name: "a", type: "number", required: true },
    { name: "b", type: "number", required: true },
  ],
  outputs: [{ name: "result", type: "number" }],
  run: ({ a, b }) => ({ result: a + b }),
});
