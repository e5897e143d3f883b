/** The law of access: an organization is told what it would be told if it were alone, whatever another one does beside it. */
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { playApart, playTogether } from "./access-play.ts";
import { familyNames, programOf } from "./access-programs.ts";
import { street } from "./access-runs.ts";
import { liveApart, liveTogether } from "./access-street.ts";
import { holdsAsync } from "./runs.ts";

// One moment for all: times would tell what is played first from what is played later.
beforeAll(() => void vi.useFakeTimers({ toFake: ["Date"], now: 1_700_000_000_000 }));
afterAll(() => void vi.useRealTimers());

it.each(familyNames)(
  "ACCESS-1 whatever two organizations ask of the same services, each is told what it is told alone: %s",
  (family) =>
    holdsAsync(
      fc.asyncProperty(programOf(family), async (program) => {
        expect(await playTogether(program)).toEqual(await playApart(program));
      }),
    ),
);

it("ACCESS-1 two organizations whose runs have the same ids and share all services have the records that each has alone", () =>
  holdsAsync(
    fc.asyncProperty(street, async (plan) => {
      expect(await liveTogether(plan)).toEqual(await liveApart(plan));
    }),
  ));
