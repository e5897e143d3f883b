/** What nodes cost by their types, in compute credits, before they run. */
import type { Workflow } from "#core/workflow";
import { creditsOfMicro, microCredits } from "#core/credits";
import { builtInNodes } from "#nodes/registry";
import { registryOf } from "#services/node-registry";

const registry = registryOf(builtInNodes);

/** As a run counts that has a budget: what cannot run costs nothing. */
export const costOf = (type: string): number => registry.get(type)?.computeCost ?? 0;

/** As a run reserves: a type that is not known counts 1. */
export const estimateOf = (
  { nodes }: Workflow,
  runs: (nodeId: string) => boolean = () => true,
): number =>
  creditsOfMicro(
    nodes.reduce(
      (sum, { id, type }) =>
        runs(id) ? sum + microCredits(registry.get(type)?.computeCost ?? 1) : sum,
      0,
    ),
  );
