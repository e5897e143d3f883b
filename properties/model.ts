/**
 * What the spec says, done the slowest and plainest way: whole-graph scans, lists for sets, nothing stored that could be
 * worked out again. Written from the spec alone; the engine is held to it, so nothing here may be taken from `src/core`.
 */
import type { JsonValue, NodeRuntimeValues, RuntimeValue } from "#core/value";
import type { Edge, Node, Workflow } from "#core/workflow";
import type { Behaviour, Scenario } from "./arbitraries.ts";
import { timeoutMillis } from "./arbitraries.ts";

interface Skip {
  readonly skipReason: "upstream_failure" | "conditional_branch";
  readonly blockedBy: readonly string[];
  readonly cause: "failure" | "branch";
}

/** How a node ends. */
export type Outcome =
  | { readonly status: "completed"; readonly outputs: NodeRuntimeValues; readonly usage: number }
  | { readonly status: "failed"; readonly error: string }
  | ({ readonly status: "skipped" } & Skip);

export type Outcomes = ReadonlyMap<string, Outcome>;

const distinct = <A>(items: readonly A[]): readonly A[] =>
  items.filter((item, index) => items.indexOf(item) === index);

/** Declared ids, then those that only edges name, as they name them. */
export const idsOf = ({ nodes, edges }: Workflow): readonly string[] =>
  distinct([
    ...nodes.map(({ id }) => id),
    ...edges.flatMap(({ source, target }) => [source, target]),
  ]);

export const nodeOf = ({ nodes }: Workflow, id: string): Node | undefined =>
  nodes.find((node) => node.id === id);

export const inboundOf = ({ edges }: Workflow, id: string): readonly Edge[] =>
  edges.filter((edge) => edge.target === id);

export const upstreamsOf = (workflow: Workflow, id: string): readonly string[] =>
  distinct(inboundOf(workflow, id).map(({ source }) => source));

export const dependentsOf = ({ edges }: Workflow, id: string): readonly string[] =>
  distinct(edges.filter(({ source }) => source === id).map(({ target }) => target));

/** Everything that edges lead to from these nodes, at any distance. */
export const downstreamOf = (workflow: Workflow, ids: readonly string[]): ReadonlySet<string> => {
  const found = new Set<string>();
  for (let next = ids; next.length > 0;) {
    next = distinct(next.flatMap((id) => dependentsOf(workflow, id))).filter(
      (id) => !found.has(id),
    );
    for (const id of next) found.add(id);
  }
  return found;
};

/**
 * GRAPH-1. A node waits in line from the moment its last upstream is placed; among those that one node set free, its edges
 * say who comes first. Nodes that wait for nothing stand in line first, as they are declared. Undefined when nodes are left
 * over, since they are on a cycle or behind one.
 */
export const orderOf = (workflow: Workflow): readonly string[] | undefined => {
  const ids = idsOf(workflow);
  const placed: string[] = [];
  const turnOf = (id: string): readonly [number, number] => {
    const last = Math.max(-1, ...upstreamsOf(workflow, id).map((source) => placed.indexOf(source)));
    const edge = workflow.edges.findIndex((e) => e.source === placed[last] && e.target === id);
    return last < 0 ? [last, ids.indexOf(id)] : [last, edge];
  };
  for (;;) {
    const free = ids.filter(
      (id) =>
        !placed.includes(id) &&
        upstreamsOf(workflow, id).every((source) => placed.includes(source)),
    );
    const turns = free.map((id) => [id, ...turnOf(id)] as const);
    turns.sort(([, lastA, edgeA], [, lastB, edgeB]) => lastA - lastB || edgeA - edgeB);
    const [first] = turns;
    if (first === undefined) return placed.length === ids.length ? placed : undefined;
    placed.push(first[0]);
  }
};

/** The value that an edge carries, once its source is final. */
const carriedBy = (edge: Edge, outcomes: Outcomes): RuntimeValue | undefined => {
  const source = outcomes.get(edge.source);
  if (source?.status !== "completed") return undefined;
  return new Map(Object.entries(source.outputs)).get(edge.sourceOutput);
};

/** The sources whose edges into the node are blocked, each once; undefined when an edge is live or there is none. */
const blockersOf = (
  workflow: Workflow,
  outcomes: Outcomes,
  id: string,
): readonly string[] | undefined => {
  const inbound = inboundOf(workflow, id);
  if (inbound.length === 0) return undefined;
  if (inbound.some((edge) => carriedBy(edge, outcomes) !== undefined)) return undefined;
  return distinct(inbound.map(({ source }) => source));
};

/** SKIP-3: follows every chain of blockers to its end. */
const isFailureBehind = (workflow: Workflow, outcomes: Outcomes, id: string): boolean => {
  const chained = new Set([id]);
  for (const at of chained) {
    for (const blocker of blockersOf(workflow, outcomes, at) ?? []) {
      const { status } = outcomes.get(blocker)!;
      if (status === "failed") return true;
      if (status === "skipped") chained.add(blocker);
    }
  }
  return false;
};

/** SKIP-1, SKIP-2, SKIP-3: the skip of a node whose upstreams are all final, or undefined when it runs. */
export const skipOf = (workflow: Workflow, outcomes: Outcomes, id: string): Skip | undefined => {
  const blockers = blockersOf(workflow, outcomes, id);
  if (blockers === undefined) return undefined;
  const broken = blockers.filter((blocker) => outcomes.get(blocker)?.status !== "completed");
  return {
    skipReason: broken.length > 0 ? "upstream_failure" : "conditional_branch",
    blockedBy: broken.length > 0 ? broken : blockers,
    cause: isFailureBehind(workflow, outcomes, id) ? "failure" : "branch",
  };
};

/** VALUE-1. */
export const inputsOf = (
  { workflow, overrides }: Pick<Scenario, "workflow" | "overrides">,
  outcomes: Outcomes,
  id: string,
): NodeRuntimeValues => {
  const own = new Map<string, JsonValue>(
    Object.entries(new Map(Object.entries(overrides)).get(id) ?? {}),
  );
  const entries = (nodeOf(workflow, id)?.inputs ?? []).flatMap(
    ({ name, value, repeated }): [string, RuntimeValue][] => {
      const carried = inboundOf(workflow, id)
        .filter(({ targetInput }) => targetInput === name)
        .map((edge) => carriedBy(edge, outcomes))
        .filter((one) => one !== undefined);
      if (carried.length > 0)
        return [[name, repeated ? (carried.flat(1) as JsonValue[]) : carried.at(-1)!]];
      const standing = own.get(name) ?? value ?? null;
      return standing === null ? [] : [[name, standing]];
    },
  );
  return Object.fromEntries(entries);
};

/** What the node comes to if it runs. */
export const performanceOf = (
  workflow: Workflow,
  behaviours: ReadonlyMap<string, Behaviour>,
  id: string,
): Outcome => {
  const behaviour = behaviours.get(id);
  if (behaviour === undefined) return { status: "failed", error: `Node not found: ${id}` };
  switch (behaviour.does) {
    case "complete":
    case "recover": {
      const { outputs, usage } = behaviour;
      return { status: "completed", outputs, usage };
    }
    case "fail":
    case "throw":
    case "exhaust":
      return { status: "failed", error: behaviour.error };
    case "time out":
      return { status: "failed", error: `Timed out after ${timeoutMillis} ms` };
    case "lack its type":
      return {
        status: "failed",
        error: `Node type not implemented: ${nodeOf(workflow, id)?.type}`,
      };
  }
};

/** Settles whatever can be settled, again and again, until nothing is left. */
export const outcomesOf = (
  { workflow, behaviours }: Scenario,
  /** How a node ends that runs when these have ended. */
  perform: (id: string, before: Outcomes) => Outcome = (id) =>
    performanceOf(workflow, behaviours, id),
): Outcomes => {
  const outcomes = new Map<string, Outcome>();
  for (let before = -1; before < outcomes.size;) {
    before = outcomes.size;
    for (const id of idsOf(workflow)) {
      if (outcomes.has(id)) continue;
      if (!upstreamsOf(workflow, id).every((source) => outcomes.has(source))) continue;
      const skip = skipOf(workflow, outcomes, id);
      outcomes.set(id, skip === undefined ? perform(id, outcomes) : { status: "skipped", ...skip });
    }
  }
  return outcomes;
};

/** STATUS-1: the plain formula over the JSON form of a state. */
export const statusOf = (
  workflow: Workflow,
  json: {
    readonly executedNodes: readonly string[];
    readonly skippedNodes: readonly string[];
    readonly nodeErrors: Readonly<Record<string, string>>;
    readonly skipDetails: Readonly<Record<string, Skip>>;
  },
): "executing" | "error" | "completed" => {
  const failedNodes = Object.keys(json.nodeErrors);
  const isEveryNodeVisited = idsOf(workflow).every(
    (id) =>
      json.executedNodes.includes(id) || json.skippedNodes.includes(id) || failedNodes.includes(id),
  );
  if (!isEveryNodeVisited) return "executing";
  const isDone = (id: string): boolean =>
    workflow.settings?.statusPolicy === "branch-aware" &&
    new Map(Object.entries(json.skipDetails)).get(id)?.cause === "branch";
  const badSkips = json.skippedNodes.filter((id) => !isDone(id));
  return failedNodes.length > 0 || badSkips.length > 0 ? "error" : "completed";
};
