import { expect, it } from "vitest";
import {
  initialiseStep,
  nodeStepName,
  outputObjectName,
  persistStep,
  preloadStep,
  subStepName,
} from "#core/step-name";

it("names the steps of every run", () => {
  expect([initialiseStep, preloadStep, nodeStepName("add"), persistStep]).toEqual([
    "initialise workflow",
    "preload organization resources",
    "run node add",
    "persist final execution record",
  ]);
});

it("names a sub-step under its node", () => {
  expect(subStepName("fetch", "page 1")).toBe("run node fetch / page 1");
});

it("keeps short ids as they are, and shortens long ones to a readable head and a hash", () => {
  const short = "x".repeat(160);
  expect(nodeStepName(short)).toBe(`run node ${short}`);
  expect(nodeStepName("x".repeat(161))).toBe(
    `run node ${"x".repeat(140)} ~${nodeStepName("x".repeat(161)).slice(-16)}`,
  );
});

it("always gives recorded names: the hash never changes", () => {
  expect(nodeStepName("x".repeat(10_000)).slice(-18)).toMatchInlineSnapshot(`" ~76bb48053acb5d58"`);
  expect(nodeStepName("a\u0000b")).toMatchInlineSnapshot(`"run node a b ~10f3abd244da5f71"`);
});

it("tells apart long ids that differ anywhere", () => {
  const ids = Array.from({ length: 2_000 }, (_, at) => {
    const id = "long ".repeat(400);
    return `${id.slice(0, at)}!${id.slice(at + 1)}`;
  });
  expect(new Set(ids.map(nodeStepName)).size).toBe(2_000);
});

it("tells apart ids of control characters", () => {
  const ids = ["a\nb", "a\tb", "a b", "a\u0000b", "a\u007fb"];
  expect(new Set(ids.map(nodeStepName)).size).toBe(ids.length);
});

it("never passes what the platform takes, and holds nothing that it would change", () => {
  const nasty = ["🚀".repeat(5_000), "é".repeat(300), "\u0000".repeat(200), "\ud83d", "a -> b"];
  for (const id of nasty) {
    for (const name of [nodeStepName(id), subStepName(id, id)]) {
      expect(name.length).toBeLessThanOrEqual(256);
      expect(name.isWellFormed()).toBe(true);
      expect(name).not.toMatch(/\p{Cc}/u);
    }
  }
});

it("tells apart ids that look like another's sub-step or shortened form", () => {
  const long = "x".repeat(161);
  const alike = ["a", "a / b", long, nodeStepName(long).slice("run node ".length)];
  const names = [
    ...alike.map(nodeStepName),
    subStepName("a", "b"),
    subStepName("a /", "b"),
    subStepName("a", "/ b"),
  ];
  expect(new Set(names).size).toBe(names.length);
});

it("gives every file of every output a name of its own", () => {
  const names = [
    outputObjectName("a/b", "c", 0),
    outputObjectName("a", "b/c", 0),
    outputObjectName("a", "b", 1),
    outputObjectName("a", "b/1", 0),
    outputObjectName("a ", "b", 0),
    outputObjectName("a", " b", 0),
  ];
  expect(new Set(names).size).toBe(names.length);
});
