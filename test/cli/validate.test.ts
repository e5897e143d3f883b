import { expect, it } from "vitest";
import { directoryWith, pawl } from "./pawl.ts";

const loop = `{
  "id": "loop",
  "name": "Loop",
  "trigger": "manual",
  "nodes": [
    { "id": "a", "name": "A", "type": "addition",
      "inputs": [{ "name": "a", "type": "number" }, { "name": "b", "type": "number", "value": 1 }],
      "outputs": [{ "name": "result", "type": "number" }] },
    { "id": "b", "name": "B", "type": "addition",
      "inputs": [{ "name": "a", "type": "number" }],
      "outputs": [{ "name": "result", "type": "number" }] }
  ],
  "edges": [
    { "source": "a", "sourceOutput": "result", "target": "b", "targetInput": "a" },
    { "source": "b", "sourceOutput": "result", "target": "a", "targetInput": "a" },
    { "source": "b", "sourceOutput": "sum", "target": "a", "targetInput": "a" }
  ]
}
`;

it("lists every problem with its place, errors first", async () => {
  const cwd = directoryWith({ "loop.json": loop });
  expect(await pawl(["validate", "loop.json"], { cwd })).toStrictEqual({
    exitCode: 2,
    stderr: "",
    stdout: `error CYCLE_DETECTED  loop.json:13:12  edges
  Workflow contains a cycle: b -> a -> b. Remove one of these edges.

error UNKNOWN_PORT  loop.json:16:38  edges[2].sourceOutput
  Node 'b' has no output 'sum'. Use one of 'result'.

warning AMBIGUOUS_INPUT  loop.json:7:18  nodes[0].inputs[0]
  2 edges lead into 'a' of 'a'; the last that carries a value wins. Keep one, or mark the input
  repeated.

warning MISSING_REQUIRED_INPUT  loop.json:10:17  nodes[1].inputs
  Node 'b' needs its input 'b'. Give it a value or connect an edge.

✗ loop.json cannot run: 2 errors and 2 warnings.
`,
  });
});

it("says the same as one JSON document", async () => {
  const cwd = directoryWith({ "loop.json": loop });
  const { exitCode, stdout, stderr } = await pawl(["validate", "loop.json", "--json"], { cwd });
  const { problems, ...summary } = JSON.parse(stdout) as { problems: readonly unknown[] };
  expect({ exitCode, stderr, summary }).toStrictEqual({
    exitCode: 2,
    stderr: "",
    summary: { file: "loop.json", valid: false, errors: 2, warnings: 2 },
  });
  expect(problems).toHaveLength(4);
  expect(problems[1]).toStrictEqual({
    severity: "error",
    code: "UNKNOWN_PORT",
    path: ["edges", 2, "sourceOutput"],
    place: "edges[2].sourceOutput",
    line: 16,
    column: 38,
    message: "Node 'b' has no output 'sum'. Use one of 'result'.",
  });
});

it("refuses a wrong shape with every place at once", async () => {
  const cwd = directoryWith({ "flow.json": '{ "id": "", "nodes": [{ "id": "a" }], "edges": [] }' });
  const { exitCode, stdout } = await pawl(["validate", "flow.json", "--json"], { cwd });
  const { problems } = JSON.parse(stdout) as {
    problems: readonly { code: string; place: string; line: number; column: number }[];
  };
  expect(exitCode).toBe(2);
  expect(
    problems.map(({ code, place, line, column }) => `${code} ${place} ${line}:${column}`),
  ).toStrictEqual([
    "MALFORMED name 1:1",
    "MALFORMED trigger 1:1",
    "MALFORMED id 1:9",
    "MALFORMED nodes[0].name 1:23",
    "MALFORMED nodes[0].type 1:23",
    "MALFORMED nodes[0].inputs 1:23",
    "MALFORMED nodes[0].outputs 1:23",
  ]);
});

it("lets a workflow with warnings pass", async () => {
  const flow = { id: "x", name: "X", trigger: "manual", edges: [], nodes: [] as unknown[] };
  flow.nodes.push({ id: "a", name: "A", type: "teleport", inputs: [], outputs: [] });
  const cwd = directoryWith({ "flow.json": JSON.stringify(flow) });
  const { exitCode, stdout } = await pawl(["validate", "flow.json"], { cwd });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^warning UNKNOWN_NODE_TYPE {2}flow\.json:1:\d+ {2}nodes\[0\]\.type\n/);
  expect(stdout).toMatch(/\n! flow\.json can run, with 1 warning: 1 node, 0 edges\.\n$/);
});
