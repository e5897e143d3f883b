import { describe, expect, it } from "vitest";
import { pathText, refusalMessage } from "#core/problem";
import type { ValidationOptions } from "#core/validate";
import { validateWorkflow } from "#core/validate";
import type { Parameter, Workflow } from "#core/workflow";
import { graph } from "../support/graph.ts";

const problemsOf = (document: unknown, options?: ValidationOptions) =>
  validateWorkflow(document, options).problems;

const typed = (
  inputs: readonly Parameter[] = [],
  outputs: readonly Parameter[] = [],
): ValidationOptions => ({
  nodeTypeOf: (type) => (type === "test" ? { inputs, outputs } : undefined),
});

it("finds nothing wrong with a document that is right, and gives its graph", () => {
  const workflow = graph("a -> b");
  const validation = validateWorkflow(workflow, { ...typed(), stepLimit: 5 });
  expect(validation).toEqual({ problems: [], workflow, graph: validation.graph });
  expect(validation.graph?.nodes.map(({ id }) => id)).toEqual(["a", "b"]);
});

describe("errors", () => {
  it("MALFORMED: a shape that is no workflow's, with every place of it", () => {
    const { problems, ...nothing } = validateWorkflow({
      ...graph("a -> b"),
      trigger: "whenever",
      edges: [{ source: "", sourceOutput: "out", target: 5, targetInput: "in" }],
    });
    expect(nothing).toEqual({ workflow: undefined, graph: undefined });
    expect(problems.map(({ severity, code, path }) => [severity, code, pathText(path)])).toEqual([
      ["error", "MALFORMED", "trigger"],
      ["error", "MALFORMED", "edges[0].source"],
      ["error", "MALFORMED", "edges[0].target"],
    ]);
  });

  it.each([
    [0, true],
    [0.000_000_1, false],
    [Number.MIN_VALUE, false],
    [0.000_001, true],
  ])("MALFORMED: a budget of %d is too small to be counted, or is not", (budget, isRight) => {
    const { problems, ...rest } = validateWorkflow({ ...graph("a"), settings: { budget } });
    expect(rest.graph !== undefined).toBe(isRight);
    expect(problems.map(({ code, path }) => [code, pathText(path)])).toEqual(
      isRight ? [] : [["MALFORMED", "settings.budget"]],
    );
  });

  it.each([
    ["budget", { settings: { budget: "3" } }, "Expected a number, written without quotes."],
    ["name", { name: 5 }, "Expected text in quotes."],
    ["nodes", { nodes: {} }, "Expected an array."],
    ["id", { id: undefined }, "Expected text in quotes."],
  ])("MALFORMED: says in plain words what %s should be", (_, change, message) => {
    expect(problemsOf({ ...graph("a"), ...change }).map((problem) => problem.message)).toEqual([
      message,
    ]);
  });

  it("DUPLICATE_NODE_ID: a second node of one id", () => {
    const { nodes, ...rest } = graph("a", "b");
    expect(problemsOf({ ...rest, nodes: [...nodes, ...nodes.slice(0, 1)] })).toEqual([
      {
        severity: "error",
        code: "DUPLICATE_NODE_ID",
        path: ["nodes", 2, "id"],
        message: "The id 'a' is taken by nodes[0]. Give this node an id of its own.",
      },
    ]);
  });

  it("CYCLE_DETECTED: the cycle itself", () => {
    expect(problemsOf(graph("a -> b -> c -> b"))).toEqual([
      {
        severity: "warning",
        code: "AMBIGUOUS_INPUT",
        path: ["nodes", 1, "inputs", 0],
        message:
          "2 edges lead into 'in' of 'b'; the last that carries a value wins. Keep one, or mark the input repeated.",
      },
      {
        severity: "error",
        code: "CYCLE_DETECTED",
        path: ["edges"],
        message: "Workflow contains a cycle: c -> b -> c. Remove one of these edges.",
      },
    ]);
  });

  it("TYPE_MISMATCH: an edge between ports that do not fit", () => {
    const workflow = graph("a -> b", {
      outputs: { "a:out": { type: "string" } },
      inputs: { "b:in": { type: "number" } },
    });
    expect(problemsOf(workflow)).toEqual([
      {
        severity: "error",
        code: "TYPE_MISMATCH",
        path: ["edges", 0],
        message:
          "Output 'out' of 'a' is string, but input 'in' of 'b' takes number. Connect ports of one type, or put a converting node between.",
      },
    ]);
  });

  it("UNKNOWN_PORT: each end of an edge that its node does not have", () => {
    const { edges, ...rest } = graph("a -> b", "c");
    const stray = { source: "a", sourceOutput: "x", target: "c", targetInput: "y" };
    expect(problemsOf({ ...rest, edges: [...edges, stray] })).toEqual([
      {
        severity: "error",
        code: "UNKNOWN_PORT",
        path: ["edges", 1, "sourceOutput"],
        message: "Node 'a' has no output 'x'. Use one of 'out'.",
      },
      {
        severity: "error",
        code: "UNKNOWN_PORT",
        path: ["edges", 1, "targetInput"],
        message: "Node 'c' has no input 'y'. It has no inputs at all; remove this edge.",
      },
    ]);
  });

  it("DUPLICATE_CONNECTION: an edge that stands twice", () => {
    const repeated = { inputs: { "b:in": { repeated: true } } };
    expect(problemsOf(graph("a -> b", "a:x -> b", "a -> b", repeated))).toEqual([
      {
        severity: "error",
        code: "DUPLICATE_CONNECTION",
        path: ["edges", 2],
        message: "This edge repeats edges[0]. Remove one of them.",
      },
    ]);
  });

  it("STEP_BUDGET_EXCEEDED: more steps than the run may take, missing nodes counted", () => {
    const workflow = graph("a -> gone", { missing: ["gone"] });
    const exceeded = {
      severity: "error",
      code: "STEP_BUDGET_EXCEEDED",
      path: ["nodes"],
      message:
        "The run would take 5 durable steps, and 4 are allowed. Split the workflow, or raise the limit.",
    };
    expect(problemsOf(workflow, { stepLimit: 4 })).toContainEqual(exceeded);
    expect(problemsOf(workflow, { stepLimit: 5 })).not.toContainEqual(exceeded);
  });
});

describe("warnings", () => {
  it("MISSING_NODE: an id that edges name, once, at the first edge that does", () => {
    expect(problemsOf(graph("a -> gone", "b -> gone:x", { missing: ["gone"] }))).toEqual([
      {
        severity: "warning",
        code: "MISSING_NODE",
        path: ["edges", 0, "target"],
        message:
          "No node has the id 'gone': the run will fail there. Correct the edge, or add the node.",
      },
    ]);
  });

  it("UNKNOWN_NODE_TYPE: a type that the registry lacks", () => {
    expect(problemsOf(graph("a", { types: { a: "magic" } }), typed())).toEqual([
      {
        severity: "warning",
        code: "UNKNOWN_NODE_TYPE",
        path: ["nodes", 0, "type"],
        message:
          "No node type is called 'magic', so the node will fail in the run. 'pawl nodes' lists the types.",
      },
    ]);
  });

  it("MISSING_REQUIRED_INPUT: no value, no default, no edge", () => {
    const inputs = {
      "a:none": { required: true },
      "a:value": { required: true, value: 0 },
      "a:default": { required: true, default: false },
    };
    expect(problemsOf(graph("a", "a2 -> a:edge", { inputs }))).toEqual([
      {
        severity: "warning",
        code: "MISSING_REQUIRED_INPUT",
        path: ["nodes", 0, "inputs", 1],
        message: "Node 'a' needs its input 'none'. Give it a value or connect an edge.",
      },
    ]);
  });

  it("MISSING_REQUIRED_INPUT: also an input that the document leaves to its type", () => {
    const key: Parameter = { name: "key", type: "string", required: true };
    expect(problemsOf(graph("a"), typed([key]))).toEqual([
      {
        severity: "warning",
        code: "MISSING_REQUIRED_INPUT",
        path: ["nodes", 0, "inputs"],
        message: "Node 'a' needs its input 'key'. Give it a value or connect an edge.",
      },
    ]);
  });

  it("AMBIGUOUS_INPUT: several edges into an input that is not repeated", () => {
    expect(problemsOf(graph("a -> c", "b -> c"))).toEqual([
      {
        severity: "warning",
        code: "AMBIGUOUS_INPUT",
        path: ["nodes", 1, "inputs", 0],
        message:
          "2 edges lead into 'in' of 'c'; the last that carries a value wins. Keep one, or mark the input repeated.",
      },
    ]);
    expect(
      problemsOf(graph("a -> c", "b -> c", { inputs: { "c:in": { repeated: true } } })),
    ).toEqual([]);
  });

  it("UNREACHABLE_OUTPUT: a node behind nothing but nodes that are sure to fail", () => {
    const workflow = graph("gone -> a -> b", "x -> b:second", "ok -> c", "x -> c:second", {
      missing: ["gone"],
      types: { x: "magic" },
    });
    expect(
      problemsOf(workflow, typed()).filter(({ code }) => code === "UNREACHABLE_OUTPUT"),
    ).toEqual(
      ["a", "b"].map((id, index) => ({
        severity: "warning",
        code: "UNREACHABLE_OUTPUT",
        path: ["nodes", index, "outputs"],
        message: `Node '${id}' can only be skipped, since everything that leads to it is missing or of an unknown type.`,
      })),
    );
  });

  it("do not refuse the run", () => {
    expect(validateWorkflow(graph("gone -> a", { missing: ["gone"] })).graph).toBeDefined();
  });
});

it("keeps keys that it does not know", () => {
  const document = { ...graph("a"), colour: "red" };
  expect(validateWorkflow(document).workflow).toBe(document);
});

it("shortens long ids in messages, and cuts no character in two", () => {
  const long = "🚀".repeat(5_000);
  const { nodes, ...rest } = graph(long);
  const [problem] = problemsOf({ ...rest, nodes: [...nodes, ...nodes] });
  expect(problem?.message.length).toBeLessThan(150);
  expect(problem?.message.isWellFormed()).toBe(true);
});

it("tells a person all the errors of a refused run, with their places", () => {
  const { nodes, ...rest } = graph("a -> a", { types: { a: "magic" } });
  const document: Workflow = { ...rest, nodes: [...nodes, ...nodes] };
  expect(refusalMessage(problemsOf(document, typed()))).toBe(
    "Workflow validation failed: " +
      "DUPLICATE_NODE_ID at nodes[1].id: The id 'a' is taken by nodes[0]. Give this node an id of its own.; " +
      "CYCLE_DETECTED at edges: Workflow contains a cycle: a -> a. Remove one of these edges.",
  );
});

it("tells twenty errors and how many more there are", () => {
  const { nodes, ...rest } = graph("a");
  const copies = Array.from({ length: 25 }, () => nodes[0]!);
  const message = refusalMessage(problemsOf({ ...rest, nodes: copies }));
  expect(message.match(/DUPLICATE_NODE_ID/g)?.length).toBe(20);
  expect(message.endsWith("; and 4 more")).toBe(true);
});
