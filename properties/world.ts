/**
 * A world in which durable runs happen, and go on after crashes: the effects of nodes by their keys, what the platform has
 * on record, the stores. A process lives in it until it ends or dies; it may die after any effect and around any record.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import * as Effect from "effect/Effect";
import type { JsonValue } from "#core/value";
import type { StepContext, Steps } from "#services/durable-step";
import type { StandingWait } from "#services/wait-store";
import type { HeldServices } from "../test/support/held-services.ts";
import { holdServices } from "../test/support/held-services.ts";

export const organizationId = "org";
export const executionId = "execution";

/** Whose run it is, and which. */
export interface RunKey {
  readonly organizationId: string;
  readonly executionId: string;
}

/** Where an effect happens: a node, and the sub-step of it; null in a node of one step. As text. */
export const placeOf = (nodeId: string, step: string | null): string =>
  JSON.stringify([nodeId, step]);

interface UsedKey {
  readonly places: Set<string>;
  times: number;
}

export interface World {
  readonly key: RunKey;
  /** By idempotency key. */
  readonly effects: Map<string, UsedKey>;
  /** Step name -> its result as text, in the order of being recorded. */
  readonly journal: Map<string, string>;
  /** Step name -> how often it has begun. */
  readonly begins: Map<string, number>;
  /** Event type -> its coming. Waits have a script instead. */
  readonly events: Map<string, PromiseWithResolvers<void>>;
  readonly held: HeldServices;
  /** Who answers waits that bring no script: false when nobody does. */
  readonly answers?: (wait: StandingWait) => Promise<boolean>;
}

/** Of one run; several runs may share their stores. */
export const newWorld = (
  key: RunKey = { organizationId, executionId },
  held: HeldServices = holdServices(),
  answers?: World["answers"],
): World => ({
  key,
  ...(answers === undefined ? {} : { answers }),
  effects: new Map(),
  journal: new Map(),
  begins: new Map(),
  events: new Map(),
  held,
});

const eventOf = ({ events }: World, type: string): PromiseWithResolvers<void> => {
  const event = events.get(type) ?? Promise.withResolvers<void>();
  events.set(type, event);
  return event;
};

/** Wakes the run, whichever process is its own now or later. */
export const sendEvent = (world: World, type: string): void => eventOf(world, type).resolve();

/** The keys that were used at each place. */
export const keysByPlace = ({ effects }: World): ReadonlyMap<string, readonly string[]> => {
  const byPlace = new Map<string, string[]>();
  for (const [key, { places }] of effects) {
    for (const place of places) byPlace.set(place, [...(byPlace.get(place) ?? []), key]);
  }
  return byPlace;
};

/** What a wait asks of the world. */
export interface WaitScript {
  readonly ends: "answered" | "timed out";
  /** How often something wakes it that is no answer. */
  readonly strays: number;
}

export const answerTo = (nodeId: string, name: string): JsonValue => ({ to: [nodeId, name] });

export interface Process {
  readonly steps: Steps;
  /** A node does something that must not happen twice. */
  readonly effect: (place: string, key: string) => void;
  /** Asks a service for something. It may die before that is done, and when it is done and the answer has not come yet. */
  readonly ask: <A>(perform: () => A) => Promise<A>;
  /** Resolves when the process dies. */
  readonly death: Promise<undefined>;
  readonly isDead: () => boolean;
  /** Steps that it began, in order. */
  readonly performed: readonly string[];
  /** Moments so far at which it could have died. */
  readonly moments: () => number;
}

const never = (): Promise<never> => new Promise(() => {});

/**
 * It dies at that moment of its life, counted from 0, or lives to its end. Where several processes live at once, each takes
 * turns with the others before and after whatever it does.
 */
export const startProcess = (
  world: World,
  lastMoment?: number,
  takeTurn?: () => Promise<void>,
): Process => {
  const { key, journal, begins, held } = world;
  const dying = Promise.withResolvers<undefined>();
  const performed: string[] = [];
  /** Event type -> the steps that have waited for it: each is a round. */
  const rounds = new Map<string, Set<string>>();
  let moments = 0;
  let isDead = false;
  const mayDie = (): void => {
    if (moments++ !== lastMoment) return;
    isDead = true;
    dying.resolve(undefined);
  };
  /** What a dead process still does reaches nobody. */
  const record = async <A>(name: string, result: A): Promise<A> => {
    if (isDead) return never();
    mayDie();
    if (isDead) return never();
    const text = JSON.stringify(result);
    journal.set(name, text);
    mayDie();
    return isDead ? never() : (JSON.parse(text) as A);
  };
  const once = async <A>(name: string, perform: (step: StepContext) => Promise<A>): Promise<A> => {
    if (isDead) return never();
    const known = journal.get(name);
    if (known !== undefined) return JSON.parse(known) as A;
    performed.push(name);
    const attempt = (begins.get(name) ?? 0) + 1;
    begins.set(name, attempt);
    await takeTurn?.();
    if (isDead) return never();
    const result = await perform({ attempt });
    await takeTurn?.();
    return record(name, result);
  };
  const ask = async <A>(perform: () => A): Promise<A> => {
    await takeTurn?.();
    if (!isDead) mayDie();
    if (isDead) return never();
    const answer = perform();
    mayDie();
    if (isDead) return never();
    await takeTurn?.();
    return isDead ? never() : answer;
  };

  const waits = (): readonly StandingWait[] =>
    Effect.runSync(held.waits.list(key.organizationId, key.executionId));
  const answer = ({ nodeId, name }: StandingWait, data: JsonValue): string =>
    Effect.runSync(held.waits.answer({ ...key, nodeId, name, data, now: Date.now() })).status;
  const meet = async (wait: StandingWait, round: number): Promise<boolean> => {
    await nextTurn();
    if (world.answers !== undefined) return world.answers(wait);
    const { ends, strays } = wait.question as unknown as WaitScript;
    if (round <= strays) return true;
    if (ends === "timed out") return false;
    // The run may have ended meanwhile.
    if (answer(wait, answerTo(wait.nodeId, wait.name)) === "late") return true;
    const second = answer(wait, "a second answer");
    if (second !== "duplicate") throw new Error(`A second answer was ${second}`);
    return true;
  };

  return {
    steps: {
      do: (name, _options, perform) => once(name, perform),
      sleep: async (name) => {
        await once(name, async () => {
          await nextTurn();
          return null;
        });
      },
      waitForEvent: async (name, { type }) => {
        const wait = waits().find(({ eventType }) => eventType === type);
        if (wait === undefined) {
          // For a command, which most runs are never given.
          if (!journal.has(name)) await eventOf(world, type).promise;
          return once(name, async () => true);
        }
        const waited = rounds.get(type) ?? new Set<string>();
        rounds.set(type, waited.add(name));
        const round = waited.size;
        return once(name, () => meet(wait, round));
      },
    },
    effect: (place, key) => {
      if (isDead) return;
      const used: UsedKey = world.effects.get(key) ?? { places: new Set(), times: 0 };
      used.places.add(place);
      used.times++;
      world.effects.set(key, used);
      mayDie();
    },
    ask,
    death: dying.promise,
    isDead: () => isDead,
    performed,
    moments: () => moments,
  };
};
