import fc from "fast-check";
import { ClientSecretBasic } from "oauth4webapi";
import { expect, test } from "vitest";
import type { KnownSecret } from "#core/mask";
import { maskOf } from "#core/mask";
import { formsOf } from "#core/mask-forms";

const secret = (value: string, name = "S"): KnownSecret => ({ name, value });
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const repeated = (part: string, length: number): string =>
  part.repeat(Math.ceil(length / part.length)).slice(0, length);

/** Everything that some writer escapes, and some that none does. */
const awkward = `p&ss "w<r>d' /é😀+%\n~*!()$&;=@\\\``;
const awkwardMask = maskOf([secret(awkward)]);

const unicode = (text: string, characters: RegExp, upper = false): string =>
  text.replace(characters, (unit) => {
    const digits = unit.charCodeAt(0).toString(16).padStart(4, "0");
    return `\\u${upper ? digits.toUpperCase() : digits}`;
  });
const json = (text: string): string => JSON.stringify(text).slice(1, -1);
const component = encodeURIComponent;
const strict = (text: string): string =>
  component(text).replace(/[!'()*]/g, (unit) =>
    `%${Buffer.from(unit).toString("hex")}`.toUpperCase(),
  );
const form = (text: string): string => new URLSearchParams({ v: text }).toString().slice(2);
const lower = (text: string): string => text.replace(/%../g, (escape) => escape.toLowerCase());
const markup = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** As engines of templates do, which agree on three characters and mostly on the fourth. */
const escapedAs = (text: string, escapes: Readonly<Record<string, string>>): string =>
  text.replace(
    /[^]/gu,
    (one) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", ...escapes })[one] ?? one,
  );
const numbered = (text: string): string =>
  text.replace(/[^\0-\x7f]/gu, (one) => `&#${one.codePointAt(0)};`);
const inspected = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");

const writers: Readonly<Record<string, (text: string) => string>> = {
  "as it is": (text) => text,
  "in JSON": json,
  "in JSON within JSON": (text) => json(json(text)),
  "in JSON whose slashes are escaped": (text) => json(text).replaceAll("/", "\\/"),
  "in JSON of ASCII only": (text) => unicode(json(text), /[\x7f-\uffff]/g),
  "in JSON of ASCII only whose slashes are escaped": (text) =>
    unicode(json(text), /[\x7f-\uffff]/g).replaceAll("/", "\\/"),
  "in JSON that is safe in markup": (text) => unicode(json(text), /[<>&]/g),
  "in JSON of ASCII only, safe in markup, upper case": (text) =>
    unicode(json(text), /[\x7f-\uffff<>&'+`]/g, true),
  "as a component of an address": component,
  "as a component of an address, lower case": (text) => lower(component(text)),
  "in a form": form,
  "in a form, lower case": (text) => lower(form(text)),
  "as RFC 3986 has it": strict,
  "as RFC 3986 has it, lower case": (text) => lower(strict(text)),
  "as a path": (text) => strict(text).replaceAll("%2F", "/"),
  "as an address": encodeURI,
  "in hexadecimal": (text) => Buffer.from(text).toString("hex"),
  "in hexadecimal, upper case": (text) => Buffer.from(text).toString("hex").toUpperCase(),
  "in markup": markup,
  "in markup with double quotes escaped": (text) => markup(text).replaceAll('"', "&quot;"),
  "in markup with all quotes escaped": (text) =>
    markup(text).replaceAll('"', "&quot;").replaceAll("'", "&#x27;"),
  "in markup with all quotes escaped by number": (text) =>
    markup(text).replaceAll('"', "&#34;").replaceAll("'", "&#39;"),
  "in a script, or by a console": (text) => inspected(text),
  "in a script, with single quotes escaped": (text) => inspected(text).replaceAll("'", "\\'"),
  "by Mustache": (text) =>
    escapedAs(text, { "'": "&#39;", "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;" }),
  "by Handlebars": (text) => escapedAs(text, { "'": "&#x27;", "`": "&#x60;", "=": "&#x3D;" }),
  "by Underscore": (text) => escapedAs(text, { "'": "&#x27;", "`": "&#x60;" }),
  "by lodash": (text) => escapedAs(text, { "'": "&#39;" }),
  "by PHP": (text) => escapedAs(text, { "'": "&#039;" }),
  "by a template of Go": (text) => escapedAs(text, { '"': "&#34;", "'": "&#39;", "+": "&#43;" }),
  "by what expects an attack behind a slash": (text) =>
    escapedAs(text, { "'": "&#x27;", "/": "&#x2F;" }),
  "in XML of ASCII only": (text) => numbered(markup(text)),
  "in an attribute in XML of ASCII only": (text) => numbered(escapedAs(text, {})),
  "by Python for ASCII only": (text) => numbered(escapedAs(text, { "'": "&#x27;" })),
  "in base64": (text) => Buffer.from(text).toString("base64"),
  "in base64 without padding": (text) => Buffer.from(text).toString("base64").replaceAll("=", ""),
  "in base64 for addresses": (text) => Buffer.from(text).toString("base64url"),
  "in base64 within an address": (text) => component(Buffer.from(text).toString("base64")),
  "in base64 within an address, lower case": (text) =>
    lower(component(Buffer.from(text).toString("base64"))),
  "in base64 of a form": (text) => Buffer.from(form(text)).toString("base64"),
  "in base64 of JSON": (text) => Buffer.from(json(text)).toString("base64"),
};

for (const [manner, write] of Object.entries(writers)) {
  test(`a secret that is written ${manner} is replaced as a whole`, () => {
    const text = `<<${write(awkward)}>>`;
    expect(awkwardMask.text(text)).toBe("<<[secret:S]>>");
    expect(awkwardMask.holds(text)).toBe(true);
    expect(textOf(awkwardMask.bytes(bytesOf(text)))).toBe("<<[secret:S]>>");
  });
}

test("every line of a value of several lines is a secret if it is long and no key's armour", () => {
  const key = [
    "-----BEGIN PRIVATE KEY-----",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "  BKcwggSjAgEAAoIBAQC7 ",
    "short",
    "-----END PRIVATE KEY-----",
  ];
  const lines = key.map((line) => line.trim());
  const expected = [key[0], "[secret:S]", "[secret:S]", "short", key[4]];
  for (const lineEnd of ["\n", "\r\n", "\r", "\\n", "\\r\\n"]) {
    const mask = maskOf([secret(key.join(lineEnd))]);
    expect(lines.map(mask.text)).toEqual(expected);
    expect(mask.text(`(${key.join(lineEnd)})`)).toBe("([secret:S])");
  }
});

test("a line of a value of several lines that ordinary texts hold too is no secret", () => {
  const harmless = [
    "================",
    "# -------------- #",
    "-=-=-=-=-=-=-=-=-=",
    "NODE_ENV=production",
    "export APP_MODE = 'maintenance'",
    '"environment": "production",',
    "NUMBER_OF_WORKERS=4",
    "A_VERY_LONG_NAME=1234567",
  ];
  const secrets = [
    "API_KEY=sk_1234567",
    'DB_PASSWORD="hunter2hunter2"',
    '"private_key_id": "0a1b2c3d",',
    "https://me:hunter2@example.com",
    "no setting = but a sentence",
    "MIIEvQIBADANBgkqhkiG9w0BAQE=",
    "MIIEvQIBADANBgkqhkiG9w0BAQ==",
    "12121314141315",
  ].map((line) => line.padEnd(16, "6"));
  const lines = [...harmless, ...secrets];
  const mask = maskOf([secret(lines.join("\n"))]);
  expect(lines.map(mask.text)).toEqual([...harmless, ...secrets.map(() => "[secret:S]")]);
  expect(mask.text(lines.join("\n"))).toBe("[secret:S]");
});

test("a value that ends with a line break is found without it", () => {
  const mask = maskOf([secret(" hunter2hunter2\n")]);
  expect(mask.text("hunter2hunter2")).toBe("[secret:S]");
  expect(mask.text(Buffer.from("hunter2hunter2").toString("base64"))).toBe("[secret:S]");
  expect(maskOf([secret("\nab\n")]).text("ab")).toBe("ab");
});

/** How many characters of base64 tell anything of what stands around `length` bytes after `before` bytes. */
const charactersAround = (encoded: string, before: number, length: number): number =>
  Math.ceil((8 * before) / 6) + encoded.length - Math.floor((8 * (before + length)) / 6);

test("base64 is found wherever the secret begins and however long it is", () => {
  for (let length = 8; length < 14; length++) {
    const value = repeated("kH9?~ÿz", length);
    const size = Buffer.byteLength(value);
    const mask = maskOf([secret(value)]);
    for (const before of [0, 1, 2, 3, 4, 5, 100, 1_000]) {
      for (const after of [0, 1, 2, 3, 50]) {
        const whole = Buffer.from("u".repeat(before) + value + "w".repeat(after));
        for (const encoded of [whole.toString("base64"), whole.toString("base64url")]) {
          const start = Math.ceil((8 * before) / 6);
          const end = after === 0 ? encoded.length : Math.floor((8 * (before + size)) / 6);
          expect(mask.text(encoded)).toBe(
            `${encoded.slice(0, start)}[secret:S]${encoded.slice(end)}`,
          );
        }
      }
    }
  }
});

test("the password of Basic authentication is found", () => {
  const mask = maskOf([secret("correct horse")]);
  const header = `Basic ${Buffer.from("me:correct horse").toString("base64")}`;
  expect(mask.text(header)).toBe("Basic bWU6[secret:S]");
});

const wellFormed = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: "binary", minLength, maxLength });

test.each(["my-secret_value.123", awkward, "plain_value~*"])(
  "the secret of an OAuth client is found as a Basic header has it: %j",
  async (value) => {
    const mask = maskOf([secret(value)]);
    const headers = new Headers();
    const body = new URLSearchParams();
    await ClientSecretBasic(value)({ issuer: "i" }, { client_id: "an-id" }, body, headers);
    const header = headers.get("authorization")!;
    expect(mask.text(header)).not.toBe(header);
    const byOthers = `Basic ${btoa(`id:${component(value)}`)}`;
    expect(mask.text(byOthers)).not.toBe(byOthers);
  },
);

test("no encoding of a text around a secret can be decoded to it", () => {
  const around = wellFormed(0, 30);
  const offsets = [0, 1, 2, 3];
  fc.assert(
    fc.property(wellFormed(8, 40), around, around, (value, prefix, suffix) => {
      const mask = maskOf([secret(value)]);
      const size = Buffer.byteLength(value);
      const whole = Buffer.from(prefix + value + suffix);
      for (const encoding of ["base64", "base64url", "hex"] as const) {
        const encoded = whole.toString(encoding);
        const masked = mask.text(encoded);
        const pieces = masked.split("[secret:S]");
        expect(pieces.length).toBeGreaterThan(1);
        for (const piece of pieces) {
          for (const offset of offsets) {
            const decoded = Buffer.from(piece.slice(offset), encoding);
            expect(decoded.includes(value)).toBe(false);
          }
        }
        const around =
          encoding === "hex"
            ? encoded.length - 2 * size
            : charactersAround(encoded, Buffer.byteLength(prefix), size);
        expect(pieces.join("").length).toBeLessThanOrEqual(around);
      }
      const text = prefix + value + suffix;
      for (const encoded of [component(text), lower(component(text))]) {
        expect(decodeURIComponent(mask.text(encoded)).includes(value)).toBe(false);
      }
      const decodedForm = new URLSearchParams(mask.text(`v=${form(text)}`)).get("v");
      expect(decodedForm?.includes(value)).toBe(false);
      const decodedJson: unknown = JSON.parse(mask.text(JSON.stringify({ v: `(${text})` })));
      expect(JSON.stringify(decodedJson).includes(json(value))).toBe(false);
    }),
    { numRuns: 300 },
  );
});

/** Long, with all that is escaped anywhere, and different from line to line. */
const longValue = Array.from({ length: 200 }, (_, line) => `${line} ${awkward}`).join("\n");

const likelyWriters = [
  "as it is",
  "in JSON",
  "as a component of an address",
  "in base64",
  "in base64 without padding",
  "in base64 for addresses",
];

test.each(likelyWriters)("a long secret that is written %s is replaced as a whole", (manner) => {
  const text = `<<${writers[manner]!(longValue)}>>`;
  for (const value of [longValue, `${longValue}\n`, ` \n ${longValue}`]) {
    const mask = maskOf([secret(value)]);
    expect(mask.text(text)).toBe("<<[secret:S]>>");
    expect(textOf(mask.bytes(bytesOf(text)))).toBe("<<[secret:S]>>");
  }
});

test("a long secret is found at every alignment of base64, and each of its lines by itself", () => {
  const mask = maskOf([secret(longValue)]);
  for (const before of ["", "u", "uu", "uuu"]) {
    for (const encoding of ["base64", "base64url"] as const) {
      const encoded = Buffer.from(`${before}${longValue}w`).toString(encoding);
      const around = charactersAround(encoded, before.length, Buffer.byteLength(longValue));
      expect(mask.text(encoded).replace("[secret:S]", "")).toHaveLength(around);
    }
  }
  expect(mask.text(`(${longValue.split("\n")[150]!})`)).toBe("([secret:S])");
});

test("every form of a value of four KiB is found, and little white space makes no value long", () => {
  const size = Buffer.byteLength(awkward);
  const value = awkward.repeat(Math.floor(4_096 / size)) + "x".repeat(4_096 % size);
  for (const padded of [value, `${value}\n`, `${" ".repeat(5_000)}${value}`]) {
    const mask = maskOf([secret(padded)]);
    for (const write of Object.values(writers)) expect(mask.text(write(value))).toBe("[secret:S]");
  }
});

test("white space alone is a secret however much of it there is", () => {
  const spaces = " ".repeat(5_000);
  const mask = maskOf([secret(spaces)]);
  for (const text of [spaces, Buffer.from(spaces).toString("base64")]) {
    expect(mask.text(text)).toBe("[secret:S]");
  }
});

const unitsOf = (value: string): number =>
  [...new Map(formsOf(value).map((form) => [form.text, form])).values()].reduce(
    (sum, { text }) => sum + text.length,
    0,
  );

test("all forms of a long value together are no more than a few times as long as it", () => {
  const lines = Array.from({ length: 900 }, (_, line) => `${line} ${"Zm9v/YmFy+".repeat(7)}`);
  for (const value of [lines.join("\n"), `${lines.join("\n")}\n`, lines.join("")]) {
    expect(value.length).toBeGreaterThan(60_000);
    expect(unitsOf(value)).toBeLessThan(14 * value.length);
  }
});
