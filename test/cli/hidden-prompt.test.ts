import { expect, it } from "vitest";
import type { LineEnd } from "#cli/hidden-prompt";
import { createHiddenLine } from "#cli/hidden-prompt";

/** What the last keys mean, and what has been typed by then. */
const typed = (...chunks: readonly string[]): readonly [LineEnd, string] => {
  const line = createHiddenLine();
  const ends = chunks.map(line.type);
  expect(ends.slice(0, -1)).toStrictEqual(ends.slice(0, -1).map(() => "open"));
  return [ends.at(-1) ?? "open", line.value()];
};

const enter = "\r";
const pasteBegins = "\u001b[200~";
const pasteEnds = "\u001b[201~";

it("takes what is typed until Enter", () => {
  expect(typed("pass", "word 🙂é", enter)).toStrictEqual(["done", "password 🙂é"]);
  expect(typed(`password${enter}\n`)).toStrictEqual(["done", "password"]);
  expect(typed("pass")).toStrictEqual(["open", "pass"]);
});

it("lets a typing mistake be mended", () => {
  expect(typed("ab🙂", "\u007f", "\u0008", "c", enter)).toStrictEqual(["done", "ac"]);
  expect(typed("\u007fa", enter)).toStrictEqual(["done", "a"]);
  expect(typed("all wrong", "\u0015", "right", enter)).toStrictEqual(["done", "right"]);
});

it("leaves on ctrl-C and ctrl-D, whatever was typed", () => {
  expect(typed("abc", "\u0003")[0]).toBe("interrupted");
  expect(typed("\u0004")[0]).toBe("left");
  expect(typed("abc", "\u0004")[0]).toBe("left");
});

it("takes keys that type nothing for nothing", () => {
  const arrows = "\u001b[A\u001b[1;5C\u001bOP\u001bx";
  expect(typed("a", arrows, "\u0001\u000b", "b", enter)).toStrictEqual(["done", "ab"]);
  expect(typed("a\u001b", "b", enter)).toStrictEqual(["done", "ab"]);
  expect(typed("a\u001b", "[", "A", "b", enter)).toStrictEqual(["done", "ab"]);
});

it("takes a paste as a whole, also with several lines and however it is cut", () => {
  const paste = `${pasteBegins}one\r\ntwo\u0003\rthree${pasteEnds}`;
  const whole = "one\ntwo\u0003\nthree";
  expect(typed(paste, enter)).toStrictEqual(["done", whole]);
  expect(typed(`${paste}${enter}`)).toStrictEqual(["done", whole]);
  for (let at = 1; at < paste.length; at++) {
    expect(typed(paste.slice(0, at), paste.slice(at), enter)).toStrictEqual(["done", whole]);
  }
});

it("refuses several lines that nobody marked as one paste", () => {
  expect(typed(`one${enter}two${enter}`)[0]).toBe("several-lines");
});
