/** The laws in `docs/invariants.md` and the titles of the properties are one set, file by file. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const textOf = (path: string): string =>
  readFileSync(new URL(path, import.meta.url), { encoding: "utf8" });

/** Rows of the table: `| GRAPH-1 | law | files |`. */
const laws = textOf("../docs/invariants.md")
  .split("\n")
  .filter((line) => /^\| (?!id |-)/.test(line))
  .map((line) => {
    const [, id = "", law = "", files = ""] = line.split("|").map((cell) => cell.trim());
    return { id, law, files: files.split(",").map((file) => file.trim().replaceAll("`", "")) };
  });

interface Title {
  readonly file: string;
  readonly title: string;
}

const titles = readdirSync(new URL(".", import.meta.url))
  .filter((file) => file.endsWith(".property.ts"))
  .flatMap((file): Title[] =>
    Array.from(
      textOf(file).matchAll(/\b(?:it|test)(?:\.each\([^]*?\))?\(\s*(["'`])([^]*?)\1/g),
      ([, , title]) => ({ file, title: title! }),
    ),
  );

const lawOf = ({ title }: Title): string | undefined => /^[A-Z]+-\d+(?= )/.exec(title)?.[0];

it("every property's title begins with the id of a law", () => {
  expect(titles.length).toBeGreaterThan(laws.length);
  const known = laws.map(({ id }) => id);
  expect(titles.filter((title) => !known.includes(lawOf(title) ?? ""))).toEqual([]);
});

it("every law is held by properties in exactly the files that the table names", () => {
  expect(
    laws.map(({ id }) => ({
      id,
      files: [
        ...new Set(titles.filter((title) => lawOf(title) === id).map(({ file }) => file)),
      ].sort(),
    })),
  ).toEqual(laws.map(({ id, files }) => ({ id, files: files.toSorted() })));
});

it("every law stands once, in words", () => {
  expect(new Set(laws.map(({ id }) => id)).size).toBe(laws.length);
  for (const { id, law } of laws) {
    expect(id).toMatch(/^[A-Z]+-\d+$/);
    expect(law).toMatch(/^[A-Z`].{20,}\.$/);
  }
});
