/**
 * Tries a pattern's program at one position of a text. It backtracks as JavaScript's own engine does, with all ways back on
 * a stack of its own, and counts its steps: too many of them, or too many ways back, are a failure that says so.
 */
import { NodeFailure } from "#services/node-definition";
import type { Instruction, PatternProgram } from "./pattern-program.ts";
import type { CharacterTest } from "./pattern-syntax.ts";

type Run = Extract<Instruction, { op: "run" }>;
type Backreference = Extract<Instruction, { op: "backreference" }>;

/** About a second. A megabyte of text with a well-meant pattern takes one to five million. */
const mostSteps = 50_000_000;
/** Ways back that are open at a time: 12 bytes each, of a Worker's 128 MB. */
const mostWaysBack = 2_000_000;

const tooMuchWork = (): NodeFailure =>
  new NodeFailure({
    message:
      "The pattern takes too many steps on this text; make it more specific or the text shorter",
  });

const isLineEnd = (code: number): boolean =>
  code === 10 || code === 13 || code === 0x2028 || code === 0x2029;

/** Stands where the number of an instruction would, when a way back only gives a register its old value. */
const restoring = -1;
/** Stands where a run keeps how far it may go back, when a way back is a plain one. */
const plain = -1;

/** Where the match begins and ends, then each of its groups, two numbers each; -1 for one that caught nothing. */
export type Match = readonly [start: number, end: number, ...groups: number[]];

/** The attempts on one text share their steps. */
export const attemptsOn = (
  text: string,
  { instructions, registerCount, groupCount }: PatternProgram,
  unicode: boolean,
): ((from: number) => Match | undefined) => {
  const registers = new Int32Array(registerCount).fill(-1);
  /** What to do when the way forward fails, newest last: triples, so that a million of them are one array. */
  let ways = new Int32Array(3 * 64);
  let height = 0;
  let steps = mostSteps;
  let at = 0;
  let position = 0;

  const spend = (amount: number): void => {
    steps -= amount;
    if (steps < 0) throw tooMuchWork();
  };

  const addWayBack = (instruction: number, a: number, b: number): void => {
    if (height === ways.length) {
      if (height >= 3 * mostWaysBack) throw tooMuchWork();
      const grown = new Int32Array(2 * height);
      grown.set(ways);
      ways = grown;
    }
    ways[height] = instruction;
    ways[height + 1] = a;
    ways[height + 2] = b;
    height += 3;
  };

  const assign = (register: number, value: number): void => {
    addWayBack(restoring, register, registers[register]!);
    registers[register] = value;
  };

  const widthBefore = (end: number): number => {
    if (!unicode || end < 2) return 1;
    return text.codePointAt(end - 2)! > 0xffff ? 2 : 1;
  };

  /** The position on the other side of one character, or -1 when it is not the one wanted. */
  const pass = (test: CharacterTest, back: boolean, from: number): number => {
    if (back) {
      if (from === 0) return -1;
      const before = from - widthBefore(from);
      return test(unicode ? text.codePointAt(before)! : text.charCodeAt(before)) ? before : -1;
    }
    if (from >= text.length) return -1;
    const code = unicode ? text.codePointAt(from)! : text.charCodeAt(from);
    return test(code) ? from + (code > 0xffff ? 2 : 1) : -1;
  };

  const startRun = ({ test, back, least, most, greedy }: Run): boolean => {
    let count = 0;
    let floor = position;
    for (const wanted = greedy ? most : least; count < wanted; count++) {
      if (count === least) floor = position;
      const next = pass(test, back, position);
      if (next < 0) break;
      position = next;
    }
    spend(count);
    if (count < least) return false;
    if (!greedy && count < most) addWayBack(at, position, count);
    if (greedy && count > least) addWayBack(at, position, floor);
    at++;
    return true;
  };

  /** A greedy run gives one character back, a lazy one takes one more. */
  const resumeRun = (run: Run, instruction: number, end: number, bound: number): boolean => {
    const { test, back, most, greedy } = run;
    if (greedy) {
      const isPair = unicode && back && text.codePointAt(end)! > 0xffff;
      position = back ? end + (isPair ? 2 : 1) : end - widthBefore(end);
      if (position !== bound) addWayBack(instruction, position, bound);
    } else {
      position = pass(test, back, end);
      if (position < 0) return false;
      if (bound + 1 < most) addWayBack(instruction, position, bound + 1);
    }
    at = instruction + 1;
    return true;
  };

  const goBack = (): boolean => {
    while (height > 0) {
      spend(1);
      height -= 3;
      const target = ways[height]!;
      const a = ways[height + 1]!;
      const b = ways[height + 2]!;
      if (target === restoring) {
        registers[a] = b;
        continue;
      }
      const instruction = instructions[target]!;
      if (instruction.op !== "run" || b === plain) {
        at = target;
        position = a;
        return true;
      }
      if (resumeRun(instruction, target, a, b)) return true;
    }
    return false;
  };

  /** Once a lookaround has held there is no way back into it, but what it caught can still be forgotten. */
  const dropWaysInto = (floor: number): void => {
    spend((height - floor) / 3);
    let kept = floor;
    for (let way = floor; way < height; way += 3) {
      if (ways[way] !== restoring) continue;
      ways.copyWithin(kept, way, way + 3);
      kept += 3;
    }
    height = kept;
  };

  const forgetTo = (floor: number): void => {
    spend((height - floor) / 3);
    for (; height > floor; height -= 3) {
      if (ways[height - 3] === restoring) registers[ways[height - 2]!] = ways[height - 1]!;
    }
  };

  const passAgain = ({ groups, isSame, back }: Backreference): boolean => {
    const group = groups.find((one) => registers[2 * one]! >= 0 && registers[2 * one + 1]! >= 0);
    at++;
    if (group === undefined) return true;
    const caught = registers[2 * group]!;
    const length = registers[2 * group + 1]! - caught;
    const start = back ? position - length : position;
    if (start < 0 || start + length > text.length) return false;
    spend(length);
    for (let offset = 0; offset < length; offset++) {
      const [a, b] = unicode
        ? [text.codePointAt(caught + offset)!, text.codePointAt(start + offset)!]
        : [text.charCodeAt(caught + offset), text.charCodeAt(start + offset)];
      if (!isSame(a, b)) return false;
      if (a > 0xffff) offset++;
    }
    position = back ? start : start + length;
    return true;
  };

  const isAtEdge = (edge: number, neighbour: number, multiline: boolean): boolean =>
    position === edge || (multiline && isLineEnd(text.charCodeAt(neighbour)));

  const isWordAt = (index: number, isWord: CharacterTest): boolean =>
    index >= 0 && index < text.length && isWord(text.charCodeAt(index));

  /** Does one instruction and moves to the next; false when the way forward fails. */
  const perform = (instruction: Exclude<Instruction, { op: "done" }>): boolean => {
    switch (instruction.op) {
      case "character":
        position = pass(instruction.test, instruction.back, position);
        at++;
        return position >= 0;
      case "run":
        return startRun(instruction);
      case "fork":
        addWayBack(instruction.other, position, plain);
        at++;
        return true;
      case "jump":
        at = instruction.to;
        return true;
      case "save":
        assign(instruction.register, position);
        at++;
        return true;
      case "zero":
        assign(instruction.register, 0);
        at++;
        return true;
      case "loop": {
        const { count, least, most, greedy, exit } = instruction;
        const rounds = registers[count]!;
        const inside = at + 1;
        if (rounds >= least && rounds < most) addWayBack(greedy ? exit : inside, position, plain);
        at = rounds < least || (greedy && rounds < most) ? inside : exit;
        return true;
      }
      case "round":
        assign(instruction.from, position);
        for (
          let register = 2 * instruction.firstGroup;
          register < 2 * instruction.lastGroup + 2;
          register++
        ) {
          if (registers[register] !== -1) assign(register, -1);
        }
        spend(instruction.lastGroup - instruction.firstGroup + 1);
        at++;
        return true;
      case "rounded": {
        const { from, count, least, loop } = instruction;
        const rounds = registers[count]!;
        if (position === registers[from] && rounds >= least) return false;
        assign(count, rounds + 1);
        at = loop;
        return true;
      }
      case "look":
        assign(instruction.register, position);
        assign(instruction.register + 1, height + 3);
        if (instruction.negative) addWayBack(instruction.after, position, plain);
        at++;
        return true;
      case "looked": {
        const floor = registers[instruction.register + 1]!;
        if (instruction.negative) {
          forgetTo(floor);
          return false;
        }
        position = registers[instruction.register]!;
        dropWaysInto(floor);
        at++;
        return true;
      }
      case "backreference":
        return passAgain(instruction);
      case "start":
        at++;
        return isAtEdge(0, position - 1, instruction.multiline);
      case "end":
        at++;
        return isAtEdge(text.length, position, instruction.multiline);
      case "boundary": {
        const { isWord, negative } = instruction;
        at++;
        return (isWordAt(position - 1, isWord) === isWordAt(position, isWord)) === negative;
      }
    }
  };

  return (from) => {
    at = 0;
    position = from;
    height = 0;
    for (;;) {
      spend(1);
      const instruction = instructions[at]!;
      if (instruction.op === "done") {
        spend(registerCount);
        const groups = registers.slice(2, 2 + 2 * groupCount);
        registers.fill(-1);
        return [from, position, ...groups];
      }
      // When all ways back are used up, every register has its first value again.
      if (!perform(instruction) && !goBack()) return undefined;
    }
  };
};
