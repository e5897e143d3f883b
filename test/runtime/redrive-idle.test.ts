/** Redrives of redrives that began nothing: they had no credits, or were refused. Nothing may be paid for twice. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import type { CreditPlan } from "#core/credits";
import type { ExecuteParams } from "#core/execution-context";
import { redriveReasonText } from "#core/redrive";
import type { WorkflowExecution } from "#core/report";
import { validateWorkflow } from "#core/validate";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { memoryServices } from "#runtime/default-services";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { readRedrivePlan } from "#runtime/reuse-nodes";
import { CreditService } from "#services/credit-service";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";

const params = { userId: "user", organizationId: "org", computeCredits: 1_000 };

const openWorld = () => {
  const held = holdServices();
  const credits = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
  const called: string[] = [];
  const node = defineNode({
    category: "test",
    type: "test",
    name: "",
    description: "",
    inputs: [{ name: "in", type: "any" }],
    outputs: [],
    run: ({ in: value }, { nodeId }) => {
      called.push(nodeId);
      return { out: `${typeof value === "string" ? value : ""}${nodeId}` };
    },
  });
  const layers = Layer.merge(held.layer, Layer.succeed(CreditService, credits));
  const runtime = createDirectRuntime({ nodes: [node], layers });
  return {
    called,
    run: (id: string, workflow: Workflow, more: Partial<ExecuteParams> = {}) => {
      called.length = 0;
      return runtime.run({ workflow, ...params, ...more }, id);
    },
    allow: (allowance: number) => {
      const plan: CreditPlan = { type: "fixed", allowance };
      return Effect.runPromise(credits.setPlan("org", plan));
    },
    spent: async () => (await Effect.runPromise(credits.account("org"))).spent,
    /** As `pawl redrive --dry-run` shows it. */
    plan: async (workflow: Workflow, executionId: string) => {
      const { graph: target } = validateWorkflow(workflow, { nodeTypeOf: () => node });
      const plan = await Effect.runPromise(
        readRedrivePlan("org", { executionId }, target!, undefined).pipe(
          Effect.provide(Layer.merge(memoryServices([node]), held.layer)),
        ),
      );
      return "refusal" in plan
        ? plan.refusal
        : plan.map((one) => `${one.nodeId} ${redriveReasonText(one)}`);
    },
  };
};

const again = (executionId: string, from?: string): Partial<ExecuteParams> => ({
  redrive: { executionId, ...(from === undefined ? {} : { from }) },
});

const withBudget = (budget: number, ...lines: readonly string[]): Workflow =>
  graph(...lines, { settings: { budget } });

const endsOf = ({ status, nodeExecutions }: WorkflowExecution): readonly string[] => [
  status,
  ...nodeExecutions.map(({ nodeId, status: node, outputs, reusedFrom = "" }) =>
    [nodeId, node, outputs?.["out"] as string | undefined, reusedFrom].join(" ").trim(),
  ),
];

const idle = (status: string): readonly string[] => [status, "a idle", "b idle", "c idle"];

describe("a redrive of a redrive that began nothing", () => {
  test("for want of credits pays for nothing twice, and says where each node ran", async () => {
    const { run, allow, spent, called, plan } = openWorld();
    await allow(2);
    await run("first", withBudget(2, "a", "b", "c"));
    expect(called).toEqual(["a", "b"]);
    const more = withBudget(3, "a", "b", "c");
    expect(endsOf(await run("second", more, again("first")))).toEqual(idle("exhausted"));
    expect(endsOf(await run("third", more, again("second")))).toEqual(idle("exhausted"));
    await allow(3);
    expect(await plan(more, "third")).toEqual([
      "a taken over from run 'first'",
      "b taken over from run 'first'",
      "c did not end in the earlier run",
    ]);
    expect(endsOf(await run("fourth", more, again("third")))).toEqual([
      "completed",
      "a completed a first",
      "b completed b first",
      "c completed c",
    ]);
    expect([called, await spent()]).toEqual([["c"], 3]);
  });

  test("since it was refused goes on from the run that it was to redrive", async () => {
    const { run, called } = openWorld();
    const document = graph("a -> b -> c");
    await run("first", document);
    expect(endsOf(await run("second", document, again("first", "z")))).toEqual(idle("error"));
    await run("third", document, again("second"));
    expect(called).toEqual([]);
  });

  test("takes over what that run had itself taken over, with the name of the run in which it ran", async () => {
    const { run, allow, called } = openWorld();
    const document = graph("a -> b", "c", { outputs: { "c:out": {} } });
    const longer = graph("a -> b", "c -> d");
    await allow(4);
    await run("first", document);
    await run("second", document, again("first", "c"));
    const third = await run("third", longer, again("second"));
    expect(endsOf(third)).toEqual([...idle("exhausted"), "d idle"]);
    await allow(9);
    expect(endsOf(await run("fourth", longer, again("third")))).toEqual([
      "completed",
      "a completed a first",
      "b completed ab first",
      "c completed c second",
      "d completed cd",
    ]);
    expect(called).toEqual(["d"]);
  });

  test("runs what that was to run again", async () => {
    const { run, allow, called } = openWorld();
    const document = graph("a -> b", "c");
    await run("first", document);
    await allow(0);
    await run("second", document, again("first", "b"));
    await run("third", document, again("second", "c"));
    await allow(9);
    await run("fourth", document, again("third"));
    expect(called.sort()).toEqual(["b", "c"]);
  });

  test("compares documents and inputs with those of the run whose nodes it takes", async () => {
    const { run, allow, called } = openWorld();
    const document = graph("a -> b", "c", { inputs: { "c:in": { value: "old" } } });
    const corrected = graph("a -> b", "c", { inputs: { "c:in": { value: "new" } } });
    await run("first", document);
    await allow(0);
    await run("second", corrected, again("first"));
    await run("third", document, { ...again("first"), inputOverrides: { c: { in: "own" } } });
    await allow(9);
    await run("fourth", corrected, again("second"));
    expect(called).toEqual(["c"]);
    await run("fifth", document, again("second"));
    expect(called).toEqual([]);
    await run("sixth", document, { ...again("third"), inputOverrides: { c: { in: "own" } } });
    expect(called).toEqual(["c"]);
  });

  test("is refused while that run is not to be had, and runs nothing again unasked", async () => {
    const { run, called } = openWorld();
    await run("second", graph("a", "b", "c"), again("gone"));
    const third = await run("third", graph("a", "b", "c"), again("second"));
    expect([third.error, called]).toEqual(["There is no run 'gone'.", []]);
  });

  test("runs everything when redrives name each other", async () => {
    const { run, called, plan } = openWorld();
    const document = graph("a", "b", "c");
    await run("first", document, again("second"));
    await run("second", document, again("first"));
    expect(await plan(document, "second")).toEqual(
      ["a", "b", "c"].map((id) => `${id} did not end in the earlier run`),
    );
    await run("third", document, again("second"));
    expect(called).toEqual(["a", "b", "c"]);
  });
});
