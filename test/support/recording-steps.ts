/**
 * A platform that writes down what it is asked: every step with its options, every sleep, in order. Sleeps take no time.
 * What it has on record it answers without performing, as a replay does.
 */
import * as Layer from "effect/Layer";
import { DurableStep, type StepOptions, type Steps } from "#services/durable-step";

export interface Platform {
  readonly layer: Layer.Layer<DurableStep>;
  /** In the order of being asked. */
  readonly asked: (readonly [name: string, options: StepOptions | number])[];
  /** In the order of being performed. */
  readonly performed: string[];
  /** Step name -> result, in the order of being recorded. A sleep leaves null. */
  readonly results: Map<string, unknown>;
}

interface PlatformOptions {
  /** What stands on record before the run. */
  readonly recorded?: ReadonlyMap<string, unknown>;
  /** Takes the place of performing a step, for the steps that it answers. */
  readonly instead?: (name: string) => Promise<never> | undefined;
  readonly sleep?: Steps["sleep"];
  /** Nobody ever sends an event unless told. */
  readonly waitForEvent?: Steps["waitForEvent"];
  /** How often a step has begun, this time included. */
  readonly begins?: (name: string) => number;
}

export const recordingPlatform = (options: PlatformOptions = {}): Platform => {
  const { recorded, instead, sleep = () => Promise.resolve() } = options;
  const { waitForEvent = () => new Promise<never>(() => {}), begins = () => 1 } = options;
  const results = new Map(recorded);
  const asked: Platform["asked"] = [];
  const performed: string[] = [];
  const recordedOr = async <A>(name: string, perform: () => Promise<A>): Promise<A> => {
    // What comes off a record is a copy, and whatever is kept is plain data.
    if (results.has(name)) return structuredClone(results.get(name)) as A;
    performed.push(name);
    const result = await perform();
    results.set(name, structuredClone(result));
    return result;
  };
  const steps: Steps = {
    do: (name, stepOptions, perform) => {
      asked.push([name, stepOptions]);
      return instead?.(name) ?? recordedOr(name, () => perform({ attempt: begins(name) }));
    },
    sleep: async (name, millis) => {
      asked.push([name, millis]);
      await recordedOr(name, async () => {
        await sleep(name, millis);
        return null;
      });
    },
    waitForEvent: (name, event) => {
      asked.push([name, event.timeout]);
      // To wait is to do nothing.
      if (results.has(name)) return Promise.resolve(results.get(name) as boolean);
      return waitForEvent(name, event).then((came) => {
        results.set(name, came);
        return came;
      });
    },
  };
  return { layer: Layer.succeed(DurableStep, steps), asked, performed, results };
};

/** All but the waits for a command, which no run's outcome depends on. */
export const namesOf = ({ asked }: Platform): readonly string[] =>
  asked.map(([name]) => name).filter((name) => !name.startsWith("listen for command"));
