/** That migrations have a shape which every way to apply them takes, those that no test can try too. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const folder = new URL("../../migrations/", import.meta.url);
const files = readdirSync(folder);

const oneLineTrigger = /^CREATE TRIGGER \w+ [^;]* BEGIN [^;]+; END;$|^DROP TRIGGER \w+;$/;

describe.each(files)("migration %s", (file) => {
  const lines = readFileSync(new URL(file, folder), "utf8").split("\n");

  it("has each trigger on one line, where the remote D1 does not cut it in two", () => {
    const triggers = lines.filter((line) => /\b(TRIGGER|BEGIN|END|CASE)\b/i.test(bare(line)));
    expect(triggers.filter((line) => !oneLineTrigger.test(line) || /\bCASE\b/i.test(line))).toEqual(
      [],
    );
  });

  it("has lines that end as they do everywhere", () => {
    expect(lines.filter((line) => line.includes("\r"))).toEqual([]);
  });
});

/** Without its comment. */
function bare(line: string): string {
  return line.replace(/--.*$/, "");
}
