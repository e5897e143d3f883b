/**
 * How a secret value may be written: raw, escaped for JSON, addresses or markup, in base64 wherever it begins in the encoded
 * text, in hexadecimal, and line by line. Forms that need no escape are the raw value and are dropped by whoever collects them.
 */

/** A text to look for. What of `tail` follows it goes with it: the end of a base64 text that ends with the secret. */
export interface Form {
  readonly text: string;
  readonly tail: string;
}

/** Shorter pieces of an encoded text are found where no secret is. */
const shortestFragment = 8;
/** Shorter lines of a value are words that anybody may write. */
const shortestLine = 16;

const ascii = /^[\0-\x7f]*$/;

/** The bytes of a text, each as one character. Lone surrogates are written as platforms write them: U+FFFD. */
export const utf8 = (text: string): string =>
  ascii.test(text)
    ? text
    : encodeURIComponent(text.toWellFormed()).replace(/%(..)/g, (_, byte: string) =>
        String.fromCharCode(Number.parseInt(byte, 16)),
      );

const jsonText = (value: string): string => JSON.stringify(value).slice(1, -1);

const unicodeEscape = (unit: string): string =>
  `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

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
  ];
};

const percent = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).toUpperCase()}`;

const inLowerCase = (encoded: string): string =>
  encoded.replace(/%[\dA-F]{2}/g, (escape) => escape.toLowerCase());

const formText = (value: string): string =>
  encodeURIComponent(value.toWellFormed())
    .replace(/[!'()~]/g, percent)
    .replaceAll("%20", "+");

/** Of a component, a form, RFC 3986 to the letter, a path's segments, and a whole address. */
const addressForms = (value: string): readonly string[] => {
  const component = encodeURIComponent(value.toWellFormed());
  if (component === value && !/[!'()*~]/.test(value)) return [];
  const strict = component.replace(/[!'()*]/g, percent);
  const forms = [
    component,
    formText(value),
    strict,
    strict.replaceAll("%2F", "/"),
    encodeURI(value.toWellFormed()),
  ];
  return [...forms, ...forms.map(inLowerCase)];
};

/** Browsers, servers and languages differ in which quotes they escape, and how. */
const markupForms = (value: string): readonly string[] => {
  if (!/[&<>"']/.test(value)) return [];
  const text = value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const quoted = text.replaceAll('"', "&quot;");
  return [
    text,
    quoted,
    ...["&#39;", "&#x27;", "&apos;"].map((quote) => quoted.replaceAll("'", quote)),
    text.replaceAll('"', "&#34;").replaceAll("'", "&#39;"),
  ];
};

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const hexText = (bytes: string): string => {
  let text = "";
  for (let index = 0; index < bytes.length; index++) text += hexDigits[bytes.charCodeAt(index)]!;
  return text;
};

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The characters that depend on these bytes alone when `offset` bytes of a group of three stand before them. */
const base64Fragment = (bytes: string, offset: number): Form => {
  const digit = (place: number): string => {
    const bit = 6 * place - 8 * offset;
    // Past the end there is no code, which counts as zero.
    const pair = (bytes.charCodeAt(bit >> 3) << 8) | bytes.charCodeAt((bit >> 3) + 1);
    return base64Alphabet[(pair >> (10 - (bit & 7))) & 63]!;
  };
  const total = offset + bytes.length;
  const end = Math.floor((8 * total) / 6);
  let text = "";
  for (let place = Math.ceil((8 * offset) / 6); place < end; place++) text += digit(place);
  return { text, tail: total % 3 === 0 ? "" : digit(end) + "=".repeat(3 - (total % 3)) };
};

/** The two alphabets, and the older one as a part of an address. */
const base64Forms = (bytes: string): readonly Form[] =>
  [0, 1, 2].flatMap((offset) => {
    const form = base64Fragment(bytes, offset);
    if (form.text.length < shortestFragment) return [];
    if (!/[+/]/.test(form.text + form.tail)) return [form];
    const written = (plus: string, slash: string, equals: string): Form => {
      const write = (text: string): string =>
        text.replaceAll("+", plus).replaceAll("/", slash).replaceAll("=", equals);
      return { text: write(form.text), tail: write(form.tail) };
    };
    return [
      form,
      written("-", "_", "="),
      written("%2B", "%2F", "%3D"),
      written("%2b", "%2f", "%3d"),
    ];
  });

const armour = /^-----(?:BEGIN|END) [^-]+-----$/;

/** What is secret in lines of its own, such as a key's, also where the line breaks are written as escapes. */
const longLines = (value: string): readonly string[] => {
  const lines = value.split(/\r\n|[\r\n]|\\r\\n|\\[rn]/);
  if (lines.length < 2) return [];
  return lines
    .map((line) => line.trim())
    .filter((line) => line.length >= shortestLine && !armour.test(line));
};

/** Every form of a value that is not empty; the value itself first. */
export const formsOf = (value: string): readonly Form[] => {
  const bytes = utf8(value);
  const hex = hexText(bytes);
  const whole = [
    value,
    ...jsonForms(value),
    ...addressForms(value),
    ...markupForms(value),
    ...longLines(value),
    ...(hex.length < shortestFragment ? [] : [hex, hex.toUpperCase()]),
  ].map((text) => ({ text, tail: "" }));
  // Clients of OAuth encode what they encode in base64; tokens and messages carry JSON in base64.
  const encoded = new Set([bytes, utf8(formText(value)), utf8(jsonText(value))]);
  const trimmed = value.trim();
  return [
    ...whole,
    ...[...encoded].flatMap(base64Forms),
    // A line break at its end is often not meant, and not used.
    ...(trimmed === value || trimmed.length < shortestFragment ? [] : formsOf(trimmed)),
  ];
};
