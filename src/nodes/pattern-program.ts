/**
 * Turns the tree of a pattern into instructions for `pattern-attempt.ts`. A part inside a lookbehind reads towards the start of
 * the text, so its sequence is laid out from the end. Registers hold where groups begin and end, then what loops and lookarounds
 * have to remember.
 */
import type { CharacterTest, PatternSyntax, PatternTree } from "./pattern-syntax.ts";

export type Instruction =
  | { readonly op: "character"; readonly test: CharacterTest; readonly back: boolean }
  /** A repeated single character: as many as it takes in one instruction and one way back. */
  | {
      readonly op: "run";
      readonly test: CharacterTest;
      readonly back: boolean;
      readonly least: number;
      readonly most: number;
      readonly greedy: boolean;
    }
  /** Goes on with the next instruction, and on failure with `other`. */
  | { readonly op: "fork"; other: number }
  | { readonly op: "jump"; to: number }
  | { readonly op: "save"; readonly register: number }
  | { readonly op: "zero"; readonly register: number }
  /** Another round, the exit, or first the one and then the other. */
  | {
      readonly op: "loop";
      readonly count: number;
      readonly least: number;
      readonly most: number;
      readonly greedy: boolean;
      exit: number;
    }
  /** Notes where a round begins and forgets what its groups caught. */
  | {
      readonly op: "round";
      readonly from: number;
      readonly firstGroup: number;
      readonly lastGroup: number;
    }
  /** A round beyond the least that took nothing fails, or it would go on for ever. */
  | {
      readonly op: "rounded";
      readonly from: number;
      readonly count: number;
      readonly least: number;
      readonly loop: number;
    }
  /** Remembers position and height; a negative one goes on after itself when its inside fails. */
  | { readonly op: "look"; readonly register: number; readonly negative: boolean; after: number }
  | { readonly op: "looked"; readonly register: number; readonly negative: boolean }
  | {
      readonly op: "backreference";
      readonly groups: readonly number[];
      readonly isSame: (a: number, b: number) => boolean;
      readonly back: boolean;
    }
  | { readonly op: "start" | "end"; readonly multiline: boolean }
  | { readonly op: "boundary"; readonly negative: boolean; readonly isWord: CharacterTest }
  | { readonly op: "done" };

export interface PatternProgram {
  readonly instructions: readonly Instruction[];
  readonly registerCount: number;
  readonly groupCount: number;
}

export const programOf = ({ tree, groupCount }: PatternSyntax): PatternProgram => {
  const instructions: Instruction[] = [];
  let registerCount = 2 * (groupCount + 1);

  const emit = <I extends Instruction>(instruction: I): I => {
    instructions.push(instruction);
    return instruction;
  };

  const emitChoice = (options: readonly PatternTree[], back: boolean): void => {
    const jumps: { to: number }[] = [];
    for (const [index, option] of options.entries()) {
      const isLast = index === options.length - 1;
      const fork = isLast ? undefined : emit({ op: "fork", other: 0 });
      emitTree(option, back);
      if (fork === undefined) continue;
      jumps.push(emit({ op: "jump", to: 0 }));
      fork.other = instructions.length;
    }
    for (const jump of jumps) jump.to = instructions.length;
  };

  const emitRepeat = (repeat: PatternTree & { kind: "repeat" }, back: boolean): void => {
    const { item, least, most, greedy, firstGroup, lastGroup } = repeat;
    if (item.kind === "character") {
      emit({ op: "run", test: item.test, back, least, most, greedy });
      return;
    }
    const count = registerCount++;
    const from = registerCount++;
    emit({ op: "zero", register: count });
    const loop = emit({ op: "loop", count, least, most, greedy, exit: 0 });
    const start = instructions.length - 1;
    emit({ op: "round", from, firstGroup, lastGroup });
    emitTree(item, back);
    emit({ op: "rounded", from, count, least, loop: start });
    loop.exit = instructions.length;
  };

  const emitTree = (part: PatternTree, back: boolean): void => {
    switch (part.kind) {
      case "character":
        emit({ op: "character", test: part.test, back });
        return;
      case "sequence":
        for (const item of back ? part.items.toReversed() : part.items) emitTree(item, back);
        return;
      case "choice":
        emitChoice(part.options, back);
        return;
      case "repeat":
        emitRepeat(part, back);
        return;
      case "group":
        emit({ op: "save", register: 2 * part.group + (back ? 1 : 0) });
        emitTree(part.item, back);
        emit({ op: "save", register: 2 * part.group + (back ? 0 : 1) });
        return;
      case "look": {
        const register = registerCount;
        registerCount += 2;
        const look = emit({ op: "look", register, negative: part.negative, after: 0 });
        emitTree(part.item, part.behind);
        emit({ op: "looked", register, negative: part.negative });
        look.after = instructions.length;
        return;
      }
      case "backreference":
        emit({ op: "backreference", groups: part.groups, isSame: part.isSame, back });
        return;
      case "start":
      case "end":
        emit({ op: part.kind, multiline: part.multiline });
        return;
      case "boundary":
        emit({ op: "boundary", negative: part.negative, isWord: part.isWord });
    }
  };

  emitTree(tree, false);
  emit({ op: "done" });
  return { instructions, registerCount, groupCount };
};
