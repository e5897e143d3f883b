/** Looks for a value that must not be there: raw, and in the forms in which it could slip through. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Base64 of a text is another at each of three offsets; the characters at its edges hang on what stands beside it. */
const base64Forms = (value: string): readonly string[] =>
  [0, 1, 2].map((offset) =>
    Buffer.from(" ".repeat(offset) + value)
      .toString("base64")
      .slice(offset === 0 ? 0 : 4, -4),
  );

const formsOf = (value: string): readonly string[] => {
  const base64 = base64Forms(value);
  return [
    value,
    ...base64,
    ...base64.map((form) => form.replaceAll("+", "-").replaceAll("/", "_")),
    Buffer.from(value).toString("hex"),
    Buffer.from(value, "utf8").toString("utf16le"),
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
    [...value].reverse().join(""),
  ];
};

export const holds = (bytes: Buffer | string, value: string): boolean => {
  const searched = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
  return formsOf(value).some((form) => searched.includes(form));
};

/** Paths of all files below the directory that hold one of the values. */
export const filesWith = (directory: string, ...values: readonly string[]): readonly string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => {
      const bytes = readFileSync(path);
      return values.some((value) => holds(bytes, value));
    });
