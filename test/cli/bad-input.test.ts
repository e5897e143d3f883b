import { expect, it } from "vitest";
import { directoryWith, pawl } from "./pawl.ts";

const empty = "A workflow file is a JSON object; 'pawl schema' describes it.";
const shape =
  "A workflow file is a JSON object with id, name, trigger, nodes and edges; 'pawl schema' describes it.";

/** What the file holds, and all that is said of it. */
const badFiles: Readonly<Record<string, readonly [content: string | Uint8Array, said: string]>> = {
  "an empty file": ["", `'flow.json' is empty. ${empty}`],
  "a file of white space": [" \n\n", `'flow.json' is empty. ${empty}`],
  "a missing comma": [
    '{\n  "id": "x"\n  "name": "y"\n}\n',
    `flow.json:3:3 is not valid JSON: a comma is missing here.\n\n  3 |   "name": "y"\n        ^`,
  ],
  "a file that ends too early": [
    '{ "id": "x", "nodes": [',
    `flow.json:1:24 is not valid JSON: a closing bracket ']' is missing here.\n\n  1 | { "id": "x", "nodes": [\n                             ^`,
  ],
  "a comment": [
    "// mine\n{}",
    "flow.json:1:1 is not valid JSON: comments are not allowed in JSON.\n\n  1 | // mine\n      ^",
  ],
  words: [
    "hello",
    "flow.json:1:1 is not valid JSON: this is not a JSON value.\n\n  1 | hello\n      ^",
  ],
  "an array": ["[]", `'flow.json' holds an array. ${shape}`],
  "a text": ['"x"', `'flow.json' holds a string. ${shape}`],
  null: ["null", `'flow.json' holds null. ${shape}`],
  "bytes that are no text": [
    Uint8Array.of(0x7b, 0xff, 0x7d),
    "'flow.json' is not UTF-8 text. Save it as UTF-8.",
  ],
  "a document of 600 levels": [
    `{"a":${"[".repeat(600)}${"]".repeat(600)}}`,
    "'flow.json' is nested more than 500 levels deep, which Pawl does not run.",
  ],
};

it.each(Object.entries(badFiles))("refuses %s", async (_, [content, said]) => {
  const cwd = directoryWith({ "flow.json": content });
  expect(await pawl(["validate", "flow.json"], { cwd })).toStrictEqual({
    exitCode: 2,
    stdout: "",
    stderr: `pawl: ${said}\n`,
  });
});

it("refuses a file that is not there", async () => {
  expect(await pawl(["run", "nowhere/flow.json"])).toStrictEqual({
    exitCode: 2,
    stdout: "",
    stderr: "pawl: There is no file 'nowhere/flow.json'. Check the path.\n",
  });
});

it("refuses a directory and names a file in it", async () => {
  const cwd = directoryWith({ "b.json": "{}", "a.json": "{}", "0.txt": "" });
  expect(await pawl(["run", "."], { cwd })).toStrictEqual({
    exitCode: 2,
    stdout: "",
    stderr: "pawl: '.' is a directory. Give the path of one workflow file, such as a.json.\n",
  });
});

it("says why else a file cannot be read", async () => {
  expect(await pawl(["run", "x".repeat(1000)])).toStrictEqual({
    exitCode: 2,
    stdout: "",
    stderr: `pawl: '${"x".repeat(199)}…' cannot be read (ENAMETOOLONG).\n`,
  });
});

it("takes a byte order mark, and a document from stdin", async () => {
  const stdin = '\ufeff{ "id": "x", "name": "X", "trigger": "manual", "nodes": [], "edges": [] }';
  expect(await pawl(["validate", "-"], { stdin })).toStrictEqual({
    exitCode: 0,
    stdout: "✓ stdin is valid: 0 nodes, 0 edges.\n",
    stderr: "",
  });
});

const usage: Readonly<Record<string, readonly [args: readonly string[], said: string]>> = {
  "an unknown command": [["fly"], "Unknown command 'fly'.\n'pawl --help' says what there is."],
  "a misspelt command": [
    ["valdate", "x"],
    "Unknown command 'valdate'. Did you mean validate?\n'pawl --help' says what there is.",
  ],
  "an unknown option": [
    ["run", "x", "--fast"],
    "Unknown option '--fast'.\n'pawl run --help' says what there is.",
  ],
  "a missing argument": [
    ["validate"],
    "Missing required argument 'file'.\n'pawl validate --help' says what there is.",
  ],
  "an option without its value": [
    ["run", "x", "--credits"],
    "Option '--credits <amount>' argument missing.\n'pawl run --help' says what there is.",
  ],
  "one argument too many": [
    ["run", "a", "b"],
    "Too many arguments for 'run'. Expected 1 argument but got 2: a, b.\n'pawl run --help' says what there is.",
  ],
  "credits that are no number": [
    ["run", "examples/letter.json", "--credits", "many"],
    "--credits takes a number from 0 to 4294967296 with at most six decimals, not 'many'.",
  ],
  "credits below nothing": [
    ["run", "examples/letter.json", "--credits=-1"],
    "--credits takes a number from 0 to 4294967296 with at most six decimals, not '-1'.",
  ],
  "credits of more decimals than are counted": [
    ["run", "examples/letter.json", "--credits", "2.9999996"],
    "--credits takes a number from 0 to 4294967296 with at most six decimals, not '2.9999996'.",
  ],
  "more credits than can be counted": [
    ["run", "examples/letter.json", "--credits", "1e300"],
    "--credits takes a number from 0 to 4294967296 with at most six decimals, not '1e300'.",
  ],
  "credits that are no plain decimal": [
    ["run", "examples/letter.json", "--credits", "0x10"],
    "--credits takes a number from 0 to 4294967296 with at most six decimals, not '0x10'.",
  ],
  "a misspelt option in the place of a secret's name": [
    ["secrets", "set", "--jsno"],
    "Unknown option '--jsno'. Did you mean --json?\n'pawl secrets set -- '--jsno'' sets a secret of that name, and 'pawl secrets set --help' says what there is.",
  ],
  "an option in the place of a secret to remove": [
    ["secrets", "remove", "-x"],
    "Unknown option '-x'.\n'pawl secrets remove -- '-x'' removes what is called so. 'pawl secrets remove --help' says what there is.",
  ],
  "an organization without a name": [
    ["run", "examples/letter.json", "--org", ""],
    "--org takes an id that is not empty.",
  ],
  "an input of a node that is not there": [
    ["run", "examples/letter.json", "--input", "odrer.json={}"],
    "--input: the workflow has no node 'odrer'. It has 'order', 'letter', 'show-letter', 'show-gaps'.",
  ],
  "an unknown node type": [
    ["nodes", "multiply"],
    "No node type is called 'multiply'. Did you mean multiplication?",
  ],
};

it.each(Object.entries(usage))("refuses %s", async (_, [args, said]) => {
  expect(await pawl(args)).toStrictEqual({ exitCode: 2, stdout: "", stderr: `pawl: ${said}\n` });
});

it("says a refusal as one JSON document too when it is asked for JSON", async () => {
  const cwd = directoryWith({ "flow.json": "{]" });
  const { exitCode, stdout, stderr } = await pawl(["run", "flow.json", "--json"], { cwd });
  expect(exitCode).toBe(2);
  expect(JSON.parse(stdout)).toStrictEqual({
    error: {
      code: "INVALID_JSON",
      message: "flow.json:1:2 is not valid JSON: a key in double quotes is expected here.",
      details: {
        file: "flow.json",
        line: 1,
        column: 2,
        reason: "a key in double quotes is expected here",
      },
    },
  });
  expect(stderr).toContain("\n\n  1 | {]\n       ^\n");
});
