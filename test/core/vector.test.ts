import fc from "fast-check";
import { expect, test } from "vitest";
import type { Vector } from "#core/vector";
import { emptyVector, valueAt, withValueAt } from "#core/vector";

const listOf = <A>(vector: Vector<A>, length: number): readonly (A | undefined)[] =>
  Array.from({ length }, (_, index) => valueAt(vector, index));

test("every place is empty until it is set, and keeps the last value set", () => {
  const lengths = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(512, 513, 4_096));
  const sets = fc.array(fc.tuple(fc.nat(), fc.integer()), { maxLength: 60 });
  fc.assert(
    fc.property(lengths, sets, (length, changes) => {
      const model: (number | undefined)[] = Array.from({ length }, () => undefined);
      let vector: Vector<number> = emptyVector(length);
      for (const [place, value] of changes) {
        model[place % length] = value;
        vector = withValueAt(vector, place % length, value);
      }
      expect(listOf(vector, length)).toEqual(model);
    }),
  );
});

test("setting a place leaves every earlier vector as it was", () => {
  const empty: Vector<string> = emptyVector(100);
  const one = withValueAt(empty, 99, "a");
  const two = withValueAt(one, 99, "b");
  expect([empty, one, two].map((vector) => valueAt(vector, 99))).toEqual([undefined, "a", "b"]);
});

test("setting a place shares all but its own path", () => {
  const before = withValueAt(withValueAt(emptyVector(4_096), 0, "first"), 4_095, "last");
  const after = withValueAt(before, 0, "changed");
  expect(after.root.slice(1).every((branch, at) => branch === before.root[at + 1])).toBe(true);
});
