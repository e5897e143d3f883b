/**
 * Random workflows and what their nodes will do. Everything that the laws promise something about turns up here often enough;
 * `arbitraries.test.ts` counts. Ids and port names are any strings, and many of them are chosen to break careless lookups.
 */
import * as fc from "fast-check";
import type { InputOverrides } from "#core/inputs";
import type { JsonValue, NodeRuntimeValues, RuntimeValue } from "#core/value";
import { recordOf } from "#core/value";
import type { Edge, Node, Parameter, Policy, Workflow } from "#core/workflow";
import type { Sketch } from "./shapes.ts";
import { knot, sketch } from "./shapes.ts";

/** What a node does once it runs. */
export type Behaviour =
  | {
      /** `recover` fails as often as its policy allows and completes with the last attempt. */
      readonly does: "complete" | "recover";
      readonly outputs: NodeRuntimeValues;
      readonly usage: number;
    }
  | { readonly does: "fail" | "throw" | "exhaust"; readonly error: string }
  | { readonly does: "time out" | "lack its type" };

export interface Scenario {
  readonly shape: Sketch["shape"];
  readonly workflow: Workflow;
  /** By id, for every node of the document. */
  readonly behaviours: ReadonlyMap<string, Behaviour>;
  readonly overrides: InputOverrides;
}

/** The type of every node whose type exists. Its ports are those that the document gives it. */
export const scriptedType = "scripted";
export const timeoutMillis = 1;

export const longId = "long ".repeat(2_000);
const longEmoji = "🚀".repeat(5_000);

const nastyNames: readonly string[] = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "then",
  " ",
  "\u200b",
  "\u200b\u200b",
  "\ufeff",
  "\n",
  "a\u0000b",
  "👩‍👩‍👧",
  "🚀",
  "\u00e9",
  "e\u0301",
  "null",
  "undefined",
  "2",
  "10",
  "-1",
  "a -> b",
  "a:out",
  "run node a",
  "'quoted'",
];

export const isNasty = (id: string): boolean =>
  nastyNames.includes(id) || id === longId || id === longEmoji;

const plainId = fc.nat(999).map((n) => `n${n}`);
const id: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: plainId, weight: 120 },
  { arbitrary: fc.constantFrom(...nastyNames), weight: 50 },
  { arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }), weight: 30 },
  { arbitrary: fc.constantFrom(longId, longEmoji), weight: 1 },
);

const outputName = fc.constantFrom("out", "true", "__proto__", "constructor", " ", "toString");
const inputName = fc.constantFrom("in", "a", "__proto__", "hasOwnProperty", "🚀", "valueOf");

/** Numbers that JSON can hold: finite, and no minus zero. */
const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
);
const word = fc.string({ unit: "grapheme", maxLength: 6 });
const leaf: fc.Arbitrary<JsonValue> = fc.oneof(number, word, fc.boolean(), fc.constant(null));

const objectOf = (value: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> =>
  fc
    .array(fc.tuple(fc.oneof(word, fc.constantFrom(...nastyNames)), value), { maxLength: 3 })
    .map(recordOf);
const listOf = (value: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> =>
  fc.array(value, { maxLength: 3 });

const reference = fc.record({ id: plainId, mimeType: fc.constantFrom("image/png", "text/plain") });
const nested: fc.Arbitrary<JsonValue> = fc.oneof(leaf, listOf(leaf), objectOf(leaf));

const json: fc.Arbitrary<JsonValue> = fc.oneof(
  { arbitrary: leaf, weight: 4 },
  { arbitrary: listOf(nested), weight: 3 },
  { arbitrary: objectOf(nested), weight: 1 },
  { arbitrary: reference, weight: 1 },
);
/** What may travel on an edge: anything but a bare null. */
export const runtimeValue: fc.Arbitrary<RuntimeValue> = json.map((value) => value ?? false);

const input: fc.Arbitrary<Parameter> = fc
  .record({
    name: inputName,
    repeated: fc.constantFrom(true, false, undefined),
    value: fc.option(json, { nil: undefined }),
  })
  .map(({ name, repeated, value }) => ({
    name,
    type: "any",
    ...(repeated === undefined ? {} : { repeated }),
    ...(value === undefined ? {} : { value }),
  }));

/** Most nodes complete, or hardly anything would run in a long chain. */
const deed = fc.oneof(
  { arbitrary: fc.constant("complete" as const), weight: 24 },
  { arbitrary: fc.constant("recover" as const), weight: 2 },
  { arbitrary: fc.constantFrom("fail" as const, "throw" as const), weight: 3 },
  { arbitrary: fc.constantFrom("exhaust" as const, "time out" as const), weight: 2 },
  { arbitrary: fc.constant("lack its type" as const), weight: 1 },
);

/** One node in twelve that edges name is not there. */
const isMissing = fc.nat(11).map((n) => n === 11);

const nodeFacts = fc.record({
  isMissing,
  deed,
  outputNames: fc.uniqueArray(outputName, { minLength: 1, maxLength: 3 }),
  inputs: fc.uniqueArray(input, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
  /** For each output: the value, or nothing when the output stays unpopulated. */
  values: fc.tuple(
    fc.option(runtimeValue, { nil: undefined, freq: 4 }),
    fc.option(runtimeValue, { nil: undefined, freq: 2 }),
    fc.option(runtimeValue, { nil: undefined, freq: 1 }),
  ),
  usage: fc.nat(5),
  error: fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  retries: fc.nat(2),
  type: fc.constantFrom("__proto__", "constructor", "no such type"),
});
type NodeFacts = typeof nodeFacts extends fc.Arbitrary<infer Facts> ? Facts : never;

const behaviourOf = ({ deed, outputNames, values, usage, error }: NodeFacts): Behaviour => {
  switch (deed) {
    case "complete":
    case "recover": {
      const populated = outputNames.flatMap((name, index): [string, RuntimeValue][] => {
        const value = values[index];
        return value === undefined ? [] : [[name, value]];
      });
      return { does: deed, outputs: recordOf(populated), usage };
    }
    case "fail":
    case "throw":
    case "exhaust":
      return { does: deed, error };
    case "time out":
    case "lack its type":
      return { does: deed };
  }
};

const policyOf = ({ deed, retries }: NodeFacts): Policy | undefined => {
  switch (deed) {
    case "recover":
    case "exhaust":
      return { retries: { limit: retries, delay: 0, backoff: "constant" } };
    case "time out":
      return { timeout: timeoutMillis };
    case "complete":
    case "fail":
    case "throw":
    case "lack its type":
      return undefined;
  }
};

const nodeOf = (id: string, facts: NodeFacts): Node => {
  const policy = policyOf(facts);
  return {
    id,
    name: `node ${id.slice(0, 20)}`,
    type: facts.deed === "lack its type" ? facts.type : scriptedType,
    inputs: facts.inputs,
    outputs: facts.outputNames.map((name) => ({ name, type: "any" })),
    ...(policy === undefined ? {} : { policy }),
  };
};

/** In a calm workflow all is well, in a branching one nothing fails; the others may do anything. */
const mood = fc.constantFrom(
  "calm" as const,
  "branching" as const,
  "rough" as const,
  "rough" as const,
);

const inMood = (facts: NodeFacts, mood: "calm" | "branching" | "rough"): NodeFacts => {
  if (mood === "rough") return facts;
  const { values } = facts;
  const isWell = facts.deed === "complete" || facts.deed === "recover";
  return {
    ...facts,
    isMissing: false,
    deed: isWell ? facts.deed : "complete",
    values: mood === "calm" ? [values[0] ?? 0, values[1] ?? 0, values[2] ?? 0] : values,
  };
};

/** One or two edges a link. Two that are equal are one: validation refuses the second. */
const portPicks = fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { minLength: 1, maxLength: 2 });

const exactly = <A>(one: fc.Arbitrary<A>, length: number): fc.Arbitrary<A[]> =>
  fc.array(one, { minLength: length, maxLength: length });

const places = (length: number): fc.Arbitrary<number[]> =>
  fc.shuffledSubarray([...Array(length).keys()], { minLength: length });

const overridesOf = (
  nodes: readonly Node[],
  picks: readonly (readonly [node: number, input: number, value: JsonValue])[],
): InputOverrides => {
  const byNode = new Map<string, [string, JsonValue][]>();
  for (const [pick, port, value] of picks) {
    const node = nodes[pick % (nodes.length + 1)];
    const entries = byNode.get(node?.id ?? "nobody") ?? [];
    entries.push([node?.inputs[port]?.name ?? "undeclared", value]);
    byNode.set(node?.id ?? "nobody", entries);
  }
  return recordOf(Array.from(byNode, ([id, entries]) => [id, recordOf(entries)]));
};

const scenarioOf = ({ shape, size, links }: Sketch): fc.Arbitrary<Scenario> =>
  fc
    .record({
      ids: fc.uniqueArray(id, { minLength: size, maxLength: size }),
      facts: exactly(nodeFacts, size),
      ports: exactly(portPicks, links.length),
      declared: places(size),
      drawn: places(links.length),
      overridden: fc.array(fc.tuple(fc.nat(40), fc.nat(3), json), { maxLength: 6 }),
      policy: fc.constantFrom("strict" as const, "branch-aware" as const, undefined),
      mood,
    })
    .map(({ ids, ports, declared, drawn, overridden, policy, mood, ...drafts }) => {
      const facts = drafts.facts.map((draft) => inMood(draft, mood));
      const isLinked = new Set(links.flat());
      const present = declared.filter((n) => !(facts[n]!.isMissing && isLinked.has(n)));
      const nodes = present.map((n) => nodeOf(ids[n]!, facts[n]!));
      const edges = new Map<string, Edge>();
      for (const at of drawn) {
        const [from, to] = links[at]!;
        const { outputNames } = facts[from]!;
        const { inputs } = facts[to]!;
        for (const [output, input] of ports[at]!) {
          const edge: Edge = {
            source: ids[from]!,
            sourceOutput: outputNames[output % outputNames.length]!,
            target: ids[to]!,
            targetInput: inputs[input % inputs.length]!.name,
          };
          edges.set(JSON.stringify(edge), edge);
        }
      }
      return {
        shape,
        workflow: {
          id: "workflow",
          name: "A workflow",
          trigger: "manual",
          nodes,
          edges: [...edges.values()],
          ...(policy === undefined ? {} : { settings: { statusPolicy: policy } }),
        },
        behaviours: new Map(present.map((n) => [ids[n]!, behaviourOf(facts[n]!)])),
        overrides: overridesOf(nodes, overridden),
      };
    });

export const scenario: fc.Arbitrary<Scenario> = sketch.chain(scenarioOf);
export const cyclicScenario: fc.Arbitrary<Scenario> = knot.chain(scenarioOf);

/** Names a valid settle order: what `play.ts` picks at each turn. 0 picks the first possible move each time. */
export const settleOrder: fc.Arbitrary<number> = fc.nat(2 ** 31);
