/** Secrets in what a run is started with, by whoever does not start it as it should be. Stories that the property of secrets has found. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { expect, test } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { ResourceProvider } from "#services/resource-provider";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";
import { recordingPlatform } from "../support/recording-steps.ts";

const secret = `s3cr3t "quoted" \\value`;

const pure = defineNode({
  category: "test",
  name: "",
  description: "",
  type: "test",
  inputs: [{ name: "in", type: "any" }],
  outputs: [],
  pure: true,
  run: (_inputs, { trigger }) => ({ out: trigger ?? "nothing" }),
});

const runWith = async (params: Partial<ExecuteParams>) => {
  const held = holdServices();
  const platform = recordingPlatform();
  const resources = ResourceProvider.layerMemory({ org: { secrets: { KEY: secret } } });
  const execution = await createDirectRuntime({
    nodes: [pure],
    layers: Layer.mergeAll(held.layer, platform.layer, resources),
  }).run(
    {
      workflow: graph("a", { settings: { steps: "effects" } }),
      userId: "user",
      organizationId: "org",
      computeCredits: 10,
      ...params,
    },
    "run",
  );
  const start = await Effect.runPromise(held.executions.readStart("org", "run"));
  return { execution, start, platform };
};

test("what triggered a run is masked for nodes that take no step, too", async () => {
  const trigger = { body: `Bearer ${secret}` };
  const { execution, start, platform } = await runWith({ trigger });
  const masked = { body: "Bearer [secret:KEY]" };
  expect(execution.nodeExecutions[0]?.outputs).toEqual({ out: masked });
  expect(start?.trigger).toEqual(masked);
  expect(platform.results.get("initialise workflow")).toMatchObject({ maskedTrigger: masked });
});

test("a trigger without secrets is not told again", async () => {
  const { execution, platform } = await runWith({ trigger: { body: "all is well" } });
  expect(execution.nodeExecutions[0]?.outputs).toEqual({ out: { body: "all is well" } });
  expect(platform.results.get("initialise workflow")).not.toHaveProperty("maskedTrigger");
});

test("a literal that was written as JSON within JSON refuses the run", async () => {
  const text = JSON.stringify({ body: JSON.stringify({ key: secret }) });
  const inputs = { "a:in": { value: { text } } };
  const { execution, start } = await runWith({ workflow: graph("a", { inputs }) });
  expect(execution.error).toMatch(
    /^The workflow holds .*\[secret:KEY\].* at nodes\[0\]\.inputs\[0\]/,
  );
  expect(start).toBeUndefined();
  const { execution: another } = await runWith({ inputOverrides: { a: { in: text } } });
  expect(another.error).toMatch(/^The value for input 'in' of node 'a' holds .*\[secret:KEY\]/);
});
