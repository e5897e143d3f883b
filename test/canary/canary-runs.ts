/** One run for each way that a run may go, made of the canary's nodes: a node `say 7` has the type `canary-say`. */
import type { ExecuteParams } from "#core/execution-context";
import type { JsonValue } from "#core/value";
import type { Policy, Workflow } from "#core/workflow";
import { graph } from "../support/graph.ts";
import { controlOrganizationId, organizationId } from "./canary-request.ts";
import { markerOf } from "./marker.ts";
import { allWaysOf } from "./ways.ts";

const typeOf = (id: string): string => {
  const [first] = id.split(" ");
  return first === "delay" ? "delay" : `canary-${first}`;
};

const typed = (id: string, document: Workflow): Workflow => ({
  ...document,
  id,
  nodes: document.nodes.map((node) => ({ ...node, type: typeOf(node.id) })),
});

const retries = (limit: number): Policy => ({
  retries: { limit, delay: 1, backoff: "constant" },
});

export interface Canaries {
  /** What people might write into what a run is told. */
  readonly told: readonly string[];
  /** Name -> SHA-256 of what a node reads under it. */
  readonly expected: Readonly<Record<string, string>>;
}

/** What comes from outside, by people who do not know what is secret. */
export const toldFrom = ({ told }: Canaries, marker: string): JsonValue => ({
  body: [...told, marker],
  encoded: allWaysOf([...told, marker]),
  ...Object.fromEntries([...told, marker].map((text) => [text, { key: text }])),
});

/** Run -> what it is started with. */
export const canaryRuns = (canaries: Canaries): Readonly<Record<string, ExecuteParams>> => {
  const checks = { value: canaries.expected };
  const expected = { inputs: { "check:expected": checks } };
  const params = (id: string, workflow: Workflow): ExecuteParams => ({
    workflow: typed(id, workflow),
    userId: "user",
    organizationId,
    computeCredits: 1_000_000,
  });
  const told = { trigger: toldFrom(canaries, markerOf("trigger")) };
  const chain = (length: number): string =>
    Array.from({ length }, (_, at) => `say ${at}`).join(" -> ");
  return {
    completed: {
      ...params(
        "completed",
        graph("output -> large -> file -> check", "trigger -> steps", "speaks -> floats", expected),
      ),
      ...told,
    },
    failed: params(
      "failed",
      graph(
        "output -> throw -> say",
        "failure -> say 2",
        "usage",
        "steps-throw",
        "steps-fail",
        "say 3 -> check",
        expected,
      ),
    ),
    retried: params(
      "retried",
      graph("recovers -> check", "exhausts -> say", "failure", "steps-throw", "steps-fail", {
        ...expected,
        policies: {
          recovers: retries(20),
          exhausts: retries(20),
          failure: retries(2),
          "steps-throw": retries(2),
          "steps-fail": retries(2),
        },
      }),
    ),
    "timed out": params(
      "timed out",
      graph("late -> say", "delay", "check", {
        inputs: { "delay:duration": { value: 2_000 }, "check:expected": checks },
        policies: { late: { timeout: 300 } },
      }),
    ),
    "left behind": params("left behind", graph("late", { policies: { late: { timeout: 300 } } })),
    waiting: params("waiting", graph("ask -> check", expected)),
    "waiting when killed": params("waiting when killed", graph("say -> ask -> check", expected)),
    cancelled: params("cancelled", graph("say -> hold -> say 2", "ask")),
    killed: params("killed", graph("output -> hold -> say -> check", expected)),
    spread: params("spread", graph(`${chain(90)} -> check`, "throw", "speaks", expected)),
    large: {
      ...params("large", graph("trigger", "check", expected)),
      trigger: { ...(told.trigger as object), filler: "x".repeat(1_200_000) },
    },
    "refused for its document": params(
      "refused for its document",
      graph("say", { inputs: { "say:in": { value: canaries.told } } }),
    ),
    "refused for its inputs": {
      ...params("refused for its inputs", graph("say", { inputs: { "say:in": {} } })),
      inputOverrides: { say: { in: canaries.told } },
    },
  };
};

/** One that goes wherever secrets may go, of an organization whose secrets nothing masks. */
export const controlRun = ({ told }: Pick<Canaries, "told">): ExecuteParams => ({
  workflow: typed(
    "control",
    graph("output -> large -> file", "trigger -> steps", "speaks -> floats", "throw -> say"),
  ),
  userId: "user",
  organizationId: controlOrganizationId,
  computeCredits: 1_000_000,
  trigger: told,
});
