import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parameterTypes, triggers } from "#core/workflow";
import { directoryWith, pawl, root } from "./pawl.ts";

it("prints the schema that the repository holds, so the file is not stale", async () => {
  const kept = readFileSync(join(root, "schema/workflow.schema.json"), "utf8");
  expect(await pawl(["schema"])).toStrictEqual({ exitCode: 0, stdout: kept, stderr: "" });
});

it("describes the document: draft, keys that must be there, enums, and nothing forbidden", () => {
  const text = readFileSync(join(root, "schema/workflow.schema.json"), "utf8");
  const schema = JSON.parse(text) as {
    $schema: string;
    $id: string;
    title: string;
    required: readonly string[];
    properties: { trigger: { enum: readonly string[] } };
    $defs: Readonly<Record<string, { required?: readonly string[]; properties: never }>>;
  };
  expect(schema).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "urn:pawl:workflow",
    title: "Pawl workflow",
    required: ["id", "name", "trigger", "nodes", "edges"],
    properties: { trigger: { enum: triggers } },
    $defs: {
      Node: { required: ["id", "name", "type", "inputs", "outputs"] },
      Parameter: { required: ["name", "type"], properties: { type: { enum: parameterTypes } } },
      Edge: { required: ["source", "sourceOutput", "target", "targetInput"] },
    },
  });
  expect(text).not.toContain('"additionalProperties": false');
  const referenced = [...text.matchAll(/"#\/\$defs\/(\w+)"/g)].map(([, name]) => name);
  expect(Object.keys(schema.$defs)).toEqual(expect.arrayContaining(referenced));
});

it("writes the schema, and says when a file is stale", async () => {
  const cwd = directoryWith();
  const write = ["schema", "--write", "a/b.json"];
  expect(await pawl(write, { cwd })).toMatchObject({ exitCode: 0, stdout: "Wrote a/b.json\n" });
  expect(await pawl(["schema", "--check", "a/b.json"], { cwd })).toStrictEqual({
    exitCode: 0,
    stdout: "✓ a/b.json is up to date.\n",
    stderr: "",
  });
  expect(await pawl(["schema", "--check", "c.json"], { cwd })).toStrictEqual({
    exitCode: 1,
    stdout: "",
    stderr: "✗ c.json is stale. 'pawl schema --write' writes it anew.\n",
  });
});

const pictures = ["node.mmd", "node.svg", "workflow.mmd", "workflow.svg"];

it("draws the machines, and names the pictures that are stale", async () => {
  const cwd = directoryWith();
  const drawn = await pawl(["machines", "--out", "pictures"], { cwd });
  expect(drawn).toStrictEqual({
    exitCode: 0,
    stdout: `Wrote${pictures.map((file) => `\n  pictures/${file}`).join("")}\n`,
    stderr: "",
  });
  expect(await pawl(["machines", "--out", "pictures", "--check"], { cwd })).toStrictEqual({
    exitCode: 0,
    stdout: "✓ 4 pictures in pictures are up to date.\n",
    stderr: "",
  });
  expect(await pawl(["machines", "--out", "elsewhere", "--check"], { cwd })).toStrictEqual({
    exitCode: 1,
    stdout: "",
    stderr: `✗ Stale, since a machine has changed:${pictures
      .map((file) => `\n  elsewhere/${file}`)
      .join("")}\n'pawl machines' draws them anew.\n`,
  });
});

it("lists the node types by category, and all their facts as JSON", async () => {
  const { exitCode, stdout, stderr } = await pawl(["nodes"]);
  expect({ exitCode, stderr }).toStrictEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toContain("\nlogic\n  conditional-fork ");
  const listed = await pawl(["nodes", "--json"]);
  const types = JSON.parse(listed.stdout) as readonly { readonly type: string }[];
  expect(stdout).toContain(
    `\n${types.length} node types. 'pawl nodes TYPE' shows the ports of one.\n`,
  );
  for (const { type } of types) expect(stdout).toContain(`\n  ${type} `);
});

it("shows one node type with its ports", async () => {
  expect(await pawl(["nodes", "conditional-fork"])).toStrictEqual({
    exitCode: 0,
    stderr: "",
    stdout: `conditional-fork  Conditional Fork
Gives the value on through 'true' or 'false', whichever the condition is.
logic · 1 compute credit · pure

     Port       Type
in   value      any      required
in   condition  boolean  required
out  true       any
out  false      any
`,
  });
  const { stdout } = await pawl(["nodes", "string-equals", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ type: "string-equals", category: "text", pure: true });
});
