import { describe, expect, it } from "vitest";
import type { RuntimeValue } from "#core/value";
import { runNode } from "../support/run-node.ts";

type Row = readonly [
  type: string,
  inputs: Readonly<Record<string, RuntimeValue>>,
  outcome: number | string,
];

const huge = Number.MAX_VALUE;
const tooLarge = "The result is too large to be a number";

const rows: readonly Row[] = [
  ["absolute-value", { value: -3.5 }, 3.5],
  ["absolute-value", { value: -0 }, 0],
  ["addition", { a: 5, b: 3 }, 8],
  ["addition", { a: 0.1, b: 0.2 }, 0.30000000000000004],
  ["addition", { a: -0, b: -0 }, 0],
  ["addition", { a: huge, b: huge }, tooLarge],
  ["subtraction", { a: 5, b: 8 }, -3],
  ["subtraction", { a: -huge, b: huge }, tooLarge],
  ["multiplication", { a: -4, b: 2.5 }, -10],
  ["multiplication", { a: -1, b: 0 }, 0],
  ["multiplication", { a: 1e200, b: 1e200 }, tooLarge],
  ["division", { a: 1, b: 8 }, 0.125],
  ["division", { a: 1, b: 0 }, "Division by zero is not allowed"],
  ["division", { a: 0, b: 0 }, "Division by zero is not allowed"],
  ["division", { a: 1, b: -0 }, "Division by zero is not allowed"],
  ["division", { a: 1, b: Number.MIN_VALUE }, tooLarge],
  ["division", { a: 0, b: -5 }, 0],
  ["modulo", { a: 10, b: 3 }, 1],
  ["modulo", { a: -10, b: 3 }, -1],
  ["modulo", { a: 5.5, b: 2 }, 1.5],
  ["modulo", { a: -6, b: 3 }, 0],
  ["modulo", { a: 1, b: 0 }, "Modulo by zero is not allowed"],
  ["exponentiation", { base: 2, exponent: 10 }, 1024],
  ["exponentiation", { base: 4, exponent: -0.5 }, 0.5],
  ["exponentiation", { base: -2, exponent: 3 }, -8],
  ["exponentiation", { base: 0, exponent: 0 }, 1],
  ["exponentiation", { base: 10, exponent: 309 }, tooLarge],
  ["exponentiation", { base: 0, exponent: -1 }, "Zero has no negative power"],
  [
    "exponentiation",
    { base: -8, exponent: 0.5 },
    "A negative number has no real power that is not whole",
  ],
  ["square-root", { value: 2 }, Math.SQRT2],
  ["square-root", { value: 0 }, 0],
  ["square-root", { value: -0 }, 0],
  ["square-root", { value: -1 }, "A negative number has no real square root"],
  ["sum", { numbers: [1, 2, 3.5] }, 6.5],
  ["sum", { numbers: [] }, 0],
  ["sum", { numbers: [huge, huge] }, tooLarge],
  ["avg", { numbers: [1, 2, 6] }, 3],
  ["avg", { numbers: [-7] }, -7],
  ["avg", { numbers: [0.1, 0.1, 0.1] }, 0.10000000000000002],
  ["avg", { numbers: [huge, huge, huge, huge] }, huge],
  ["avg", { numbers: [] }, "An empty list has no average"],
  ["median", { numbers: [9, 1, 10] }, 9],
  ["median", { numbers: [10, 9, 2, 1] }, 5.5],
  ["median", { numbers: [4] }, 4],
  ["median", { numbers: [-huge, huge] }, 0],
  ["median", { numbers: [huge, huge] }, huge],
  ["median", { numbers: [] }, "An empty list has no median"],
  ["max", { numbers: [-5, -3, -9] }, -3],
  ["max", { numbers: [] }, "An empty list has no largest number"],
  ["min", { numbers: [5, 3, 9] }, 3],
  ["min", { numbers: [-0] }, 0],
  ["min", { numbers: [] }, "An empty list has no smallest number"],
];

it.each(rows)("answers %s of %j with %j", async (type, inputs, outcome) => {
  expect(await runNode(type, inputs)).toStrictEqual(
    typeof outcome === "number" ? { result: outcome } : { failed: outcome },
  );
});

describe("a list of 200,000 numbers", () => {
  const numbers = Array.from({ length: 200_000 }, (_, index) => (index * 7919) % 200_000);

  it.each([
    ["sum", 19_999_900_000],
    ["avg", 99_999.5],
    ["median", 99_999.5],
    ["max", 199_999],
    ["min", 0],
  ])("has a %s", async (type, result) => {
    expect(await runNode(type, { numbers })).toStrictEqual({ result });
  });

  it("is not changed by taking its median", async () => {
    const frozen = Object.freeze([3, 1, 2]);
    expect(await runNode("median", { numbers: frozen })).toStrictEqual({ result: 2 });
    expect(frozen).toStrictEqual([3, 1, 2]);
  });
});
