/**
 * One thing at a time: whoever lives beside others asks for its turn, and a number names the order in which they get it. Time
 * is the turns' too, while they are given, so that the same number gives the same story.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { vi } from "vitest";

export interface Turns {
  /** Resolves when it is the asker's turn. */
  readonly take: () => Promise<void>;
  /** Gives no turns until the work is done, or what it is given is called: it waits for another thread. */
  readonly hold: <A>(work: (release: () => void) => Promise<A>) => Promise<A>;
  /** Gives turns until the work is done. Rejects with what the work rejects with. */
  readonly giveUntil: <A>(work: () => Promise<A>) => Promise<A>;
}

const millisPerTurn = 10;
/** Something that is stuck may have others who take turns beside it for ever. */
const mostTurns = 50_000;
const mostIdleTurns = 1_000_000;

export const makeTurns = (order: number): Turns => {
  const asking: (() => void)[] = [];
  let held = 0;
  let random = order | 1;
  const pick = (among: number): number => {
    random = Math.imul(random ^ (random >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    return ((random ^ (random >>> 13)) >>> 0) % among;
  };
  const give = async (isDone: () => boolean): Promise<void> => {
    let given = 0;
    let idle = 0;
    while (!isDone()) {
      await nextTurn();
      const [next] = held > 0 ? [] : asking.splice(pick(Math.max(1, asking.length)), 1);
      if (next === undefined) idle++;
      else {
        [given, idle] = [given + 1, 0];
        next();
      }
      if (held === 0) vi.advanceTimersByTime(millisPerTurn);
      if (given > mostTurns || idle > mostIdleTurns) throw new Error("It comes to no end");
    }
  };
  return {
    take: () =>
      new Promise((resolve) => {
        asking.push(resolve);
      }),
    hold: async (work) => {
      let isHeld = true;
      const release = (): void => {
        if (isHeld) held--;
        isHeld = false;
      };
      held++;
      try {
        return await work(release);
      } finally {
        release();
      }
    },
    giveUntil: async (work) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: 1_700_000_000_000 });
      try {
        let isDone = false;
        const working = work().finally(() => {
          isDone = true;
        });
        await Promise.race([working, give(() => isDone)]);
        return await working;
      } finally {
        vi.useRealTimers();
      }
    },
  };
};
