/** Numbers in, a number out. Only finite numbers travel on edges, so a result that is none is a failure. */
import type { NodeDefinition } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import { evaluateExpression } from "./arithmetic.ts";
import { defineNode } from "./define-node.ts";

type NumberResult = { readonly result: number } | NodeFailure;

/** Also turns -0 into 0: JSON knows no -0, so a replay would see another number than the run did. */
const finite = (value: number): NumberResult => {
  if (Number.isFinite(value)) return { result: value + 0 };
  return new NodeFailure({
    message: Number.isNaN(value)
      ? "The result is not a number"
      : "The result is too large to be a number",
  });
};

const failure = (message: string): NodeFailure => new NodeFailure({ message });

const sumOf = (numbers: readonly number[]): number => {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
};

/** Divides last, which rounds once; numbers whose sum is too large are divided first. */
const meanOf = (numbers: readonly number[]): number => {
  const mean = sumOf(numbers) / numbers.length;
  return Number.isFinite(mean) ? mean : sumOf(numbers.map((number) => number / numbers.length));
};

const middleOf = (numbers: readonly number[]): number => {
  const sorted = Float64Array.from(numbers).toSorted();
  const half = sorted.length >> 1;
  return meanOf([...sorted.subarray(sorted.length % 2 === 0 ? half - 1 : half, half + 1)]);
};

/** One at a time: a list of 200,000 does not fit into the arguments of Math.max. */
const extremeOf = (numbers: readonly number[], pick: (a: number, b: number) => number): number => {
  let extreme = numbers[0]!;
  for (const number of numbers) extreme = pick(extreme, number);
  return extreme;
};

const result = [{ name: "result", type: "number" }] as const;
const a = { name: "a", type: "number", required: true } as const;
const b = { name: "b", type: "number", required: true } as const;
const value = { name: "value", type: "number", required: true } as const;
const numbers = { name: "numbers", type: "number", required: true, repeated: true } as const;
const category = "math";
const pure = true;

export const mathNodes: readonly NodeDefinition[] = [
  defineNode({
    type: "absolute-value",
    name: "Absolute Value",
    category,
    description: "The number without its sign.",
    pure,
    inputs: [value],
    outputs: result,
    run: (inputs) => finite(Math.abs(inputs.value)),
  }),
  defineNode({
    type: "addition",
    name: "Addition",
    category,
    description: "Adds two numbers.",
    pure,
    inputs: [a, b],
    outputs: result,
    run: (inputs) => finite(inputs.a + inputs.b),
  }),
  defineNode({
    type: "avg",
    name: "Average",
    category,
    description: "The mean of a list of numbers. Fails when the list is empty.",
    pure,
    inputs: [numbers],
    outputs: result,
    run: (inputs) =>
      inputs.numbers.length === 0
        ? failure("An empty list has no average")
        : finite(meanOf(inputs.numbers)),
  }),
  defineNode({
    type: "calculator",
    name: "Calculator",
    category,
    description:
      "Works out an expression such as 2 * (3 + sqrt(16)): + - * / % ^, pi, e, and functions such as round, min, log (base 10), ln.",
    pure,
    inputs: [{ name: "expression", type: "string", required: true }],
    outputs: result,
    run: ({ expression }) => finite(evaluateExpression(expression)),
  }),
  defineNode({
    type: "division",
    name: "Division",
    category,
    description: "Divides a by b.",
    pure,
    inputs: [a, b],
    outputs: result,
    run: (inputs) =>
      inputs.b === 0 ? failure("Division by zero is not allowed") : finite(inputs.a / inputs.b),
  }),
  defineNode({
    type: "exponentiation",
    name: "Exponentiation",
    category,
    description: "Raises a base to a power.",
    pure,
    inputs: [
      { name: "base", type: "number", required: true },
      { name: "exponent", type: "number", required: true },
    ],
    outputs: result,
    run: ({ base, exponent }) => {
      if (base === 0 && exponent < 0) return failure("Zero has no negative power");
      if (base < 0 && !Number.isInteger(exponent)) {
        return failure("A negative number has no real power that is not whole");
      }
      return finite(base ** exponent);
    },
  }),
  defineNode({
    type: "max",
    name: "Max",
    category,
    description: "The largest number of a list. Fails when the list is empty.",
    pure,
    inputs: [numbers],
    outputs: result,
    run: (inputs) =>
      inputs.numbers.length === 0
        ? failure("An empty list has no largest number")
        : finite(extremeOf(inputs.numbers, Math.max)),
  }),
  defineNode({
    type: "median",
    name: "Median",
    category,
    description:
      "The middle of a sorted list, or the mean of the middle two. Fails when it is empty.",
    pure,
    inputs: [numbers],
    outputs: result,
    run: (inputs) =>
      inputs.numbers.length === 0
        ? failure("An empty list has no median")
        : finite(middleOf(inputs.numbers)),
  }),
  defineNode({
    type: "min",
    name: "Min",
    category,
    description: "The smallest number of a list. Fails when the list is empty.",
    pure,
    inputs: [numbers],
    outputs: result,
    run: (inputs) =>
      inputs.numbers.length === 0
        ? failure("An empty list has no smallest number")
        : finite(extremeOf(inputs.numbers, Math.min)),
  }),
  defineNode({
    type: "modulo",
    name: "Modulo",
    category,
    description: "What is left when a is divided by b. Has the sign of a.",
    pure,
    inputs: [a, b],
    outputs: result,
    run: (inputs) =>
      inputs.b === 0 ? failure("Modulo by zero is not allowed") : finite(inputs.a % inputs.b),
  }),
  defineNode({
    type: "multiplication",
    name: "Multiplication",
    category,
    description: "Multiplies two numbers.",
    pure,
    inputs: [a, b],
    outputs: result,
    run: (inputs) => finite(inputs.a * inputs.b),
  }),
  defineNode({
    type: "square-root",
    name: "Square Root",
    category,
    description: "The square root of a number that is not negative.",
    pure,
    inputs: [value],
    outputs: result,
    run: (inputs) =>
      inputs.value < 0
        ? failure("A negative number has no real square root")
        : finite(Math.sqrt(inputs.value)),
  }),
  defineNode({
    type: "subtraction",
    name: "Subtraction",
    category,
    description: "Takes b from a.",
    pure,
    inputs: [a, b],
    outputs: result,
    run: (inputs) => finite(inputs.a - inputs.b),
  }),
  defineNode({
    type: "sum",
    name: "Sum",
    category,
    description: "Adds up a list of numbers; 0 when the list is empty.",
    pure,
    inputs: [numbers],
    outputs: result,
    run: (inputs) => finite(sumOf(inputs.numbers)),
  }),
];
