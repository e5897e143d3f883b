/** A run with everything that a crash can hit: forks and joins, work in parallel, retries, failures, sleeps, waits. */
import type { Node, Parameter, Workflow } from "#core/workflow";
import { graph } from "../support/graph.ts";

const chainLength = 8;
const chains = ["x", "y", "z"];

const chain = (name: string, length: number): string =>
  ["start", ...Array.from({ length }, (_, at) => `${name}${at}`), "join"].join(" -> ");

const literals: Readonly<Record<string, Readonly<Record<string, Parameter["value"]>>>> = {
  recovers: { millis: 150, failures: 2 },
  exhausts: { millis: 100, failures: 99 },
  answers: { node: "waits", value: 1 },
  pauses: { duration: 900 },
  "times out": { timeout: 1_500 },
};

const types: Readonly<Record<string, string>> = {
  recovers: "crash-flaky",
  exhausts: "crash-flaky",
  answers: "crash-answer",
  waits: "wait-for-event",
  "times out": "wait-for-event",
  pauses: "delay",
};

const retries = { limit: 3, delay: 250, backoff: "constant" } as const;

/** How long a node works differs from run to run, so that kills hit different moments. */
const millisOf = (id: string, seed: number): number => {
  let mixed = seed + 1;
  for (const unit of id) mixed = (mixed * 31 + unit.charCodeAt(0)) % 997;
  return 50 + (mixed % 300);
};

export const crashWorkflow = (seed: number): Workflow => {
  const document = graph(
    ...chains.map((name) => chain(name, chainLength)),
    // Every fourth run takes more steps than its instance may, and is spread over several.
    ...(seed % 4 === 3 ? ["v", "w"].map((name) => chain(name, 20)) : []),
    "start:result -> recovers:value",
    "recovers:result -> after:value",
    "start:result -> exhausts:value",
    "exhausts:result -> skipped:value",
    "skipped:result -> skipped too:value",
    "start:result -> pauses:value",
    "pauses:value -> late:value",
    // The two stand next to each other in the order, so that both are in one part.
    "start:result -> answers:value",
    "start:result -> waits:value",
    "waits:data -> told:value",
    "times out:timeout -> gave up:value",
    "times out:data -> never:value",
    "after:result -> join:value",
    "late:result -> join:value",
    "told:result -> join:value",
    "gave up:result -> join:value",
    "join:result -> end:value",
    "end:result -> very end:value",
    { settings: { statusPolicy: "strict" } },
  );
  return {
    ...document,
    id: `crash-${seed}`,
    nodes: document.nodes.map((node): Node => {
      const type = types[node.id] ?? "crash-work";
      const own = literals[node.id] ?? { millis: millisOf(node.id, seed) };
      const inputs = Object.entries(own).flatMap(([name, value]): readonly Parameter[] =>
        value === undefined ? [] : [{ name, type: "any", value }],
      );
      return {
        ...node,
        type,
        inputs,
        outputs: [],
        ...(type === "crash-flaky" ? { policy: { retries } } : {}),
      };
    }),
    edges: document.edges.map((edge) => ({
      ...edge,
      sourceOutput: edge.sourceOutput === "out" ? "result" : edge.sourceOutput,
      targetInput: edge.targetInput === "in" ? "value" : edge.targetInput,
    })),
  };
};
