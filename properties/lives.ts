/**
 * How each node of a random workflow lives through a durable run: in one step, as pure computation, or in several steps with
 * sleeps and waits between them. What it comes to in the end is the scenario's word all the same.
 */
import * as fc from "fast-check";
import { recordOf } from "#core/value";
import type { Scenario } from "./arbitraries.ts";
import { scenario, scriptedType } from "./arbitraries.ts";

export const pureType = "scripted pure";
export const stepsType = "scripted steps";

/** One thing that a multi-step node does. */
export type Turn =
  | { readonly does: "step" | "sleep"; readonly name: string }
  | {
      readonly does: "wait";
      readonly name: string;
      readonly ends: "answered" | "timed out";
      /** How often it is woken by something that is no answer. */
      readonly strays: number;
    };

export type Life =
  | { readonly kind: "once" | "pure" }
  | {
      readonly kind: "steps";
      readonly first: string;
      /** What follows the first step. */
      readonly turns: readonly Turn[];
      /** Whether all of that happens at once. */
      readonly isTogether: boolean;
    };

export interface DurableScenario extends Scenario {
  /** By id, for every node of the document whose type exists. */
  readonly lives: ReadonlyMap<string, Life>;
}

const turnNames = [
  "b",
  "b/c",
  "c",
  "a / b",
  "a/b",
  "%2F",
  "%",
  "__proto__",
  "then",
  "🚀",
  " ",
  "\n",
  "long ".repeat(30),
];

const turnName = fc.constantFrom(...turnNames);

const turn: fc.Arbitrary<Turn> = fc.oneof(
  { arbitrary: fc.record({ does: fc.constant("step" as const), name: turnName }), weight: 3 },
  { arbitrary: fc.record({ does: fc.constant("sleep" as const), name: turnName }), weight: 2 },
  {
    arbitrary: fc.record({
      does: fc.constant("wait" as const),
      name: turnName,
      ends: fc.constantFrom("answered" as const, "answered" as const, "timed out" as const),
      strays: fc.constantFrom(0, 0, 1, 2),
    }),
    weight: 3,
  },
);

const steps: fc.Arbitrary<Life> = fc
  .record({
    first: turnName,
    turns: fc.uniqueArray(turn, { maxLength: 4, selector: ({ name }) => name }),
    isTogether: fc.boolean(),
  })
  .map(({ first, turns, isTogether }) => ({
    kind: "steps",
    first,
    turns: turns.filter(({ name }) => name !== first),
    isTogether,
  }));

const life: fc.Arbitrary<Life> = fc.oneof(
  { arbitrary: fc.constant<Life>({ kind: "once" }), weight: 3 },
  { arbitrary: fc.constant<Life>({ kind: "pure" }), weight: 3 },
  { arbitrary: steps, weight: 4 },
);

const typeOf: Readonly<Record<Life["kind"], string>> = {
  once: scriptedType,
  pure: pureType,
  steps: stepsType,
};

/** Ids and steps that are one text once a careless hand puts them together. */
const confusing: readonly (readonly [id: string, life: Life])[] = [
  ["a", { kind: "steps", first: "b", turns: [{ does: "step", name: "b/c" }], isTogether: false }],
  ["a/b", { kind: "steps", first: "c", turns: [], isTogether: false }],
  ["a/b/c", { kind: "once" }],
  ["a / b", { kind: "once" }],
];

const withIds = (played: Scenario, newIds: ReadonlyMap<string, string>): Scenario => {
  const idOf = (id: string): string => newIds.get(id) ?? id;
  const { workflow, behaviours, overrides } = played;
  return {
    ...played,
    workflow: {
      ...workflow,
      nodes: workflow.nodes.map((node) => ({ ...node, id: idOf(node.id) })),
      edges: workflow.edges.map((edge) => ({
        ...edge,
        source: idOf(edge.source),
        target: idOf(edge.target),
      })),
    },
    behaviours: new Map(Array.from(behaviours, ([id, behaviour]) => [idOf(id), behaviour])),
    overrides: recordOf(Object.entries(overrides).map(([id, own]) => [idOf(id), own])),
  };
};

const idOfAny = ({ workflow: { nodes, edges } }: Scenario): ReadonlySet<string> =>
  new Set([
    ...nodes.map(({ id }) => id),
    ...edges.flatMap(({ source, target }) => [source, target]),
  ]);

/** Which of the nodes take confusing ids, if any: the first ones whose type exists, in a random order. */
const newIdsOf = (played: Scenario, picks: readonly number[]): ReadonlyMap<string, string> => {
  const taken = idOfAny(played);
  if (confusing.some(([id]) => taken.has(id))) return new Map();
  const scripted = played.workflow.nodes.filter(({ type }) => type === scriptedType);
  const chosen = picks.map((pick) => scripted[pick % Math.max(1, scripted.length)]?.id);
  const ids = [...new Set(chosen)].filter((id) => id !== undefined);
  return new Map(ids.map((id, at) => [id, confusing[at]![0]]));
};

const lifeScenario = (
  plain: Scenario,
  {
    lives,
    maxConcurrency,
    picks,
  }: {
    readonly lives: readonly Life[];
    readonly maxConcurrency: number | undefined;
    readonly picks: readonly number[];
  },
): DurableScenario => {
  const played = withIds(plain, newIdsOf(plain, picks));
  const { workflow } = played;
  const own = new Map(picks.length === 0 ? [] : confusing);
  const byId = new Map(
    workflow.nodes.flatMap(({ id, type }, at): [string, Life][] =>
      type === scriptedType ? [[id, own.get(id) ?? lives[at]!]] : [],
    ),
  );
  return {
    ...played,
    lives: byId,
    workflow: {
      ...workflow,
      nodes: workflow.nodes.map((node) => {
        const life = byId.get(node.id);
        return life === undefined ? node : { ...node, type: typeOf[life.kind] };
      }),
      settings: {
        ...workflow.settings,
        ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
      },
    },
  };
};

export const durableScenario: fc.Arbitrary<DurableScenario> = scenario.chain((played) => {
  const size = played.workflow.nodes.length;
  return fc
    .record({
      lives: fc.array(life, { minLength: size, maxLength: size }),
      maxConcurrency: fc.constantFrom(undefined, undefined, 1, 3),
      picks: fc.oneof(
        fc.constant<number[]>([]),
        fc.array(fc.nat(40), { minLength: 4, maxLength: 4 }),
      ),
    })
    .map((facts) => lifeScenario(played, facts));
});

/** The same in the thrifty plan. */
export const thrifty = (played: DurableScenario): DurableScenario => ({
  ...played,
  workflow: { ...played.workflow, settings: { ...played.workflow.settings, steps: "effects" } },
});

/** In the full plan, or in the thrifty one. */
export const durable: fc.Arbitrary<DurableScenario> = fc
  .tuple(durableScenario, fc.boolean())
  .map(([played, isThrifty]) => (isThrifty ? thrifty(played) : played));
