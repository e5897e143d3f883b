/** The state with which a redrive begins: what an earlier run has done, out of steps. */
import * as Effect from "effect/Effect";
import type { ExecutionState } from "#core/execution-state";
import type { WorkflowGraph } from "#core/graph";
import { reuseStepName } from "#core/step-name";
import { ServiceFailure } from "#services/errors";
import { ExecutionStore } from "#services/execution-store";
import { NodeRegistry } from "#services/node-registry";
import { piecesOf } from "./pieces.ts";
import type { RedriveRefusal, ReusedNode } from "./reuse-nodes.ts";
import { readRedrivePlan, reusedIn, withReusedNodes } from "./reuse-nodes.ts";
import type { Run } from "./run.ts";

export type ReusedParts = () => Promise<readonly (readonly ReusedNode[])[] | RedriveRefusal>;

/** Inside a step: what a redrive takes over, planned once in this process. */
export const reusedPartsOf = (run: Run, graph: WorkflowGraph): ReusedParts | undefined => {
  const { redrive, organizationId, inputOverrides } = run.params;
  if (redrive === undefined) return undefined;
  let planned: ReturnType<ReusedParts> | undefined;
  const plan = async (): ReturnType<ReusedParts> => {
    const read = await run.perform(
      readRedrivePlan(organizationId, redrive, graph, inputOverrides).pipe(
        Effect.provideService(ExecutionStore, run.store),
        Effect.provideService(NodeRegistry, run.registry),
      ),
    );
    return "refusal" in read ? read : piecesOf(reusedIn(read));
  };
  return () => (planned ??= plan());
};

/** The state with what an earlier run has done: a step for each part of it. */
export const takeOver = async (
  run: Run,
  started: ExecutionState,
  reusedParts: ReusedParts | undefined,
  count: number,
): Promise<ExecutionState> => {
  let state = started;
  for (let part = 1; part <= count; part++) {
    const reused = await run.steps.do(reuseStepName(part), { retry: true }, async () => {
      const parts = await reusedParts?.();
      if (parts === undefined || "refusal" in parts) {
        throw new ServiceFailure({
          operation: "ExecutionStore.get",
          message: `The earlier run can no longer be read. ${parts?.refusal ?? ""}`.trim(),
        });
      }
      return parts[part - 1] ?? [];
    });
    state = withReusedNodes(state, reused, run.params.inputOverrides);
  }
  return state;
};
