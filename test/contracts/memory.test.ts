/** The memory layers in Node, and what is theirs alone. */
import * as Effect from "effect/Effect";
import { expect, test } from "vitest";
import { CreditService } from "#services/credit-service";
import { creditsOf } from "./credit-service.contract.ts";
import { memoryContracts } from "./memory-layers.ts";

memoryContracts();

test("credits cost the same to ask for however many runs and nodes there were", async () => {
  const credits = Effect.runSync(Effect.provide(CreditService, CreditService.layerMemory));
  const { organizationId, reserve, settle, sums } = creditsOf(credits, "busy");
  const runs = 16_000;
  const begun = performance.now();
  for (let run = 0; run < runs; run++) {
    await reserve(`run ${run}`, 1, runs);
    if (run % 2 === 0) await settle(`run ${run}`, 0.5);
    const key = { organizationId, executionId: "run 1", nodeId: `node ${run}` };
    await Effect.runPromise(credits.allot({ ...key, cost: 1, budget: runs, carried: 0 }));
  }
  // Sums over all of them took more than ten times as long.
  expect(performance.now() - begun).toBeLessThan(4_000);
  expect(await sums()).toEqual([runs / 2, runs / 4]);
}, 60_000);
