/**
 * Works out an arithmetic expression as it reads it; nothing is compiled to code, which a Worker forbids. Throws a
 * NodeFailure that names the position, counted from 1. Every step has to give a finite number.
 *
 * From loose to tight: + and -, then * / %, then a sign, then ^ (from the right: 2^3^2 is 512, -2^2 is -4).
 */
import { NodeFailure } from "#services/node-definition";

/** Deeper than any person nests, and far from the end of the call stack: 100,000 parentheses are an error, not a crash. */
const deepest = 200;

interface Operator {
  readonly tightness: number;
  readonly apply: (a: number, b: number) => number;
}

const operators: ReadonlyMap<string, Operator> = new Map([
  ["+", { tightness: 1, apply: (a, b) => a + b }],
  ["-", { tightness: 1, apply: (a, b) => a - b }],
  ["*", { tightness: 2, apply: (a, b) => a * b }],
  ["/", { tightness: 2, apply: (a, b) => a / b }],
  ["%", { tightness: 2, apply: (a, b) => a % b }],
  ["^", { tightness: 4, apply: (a, b) => a ** b }],
]);
const signTightness = 3;

/** Half a unit goes away from zero, as on paper. */
const round = (x: number, digits: number): number =>
  digits >= 0 && digits <= 100 ? Number(x.toFixed(digits)) : Number.NaN;

const logarithm = (x: number, base: number): number =>
  base === 10 ? Math.log10(x) : Math.log(x) / Math.log(base);

interface NamedFunction {
  readonly least: number;
  readonly most: number;
  readonly apply: (numbers: readonly number[]) => number;
}

const ofOne = (apply: (x: number) => number): NamedFunction => ({
  least: 1,
  most: 1,
  apply: ([x]) => apply(x!),
});
const ofMany = (apply: (...numbers: number[]) => number): NamedFunction => ({
  least: 1,
  most: 1_000,
  apply: (numbers) => apply(...numbers),
});

/** In a Map, so that `constructor` is an unknown name like any other. */
const functions: ReadonlyMap<string, NamedFunction> = new Map([
  ["abs", ofOne(Math.abs)],
  ["acos", ofOne(Math.acos)],
  ["asin", ofOne(Math.asin)],
  ["atan", ofOne(Math.atan)],
  ["cbrt", ofOne(Math.cbrt)],
  ["ceil", ofOne(Math.ceil)],
  ["cos", ofOne(Math.cos)],
  ["exp", ofOne(Math.exp)],
  ["floor", ofOne(Math.floor)],
  ["ln", ofOne(Math.log)],
  ["log", { least: 1, most: 2, apply: ([x, base]) => logarithm(x!, base ?? 10) }],
  ["log2", ofOne(Math.log2)],
  ["max", ofMany(Math.max)],
  ["min", ofMany(Math.min)],
  ["pow", { least: 2, most: 2, apply: ([x, y]) => x! ** y! }],
  ["round", { least: 1, most: 2, apply: ([x, digits]) => round(x!, digits ?? 0) }],
  ["sign", ofOne(Math.sign)],
  ["sin", ofOne(Math.sin)],
  ["sqrt", ofOne(Math.sqrt)],
  ["tan", ofOne(Math.tan)],
  ["trunc", ofOne(Math.trunc)],
]);

const constants: ReadonlyMap<string, number> = new Map([
  ["pi", Math.PI],
  ["e", Math.E],
]);

interface Token {
  readonly kind: "number" | "name" | "symbol" | "end";
  readonly text: string;
  readonly at: number;
}

const fail = (message: string): never => {
  throw new NodeFailure({ message });
};

const quoted = (text: string): string =>
  `'${text.length > 40 ? `${text.slice(0, 40).toWellFormed()}...` : text}'`;

const found = ({ kind, text }: Token): string =>
  kind === "end" ? "where the expression ends" : `got ${quoted(text)}`;

/** A sticky pattern reads one token after another, also in a text too large to be cut up. */
const tokensOf = (expression: string): (() => Token) => {
  const pattern = /\s*(?:((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\S)|$)/uy;
  return () => {
    const [, number, name, symbol] = pattern.exec(expression) ?? [];
    const text = number ?? name ?? symbol ?? "";
    const kind = number ? "number" : name ? "name" : symbol ? "symbol" : "end";
    return {
      kind,
      text,
      at: kind === "end" ? expression.length + 1 : pattern.lastIndex - text.length + 1,
    };
  };
};

const finite = (value: number, what: string, at: number): number =>
  Number.isFinite(value) ? value : fail(`${what} at position ${at} gives no finite number`);

const operate = (symbol: string, at: number, left: number, right: number): number => {
  if (right === 0 && symbol === "/") fail(`Division by zero at position ${at}`);
  if (right === 0 && symbol === "%") fail(`Modulo by zero at position ${at}`);
  return finite(operators.get(symbol)!.apply(left, right), `'${symbol}'`, at);
};

const apply = (name: string, at: number, numbers: readonly number[]): number => {
  const { least, most, apply: applyTo } = functions.get(name)!;
  if (numbers.length < least || numbers.length > most) {
    const wanted = least === most ? least : `${least} to ${most}`;
    const noun = most === 1 ? "number" : "numbers";
    fail(`'${name}' at position ${at} takes ${wanted} ${noun}, got ${numbers.length}`);
  }
  return finite(applyTo(numbers), `'${name}'`, at);
};

export const evaluateExpression = (expression: string): number => {
  const read = tokensOf(expression);
  let token = read();

  const isSymbol = (symbol: string): boolean => token.kind === "symbol" && token.text === symbol;
  const skip = (symbol: string): boolean => {
    if (!isSymbol(symbol)) return false;
    token = read();
    return true;
  };

  const closeParenthesis = (opened: number): void => {
    if (token.kind === "end") fail(`The '(' at position ${opened} is not closed`);
    if (!skip(")")) fail(`Expected an operator at position ${token.at}, ${found(token)}`);
  };

  const readName = ({ text, at }: Token, depth: number): number => {
    const name = text.toLowerCase();
    const constant = constants.get(name);
    if (constant !== undefined) return constant;
    if (!functions.has(name)) fail(`Unknown name ${quoted(text)} at position ${at}`);
    const opened = token.at;
    if (!skip("(")) fail(`'${name}' at position ${at} needs its numbers in parentheses`);
    const numbers: number[] = [];
    if (!isSymbol(")")) {
      do numbers.push(readSum(0, depth + 1));
      while (skip(","));
    }
    closeParenthesis(opened);
    return apply(name, at, numbers);
  };

  const readOperand = (depth: number): number => {
    const first = token;
    if (depth > deepest) fail(`The expression nests too deeply at position ${first.at}`);
    if (skip("-")) return -readSum(signTightness, depth + 1);
    if (skip("+")) return readSum(signTightness, depth + 1);
    if (skip("(")) {
      const value = readSum(0, depth + 1);
      closeParenthesis(first.at);
      return value;
    }
    if (first.kind === "symbol" || first.kind === "end") {
      fail(`Expected a number at position ${first.at}, ${found(first)}`);
    }
    token = read();
    return first.kind === "number"
      ? finite(Number(first.text), quoted(first.text), first.at)
      : readName(first, depth);
  };

  /** Reads as long as the operators bind at least as tightly. */
  const readSum = (tightness: number, depth: number): number => {
    let left = readOperand(depth);
    for (;;) {
      const { kind, text, at } = token;
      const operator = kind === "symbol" ? operators.get(text) : undefined;
      if (operator === undefined || operator.tightness < tightness) return left;
      token = read();
      const fromTheRight = text === "^";
      const right = readSum(operator.tightness + (fromTheRight ? 0 : 1), depth + 1);
      left = operate(text, at, left, right);
    }
  };

  if (token.kind === "end") fail("The expression is empty");
  const value = readSum(0, 0);
  if (isSymbol(")")) fail(`The ')' at position ${token.at} closes nothing`);
  if (token.kind !== "end") fail(`Expected an operator at position ${token.at}, ${found(token)}`);
  return value;
};
