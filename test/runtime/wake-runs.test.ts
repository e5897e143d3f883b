import { describe, expect, test } from "vitest";
import { isDue } from "#runtime/wake-runs";

const minute = 60_000;
const hour = 60 * minute;

/** Minutes of stillness at which a run is woken, by rounds a minute apart. */
const wokenAt = (minutes: number): readonly number[] =>
  Array.from({ length: minutes }, (_, at) => at + 1).filter((at) =>
    isDue({ updatedAt: 0 }, { now: at * minute, before: (at - 1) * minute, patience: minute }),
  );

describe("a run that stands still", () => {
  test("is woken more and more rarely, and every hour in the end", () => {
    expect(wokenAt(5 * 60)).toEqual([1, 2, 4, 8, 16, 32, 60, 120, 180, 240, 300]);
  });

  test("is left alone while it has been stored a moment ago", () => {
    const round = { now: 10 * hour, before: 10 * hour - minute, patience: minute };
    expect(isDue({ updatedAt: 10 * hour - 1 }, round)).toBe(false);
    expect(isDue({ updatedAt: 10 * hour - minute }, round)).toBe(true);
  });

  test("is woken once though rounds come late or close together", () => {
    expect(isDue({ updatedAt: 0 }, { now: 9 * minute, before: 0, patience: minute })).toBe(true);
    const close = { now: 9 * minute + 100, before: 9 * minute, patience: minute };
    expect(isDue({ updatedAt: 0 }, close)).toBe(false);
  });

  test("is woken at once when every process may have died", () => {
    expect(isDue({ updatedAt: 99 }, { now: 100, before: undefined, patience: minute })).toBe(true);
  });
});
