/** Against the platform's own URL: whatever it writes for a secret in any part of an address is one of the secret's forms. */
import { expect, test } from "vitest";
import { maskOf } from "#core/mask";
import { formsOf } from "#core/mask-forms";

/** What addresses are made of, and what is none of it. */
const characters = [
  ...Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)),
  "\0",
  "\n",
  "\x7f",
  "é",
  "世",
  "😀",
];

const changed = (scheme: string, change: (url: URL) => void): string => {
  const url = new URL(`${scheme}://h/`);
  change(url);
  return url.href;
};

/** Each gives nothing where the value would end its part of the address, and with it the address. */
const writers: Readonly<Record<string, (value: string, scheme: string) => string>> = {
  path: (value, scheme) => new URL(`${scheme}://h/${value}/x`).href,
  query: (value, scheme) => new URL(`${scheme}://h/?key=${value}&x`).href,
  fragment: (value, scheme) => new URL(`${scheme}://h/#${value}`).href,
  password: (value, scheme) =>
    /[/?#\\]/.test(value) ? value : new URL(`${scheme}://me:${value}@h/`).href,
  "path that is set": (value, scheme) => changed(scheme, (url) => (url.pathname = value)),
  "query that is set": (value, scheme) => changed(scheme, (url) => (url.search = value)),
  "fragment that is set": (value, scheme) => changed(scheme, (url) => (url.hash = value)),
  "password that is set": (value, scheme) => changed(scheme, (url) => (url.password = value)),
  "user that is set": (value, scheme) => changed(scheme, (url) => (url.username = value)),
  "parameter that is set": (value, scheme) =>
    changed(scheme, (url) => url.searchParams.set("key", value)),
};

test("every pair of characters is found in every part of an address", () => {
  const missed: string[] = [];
  const look = (value: string): void => {
    const forms = [...new Set(formsOf(value).map(({ text }) => text))];
    for (const scheme of ["https", "redis"]) {
      for (const [part, write] of Object.entries(writers)) {
        const address = write(value, scheme);
        if (!forms.some((form) => address.includes(form))) missed.push(`${part}: ${address}`);
      }
    }
  };
  for (const one of characters) {
    for (const other of characters) look(`abcd${one}ef${other}gh`);
  }
  look(characters.filter((character) => !"/\\?#".includes(character)).join(""));
  expect(missed).toEqual([]);
}, 60_000);

test("an address as it is logged holds no secret that was put into it as it is", () => {
  const value = `p4ss|w"rd^x{9}\\'?a b#c|"d`;
  const mask = maskOf([{ name: "S", value }]);
  expect([
    mask.text(new URL(`https://h/${value}/x`).href),
    mask.text(new URL(`https://h/?key=${value}`).href),
    mask.text(new URL(`https://h/#${value}`).href),
    mask.text(changed("https", (url) => (url.password = value))),
    mask.text(new URL(`https://h/?key=${value.replace("b", "\r\n\tb")}`).href),
  ]).toEqual([
    "https://h/[secret:S]/x",
    "https://h/?key=[secret:S]",
    "https://h/#[secret:S]",
    "https://:[secret:S]@h/",
    "https://h/?key=[secret:S]",
  ]);
});

test("a secret of several lines is found in an address, which has none", () => {
  const value = "some lines\n\tof a 'key'\r\nthat are short";
  const mask = maskOf([{ name: "S", value }]);
  for (const part of ["", "?key=", "#"]) {
    expect(mask.text(new URL(`https://h/${part}${value}`).href)).toBe(
      `https://h/${part}[secret:S]`,
    );
  }
});
