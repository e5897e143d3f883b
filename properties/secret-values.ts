/**
 * Random secrets, the ways in which nodes write them, and how to find them again: by undoing what writers do, not by what the
 * mask looks for.
 */
import * as fc from "fast-check";

/** No bias: a secret that many texts hold by chance is none. */
const random = (units: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.noBias(fc.string({ unit: fc.constantFrom(...units), minLength, maxLength }));

const core = random("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", 12, 30);

const keyOf = (lines: readonly string[]): string =>
  ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");

/** Of tokens, passwords, keys: what every writer escapes, and what none does. */
const value: fc.Arbitrary<string> = fc.oneof(
  core,
  core.map((text) => `ya29.${text}-_`),
  core.map((text) => `p&ss "w<r>d' ${text}/+%~*!()$;=@\\`),
  core.map((text) => `é世😀 ${text} ÿ`),
  core.map((text) => `${text}\n`),
  fc.tuple(core, core).map(([a, b]) => keyOf([`MIIE${a}${b}`, `Q/+${b}${a}==`])),
  random("123456789", 15, 15),
);

export interface Purse {
  /** Name and value. */
  readonly secrets: readonly (readonly [name: string, value: string])[];
  readonly tokens: readonly (readonly [id: string, value: string])[];
  /** What the first secret is replaced by while runs are under way. */
  readonly newer: string;
}

const secretNames = ["KEY", "__proto__", "the key 🚀", "a]b", "constructor"] as const;

export const purse: fc.Arbitrary<Purse> = fc
  .record({
    values: fc.uniqueArray(value, { minLength: 6, maxLength: 6 }),
    names: fc.shuffledSubarray([...secretNames], { minLength: 1, maxLength: 3 }),
    ids: fc.shuffledSubarray(["mail", "toString"], { minLength: 1 }),
  })
  .map(({ values, names, ids }) => ({
    secrets: names.map((name, at) => [name, values[at]!] as const),
    tokens: ids.map((id, at) => [id, values[3 + at]!] as const),
    newer: values[5]!,
  }));

export const valuesOf = ({ secrets, tokens, newer }: Purse): readonly string[] => [
  ...[...secrets, ...tokens].map(([, one]) => one),
  newer,
];

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const json = (text: string): string => JSON.stringify(text).slice(1, -1);
const component = (text: string): string => encodeURIComponent(text);
const lower = (text: string): string => text.replace(/%../g, (escape) => escape.toLowerCase());
const markup = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");

export const writers: Readonly<Record<string, (text: string) => string>> = {
  "as it is": (text) => text,
  "in a larger text": (text) => `Bearer ${text}!`,
  "twice in a row": (text) => text + text,
  "in base64": base64,
  "in base64 behind one byte": (text) => base64(`:${text}`),
  "in base64 behind two bytes": (text) => base64(`u:${text}\n`),
  "in base64 for addresses": (text) => Buffer.from(`me:${text}!`).toString("base64url"),
  "in base64 of JSON": (text) => base64(JSON.stringify({ k: text })),
  "in base64 within an address": (text) => `https://a.b/?c=${component(base64(text))}`,
  "in an address": (text) => `https://a.b/?k=${component(text)}&x=1`,
  "in an address, lower case": (text) => `https://a.b/${lower(component(text))}`,
  "in a form": (text) => new URLSearchParams({ k: text }).toString(),
  "in JSON": (text) => JSON.stringify({ k: [text] }),
  "in JSON within JSON": (text) => JSON.stringify({ body: JSON.stringify({ k: text }) }),
  "in JSON of ASCII only": (text) =>
    json(text).replace(
      /[\x7f-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ),
  "in markup": (text) => `<p title="${markup(text)}">`,
  "in hexadecimal": (text) => Buffer.from(text).toString("hex"),
  "in hexadecimal, upper case": (text) => Buffer.from(text).toString("hex").toUpperCase(),
};

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

const unescaped = (text: string): string =>
  text.replace(/\\(?:u([\da-fA-F]{4})|([^]))/g, (_, code: string | undefined, one: string) =>
    code === undefined
      ? (new Map(Object.entries({ n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" })).get(one) ?? one)
      : String.fromCharCode(Number.parseInt(code, 16)),
  );

const entities = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#x27": "'", apos: "'" };

/** Readings of a text as characters. */
const readings: readonly ((text: string) => string)[] = [
  (text) => text,
  unescaped,
  (text) => unescaped(unescaped(text)),
  (text) => text.replace(/&([#\w]+);/g, (whole, name: string) => ({ ...entities })[name] ?? whole),
];

/** Readings of a text as bytes, which stand as characters. */
const byteReadings: readonly ((text: string) => string)[] = [
  (text) =>
    utf8(text).replace(/%([\da-fA-F]{2})/g, (_, byte: string) =>
      String.fromCharCode(Number.parseInt(byte, 16)),
    ),
  (text) =>
    utf8(text.replaceAll("+", " ")).replace(/%([\da-fA-F]{2})/g, (_, byte: string) =>
      String.fromCharCode(Number.parseInt(byte, 16)),
    ),
  ...[0, 1].map(
    (offset) =>
      (text: string): string =>
        (text.match(/[\da-fA-F]{16,}/g) ?? [])
          .map((run) => Buffer.from(run.slice(offset), "hex").toString("latin1"))
          .join(" "),
  ),
  ...[0, 1, 2, 3].map(
    (offset) =>
      (text: string): string =>
        (
          text
            .replace(/%2[bB]/g, "+")
            .replace(/%2[fF]/g, "/")
            .match(/[\w+/-]{8,}/g) ?? []
        )
          .map((run) => Buffer.from(run.slice(offset), "base64").toString("latin1"))
          .join(" "),
  ),
];

/** Beside the value itself what of it must not be seen either: its beginning, and long lines. */
const partsOf = (secret: string): readonly string[] => {
  const lines = secret.split("\n").filter((line) => line.length >= 16 && !line.startsWith("---"));
  return secret.trim().includes("\n") ? lines : [secret.trim().slice(0, 20)];
};

/** The secrets that anybody finds in the text who undoes what writers do. */
export const secretsIn = (text: string, secrets: readonly string[]): readonly string[] => {
  const asText = readings.map((read) => read(text));
  const asBytes = byteReadings.flatMap((read) => [read(text), unescaped(read(text))]);
  const [plain = ""] = asText;
  return secrets.filter((secret) => {
    const core = secret.trim();
    return (
      asText.some((one) => one.includes(core)) ||
      asBytes.some((one) => one.includes(utf8(core)) || one.includes(utf8(json(core)))) ||
      partsOf(secret).some((part) => plain.includes(part))
    );
  });
};
