/**
 * How a secret value may be written: raw, escaped for JSON, addresses or markup, in base64 wherever it begins in the encoded
 * text, in hexadecimal, and line by line. Forms that need no escape are the raw value and are dropped by whoever collects them.
 * All of them are up to a hundred times the value, so a long value has the likeliest ones alone.
 */
import { addressForms, credentialText, formText } from "./mask-addresses.ts";
import { markupForms } from "./mask-markup.ts";

/** Pure, and in every JavaScript runtime, though the language does not have it: a tenth of the time and memory of a loop. */
declare const btoa: (bytes: string) => string;

/** A text to look for. What of `tail` follows it goes with it: the end of a base64 text that ends with the secret. */
export interface Form {
  readonly text: string;
  readonly tail: string;
}

/** Shorter pieces of an encoded text are found where no secret is. */
const shortestFragment = 8;
/** Shorter lines of a value are words that anybody may write. */
const shortestLine = 16;
/** Shorter values of settings in such lines could be no secrets themselves. */
const shortestSetting = 8;
/** Different ones, without which such a line is an ornament. */
const fewestCharacters = 5;
/** In bytes: of longer ones only the likely forms are looked for. */
const longestOfAllForms = 4_096;
/** In bytes: white space around longer ones is no part of their encoded forms. */
const longestPadded = 256;

const ascii = /^[\0-\x7f]*$/;

/**
 * The bytes of a text, each as one character. Lone surrogates are written as platforms write them: U+FFFD. `unescape` is
 * frowned upon where characters are meant; for bytes it is what it always was, and makes no garbage.
 */
export const utf8 = (text: string): string =>
  ascii.test(text) ? text : unescape(encodeURIComponent(text.toWellFormed()));

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const jsonText = (value: string): string => JSON.stringify(value).slice(1, -1);

const unicodeEscape = (unit: string): string =>
  `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** As a console shows a text within an object: with double quotes as they are, and single ones escaped only if it must. */
const scriptForms = (value: string): readonly string[] => {
  const text = value.replace(/[^ -[\]-~\xa0-\uffff]/g, (unit) => {
    const json = jsonText(unit);
    return json.length === 2 ? json : `\\x${hexDigits[unit.charCodeAt(0)]!.toUpperCase()}`;
  });
  return [text, text.replaceAll("'", "\\'")];
};

/** JavaScript's way; the same within a JSON text inside JSON; and the ways of writers that escape more than they must. */
const jsonForms = (value: string): readonly string[] => {
  if (!/["\\/<>&'+`]|[^ -~]/.test(value)) return [];
  const json = jsonText(value);
  const inAscii = json.replace(/[\x7f-\uffff]/g, unicodeEscape);
  const inMarkup = /[<>&\u2028\u2029]/g;
  return [
    json,
    jsonText(json),
    json.replaceAll("/", "\\/"),
    json.replace(inMarkup, unicodeEscape),
    inAscii,
    inAscii.replaceAll("/", "\\/"),
    json.replace(
      /[\x7f-\uffff<>&'+`]/g,
      (unit) => `\\u${unicodeEscape(unit).slice(2).toUpperCase()}`,
    ),
    ...scriptForms(value),
  ];
};

const hexText = (bytes: string): string => {
  // No sum of texts: each of its steps would be kept.
  const digits: string[] = [];
  for (let at = 0; at < bytes.length; at++) digits.push(hexDigits[bytes.charCodeAt(at)]!);
  return digits.join("");
};

/** The characters that depend on these bytes alone when `offset` bytes of a group of three stand before them. */
const base64Fragment = (bytes: string, offset: number): Form => {
  const whole = btoa("\0".repeat(offset) + bytes);
  const end = Math.floor((8 * (offset + bytes.length)) / 6);
  return { text: whole.slice(Math.ceil((8 * offset) / 6), end), tail: whole.slice(end) };
};

const base64Fragments = (bytes: string): readonly Form[] =>
  [0, 1, 2]
    .map((offset) => base64Fragment(bytes, offset))
    .filter(({ text }) => text.length >= shortestFragment);

/** A form with other characters in the place of three. */
const rewritten = ({ text, tail }: Form, plus: string, slash: string, equals: string): Form => {
  const write = (old: string): string =>
    old.replaceAll("+", plus).replaceAll("/", slash).replaceAll("=", equals);
  return { text: write(text), tail: write(tail) };
};

/** The two alphabets, and the older one as a part of an address. */
const base64Forms = (bytes: string): readonly Form[] =>
  base64Fragments(bytes).flatMap((form) =>
    /[+/]/.test(form.text + form.tail)
      ? [
          form,
          rewritten(form, "-", "_", "="),
          rewritten(form, "%2B", "%2F", "%3D"),
          rewritten(form, "%2b", "%2f", "%3d"),
        ]
      : [form],
  );

const armour = /^-----(?:BEGIN|END) [^-]+-----$/;

/** `NAME=value` and `"name": "value",`; no base64 that ends with its padding. */
const setting = /^(?:export )?["']?[\w.-]+["']?\s*[=:]\s*["']?([^\s"'=].*?)["']?,?$/;

/** Whether only who knows the secret would write it: no rule under a heading, no setting to a plain word. */
const isTelling = (line: string): boolean => {
  const value = setting.exec(line)?.[1];
  const isPlain =
    value !== undefined && (value.length < shortestSetting || /^[A-Za-z]+$/.test(value));
  return !isPlain && new Set(line).size >= fewestCharacters;
};

/** What is secret in lines of its own, such as a key's, also where the line breaks are written as escapes. */
const longLines = (value: string): readonly string[] => {
  const lines = value.split(/\r\n|[\r\n]|\\r\\n|\\[rn]/);
  if (lines.length < 2) return [];
  return lines
    .map((line) => line.trim())
    .filter((line) => line.length >= shortestLine && !armour.test(line) && isTelling(line));
};

const exactly = (text: string): Form => ({ text, tail: "" });

/** Of a long value: what most writers make of it. */
const likelyForms = (value: string, bytes: string): readonly Form[] => [
  ...[value, jsonText(value), encodeURIComponent(value.toWellFormed()), ...longLines(value)].map(
    exactly,
  ),
  ...base64Fragments(bytes).flatMap((form) => [form, rewritten(form, "-", "_", "=")]),
];

/** Every form of a value that is not empty; the value itself first. */
export const formsOf = (value: string): readonly Form[] => {
  const bytes = utf8(value);
  const trimmed = value.trim();
  const isPadded = trimmed !== value && trimmed.length >= shortestFragment;
  if (isPadded && bytes.length > longestPadded) return [exactly(value), ...formsOf(trimmed)];
  if (bytes.length > longestOfAllForms) return likelyForms(value, bytes);
  const hex = hexText(bytes);
  const whole = [
    value,
    ...jsonForms(value),
    ...addressForms(value, bytes),
    ...markupForms(value),
    ...longLines(value),
    ...(hex.length < shortestFragment ? [] : [hex, hex.toUpperCase()]),
  ].map(exactly);
  // Clients of OAuth encode what they encode in base64; tokens and messages carry JSON in base64.
  const encoded = new Set([
    bytes,
    formText(value),
    credentialText(value),
    encodeURIComponent(value.toWellFormed()),
    utf8(jsonText(value)),
  ]);
  return [
    ...whole,
    ...[...encoded].flatMap(base64Forms),
    // A line break at its end is often not meant, and not used.
    ...(isPadded ? formsOf(trimmed) : []),
  ];
};
