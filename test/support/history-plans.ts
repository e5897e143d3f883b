/** The runs that are recorded for each release: together they hold every kind of step that a run can take. */
import type { ExecuteParams } from "#core/execution-context";
import type { JsonValue } from "#core/value";
import type { Workflow } from "#core/workflow";
import type { RunCommand } from "#services/run-command";
import { graph } from "./graph.ts";

export type Deed =
  | RunCommand
  | { readonly answer: JsonValue; readonly of: string; readonly name?: string }
  /** An event of a wait that no answer stands behind. */
  | { readonly wake: string };

export interface HistoryPlan {
  readonly about: string;
  readonly workflow: Workflow;
  readonly params?: Partial<ExecuteParams>;
  /** Step -> what happens when it is asked for. */
  readonly deeds?: Readonly<Record<string, readonly Deed[]>>;
  /** The history whose run this one goes on from; it shares its stores. */
  readonly after?: string;
}

const longId = "long ".repeat(2_000);

export const historyPlans: Readonly<Record<string, HistoryPlan>> = {
  "fork-and-join": {
    about: "branches taken and not taken, joins of both, a missing node, a type that is not known",
    workflow: graph(
      "a -> f",
      "f:left -> l",
      "f:right -> r",
      "l -> both",
      "r -> both",
      "r -> behind",
      "gone -> c",
      "a -> odd",
      {
        types: {
          a: "effect",
          f: "fork",
          l: "effect",
          r: "effect",
          both: "effect",
          behind: "pure",
          c: "pure",
          odd: "no such type",
        },
        missing: ["gone"],
      },
    ),
  },
  failures: {
    about: "a failure and what it skips, a timeout, an input that is not there, overrides",
    workflow: graph("x -> y -> z", "slow -> after", "a", "need", {
      types: {
        x: "fail",
        y: "effect",
        z: "pure",
        slow: "hang",
        after: "effect",
        a: "effect",
        need: "effect",
      },
      policies: { slow: { timeout: "30 seconds" } },
      inputs: { "a:in": { value: 1 }, "need:must": { required: true } },
    }),
    params: { inputOverrides: { a: { in: 41 } }, trigger: { from: "somebody" } },
  },
  budget: {
    about:
      "a budget that two nodes and a failed one leave too little of, and a skip after it was refused",
    workflow: graph("a -> b -> c -> d", "x -> y", {
      types: { a: "effect", b: "pure", c: "effect", d: "effect", x: "fail", y: "effect" },
      settings: { budget: 2, maxConcurrency: 1 },
    }),
  },
  retries: {
    about: "attempts with delays that grow, a delay that the node asked for, attempts that run out",
    workflow: graph("third -> next", "never -> skipped", {
      types: { third: "third-time", next: "effect", never: "third-time", skipped: "effect" },
      policies: {
        third: { retries: { limit: 4, delay: "10 seconds", backoff: "exponential" } },
        never: { retries: { limit: 1, delay: 500, backoff: "linear" } },
      },
    }),
  },
  steps: {
    about: "a node of several steps with a sleep, two of them at once, begun anew once",
    workflow: graph("a -> s -> b", {
      types: { a: "effect", s: "steps", b: "effect" },
      policies: { s: { retries: { limit: 2, delay: "1 minute", backoff: "constant" } } },
    }),
  },
  answers: {
    about: "waits that are answered, one after an event that was no answer, and two of one node",
    workflow: graph("ask:data -> a", "yes:approved -> b", "yes:rejected -> c", "w -> d", {
      types: {
        ask: "wait-for-event",
        yes: "wait-for-approval",
        a: "effect",
        b: "effect",
        c: "effect",
        w: "two-waits",
        d: "pure",
      },
      inputs: { "yes:question": { value: "May it?" } },
    }),
    deeds: {
      "run node ask / event (wait)": [{ wake: "ask" }],
      "run node ask / event (wait 2)": [{ answer: 7, of: "ask" }],
      "run node yes / approval (wait)": [{ answer: "what?", of: "yes" }],
      "run node yes / approval 2 (wait)": [
        { answer: { approved: true, comment: "well" }, of: "yes" },
      ],
      "run node w / two (wait)": [
        { answer: "second", of: "w", name: "two" },
        { answer: "first", of: "w", name: "one" },
      ],
    },
  },
  timeouts: {
    about: "waits that nobody answers: a failure, and a branch",
    workflow: graph("ask -> a", "yes:timeout -> late", "yes:approved -> never", "d:value -> e", {
      types: {
        ask: "wait-for-event",
        yes: "wait-for-approval",
        a: "effect",
        late: "effect",
        never: "effect",
        d: "delay",
        e: "effect",
      },
      inputs: {
        "ask:timeout": { value: "2 hours" },
        "yes:timeout": { value: "90 minutes" },
        "d:duration": { value: "1 hour" },
      },
    }),
  },
  cancel: {
    about: "cancelled while one node sleeps, one waits and one is between its attempts",
    workflow: graph("a -> s -> b", "ask -> c", "third -> d", "x -> y", {
      types: {
        a: "effect",
        s: "steps",
        b: "effect",
        ask: "wait-for-event",
        c: "effect",
        third: "third-time",
        d: "effect",
        x: "fail",
        y: "effect",
      },
      policies: { third: { retries: { limit: 3, delay: "4 hours", backoff: "constant" } } },
    }),
    deeds: { "run node s / rest": ["cancel"] },
  },
  "pause-and-resume": {
    about: "paused while a node sleeps, resumed, paused and resumed again",
    workflow: graph("d:value -> a -> s -> b", "e:value -> c", {
      types: { d: "delay", a: "effect", s: "steps", b: "effect", e: "delay", c: "effect" },
      inputs: { "d:duration": { value: "1 hour" }, "e:duration": { value: "2 hours" } },
      policies: { s: { retries: { limit: 1, delay: 0, backoff: "constant" } } },
    }),
    deeds: {
      "run node d / delay": ["pause"],
      "listen for command 2": ["resume"],
      "run node s / rest": ["pause"],
      "listen for command 4": ["resume"],
    },
  },
  "redrive-source": {
    about: "the run that a redrive goes on from: one node failed",
    workflow: graph("a -> b -> c", "x -> y", "b -> y", {
      types: { a: "effect", b: "effect", c: "effect", x: "fail", y: "effect" },
    }),
  },
  redrive: {
    about:
      "goes on from an earlier run, with a corrected document: what failed and what is changed runs again",
    workflow: graph("a -> b -> c", "x -> y", "b -> y", {
      types: { a: "effect", b: "effect", c: "pure", x: "effect", y: "effect" },
    }),
    params: { redrive: { executionId: "redrive-source" } },
    after: "redrive-source",
  },
  thrifty: {
    about: "nodes that only compute, among effects, without steps of their own",
    workflow: graph("a -> b -> e -> c -> s -> d", "x -> y", "f:right -> r -> q", {
      types: {
        a: "pure",
        b: "pure",
        e: "effect",
        c: "pure",
        s: "steps",
        d: "pure",
        x: "fail",
        y: "pure",
        f: "fork",
        r: "pure",
        q: "effect",
      },
      policies: { s: { retries: { limit: 1, delay: "5 seconds", backoff: "constant" } } },
      settings: { steps: "effects", statusPolicy: "branch-aware", maxConcurrency: 2 },
    }),
  },
  ids: {
    about: "ids and names that are hard to put into a step's name",
    workflow: (() => {
      const ids = [
        "__proto__",
        "a / b",
        "a/b",
        "🚀",
        " ",
        "\n",
        "a\u0000b",
        "\ud800",
        "e\u0301",
        "é",
        "x ~0123456789abcdef",
        longId,
        `${longId}!`,
      ];
      const port = { type: "any" } as const;
      return {
        ...graph(),
        nodes: ids.map((id, at) => ({
          id,
          name: "node",
          type: at % 3 === 0 ? "steps" : at % 3 === 1 ? "effect" : "wait-for-event",
          inputs: [
            { ...port, name: "in" },
            ...(at % 3 === 2 ? [{ ...port, name: "timeout", value: 60_000 }] : []),
          ],
          outputs: [{ ...port, name: at % 3 === 2 ? "timeout" : "out" }],
          ...(at % 3 === 0
            ? { policy: { retries: { limit: 1, delay: 0, backoff: "constant" } } }
            : {}),
        })),
        edges: ids.slice(1).map((id, at) => ({
          source: ids[at]!,
          sourceOutput: at % 3 === 2 ? "timeout" : "out",
          target: id,
          targetInput: "in",
        })),
      };
    })(),
  },
};
