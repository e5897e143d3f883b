/** Whatever a console shows of an object, in whichever way, is masked. */
import { expect, test } from "vitest";
import { keepOffConsole, maskConsole } from "#cloudflare/masked-console";
import { maskOf } from "#core/mask";

const value = "hunter2 & hunter3";
const lines = "short\nlines\n".repeat(20).trim();
const quotes = `'hunter4' "and" \`\\ so on`;
const mask = maskOf([
  { name: "S", value },
  { name: "L", value: lines },
  { name: "Q", value: quotes },
]);

const formOf = (text: string): FormData => {
  const form = new FormData();
  form.set("value", text);
  return form;
};

const classNamed = (name: string): object => {
  const Named = { [name]: class {} }[name]!;
  return new Named();
};

/** What a masked console is given in place of one argument. */
const shownOf = (argument: unknown): unknown => {
  const shown: unknown[] = [];
  const console = { log: (one: unknown) => void shown.push(one) } as unknown as Console;
  maskConsole(console);
  const release = keepOffConsole(() => mask);
  console.log(argument);
  release();
  return shown[0];
};

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
  "bytes without a view": new TextEncoder().encode(value).buffer,
  "bytes in another view": new DataView(new TextEncoder().encode(` ${value}`).buffer, 1),
  "a promise": Promise.resolve(value),
  "a promise's long text of short lines": Promise.resolve(lines),
  "a promise's text with quotes": Promise.resolve(quotes),
  "a map's values": new Map([[1, value]]).values(),
  "a map's entries": new Map([[value, 1]]).entries(),
  "a text that is an object": new String(value),
  "a set of such": new Set([new String(value)]),
  "an expression": new RegExp(value),
  "a class's name": classNamed(value),
  "the reason of an abort": AbortSignal.abort(new Error(value)),
  "the status of a response": new Response(null, { statusText: value }),
  "what Cloudflare is asked for": new Request("https://example.com", { cf: { cacheKey: value } }),
  "an event": new Event(value),
  "an event's detail": new CustomEvent("event", { detail: value }),
  "a file's name": new Map([[1, new File([], value)]]),
  "a blob's type": new Blob([], { type: value }),
  "a pattern of addresses": new URLPattern({ search: value }),
  "what inspection makes of it": { [Symbol.for("nodejs.util.inspect.custom")]: () => value },
  "a proxy that hides it": new Proxy({ value }, { ownKeys: () => [] }),
};
test.each(Object.keys(holders))("finds a secret in %s", (name) => {
  const shown = shownOf(holders[name]);
  expect(shown).not.toBe(holders[name]);
  expect(typeof shown).toBe("string");
  expect(shown).not.toMatch(/hunter|short/i);
  expect(mask.holds(shown as string)).toBe(false);
});
