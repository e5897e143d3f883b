import { describe, expect, it } from "vitest";
import type { InputOverrides } from "#core/inputs";
import { nodeHash } from "#core/redrive-node";
import type { JsonValue, NodeRuntimeValues } from "#core/value";
import type { Edge, Node, Parameter, Workflow } from "#core/workflow";
import { graph } from "../support/graph.ts";
import { kept, ran, target, told } from "./redrive-plan.ts";
import { graphOf } from "./settle.ts";

/** `a -> b -> c` and `z` alone, all completed. */
const corrected = (
  correct: (b: Node) => Node,
  options: Partial<Parameter> = {},
): readonly string[] => {
  const port: Parameter = { name: "x", type: "number", value: 1, ...options };
  const workflow = graph("a -> b -> c", "z", {
    inputs: { "b:x": port },
    policies: { b: { retries: { limit: 1, delay: 5, backoff: "linear" }, timeout: 50 } },
  });
  const nodes = workflow.nodes.map((node) => (node.id === "b" ? correct(node) : node));
  const source = ran(workflow, { a: { out: 1 }, b: { out: 2 }, c: {}, z: {} });
  return told(source, target({ ...workflow, nodes }));
};

/** Corrects port `x` of `b`. */
const withPort =
  (change: Partial<Parameter>) =>
  (b: Node): Node => ({
    ...b,
    inputs: b.inputs.map((port) => (port.name === "x" ? { ...port, ...change } : port)),
  });

const isChanged = [
  ...kept("a", "z"),
  "b: its definition has changed",
  "c: 'b' upstream of it runs again",
];
const isKept = kept("a", "z", "b", "c");

describe("a corrected node", () => {
  const changes: readonly (readonly [what: string, (b: Node) => Node])[] = [
    ["another type", (b) => ({ ...b, type: "other" })],
    ["another literal", withPort({ value: 2 })],
    ["no literal", (b) => ({ ...b, inputs: [b.inputs[0]!, { name: "x", type: "number" }] })],
    ["a literal of another type", withPort({ value: "1" })],
    ["another default", withPort({ default: 1 })],
    ["an input of another type", withPort({ type: "any" })],
    ["an input by another name", withPort({ name: "y" })],
    ["an input that is required", withPort({ required: true })],
    ["an input that is repeated", withPort({ repeated: true })],
    ["a minimum", withPort({ minimum: 1 })],
    ["a maximum", withPort({ maximum: 1 })],
    ["a choice of values", withPort({ enum: [1] })],
    ["a format", withPort({ format: "email" })],
    ["one input less", (b) => ({ ...b, inputs: b.inputs.slice(0, 1) })],
    ["another order of inputs", (b) => ({ ...b, inputs: b.inputs.toReversed() })],
    ["one output more", (b) => ({ ...b, outputs: [...b.outputs, { name: "y", type: "any" }] })],
    ["no policy", ({ policy: _policy, ...b }) => b],
    ["no retries", (b) => ({ ...b, policy: { timeout: 50 } })],
    ["another timeout", (b) => ({ ...b, policy: { ...b.policy, timeout: 51 } })],
    [
      "more retries",
      (b) => ({ ...b, policy: { ...b.policy, retries: { ...b.policy!.retries!, limit: 2 } } }),
    ],
    [
      "another delay",
      (b) => ({ ...b, policy: { ...b.policy, retries: { ...b.policy!.retries!, delay: 6 } } }),
    ],
    [
      "another backoff",
      (b) => ({
        ...b,
        policy: { ...b.policy, retries: { ...b.policy!.retries!, backoff: "constant" } },
      }),
    ],
  ];

  it.each(changes)("runs again with %s, and all behind it", (_what, correct) => {
    expect(corrected(correct)).toEqual(isChanged);
  });

  const touches: readonly (readonly [what: string, (b: Node) => Node])[] = [
    ["another name", (b) => ({ ...b, name: "B" })],
    ["another place", (b) => ({ ...b, position: { x: 1, y: 2 } })],
    ["another description", (b) => ({ ...b, description: "better" })],
    ["a port that is described and hidden", withPort({ description: "better", hidden: true })],
    ["what is so anyway said aloud", withPort({ required: false, repeated: false })],
    ["keys that nobody reads", (b) => ({ ...b, colour: "red" }) as Node],
    [
      "keys in another order",
      ({ id, policy, ...b }) => ({
        policy: { timeout: policy!.timeout!, retries: policy!.retries! },
        outputs: b.outputs,
        inputs: b.inputs.map(({ name, value, type }) =>
          value === undefined ? { type, name } : { value, type, name },
        ),
        type: b.type,
        name: b.name,
        id,
      }),
    ],
  ];

  it.each(touches)("is taken over with %s", (_what, correct) => {
    expect(corrected(correct)).toEqual(isKept);
  });

  const pairs: readonly (readonly [JsonValue, JsonValue])[] = [
    [
      [1, [2]],
      [[1], 2],
    ],
    [
      [1, 2],
      [2, 1],
    ],
    [[[], 1], [[1]]],
    [["1,1"], ["1", "1"]],
    [["a", "b"], { a: "b" }],
    [
      { a: 1, b: 2 },
      { a: 2, b: 1 },
    ],
    [{ a: { b: 1 } }, { a: {}, b: 1 }],
    [{}, []],
    [[null], ["null"]],
    [[true], ["true"]],
    [12, [1, 2]],
    ["\ud83d", "\ud83e"],
    [JSON.parse('{ "__proto__": 1 }') as JsonValue, {}],
  ];

  it.each(pairs)("tells the literal %j from %j", (value, other) => {
    expect(corrected(withPort({ value: other }), { value })).toEqual(isChanged);
    expect(corrected(withPort({ value: structuredClone(value) }), { value })).toEqual(isKept);
  });

  it("takes literals for the same whose keys stand in another order", () => {
    const value = { a: [{ b: 1, c: 2 }], d: {} };
    const other = { d: {}, a: [{ c: 2, b: 1 }] };
    expect(corrected(withPort({ value: other }), { value })).toEqual(isKept);
  });

  it("takes a literal of null for none", () => {
    const none = ({ inputs, ...b }: Node): Node => ({
      ...b,
      inputs: inputs.map(({ value: _value, ...port }) => port),
    });
    expect(corrected(none, { value: null })).toEqual(isKept);
  });

  it("may hold a literal that nests deeper than the call stack", () => {
    const deep = (innermost: JsonValue): JsonValue => {
      let value = innermost;
      for (let depth = 0; depth < 100_000; depth++) value = depth % 2 === 0 ? [value] : { value };
      return value;
    };
    expect(corrected(withPort({ value: deep(1) }), { value: deep(1) })).toEqual(isKept);
    expect(corrected(withPort({ value: deep(2) }), { value: deep(1) })).toEqual(isChanged);
  });
});

describe("corrected overrides", () => {
  const workflow = graph("a -> b -> c", "z", {
    inputs: { "b:x": { value: 1 }, "b:y": {}, "z:x": {} },
  });
  const ends = { a: { out: 1 }, b: { out: 2 }, c: {}, z: {} };
  const override = (
    before: InputOverrides | undefined,
    now: InputOverrides | undefined,
  ): readonly string[] => told(ran(workflow, ends, before), target(workflow, { overrides: now }));
  const runsAgain = [
    ...kept("a", "z"),
    "b: its inputs have changed",
    "c: 'b' upstream of it runs again",
  ];

  it.each([
    [undefined, { b: { x: 2 } }],
    [{ b: { x: 2 } }, undefined],
    [{ b: { x: 2 } }, { b: { x: 3 } }],
    [{ b: { x: 2 } }, { b: { y: 2 } }],
    [{ b: { x: { k: 1 } } }, { b: { x: { k: "1" } } }],
  ])("run a node again when it gets %j no more but %j", (before, now) => {
    expect(override(before, now)).toEqual(runsAgain);
  });

  it.each([
    [
      "the same",
      { b: { x: { k: 1, l: 2 } }, z: { x: 2 } },
      { z: { x: 2 }, b: { x: { l: 2, k: 1 } } },
    ],
    ["what the document says", {}, { b: { x: 1 } }],
    ["null, which replaces nothing", {}, { b: { x: null, y: null } }],
    ["an input that the node lacks", {}, { b: { w: 1, toString: 1 } }],
    ["an input that an edge fills", {}, { b: { in: 5 } }],
    ["a node that is not there", {}, { gone: { x: 1 } }],
  ] as readonly (readonly [string, InputOverrides, InputOverrides])[])(
    "change nothing when they are of %s",
    (_what, before, now) => {
      expect(override(before, now)).toEqual(kept("a", "z", "b", "c"));
    },
  );

  it("count for an input whose edge carried nothing", () => {
    const forked = graph("fork:a -> b", "fork:b -> b:y");
    const source = ran(forked, { fork: { a: 1 }, b: {} });
    expect(told(source, target(forked, { overrides: { b: { in: 2 } } }))).toEqual(
      kept("fork", "b"),
    );
    expect(told(source, target(forked, { overrides: { b: { y: 2 } } }))).toEqual([
      ...kept("fork"),
      "b: its inputs have changed",
    ]);
  });

  it("count for an input whose edge is from an output called like a property of every object", () => {
    const lines = graph("fork -> b", "fork:toString -> b:y");
    const source = ran(lines, { fork: { out: 1 }, b: {} });
    expect(told(source, target(lines, { overrides: { b: { y: 2 } } }))).toEqual([
      ...kept("fork"),
      "b: its inputs have changed",
    ]);
  });

  it("count when the document is the very same", () => {
    const source = ran(workflow, ends);
    const overrides = { b: { x: 2 } };
    expect(told(source, { graph: source.graph!, overrides })).toEqual(runsAgain);
  });
});

describe("corrected edges", () => {
  const workflow = graph("a:x -> c:one", "a:y -> c:two", "b:x -> c:one", {
    outputs: { "b:y": {} },
  });
  const source = ran(workflow, { a: { x: 1, y: 2 }, b: { x: 1, y: 2 }, c: {} });
  const [ax, ay, bx] = workflow.edges as readonly [Edge, Edge, Edge];
  const wired = (...edges: readonly Edge[]): readonly string[] =>
    told(source, target({ ...workflow, edges }));
  const runsAgain = [...kept("a", "b"), "c: its inputs have changed"];

  it("run the node again where one is gone, is new, or comes from elsewhere", () => {
    expect(wired(ax, ay)).toEqual(runsAgain);
    expect(wired(ax, ay, bx, { ...bx, targetInput: "two" })).toEqual(runsAgain);
    expect(wired({ ...ax, sourceOutput: "y" }, ay, bx)).toEqual(runsAgain);
    expect(wired(ax, { ...ay, source: "b" }, bx)).toEqual(runsAgain);
    expect(wired(ax, { ...ay, targetInput: "one" }, bx)).toEqual(runsAgain);
    expect(wired()).toEqual([...kept("a"), "c: its inputs have changed", ...kept("b")]);
  });

  it("run the node again when others come last into an input, and not when they only stand otherwise", () => {
    expect(wired(bx, ay, ax)).toEqual(runsAgain);
    expect(wired(ay, ax, bx)).toEqual(kept("a", "b", "c"));
  });
});

describe("the hash of a node", () => {
  const workflow = graph("a -> b", { inputs: { "b:x": { value: { k: 1, l: 2 } } } });
  const hashOf = (
    document: Workflow,
    inputs: NodeRuntimeValues = { in: 1, x: { k: 1, l: 2 } },
  ): string => nodeHash(graphOf(document).nodesById.get("b")!, inputs);

  it("is always the same, in whatever order keys stand", () => {
    expect(hashOf(workflow)).toMatchInlineSnapshot(`"5ee2d2e0b1591c1e"`);
    expect(hashOf(workflow, { x: { l: 2, k: 1 }, in: 1 })).toBe(hashOf(workflow));
  });

  it("is another for another definition, other edges and other inputs", () => {
    const hashes = [
      hashOf(workflow),
      hashOf(graph("a -> b", { inputs: { "b:x": { value: { k: 1, l: 3 } } } })),
      hashOf({ ...workflow, edges: [] }),
      hashOf(workflow, { in: 2, x: { k: 1, l: 2 } }),
      hashOf(workflow, {}),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it("exists for a missing node", () => {
    const gone = graphOf(graph("a -> b", { missing: ["b"] })).nodesById.get("b")!;
    expect(nodeHash(gone, {})).toMatch(/^[0-9a-f]{16}$/);
  });
});
