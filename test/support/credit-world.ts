/** Runs of one organization over one CreditService: nodes that cost 3, and some that report what their ids say. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ExecuteParams } from "#core/execution-context";
import type { WorkflowExecution } from "#core/report";
import type { Workflow } from "#core/workflow";
import { defineNode } from "#nodes/define-node";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { CreditService } from "#services/credit-service";
import { holdServices } from "./held-services.ts";
import { recordingPlatform } from "./recording-steps.ts";

const facts = {
  category: "test",
  name: "",
  description: "",
  inputs: [{ name: "in", type: "any" }],
  outputs: [],
  computeCost: 3,
} as const;

/** `r9` is 9. */
const reportOf = (nodeId: string): number => Number(nodeId.replace(/^\D+/, ""));

const makeNodes = (called: string[]) => {
  const failed = new Set<string>();
  return [
    defineNode({
      ...facts,
      type: "test",
      run: (_inputs, { nodeId }) => {
        called.push(nodeId);
        if (nodeId.startsWith("bad")) throw new Error("broken");
        return { out: nodeId };
      },
    }),
    defineNode({
      ...facts,
      type: "reports",
      run: (_inputs, { nodeId, reportUsage }) => {
        called.push(nodeId);
        reportUsage(reportOf(nodeId));
        return { out: nodeId };
      },
    }),
    defineNode({
      ...facts,
      type: "computes",
      pure: true,
      run: (_inputs, { nodeId, reportUsage }) => {
        reportUsage(reportOf(nodeId));
        return { out: nodeId };
      },
    }),
    defineNode({
      ...facts,
      type: "retries",
      policy: { retries: { limit: 1, delay: 0, backoff: "constant" } },
      run: (_inputs, { nodeId, reportUsage }) => {
        called.push(nodeId);
        reportUsage(reportOf(nodeId));
        if (failed.has(nodeId)) return { out: nodeId };
        failed.add(nodeId);
        throw new Error("not yet");
      },
    }),
    defineNode({
      ...facts,
      type: "steps",
      multiStep: true,
      run: async (_inputs, { nodeId, reportUsage, doStep }) => {
        await doStep("act", async () => called.push(nodeId));
        reportUsage(reportOf(nodeId));
        return { out: nodeId };
      },
    }),
  ];
};

export const makeCreditWorld = (
  changed: (credits: CreditService["Service"]) => Partial<CreditService["Service"]> = () => ({}),
) => {
  const held = holdServices();
  const memory = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
  const credits = { ...memory, ...changed(memory) };
  const called: string[] = [];
  const nodes = makeNodes(called);
  return {
    called,
    credits,
    nodes,
    account: () => Effect.runPromise(credits.account("org")),
    run: async (
      workflow: Workflow,
      more: Partial<ExecuteParams> & { readonly id?: string } = {},
      recorded?: ReadonlyMap<string, unknown>,
    ) => {
      const { id = "run", ...params } = more;
      called.length = 0;
      const platform = recordingPlatform(recorded === undefined ? {} : { recorded });
      const layers = Layer.mergeAll(
        held.layer,
        Layer.succeed(CreditService, credits),
        platform.layer,
      );
      const execution = await createDirectRuntime({ nodes, layers }).run(
        { workflow, userId: "user", organizationId: "org", computeCredits: 1_000, ...params },
        id,
      );
      return { execution, platform };
    },
  };
};

export const statusesOf = ({ nodeExecutions }: WorkflowExecution): readonly string[] =>
  nodeExecutions.map(({ nodeId, status }) => `${nodeId} ${status}`);
