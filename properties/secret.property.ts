/** The law of secrets: wherever nodes put them, they stand nowhere, and who needs one gets it by its name. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { holdsAsync } from "./runs.ts";
import { secretPlan } from "./secret-plans.ts";
import { liveWithSecrets } from "./secret-town.ts";
import { secretsIn } from "./secret-values.ts";

it("SECRET-1 no secret or token stands in anything that is kept or told of a run, and nodes get them by name wherever they are", async () => {
  await holdsAsync(
    fc.asyncProperty(secretPlan, async (plan) => {
      const { kept, secrets, readings } = await liveWithSecrets(plan);
      expect(secretsIn(kept, secrets)).toEqual([]);
      expect(readings.filter(({ given, standing }) => !standing.includes(given ?? ""))).toEqual([]);
    }),
  );
});
