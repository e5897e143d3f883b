import { env, listDurableObjectIds } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { keepOffConsole, maskConsole } from "#cloudflare/masked-console";
import { maskOf } from "#core/mask";

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

const formOf = (text: string): FormData => {
  const form = new FormData();
  form.set("value", text);
  return form;
};

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

  const holders: Readonly<Record<string, unknown>> = {
    "a map": new Map([["key", value]]),
    "a map's key": new Map([[{ value }, 1]]),
    "a set": new Set([value]),
    headers: new Headers({ authorization: `Basic ${btoa(`me:${value}`)}` }),
    "a request": new Request("https://example.com", { headers: { authorization: value } }),
    "a request's address": new Request(`https://example.com?q=${encodeURIComponent(value)}`),
    "a response": new Response(null, { headers: { "set-cookie": value } }),
    "an address": new URL(`https://me:${encodeURIComponent(value)}@example.com`),
    "a form": formOf(value),
    parameters: new URLSearchParams({ value }),
    bytes: new TextEncoder().encode(`a ${value}`),
    "a symbol": Symbol(value),
    "a symbol's property": { [Symbol("a")]: value },
    "a property that is not listed": Object.defineProperty({}, "hidden", { value }),
    "a getter": {
      get value() {
        return value;
      },
    },
    "what stands beside a getter that throws": {
      get a() {
        throw new Error("no");
      },
      value,
    },
    "what JSON makes of it": { toJSON: () => ({ value }) },
    "what JSON makes of it by its class": new (class extends URL {})(
      `https://example.com/${encodeURIComponent(value)}`,
    ),
    "what JSON makes of what JSON makes of it": {
      toJSON: () => ({ address: new URL(`https://example.com/${encodeURIComponent(value)}`) }),
    },
    "what stands beside JSON that cannot be made": {
      toJSON: () => {
        throw new Error("no");
      },
      value,
    },
    "a function's property": Object.assign(() => 1, { value }),
  };
  test.each(Object.keys(holders))("finds a secret in %s", (name) => {
    const shown = shownOf(holders[name]);
    expect(shown).not.toBe(holders[name]);
    expect(typeof shown).toBe("string");
    expect(mask.holds(shown as string)).toBe(false);
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
      Promise.resolve(value),
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

  test("calls nothing of a stub, which says that it has any method, and shows it as the platform does", async () => {
    const called = vi.fn<() => void>();
    const callable: object = new Proxy(() => {}, { get: () => callable, apply: called });
    const stub = env.WATCHDOG.getByName("logged");
    for (const shown of [callable, stub, stub.begin]) {
      expect(shownOf(shown)).toBe(shown);
      const holder = { deep: [{ shown }], at: new Date(0) };
      expect(shownOf(holder)).toBe(holder);
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
    expect(lines).toEqual([["log", "[cannot be read]", true]]);
  });
});
