/** What may be kept as a secret. */
import { expect, it } from "vitest";
import { integrationIdProblem, secretProblem } from "#core/secret";

const name = "KEY";
const value = "long enough";

it.each([
  ["of one character", "k"],
  ["of 256 characters", "n".repeat(256)],
  ["of 256 characters beyond 16 bits", "🐾".repeat(256)],
  ["with spaces and signs", "a/b [c]  'd' __proto__"],
])("takes a name %s", (_, taken) => {
  expect(secretProblem(taken, value)).toBeUndefined();
});

it.each([
  ["of 8 characters", "12345678"],
  ["of 8 characters beyond 16 bits", "🐾".repeat(8)],
  ["of white space and one character", "\n       .\n"],
  ["of several lines", "line\r\nline\u0000"],
  ["of 64 KiB", "x".repeat(65_536)],
  ["of 64 KiB in two bytes a character", "é".repeat(32_768)],
  ["of 64 KiB in three bytes a character and one", `${"猫".repeat(21_845)}x`],
  ["of 64 KiB in four bytes a character", "🐾".repeat(16_384)],
])("takes a value %s", (_, taken) => {
  expect(secretProblem(name, taken)).toBeUndefined();
});

it.each([
  ["", "The secret needs a name. Give it one of 1 to 256 characters."],
  ...["a\nb", "\t", "\u0000", "a\u007f", "\u0085", "a\ud800"].map((odd) => [
    odd,
    "The name of the secret has characters that cannot be shown. Leave out line breaks, tabs and other control characters.",
  ]),
  ...[" ", "\u3000\ufeff"].map((odd) => [
    odd,
    "The name of the secret is nothing but white space. Give it one that can be seen.",
  ]),
  ...[" a", "a\u00a0"].map((odd) => [
    odd,
    "The name of the secret begins or ends with white space. Leave that out.",
  ]),
  [
    "n".repeat(257),
    "The name of the secret is 257 characters long, and 256 are allowed. Give it a shorter one.",
  ],
])("refuses a name and says why (%#)", (refused, message) => {
  expect(secretProblem(refused, value)).toBe(message);
});

const blank =
  "The value of the secret is nothing but white space or control characters. Look at where it comes from.";
const tooShort =
  "The value of the secret is shorter than 8 characters: it could not be told from ordinary text, and so not be kept out of records. Use a longer one.";
const tooLong = (bytes: number): string =>
  `The value of the secret is ${bytes} bytes long, and 65536 are allowed. Keep what is larger in the ObjectStore, encrypted with a key that is a secret.`;

it.each([
  [" ".repeat(8), blank],
  ["\t\n\u00a0\u3000\u200b\0\r\n ", blank],
  ["", tooShort],
  ["1234567", tooShort],
  ["🐾🐾🐾🐾", tooShort],
  ["x".repeat(65_537), tooLong(65_537)],
  ["é".repeat(32_769), tooLong(65_538)],
  ["猫".repeat(21_846), tooLong(65_538)],
  ["🐾".repeat(16_385), tooLong(65_540)],
  [
    "the value \udfff",
    "The value of the secret is no text that UTF-8 can hold. Encode bytes first, for example as base64.",
  ],
])("refuses a value and says why, without the value (%#)", (refused, message) => {
  expect(secretProblem(name, refused)).toBe(message);
});

it.each([undefined, null, 12_345_678, { length: 8 }, ["12345678"]])(
  "refuses a name or a value that is no text (%j)",
  (refused) => {
    const given = refused as unknown as string;
    expect(secretProblem(given, value)).toBe(
      "The name of the secret is no text. Give it one of 1 to 256 characters.",
    );
    expect(secretProblem(name, given)).toBe(
      "The value of the secret is no text. Write it as one, for example as JSON or as base64.",
    );
  },
);

it.each([
  ["support-mail", undefined],
  ["🐾".repeat(256), undefined],
  ["", "The integration needs an id. Give it one of 1 to 256 characters."],
  [
    "a\nb",
    "The id of the integration has characters that cannot be shown. Leave out line breaks, tabs and other control characters.",
  ],
  [" a", "The id of the integration begins or ends with white space. Leave that out."],
  [
    "n".repeat(300),
    "The id of the integration is 300 characters long, and 256 are allowed. Give it a shorter one.",
  ],
])("holds ids of integrations to the rule for names (%#)", (id, problem) => {
  expect(integrationIdProblem(id)).toBe(problem);
});
