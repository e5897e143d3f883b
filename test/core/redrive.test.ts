import { describe, expect, it } from "vitest";
import { planRedrive } from "#core/redrive";
import type { WorkflowExecution } from "#core/report";
import { reportExecution, reportRefusal } from "#core/report";
import { graph } from "../support/graph.ts";
import { facts, kept, ran, target, told } from "./redrive-plan.ts";
import type { End } from "./settle.ts";
import { apply, graphOf, settle, skipped } from "./settle.ts";

describe("the same document", () => {
  it("runs failed and skipped nodes and all behind them, and takes the rest over as recorded", () => {
    const workflow = graph("a -> b -> c -> d", "a -> e", { inputs: { "a:in": { value: 1 } } });
    const ends = { a: { out: 2 }, b: "boom", c: skipped, d: skipped, e: { out: 3 } } as const;
    expect(planRedrive(ran(workflow, ends), target(workflow))).toEqual([
      {
        nodeId: "a",
        action: "reuse",
        inputs: { in: 1 },
        outputs: { out: 2 },
        reusedFrom: "first",
        reusedUsage: 1,
      },
      { nodeId: "b", action: "run", reason: "failed" },
      {
        nodeId: "e",
        action: "reuse",
        inputs: { in: 2 },
        outputs: { out: 3 },
        reusedFrom: "first",
        reusedUsage: 1,
      },
      { nodeId: "c", action: "run", reason: "skipped" },
      { nodeId: "d", action: "run", reason: "skipped" },
    ]);
  });

  it("takes everything over when every node completed", () => {
    const workflow = graph("a -> b -> d", "a -> c -> d");
    const ends = { a: { out: 1 }, b: { out: 2 }, c: { out: 3 }, d: {} };
    const source = ran(workflow, ends);
    expect(told(source, target(workflow))).toEqual(kept("a", "b", "c", "d"));
    expect(told(source, { graph: source.graph!, overrides: undefined })).toEqual(
      kept("a", "b", "c", "d"),
    );
  });

  it("names the run in which a node really ran, however often it was taken over", () => {
    const workflow = graph("a", "b");
    const { execution, ...rest } = ran(workflow, { a: {}, b: {} });
    const [a, b] = execution.nodeExecutions;
    const again: WorkflowExecution = {
      ...execution,
      id: "second",
      nodeExecutions: [{ ...a!, usage: 0, reusedFrom: "first", reusedUsage: 3 }, b!],
    };
    expect(told({ ...rest, execution: again }, target(workflow))).toEqual([
      "a: taken over from run 'first'",
      "b: taken over from run 'second'",
    ]);
  });

  it("runs a join again that completed beside a failure, and names its first upstream that runs", () => {
    const workflow = graph("a -> join", "c -> join", "b -> join", "join -> end");
    const ends = { a: { out: 1 }, b: "boom", c: "boom", join: { out: 2 }, end: {} } as const;
    const plan = planRedrive(ran(workflow, ends), target(workflow));
    expect(plan.slice(-2)).toEqual([
      { nodeId: "join", action: "run", reason: "upstream", because: "c" },
      { nodeId: "end", action: "run", reason: "upstream", because: "join" },
    ]);
  });

  it("runs what a branch skipped again, and all behind it", () => {
    const workflow = graph("fork:true -> b -> join", "fork:false -> c -> join");
    const ends = { fork: { true: 1 }, b: { out: 2 }, c: skipped, join: {} } as const;
    expect(told(ran(workflow, ends), target(workflow))).toEqual([
      ...kept("fork", "b"),
      "c: was skipped in the earlier run",
      "join: 'c' upstream of it runs again",
    ]);
  });

  it("runs what the earlier run did not come to the end of", () => {
    const workflow = graph("a -> b -> c");
    const state = apply(settle(workflow, { a: { out: 1 } }), {
      type: "start",
      nodeId: "b",
      inputs: { in: 1 },
    });
    const source = { ...ran(workflow, {}), execution: reportExecution(state, facts) };
    expect(told(source, target(workflow))).toEqual([
      ...kept("a"),
      "b: did not end in the earlier run",
      "c: did not end in the earlier run",
    ]);
  });

  it("runs a missing node again, to fail once more", () => {
    const workflow = graph("a -> gone -> b", { missing: ["gone"] });
    const ends = { a: { out: 1 }, gone: "Node not found: gone", b: skipped } as const;
    expect(told(ran(workflow, ends), target(workflow))).toEqual([
      ...kept("a"),
      "gone: failed in the earlier run",
      "b: was skipped in the earlier run",
    ]);
  });

  it("tells apart ids called like properties of every object", () => {
    const workflow = graph("__proto__ -> constructor -> toString", "hasOwnProperty -> valueOf");
    const ends = JSON.parse(
      '{ "__proto__": { "out": 1 }, "hasOwnProperty": { "out": 2 }, "constructor": "boom", "valueOf": {} }',
    ) as Record<string, End>;
    expect(told(ran(workflow, ends), target(workflow))).toEqual([
      ...kept("__proto__", "hasOwnProperty"),
      "constructor: failed in the earlier run",
      ...kept("valueOf"),
      "toString: did not end in the earlier run",
    ]);
  });

  it("plans a chain of 20,000 nodes", () => {
    const ids = Array.from({ length: 20_000 }, (_, n) => `n${n}`);
    const workflow = graph(ids.join(" -> "));
    const execution: WorkflowExecution = {
      ...reportRefusal(workflow, "", facts),
      nodeExecutions: ids.map((nodeId) => ({
        nodeId,
        status: "completed",
        inputs: {},
        outputs: { out: 1 },
        usage: 0,
        startedAt: null,
        endedAt: null,
        attempts: [],
      })),
    };
    const source = { graph: graphOf(workflow), execution, overrides: undefined };
    const plan = planRedrive(source, target(workflow, { from: "n5" }));
    expect(plan.filter(({ action }) => action === "reuse").map(({ nodeId }) => nodeId)).toEqual(
      ids.slice(0, 5),
    );
    expect(plan.at(-1)).toEqual({
      nodeId: "n19999",
      action: "run",
      reason: "upstream",
      because: "n19998",
    });
  });
});

describe("a chosen node", () => {
  const workflow = graph("a -> b -> c", "d -> e");

  it("runs again with all behind it, beside what must anyway", () => {
    const source = ran(workflow, { a: { out: 1 }, d: "boom", b: { out: 2 }, e: skipped, c: {} });
    expect(told(source, target(workflow, { from: "b" }))).toEqual([
      ...kept("a"),
      "d: failed in the earlier run",
      "b: was chosen to run again",
      "e: was skipped in the earlier run",
      "c: 'b' upstream of it runs again",
    ]);
  });

  it("is told as chosen when it failed too", () => {
    const source = ran(workflow, { a: "boom" });
    expect(told(source, target(workflow, { from: "a" }))[0]).toBe("a: was chosen to run again");
  });

  it("is nothing when the document lacks it", () => {
    const source = ran(workflow, { a: { out: 1 }, d: { out: 1 }, b: { out: 2 }, e: {}, c: {} });
    expect(told(source, target(workflow, { from: "toString" }))).toEqual(
      kept("a", "d", "b", "e", "c"),
    );
  });
});

describe("a corrected document", () => {
  it("runs new nodes and what they feed", () => {
    const source = ran(graph("a -> b", "c"), { a: { out: 1 }, c: {}, b: {} });
    expect(told(source, target(graph("a -> b", "c", "new -> b")))).toEqual([
      ...kept("a", "c"),
      "new: was not in the earlier run",
      "b: 'new' upstream of it runs again",
    ]);
  });

  it("runs a node that is there at last, and what stood behind it", () => {
    const lines = ["a -> gone -> b"];
    const ends = { a: { out: 1 }, gone: "Node not found: gone", b: skipped } as const;
    const source = ran(graph(...lines, { missing: ["gone"] }), ends);
    expect(told(source, target(graph(...lines)))).toEqual([
      ...kept("a"),
      "gone: failed in the earlier run",
      "b: was skipped in the earlier run",
    ]);
  });

  it("runs a node that edges still name and the document has lost", () => {
    const source = ran(graph("a -> b -> c"), { a: { out: 1 }, b: { out: 1 }, c: {} });
    expect(told(source, target(graph("a -> b -> c", { missing: ["b"] })))).toEqual([
      ...kept("a"),
      "b: its definition has changed",
      "c: 'b' upstream of it runs again",
    ]);
  });

  it("says nothing of nodes that are gone, and keeps those that lost nothing by it", () => {
    const source = ran(graph("a -> b", "c -> d"), { a: "boom", b: skipped, c: { out: 1 }, d: {} });
    expect(told(source, target(graph("c -> d")))).toEqual(kept("c", "d"));
  });

  it("runs whole after one that was refused", () => {
    const workflow = graph("a -> gone", "b", { missing: ["gone"] });
    const execution = reportRefusal(workflow, "Refused", facts);
    const refused = { graph: graphOf(workflow), execution, overrides: undefined };
    const again = [
      "a: did not end in the earlier run",
      "b: did not end in the earlier run",
      "gone: did not end in the earlier run",
    ];
    expect(told(refused, target(workflow))).toEqual(again);
    expect(told({ ...refused, graph: undefined }, target(graph("b", "new")))).toEqual([
      "b: did not end in the earlier run",
      "new: was not in the earlier run",
    ]);
  });

  it("runs whole when the earlier one is not to be had", () => {
    const workflow = graph("a -> b");
    const source = { ...ran(workflow, { a: { out: 1 }, b: {} }), graph: undefined };
    expect(told(source, target(workflow))).toEqual([
      "a: its definition has changed",
      "b: its definition has changed",
    ]);
  });
});
