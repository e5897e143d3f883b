import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import type { WorkflowExecution } from "#core/report";
import { graph } from "../support/graph.ts";
import { exampleResults, inputOptionsOf, resultsOf } from "./example-results.ts";
import { directoryWith, example, pawl, root } from "./pawl.ts";

const runJson = async (
  args: readonly string[],
): Promise<{ readonly exitCode: number | null; readonly execution: WorkflowExecution }> => {
  const { exitCode, stdout } = await pawl(["run", "--direct", "--json", ...args]);
  return { exitCode, execution: JSON.parse(stdout) as WorkflowExecution };
};

it("knows what every example comes to", () => {
  const files = readdirSync(`${root}/examples`).filter((file) => file.endsWith(".json"));
  expect(Object.keys(exampleResults).sort()).toStrictEqual(files.sort());
});

it.each(Object.entries(exampleResults))("runs %s in this process", async (file, expected) => {
  const { exitCode, status, nodes } = expected;
  const outcome = await runJson([example(file), ...inputOptionsOf(expected)]);
  expect(outcome.exitCode).toBe(exitCode);
  expect(resultsOf(outcome.execution)).toStrictEqual({ status, nodes: Object.entries(nodes) });
});

it.each(Object.keys(exampleResults))("finds nothing wrong with %s", async (file) => {
  const { exitCode, stdout } = await pawl(["validate", example(file), "--json"]);
  expect({ exitCode, ...(JSON.parse(stdout) as object) }).toMatchObject({
    exitCode: 0,
    problems: [],
  });
});

/** Times differ from run to run, and so does the width of their column. */
const withoutTimes = (text: string): string =>
  text
    .replace(/ +\d+ ms/g, " # ms")
    .replace(/ +Time/, " Time")
    .replace(/run [-0-9a-f]{36}/, "run <id>");

it("shows each node as it goes, then the whole as a table", async () => {
  const { exitCode, stdout, stderr } = await pawl([
    "run",
    "--direct",
    example("failing-branch.json"),
  ]);
  expect({ exitCode, stderr }).toStrictEqual({ exitCode: 1, stderr: "" });
  const [progress = "", table = "", summary = ""] = stdout.split("\n\n");
  expect(progress.split("\n").sort()).toStrictEqual(
    [
      "✓ completed  revenue          value: 1250",
      "✓ completed  units            value: 0",
      '✓ completed  revenue-text     result: "1250"',
      "✗ failed     unit-price       Division by zero is not allowed",
      '✓ completed  revenue-line     result: "Revenue: 1250"',
      "– skipped    unit-price-text  unit-price did not complete",
      '✓ completed  show-revenue     displayValue: "Revenue: 1250"',
      "– skipped    price-line       unit-price-text did not complete",
      "– skipped    show-price       price-line did not complete",
    ].sort(),
  );
  expect(withoutTimes(table).split("\n")).toStrictEqual([
    "Node             Status Time  Result",
    "revenue          ✓ completed # ms  value: 1250",
    "units            ✓ completed # ms  value: 0",
    "unit-price       ✗ failed # ms  Division by zero is not allowed",
    "unit-price-text  – skipped          unit-price did not complete",
    "price-line       – skipped          unit-price-text did not complete",
    "show-price       – skipped          price-line did not complete",
    'revenue-text     ✓ completed # ms  result: "1250"',
    'revenue-line     ✓ completed # ms  result: "Revenue: 1250"',
    'show-revenue     ✓ completed # ms  displayValue: "Revenue: 1250"',
  ]);
  expect(withoutTimes(summary)).toBe(
    "✗ Ended in error after # ms: 5 of 9 nodes completed, 1 failed, 3 skipped; 5 compute credits.\n  run <id>\n",
  );
});

it("says why a run in which nothing failed ended in error", async () => {
  const fork = {
    ...graph("fork:true -> yes", "fork:false -> no", {
      types: { fork: "conditional-fork", yes: "output-any", no: "output-any" },
    }),
    settings: { statusPolicy: "strict" },
  };
  const [head, ...rest] = fork.nodes;
  const inputs = [
    { name: "value", type: "any", value: 1 },
    { name: "condition", type: "boolean", value: true },
  ];
  const document = {
    ...fork,
    nodes: [
      { ...head, inputs },
      ...rest.map((node) => ({ ...node, inputs: [{ name: "value", type: "any" }] })),
    ],
    edges: fork.edges.map((edge) => ({ ...edge, targetInput: "value" })),
  };
  const { exitCode, stdout } = await pawl(["run", "-", "--direct"], {
    stdin: JSON.stringify(document),
  });
  expect(exitCode).toBe(1);
  expect(stdout.replaceAll(/\s+/g, " ")).toContain(
    `No node failed, but 'no' was skipped because a branch was not taken. Under the strict statusPolicy, the default, that is an error; "settings": { "statusPolicy": "branch-aware" } makes it none.`,
  );
});

it("prints one JSON document, and its progress to stderr", async () => {
  const { stdout, stderr } = await pawl(["run", "--direct", "--json", example("letter.json")]);
  const execution = JSON.parse(stdout) as WorkflowExecution;
  expect(Object.keys(execution)).toStrictEqual([
    "id",
    "workflowId",
    "status",
    "nodeExecutions",
    "startedAt",
    "endedAt",
  ]);
  expect(stderr).toContain("✓ completed  letter ");
});

it("takes another value for an input", async () => {
  const { exitCode, execution } = await runJson([
    example("order-triage.json"),
    "--input",
    "note.value=Any day will do.",
    "-i",
    "order-number.value=7",
  ]);
  const outputs = new Map(execution.nodeExecutions.map((node) => [node.nodeId, node.outputs]));
  expect(exitCode).toBe(0);
  expect(outputs.get("courier")).toBeNull();
  expect(outputs.get("decision")).toStrictEqual({
    displayValue: "7 goes out with the van on Thursday.",
  });
});

it("tells a run that had not enough credits by its exit code", async () => {
  const { exitCode, execution } = await runJson([example("letter.json"), "--credits", "3"]);
  expect({ exitCode, status: execution.status, error: execution.error }).toStrictEqual({
    exitCode: 3,
    status: "exhausted",
    error: "Insufficient compute credits",
  });
});

it("reads a document from stdin, and calls an empty one completed", async () => {
  const stdin = JSON.stringify(graph());
  const { exitCode, stdout, stderr } = await pawl(["run", "--direct", "-"], { stdin });
  expect({ exitCode, stderr }).toStrictEqual({ exitCode: 0, stderr: "" });
  expect(withoutTimes(stdout)).toBe(
    "✓ Completed in # ms: 0 nodes completed; 0 compute credits.\n  run <id>\n",
  );
});

it("refuses a workflow with errors before anything runs", async () => {
  const cwd = directoryWith({ "flow.json": JSON.stringify(graph("a -> b", "b -> a")) });
  const { exitCode, stdout, stderr } = await pawl(["run", "flow.json", "--json"], { cwd });
  expect(exitCode).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    error: {
      code: "INVALID_WORKFLOW",
      message: "flow.json cannot run: 1 error and 2 warnings.",
      details: [{ code: "CYCLE_DETECTED" }, {}, {}],
    },
  });
  expect(stderr).toMatch(/^error CYCLE_DETECTED {2}flow\.json:1:\d+ {2}edges\n/);
  expect(stderr).toMatch(/\npawl: flow\.json cannot run: 1 error and 2 warnings\.\n$/);
});

it("tells warnings on stderr and runs all the same", async () => {
  const stdin = JSON.stringify(graph("a"));
  const { exitCode, stdout, stderr } = await pawl(["run", "--direct", "--json", "-"], { stdin });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^warning UNKNOWN_NODE_TYPE /);
  expect(JSON.parse(stdout)).toMatchObject({
    status: "error",
    nodeExecutions: [{ error: "Node type not implemented: test" }],
  });
});

it("refuses parameters that are too large to keep", async () => {
  const stdin = JSON.stringify({ ...graph(), description: "x".repeat(32 * 1024 * 1024) });
  const { exitCode, stdout, stderr } = await pawl(["run", "-"], { stdin });
  expect({ exitCode, stdout }).toStrictEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toMatch(
    /^pawl: The run's parameters take 3355\d{4} bytes of JSON \(the workflow 3355\d{4} bytes\), and at most 33554432 are taken\. .* 'pawl run --direct' has no such limit\.\n$/,
  );
  expect((await pawl(["run", "--direct", "-"], { stdin })).exitCode).toBe(0);
});
