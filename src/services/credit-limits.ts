/** What organizations may spend, as it is counted: a plan that somebody gives is looked at before it is. */
import * as Effect from "effect/Effect";
import type { CountedPlan, CreditPlan } from "#core/credits";
import { countPlan, microLimit, mostCredits } from "#core/credits";
import { ServiceFailure } from "./errors.ts";

const isAmount = (amount: unknown): boolean => typeof amount === "number" && amount >= 0;

const planProblem = ({ type, allowance, overage }: Partial<Record<string, unknown>>) => {
  if (type === "unlimited") return undefined;
  if (type !== "fixed" && type !== "overage") return "A plan is 'fixed', 'overage' or 'unlimited'";
  if (!isAmount(allowance)) return "The allowance of a plan is a number of compute credits";
  return type === "fixed" || overage === undefined || isAmount(overage)
    ? undefined
    : "The overage of a plan is a number of compute credits, or absent for one without a limit";
};

/** As it is stored. Who gives a plan may be a script, with whatever it has read somewhere. */
export const countedPlan = (plan: CreditPlan): Effect.Effect<CountedPlan, ServiceFailure> => {
  const message = planProblem({ ...plan });
  return message === undefined
    ? Effect.succeed(countPlan(plan))
    : Effect.fail(
        new ServiceFailure({
          operation: "CreditService.setPlan",
          message: `${message}.`,
          isFinal: true,
        }),
      );
};

/** In millionths; null for a limit without bound, which nothing is compared with: what is spent is only counted so far. */
export const countedLimit = (limit: number): number | null =>
  limit >= mostCredits ? null : microLimit(limit);
