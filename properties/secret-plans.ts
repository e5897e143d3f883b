/** Random stories of secrets: two organizations with purses of their own, their runs, and how those are started and end. */
import * as fc from "fast-check";
import type { ExecuteParams } from "#core/execution-context";
import { settleOrder } from "./arbitraries.ts";
import { deaths } from "./credit-plans.ts";
import type { Fate } from "./keeper.ts";
import type { MovingScenario } from "./secret-moves.ts";
import { movingScenario } from "./secret-moves.ts";
import type { Purse } from "./secret-values.ts";
import { purse, writers } from "./secret-values.ts";

export const organizationIds = ["org", "__proto__"] as const;

export interface SecretRunPlan extends Fate {
  /** 0 or 1. */
  readonly organization: number;
  readonly played: MovingScenario;
  /** How secrets are written into what starts it and answers it. */
  readonly writing: string;
  /** Where a secret stands that has no place there: the run is refused. */
  readonly literal: "none" | "document" | "override";
  /** Whether nobody but the platform was asked to begin it. */
  readonly isDirect: boolean;
}

export interface SecretPlan {
  readonly purses: readonly [Purse, Purse];
  readonly runs: readonly SecretRunPlan[];
  /** Turns until the first secret of each organization is replaced. */
  readonly renewedAfter: number | undefined;
  readonly order: number;
}

const fatedRun: fc.Arbitrary<SecretRunPlan> = fc
  .record({
    organization: fc.nat(1),
    played: movingScenario,
    writing: fc.constantFrom(...Object.keys(writers)),
    literal: fc.constantFrom(
      "none",
      "none",
      "none",
      "none",
      "none",
      "none",
      "document",
      "override",
    ),
    isDirect: fc.boolean(),
    deaths,
    isLost: fc.constantFrom(false, false, false, true),
    cancelledAfter: fc.option(fc.nat(200), { nil: undefined, freq: 2 }),
  })
  .map(({ cancelledAfter, ...facts }) => ({
    ...facts,
    ...(cancelledAfter === undefined ? {} : { cancelledAfter }),
  }));

export const secretPlan: fc.Arbitrary<SecretPlan> = fc.record({
  purses: fc.tuple(purse, purse),
  runs: fc.array(fatedRun, { minLength: 2, maxLength: 3 }),
  renewedAfter: fc.option(fc.nat(150), { nil: undefined }),
  order: settleOrder,
});

/** The parameters with a secret where its name belongs. */
export const withLiteral = (
  params: ExecuteParams,
  where: SecretRunPlan["literal"],
  text: string,
): ExecuteParams => {
  const { workflow } = params;
  const [first, ...rest] = workflow.nodes;
  if (where === "none" || first === undefined) return params;
  const [input, ...inputs] = first.inputs;
  if (where === "override" && input !== undefined) {
    return { ...params, inputOverrides: { [first.id]: { [input.name]: [text] } } };
  }
  const literal = { ...input!, value: { text } };
  return {
    ...params,
    workflow: { ...workflow, nodes: [{ ...first, inputs: [literal, ...inputs] }, ...rest] },
  };
};
