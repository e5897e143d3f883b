import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { runNode } from "../support/run-node.ts";

const calculate = (expression: string) => runNode("calculator", { expression });

const results: readonly (readonly [expression: string, result: number])[] = [
  ["1 + 2 * 3", 7],
  ["(1 + 2) * 3", 9],
  ["10 - 4 - 3", 3],
  ["12 / 3 / 2", 2],
  ["2 ^ 3 ^ 2", 512],
  ["-2 ^ 2", -4],
  ["(-2) ^ 2", 4],
  ["2 ^ -1", 0.5],
  ["2 ^ -1 ^ 2", 0.5],
  ["2 * -3 + 1", -5],
  ["--3", 3],
  ["+3 - +2", 1],
  ["10 % 3", 1],
  ["-10 % 3", -1],
  ["2 + 10 % 4 * 3", 8],
  [".5 + 5. + 1e3 + 1.5E-1", 1005.65],
  ["1\n+\t1\u00a0", 2],
  ["-0", 0],
  ["0 * -1", 0],
  ["PI - pi", 0],
  ["ln(e)", 1],
  ["log(1000)", 3],
  ["log(8, 2)", 3],
  ["log2(8)", 3],
  ["exp(0)", 1],
  ["sqrt(16) + cbrt(27)", 7],
  ["pow(2, 10)", 1024],
  ["abs(-3) + sign(-3)", 2],
  ["round(2.5)", 3],
  ["round(-2.5)", -3],
  ["round(-0.2)", 0],
  ["round(2.345, 2)", 2.35],
  ["round(1e300, 2)", 1e300],
  ["floor(-1.5) + ceil(1.2) + trunc(-1.9)", -1],
  ["sin(0) + cos(0) + tan(0)", 1],
  ["asin(0) + acos(1) + atan(0)", 0],
  ["max(1, 5, 3) - min(4, 2)", 3],
  ["max(1)", 1],
  ["Max(min(9, 8), (1 + 2) * 2)", 8],
  [`1${" + 1".repeat(100_000)}`, 100_001],
  [`${"(".repeat(200)}7${")".repeat(200)}`, 7],
];

/** For a title. */
const shortened = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}...` : text);

it.each(results.map((row) => [shortened(row[0]), ...row] as const))(
  "works out %s",
  async (_, expression, result) => {
    expect(await calculate(expression)).toStrictEqual({ result });
  },
);

const failures: readonly (readonly [expression: string, failed: string])[] = [
  ["", "The expression is empty"],
  [" \n ", "The expression is empty"],
  ["1 +", "Expected a number at position 4, where the expression ends"],
  ["* 3", "Expected a number at position 1, got '*'"],
  ["()", "Expected a number at position 2, got ')'"],
  ["1 + 😀", "Expected a number at position 5, got '😀'"],
  ["1 2", "Expected an operator at position 3, got '2'"],
  ["2(3)", "Expected an operator at position 2, got '('"],
  ["1.2.3", "Expected an operator at position 4, got '.3'"],
  ["2e", "Expected an operator at position 2, got 'e'"],
  ["1, 2", "Expected an operator at position 2, got ','"],
  ["(1, 2)", "Expected an operator at position 3, got ','"],
  ["max(1,)", "Expected a number at position 7, got ')'"],
  ["(1 + 2", "The '(' at position 1 is not closed"],
  ["max(1, 2", "The '(' at position 4 is not closed"],
  ["1 + 2)", "The ')' at position 6 closes nothing"],
  ["1 / (2 - 2)", "Division by zero at position 3"],
  ["5 % 0", "Modulo by zero at position 3"],
  ["1e999", "'1e999' at position 1 gives no finite number"],
  ["1e308 * 10 / 10", "'*' at position 7 gives no finite number"],
  ["0 ^ -1", "'^' at position 3 gives no finite number"],
  ["2 * sqrt(-1)", "'sqrt' at position 5 gives no finite number"],
  ["log(0)", "'log' at position 1 gives no finite number"],
  ["round(1, 101)", "'round' at position 1 gives no finite number"],
  ["sqrt 4", "'sqrt' at position 1 needs its numbers in parentheses"],
  ["pow(2)", "'pow' at position 1 takes 2 numbers, got 1"],
  ["sqrt(1, 2)", "'sqrt' at position 1 takes 1 number, got 2"],
  ["max()", "'max' at position 1 takes 1 to 1000 numbers, got 0"],
  ["round(1, 2, 3)", "'round' at position 1 takes 1 to 2 numbers, got 3"],
  ["x + 1", "Unknown name 'x' at position 1"],
  ["constructor(1)", "Unknown name 'constructor' at position 1"],
  ["__proto__", "Unknown name '__proto__' at position 1"],
  ["Math.max(1)", "Unknown name 'Math' at position 1"],
  ["a".repeat(10_000), `Unknown name '${"a".repeat(40)}...' at position 1`],
  [`max(${"1, ".repeat(200_000)}1)`, "'max' at position 1 takes 1 to 1000 numbers, got 200001"],
  [
    `${"(".repeat(100_000)}1${")".repeat(100_000)}`,
    "The expression nests too deeply at position 202",
  ],
  [`${"-".repeat(100_000)}1`, "The expression nests too deeply at position 202"],
  [`${"2^".repeat(100_000)}2`, "The expression nests too deeply at position 403"],
];

it.each(failures.map((row) => [shortened(row[0]), ...row] as const))(
  "says where %s goes wrong",
  async (_, expression, failed) => {
    expect(await calculate(expression)).toStrictEqual({ failed });
  },
);

interface Written {
  readonly ours: string;
  readonly javascript: string;
}

/** The same expression in both languages. JavaScript refuses to choose between a sign and a power, so it gets parentheses. */
const { expression } = fc.letrec<{ expression: Written }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 5 },
    fc.integer({ min: 0, max: 99 }).map((n) => ({ ours: String(n), javascript: String(n) })),
    fc
      .tuple(tie("expression"), fc.constantFrom("+", "-", "*", "/", "%"), tie("expression"))
      .map(([left, operator, right]) => ({
        ours: `${left.ours} ${operator} ${right.ours}`,
        javascript: `${left.javascript} ${operator} ${right.javascript}`,
      })),
    tie("expression").map(({ ours, javascript }) => ({
      ours: `(${ours})`,
      javascript: `(${javascript})`,
    })),
    tie("expression").map(({ ours, javascript }) => ({
      ours: `-(${ours}) ^ 2`,
      javascript: `(-((${javascript}) ** 2))`,
    })),
  ),
}));

it("agrees with JavaScript on random expressions", async () => {
  let worked = 0;
  await fc.assert(
    fc.asyncProperty(expression, async ({ ours, javascript }) => {
      const answer = await calculate(ours);
      if (!("result" in answer)) return;
      worked++;
      expect(answer).toStrictEqual({ result: Number(runInNewContext(javascript)) + 0 });
    }),
    { numRuns: 500 },
  );
  expect(worked).toBeGreaterThan(200);
});
