/** Ids that have broken one store or another. Every contract tries them: they are just ids. */
export const nastyIds: readonly string[] = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  ".",
  "..",
  "../other",
  "../../other/executions/run",
  "a/b",
  "a//b/",
  "a%2Fb",
  "a%252Fb",
  "a\\b",
  "a~b",
  "%",
  "_",
  "*",
  "?#&=",
  " ",
  "\n\t",
  "a\u0000b",
  "a\u0000c",
  `"`,
  "'; DROP TABLE executions; --",
  "café",
  "🐾",
  "run.live",
  "run.json",
  "x".repeat(300),
  "x".repeat(301),
  `${"x".repeat(10_000)}1`,
  `${"x".repeat(10_000)}2`,
  `${"🐾".repeat(300)}1`,
  `${"🐾".repeat(300)}2`,
];

/** Organizations whose names begin alike, or look like a path into one another. */
export const likeOrganizations: readonly string[] = [
  "acme",
  "acme2",
  "acme/objects",
  "acme/objects/run",
  "acme/executions",
  "acme%2Fobjects",
  "acme/",
  "acme/..",
  "ACME",
];

/**
 * Halves of surrogate pairs, which UTF-8 cannot hold, and what they must not be taken for. An assertion must not show them
 * either, or the pool's socket breaks: compare with `asText`.
 */
export const unpairedIds: readonly string[] = [
  "\ud800",
  "\udfff",
  "a\ufffd",
  "a\ud800",
  'json:"\\ud800"',
  "json:",
];

/** A value as ASCII, for assertions on ids that no socket takes or on keys that the pool hangs on. */
export const asText = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
