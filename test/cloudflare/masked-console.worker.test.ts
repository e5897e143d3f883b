import { env, listDurableObjectIds } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { keepOffConsole, maskConsole } from "#cloudflare/masked-console";
import { maskOf, noMask } from "#core/mask";

const value = "hunter2 & hunter3";
const mask = maskOf([{ name: "S", value }]);

const methods = ["debug", "error", "info", "log", "warn", "dir", "table", "trace"] as const;

/** A console that notes what it is given, and cannot do all that others can. */
const recording = () => {
  const lines: unknown[][] = [];
  const note =
    (name: string) =>
    (...line: unknown[]): void =>
      void lines.push([name, ...line]);
  const fake = Object.fromEntries([...methods, "assert"].map((name) => [name, note(name)]));
  return { lines, console: fake as unknown as Console };
};

const releases: (() => void)[] = [];
const keepOff: typeof keepOffConsole = (given) => {
  const release = keepOffConsole(given);
  releases.push(release);
  return release;
};
afterEach(() => {
  for (const release of releases.splice(0)) release();
});

/** What a masked console is given in place of one argument. */
const shownOf = (argument: unknown): unknown => {
  const { lines, console } = recording();
  maskConsole(console);
  const release = keepOffConsole(() => mask);
  console.log(argument);
  release();
  return lines[0]![1];
};

describe("maskConsole", () => {
  test("masks the texts of every method that shows what it is given", () => {
    const { lines, console } = recording();
    maskConsole(console);
    keepOff(() => mask);
    for (const name of methods) console[name](`a ${value}`, 7);
    console.assert(false, value);
    expect(lines).toEqual([
      ...methods.map((name) => [name, "a [secret:S]", 7]),
      ["assert", false, "[secret:S]"],
    ]);
  });

  test("works on the isolate's own console, also after somebody has replaced its methods", () => {
    const { log } = console;
    const lines: unknown[][] = [];
    try {
      maskConsole(console);
      console.log = (...line: unknown[]) => void lines.push(line);
      maskConsole(console);
      keepOff(() => mask);
      console.log(value, encodeURIComponent(value));
    } finally {
      console.log = log;
    }
    expect(lines).toEqual([["[secret:S]", "[secret:S]"]]);
  });

  test("installs once, and only what is there", () => {
    const { lines, console } = recording();
    const names = Object.keys(console);
    maskConsole(console);
    const once = { ...console };
    maskConsole(console);
    expect({ ...console }).toEqual(once);
    expect(Object.keys(console)).toEqual(names);
    console.log("a");
    expect(lines).toEqual([["log", "a"]]);
  });

  test("gives arguments through as they are while no run goes on", () => {
    const { lines, console } = recording();
    maskConsole(console);
    let reads = 0;
    const argument = {
      get value() {
        reads++;
        return value;
      },
    };
    console.log(argument, value);
    expect(reads).toBe(0);
    keepOff(() => mask)();
    console.log(value);
    expect(lines).toEqual([
      ["log", argument, value],
      ["log", value],
    ]);
    expect(lines[0]![1]).toBe(argument);
  });

  test("applies the masks of all runs, each as it is now and as often as it is registered", () => {
    const { lines, console } = recording();
    maskConsole(console);
    let grown = maskOf([]);
    const first = () => grown;
    const release = keepOff(first);
    keepOff(first);
    keepOff(() => mask);
    console.log(`${value} later-value`);
    grown = maskOf([{ name: "L", value: "later-value" }]);
    console.log(`${value} later-value`);
    release();
    release();
    console.log(`${value} later-value`);
    expect(lines).toEqual([
      ["log", "[secret:S] later-value"],
      ["log", "[secret:S] [secret:L]"],
      ["log", "[secret:S] [secret:L]"],
    ]);
  });

  test("tells an error by its masked text", () => {
    const error = new Error(`No ${value}`);
    error.stack = `Error: No ${value}\n    at a`;
    expect(shownOf(error)).toBe("Error: No [secret:S]\n    at a");
    const outer = new Error("Outer", { cause: new TypeError(value) });
    outer.stack = "Error: Outer\n    at b";
    (outer.cause as Error).stack = `TypeError: ${value}`;
    expect(shownOf(outer)).toBe(
      'Error: Outer\n    at b {"cause":{"stack":"TypeError: [secret:S]","message":"[secret:S]"}}',
    );
    expect(shownOf(new AggregateError([new Error(value)], "all"))).toContain("[secret:S]");
    const clean = new Error("clean", { cause: "nothing" });
    expect(shownOf(clean)).toBe(clean);
  });

  test("tells an object that holds a secret by its masked JSON", () => {
    expect(shownOf({ a: [1, { [value]: true }], b: value, c: null })).toBe(
      '{"a":[1,{"[secret:S]":true}],"b":"[secret:S]","c":null}',
    );
    expect(shownOf([undefined, value])).toBe('[null,"[secret:S]"]');
    const itself: Record<string, unknown> = { value };
    itself["itself"] = itself;
    expect(shownOf(itself)).toBe('{"value":"[secret:S]","itself":"[seen before]"}');
  });

  test("finds a secret that is a number", () => {
    const { lines, console } = recording();
    maskConsole(console);
    keepOff(() => maskOf([{ name: "N", value: "12345678" }]));
    console.log(12_345_678, 12_345_678n, { a: 12_345_678 }, 7);
    expect(lines).toEqual([["log", "[secret:N]", "[secret:N]", '{"a":"[secret:N]"}', 7]]);
  });

  test("shows what holds no secret as it is, whatever it is", () => {
    const throwing = {
      get a(): unknown {
        throw new Error("no");
      },
      toJSON: () => {
        throw new Error("no");
      },
    };
    const itself: unknown[] = [];
    itself.push(itself);
    const others: readonly unknown[] = [
      throwing,
      itself,
      new Proxy({}, { ownKeys: () => ["a", "a"] }),
      Object.create(null),
      class A {},
      Symbol("a"),
      1n,
      -0,
      Number.NaN,
      null,
      undefined,
      new Date(Number.NaN),
      new Uint8Array(3),
      new WeakMap(),
      Promise.resolve(1),
      new Map([[1, { a: new Error("clean") }]]).entries(),
      new Request("https://example.com"),
    ];
    for (const other of others) expect(shownOf(other)).toBe(other);
  });

  test("asks an object once for what JSON makes of it, and not what it has given", () => {
    const asked: string[] = [];
    const given = {
      toJSON: () => {
        asked.push("given");
        return value;
      },
    };
    class Own {
      toJSON(): unknown {
        asked.push("own");
        return given;
      }
    }
    const own = new Own();
    expect(shownOf(own)).toBe(own);
    expect(asked).toEqual(["own"]);
    const endless = (): object => ({ toJSON: () => ({ a: endless(), b: endless() }) });
    expect(typeof shownOf(endless())).toBe("string");
  });

  test("calls nothing of a stub, which says that it has any method, and shows its properties", async () => {
    const called = vi.fn<() => void>();
    const callable: object = new Proxy(() => {}, { get: () => callable, apply: called });
    const stub = env.WATCHDOG.getByName("logged");
    const named = { name: "logged", id: { name: "logged" } };
    for (const [stubbed, properties] of [
      [callable, { length: "[seen before]", name: "[seen before]" }],
      [stub, named],
      [stub.begin, {}],
    ] as const) {
      expect(shownOf(stubbed)).toBe(JSON.stringify(properties));
      const holder = { deep: [{ stubbed }], at: new Map([[1, value]]) };
      expect(shownOf(holder)).toBe(
        JSON.stringify({ deep: [{ stubbed: properties }], at: { entries: [[1, "[secret:S]"]] } }),
      );
    }
    expect(called).not.toHaveBeenCalled();
    expect(shownOf({ stub, value })).toBe(
      `{"stub":{"name":"logged","id":{"name":"logged"}},"value":"[secret:S]"}`,
    );
    // Whoever calls it wakes it, and it is there from then on.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await listDurableObjectIds(env.WATCHDOG)).toEqual([]);
  });

  test("does not show what is nested beyond use, or cannot be masked", () => {
    let deep: unknown = "clean";
    for (let level = 0; level < 10_000; level++) deep = [deep];
    expect(shownOf(deep)).toContain("[too deep]");
    const { lines, console } = recording();
    maskConsole(console);
    keepOff(() => {
      throw new Error("no mask");
    });
    console.log("a", true);
    expect(lines).toEqual([["log", "[cannot be read]"]]);
    const { lines: others, console: other } = recording();
    maskConsole(other);
    for (const release of releases.splice(0)) release();
    keepOff(() => mask);
    other.log({
      [Symbol.for("nodejs.util.inspect.custom")]: () => {
        throw new Error("no");
      },
    });
    expect(others).toEqual([["log", "[cannot be read]"]]);
  });

  test("masks what a line's format makes of the rest, and leaves a condition alone", () => {
    const { lines, console } = recording();
    maskConsole(console);
    keepOff(() => mask);
    const told = { toString: () => value };
    console.log("%s and %o", told, Promise.resolve(value), 7);
    console.assert(false, "%s", told);
    console.assert(Boolean(told), "%s", 7);
    expect(lines).toEqual([
      ["log", "[secret:S] and Promise { '[secret:S]' } 7"],
      ["assert", false, "[secret:S]"],
      ["assert", true, "%s", 7],
    ]);
  });

  test("reads nothing while no secret is known", () => {
    const { lines, console } = recording();
    maskConsole(console);
    keepOff(() => noMask);
    const inspected = vi.fn<() => string>(() => value);
    const argument = {
      get value() {
        return inspected();
      },
      [Symbol.for("nodejs.util.inspect.custom")]: inspected,
    };
    console.log("%o", argument);
    expect(lines).toEqual([["log", "%o", argument]]);
    expect(inspected).not.toHaveBeenCalled();
  });
});
