/**
 * What people change in a document before they run it again: some of it matters to the nodes' results and some does not.
 * `redrives` are runs of random workflows, over or cut short, with the corrected document that is to go on from them.
 */
import * as fc from "fast-check";
import type { WorkflowExecution } from "#core/report";
import { reportExecution } from "#core/report";
import type { JsonValue } from "#core/value";
import { recordOf } from "#core/value";
import type { Edge, Node, Parameter, Workflow } from "#core/workflow";
import type { Behaviour, Scenario } from "./arbitraries.ts";
import { runtimeValue, scenario, scriptedType, settleOrder } from "./arbitraries.ts";
import { idsOf, orderOf, outcomesOf } from "./model.ts";
import { play } from "./play.ts";
import type { Document, Redrive } from "./redrive-model.ts";
import { tellingNodes } from "./redrive-model.ts";

/** Where a correction strikes, and with what. */
interface Pick {
  readonly at: number;
  readonly other: number;
  readonly value: JsonValue;
}

type Correction = (document: Document, pick: Pick) => Document;

const picked = <A>(items: readonly A[], at: number): A | undefined => items[at % items.length];

const withWorkflow = ({ workflow, overrides }: Document, change: Partial<Workflow>): Document => ({
  workflow: { ...workflow, ...change },
  overrides,
});

const onNode =
  (change: (node: Node, pick: Pick) => Node): Correction =>
  (document, pick) => {
    const { nodes } = document.workflow;
    const struck = picked(nodes, pick.at);
    return withWorkflow(document, {
      nodes: nodes.map((node) => (node === struck ? change(node, pick) : node)),
    });
  };

const onInput = (change: (port: Parameter, pick: Pick) => Parameter): Correction =>
  onNode((node, pick) => {
    const struck = picked(node.inputs, pick.other);
    return {
      ...node,
      inputs: node.inputs.map((port) => (port === struck ? change(port, pick) : port)),
    };
  });

/** Overrides one input of a node, unless there is nothing to override it with. */
const onOverride =
  (
    choose: (
      node: Node,
      pick: Pick,
      own: ReadonlyMap<string, JsonValue>,
    ) => readonly [input: string, value: JsonValue] | undefined,
  ): Correction =>
  ({ workflow, overrides }, pick) => {
    const node = picked(workflow.nodes, pick.at);
    const all = new Map(Object.entries(overrides));
    const own = new Map(Object.entries(all.get(node?.id ?? "") ?? {}));
    const chosen = node && choose(node, pick, own);
    if (chosen === undefined) return { workflow, overrides };
    all.set(node!.id, recordOf(own.set(...chosen)));
    return { workflow, overrides: recordOf(all) };
  };

/** An edge between any two nodes that closes no cycle. */
const edgeBetween = ({ workflow }: Document, { at, other, value }: Pick): Edge | undefined => {
  const order = orderOf(workflow)!;
  const target = picked(order.slice(1), at);
  const source = target && picked(order.slice(0, order.indexOf(target)), other);
  if (target === undefined || source === undefined) return undefined;
  const turn = JSON.stringify(value).length;
  const nodeNamed = (id: string): Node | undefined => workflow.nodes.find((node) => node.id === id);
  return {
    source,
    sourceOutput: picked(nodeNamed(source)?.outputs ?? [], turn)?.name ?? "out",
    target,
    targetInput: picked(nodeNamed(target)?.inputs ?? [], turn)?.name ?? "in",
  };
};

const newIdIn = ({ workflow }: Document): string => {
  let id = "brand new";
  while (idsOf(workflow).includes(id)) id += " again";
  return id;
};

const newNode = (id: string): Node => ({
  id,
  name: "New",
  type: scriptedType,
  inputs: [{ name: "in", type: "any" }],
  outputs: [{ name: "out", type: "any" }],
});

/** Turns the keys round, all the way down. */
const turned = <A>(value: A): A =>
  (Array.isArray(value)
    ? value.map(turned)
    : typeof value === "object" && value !== null
      ? recordOf(
          Object.entries(value)
            .toReversed()
            .map(([key, part]) => [key, turned(part)]),
        )
      : value) as A;

/** No node's result depends on these. */
const idle = {
  "another name": onNode((node) => ({ ...node, name: "Renamed" })),
  "another place": onNode((node) => ({ ...node, position: { x: 1, y: 2 } })),
  "a description": onNode((node) => ({ ...node, description: "better" })),
  "a hidden input": onInput((port) => ({ ...port, hidden: true, description: "better" })),
  "false said aloud": onInput((port) => ({ ...port, required: port.required ?? false })),
  "keys turned round": turned,
  "a node moved to the end": (document, { at }) => {
    const { nodes } = document.workflow;
    const moved = picked(nodes, at);
    const rest = nodes.filter((node) => node !== moved);
    return withWorkflow(document, { nodes: moved === undefined ? rest : [...rest, moved] });
  },
  "edges sorted by target": (document) => {
    const { edges } = document.workflow;
    const targets = [...new Set(edges.map(({ target }) => target))].toReversed();
    return withWorkflow(document, {
      edges: targets.flatMap((target) => edges.filter((edge) => edge.target === target)),
    });
  },
  "an override that nobody takes": onOverride((_node, { value }) => ["nobody's", value]),
  "an override of what the document says": onOverride(({ inputs }, { other }, own) => {
    const input = picked(inputs, other);
    return input === undefined || own.has(input.name)
      ? undefined
      : [input.name, input.value ?? null];
  }),
} satisfies Readonly<Record<string, Correction>>;

/** These change what a node is. */
const definitions = {
  "a literal": onInput((port, { value }) => ({ ...port, value })),
  "no literal": onInput(({ value: _value, ...port }) => port),
  "an input that is repeated": onInput((port) => ({ ...port, repeated: true })),
  "another type": onNode((node) => ({ ...node, type: `${node.type} 2` })),
  "a policy": onNode((node, { at }) => ({ ...node, policy: { timeout: 1_000 + (at % 3) } })),
  "an output more": onNode((node) => ({
    ...node,
    outputs: [...node.outputs, { name: `out ${node.outputs.length}`, type: "any" }],
  })),
} satisfies Readonly<Record<string, Correction>>;

/** These may change what reaches a node. */
const supplies = {
  "an override": onOverride(({ inputs }, { other, value }) => {
    const input = picked(inputs, other);
    return input && [input.name, value];
  }),
  "no overrides": ({ workflow }) => ({ workflow, overrides: {} }),
  "an edge less": (document, { at }) => {
    const { edges } = document.workflow;
    const gone = picked(edges, at);
    return withWorkflow(document, { edges: edges.filter((edge) => edge !== gone) });
  },
  "an edge more": (document, pick) => {
    const edge = edgeBetween(document, pick);
    return withWorkflow(document, {
      edges: [...document.workflow.edges, ...(edge === undefined ? [] : [edge])],
    });
  },
  "edges the other way round": (document) =>
    withWorkflow(document, { edges: document.workflow.edges.toReversed() }),
  "a new node that feeds another": (document, { at }) => {
    const { nodes, edges } = document.workflow;
    const fed = picked(nodes, at);
    const source = newIdIn(document);
    const input = fed?.inputs[0]?.name ?? "in";
    const edge = { source, sourceOutput: "out", target: fed?.id ?? source, targetInput: input };
    return withWorkflow(document, {
      nodes: [...nodes, newNode(source)],
      edges: fed === undefined ? edges : [...edges, edge],
    });
  },
  "a node less": (document, { at }) => {
    const { nodes } = document.workflow;
    const gone = picked(nodes, at);
    return withWorkflow(document, { nodes: nodes.filter((node) => node !== gone) });
  },
  "a missing node that is there": (document, { at }) => {
    const { workflow } = document;
    const id = picked(
      idsOf(workflow).filter((one) => !workflow.nodes.some((node) => node.id === one)),
      at,
    );
    if (id === undefined) return document;
    return withWorkflow(document, { nodes: [...workflow.nodes, newNode(id)] });
  },
} satisfies Readonly<Record<string, Correction>>;

const pick: fc.Arbitrary<Pick> = fc.record({
  at: fc.nat(1_000),
  other: fc.nat(1_000),
  value: runtimeValue as fc.Arbitrary<JsonValue>,
});

type Correct = (document: Document) => Document;

const correctionsAmong = (
  corrections: readonly Correction[],
  maxLength: number,
): fc.Arbitrary<Correct> =>
  fc.array(fc.tuple(fc.constantFrom(...corrections), pick), { maxLength }).map(
    (list): Correct =>
      (document) =>
        list.reduce((corrected, [correct, where]) => correct(corrected, where), document),
  );

/** Changes that no node's result depends on. */
const idleCorrection: fc.Arbitrary<Correct> = correctionsAmong(Object.values(idle), 6);
/** Most of what is struck has failed or stands behind something that has, so what is hard to hit comes twice. */
const anyCorrection = correctionsAmong(
  [idle, definitions, supplies, supplies].flatMap((kind): Correction[] => Object.values(kind)),
  5,
);

interface Ran {
  readonly played: Scenario;
  readonly execution: WorkflowExecution;
  /** Numbers of what telling nodes were and got. */
  readonly known: Map<string, number>;
}

/** A run of telling nodes, over or cut short. Every other entry may come from a run before it. */
const ran: fc.Arbitrary<Ran> = fc
  .record({
    drawn: scenario,
    order: settleOrder,
    cut: fc.oneof({ arbitrary: fc.constant(null), weight: 3 }, fc.nat(1_000)),
    isRedriven: fc.boolean(),
  })
  .map(({ drawn, order, cut, isRedriven }) => {
    const known = new Map<string, number>();
    const outcomes = outcomesOf(drawn, tellingNodes(drawn, drawn.behaviours, known));
    const behaviours = [...drawn.behaviours].map(([id, behaviour]): [string, Behaviour] => {
      const outcome = outcomes.get(id);
      return [id, outcome?.status === "completed" ? { ...outcome, does: "complete" } : behaviour];
    });
    const { states } = play({ ...drawn, behaviours: new Map(behaviours) }, order);
    const state = states[cut === null ? states.length - 1 : cut % states.length]!;
    const facts = { executionId: "earlier run", startedAt: 0, endedAt: 9 };
    const execution = reportExecution(state, facts);
    const nodeExecutions = execution.nodeExecutions.map((entry, at) =>
      isRedriven && at % 2 === 0 && entry.status === "completed"
        ? { ...entry, reusedFrom: "first run" }
        : entry,
    );
    return { played: drawn, execution: { ...execution, nodeExecutions }, known };
  });

export interface RandomRedrive extends Redrive, Ran {}

const redriveOf = (
  { played, ...rest }: Ran,
  correct: Correct,
  from: number | null,
): RandomRedrive => {
  const before = { workflow: played.workflow, overrides: played.overrides };
  const after = correct(before);
  const chosen = from === null ? undefined : picked(idsOf(after.workflow), from);
  return { ...rest, played, before, after, from: chosen };
};

const chosenPlace = fc.oneof({ arbitrary: fc.constant(null), weight: 3 }, fc.nat(1_000));

/** Of the same document, or a corrected one, from a chosen node or not. */
export const redrive: fc.Arbitrary<RandomRedrive> = fc
  .tuple(ran, anyCorrection, chosenPlace)
  .map(([earlier, correct, from]) => redriveOf(earlier, correct, from));

/** Of a document that says the same in other words. */
export const idleRedrive: fc.Arbitrary<RandomRedrive> = fc
  .tuple(ran, idleCorrection)
  .map(([earlier, correct]) => redriveOf(earlier, correct, null));

/** Of the same document, after a run in which every node completed. */
export const ranToItsEnd: fc.Arbitrary<RandomRedrive> = ran
  .filter(({ execution }) => execution.nodeExecutions.every(({ status }) => status === "completed"))
  .map((earlier) => redriveOf(earlier, structuredClone, null));
