/** What every CreditService promises of nodes that report more than their types cost (CREDIT-3). Each test has organizations of its own. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import type { Extension } from "#services/credit-service";
import { CreditService } from "#services/credit-service";
import { creditsOf } from "./credit-service.contract.ts";
import { nastyIds, unpairedIds } from "./nasty-ids.ts";

const run = Effect.runPromise;

export const creditExtensionContract = (
  name: string,
  makeLayer: () => Layer.Layer<CreditService>,
): void => {
  let opened = 0;

  /** A run that has reserved 10 of 100. */
  const open = async (organizationId = `${name} extensions ${++opened}`, executionId = "run") => {
    const credits = Effect.runSync(Effect.provide(CreditService, makeLayer()));
    const own = creditsOf(credits, organizationId);
    await own.reserve(executionId, 10);
    const key = { organizationId, executionId, saved: 0, most: Infinity, limit: 100 };
    return {
      ...own,
      extend: (nodeId: string, excess: number, changes: Partial<Extension> = {}) =>
        run(credits.extend({ ...key, nodeId, excess, ...changes })),
    };
  };

  describe(`CreditService: extensions: ${name}`, () => {
    it("reserves what nodes took beyond their costs, up to the limit exactly, and not a millionth beyond", async () => {
      const { extend, sums, list } = await open();
      expect(await extend("a", 50)).toBe(true);
      expect(await extend("b", 40)).toBe(true);
      expect(await sums()).toEqual([100, 0]);
      expect(await extend("c", 0.000_001)).toBe(false);
      expect(await sums()).toEqual([100, 0]);
      expect(await list(10)).toMatchObject([{ executionId: "run", estimate: 100, usage: 0 }]);
    });

    it("counts a node once, at what it told last, and never reserves less", async () => {
      const { extend, sums } = await open();
      for (const excess of [30, 30, 20, 30]) expect(await extend("a", excess)).toBe(true);
      expect(await sums()).toEqual([40, 0]);
      expect(await extend("a", 5)).toBe(true);
      // Within what is reserved already.
      expect(await extend("b", 25)).toBe(true);
      expect(await sums()).toEqual([40, 0]);
      expect(await extend("c", 0)).toBe(true);
      expect(await extend("c", 1)).toBe(true);
      expect(await sums()).toEqual([41, 0]);
    });

    it("takes what others saved into account, the run's own estimate among it", async () => {
      const { extend, sums } = await open();
      expect(await extend("a", 4, { saved: 4 })).toBe(true);
      expect(await sums()).toEqual([10, 0]);
      expect(await extend("b", 93, { saved: 7 })).toBe(true);
      expect(await sums()).toEqual([100, 0]);
      expect(await extend("c", 1, { saved: 7.999_999 })).toBe(false);
      expect(await extend("c", 1, { saved: 8 })).toBe(true);
    });

    it("counts what found no room when the next one asks", async () => {
      const { extend, sums } = await open();
      expect(await extend("a", 91)).toBe(false);
      expect(await extend("b", 1)).toBe(false);
      expect(await sums()).toEqual([10, 0]);
      expect(await extend("b", 1, { saved: 2 })).toBe(true);
      expect(await sums()).toEqual([100, 0]);
    });

    it("reserves no more than the run may spend in all", async () => {
      const { extend, sums } = await open();
      expect(await extend("a", 50, { most: 25 })).toBe(true);
      expect(await sums()).toEqual([25, 0]);
      expect(await extend("b", 5, { most: 25, limit: 1 })).toBe(true);
      expect(await extend("b", 5, { most: 0, limit: 1 })).toBe(true);
      expect(await sums()).toEqual([25, 0]);
      expect(await extend("b", 5, { most: 25.000_001, limit: 25 })).toBe(false);
    });

    it("has room in the plan and in the start's limit, whichever is less", async () => {
      const { extend, setPlan, reserve, settle } = await open();
      await setPlan({ type: "overage", allowance: 20, overage: 10 });
      expect(await extend("a", 20.000_001)).toBe(false);
      expect(await extend("a", 20, { limit: 29 })).toBe(false);
      expect(await extend("a", 20)).toBe(true);
      await setPlan({ type: "fixed", allowance: 50 });
      await reserve("other", 15);
      expect(await extend("b", 6)).toBe(false);
      await settle("other", 14);
      expect(await extend("b", 6)).toBe(true);
      await setPlan({ type: "unlimited" });
      expect(await extend("c", 1_000, { limit: Infinity })).toBe(true);
    });

    it("gives all of it back when the run is settled, and nothing to a run that is", async () => {
      const { extend, settle, reserve, sums, list } = await open();
      expect(await extend("a", 80)).toBe(true);
      await settle("run", 85);
      expect(await sums()).toEqual([0, 85]);
      expect(await list(10)).toMatchObject([{ status: "settled", estimate: 90, usage: 85 }]);
      expect(await extend("a", 80)).toBe(false);
      expect(await extend("b", 1)).toBe(false);
      expect(await reserve("next", 15)).toBe(true);
      expect(await sums()).toEqual([15, 85]);
    });

    it("extends nothing without a reservation", async () => {
      const { extend, list } = await open();
      expect(await extend("a", 1, { executionId: "another" })).toBe(false);
      expect(await extend("a", 1, { organizationId: `${name} extensions ${++opened}` })).toBe(
        false,
      );
      expect(await list(10)).toHaveLength(1);
    });

    it("never reserves more than the limit for 20 nodes that ask at once, and counts them all", async () => {
      const { extend, sums } = await open();
      const ids = Array.from({ length: 20 }, (_, index) => `node ${index}`);
      const answers = await Promise.all(ids.map((id) => extend(id, 9)));
      expect(answers.filter(Boolean)).toHaveLength(10);
      expect(await sums()).toEqual([100, 0]);
      expect(await extend("last", 0, { saved: 90 })).toBe(true);
      expect(await extend("last", 0, { saved: 89 })).toBe(false);
    });

    it("adds fractions without an error", async () => {
      const { extend, sums } = await open();
      for (let index = 0; index < 30; index++) {
        expect(await extend(`node ${index}`, 0.1, { limit: 13 })).toBe(true);
      }
      expect(await sums()).toEqual([13, 0]);
      expect(await extend("one more", 0.000_001, { limit: 13 })).toBe(false);
    });

    it("keeps organizations, runs and nodes apart whatever they are called", async () => {
      const ids = [...nastyIds, ...unpairedIds];
      const organizationId = `${name} extensions ${++opened}`;
      for (const id of ids) {
        const apart = await open(`${organizationId} ${id}`, id);
        expect(await apart.extend(id, 1)).toBe(true);
        expect(await apart.sums()).toEqual([11, 0]);
      }
      const nodes = await open(`${organizationId} other`);
      for (const id of ids) expect(await nodes.extend(id, 1)).toBe(true);
      expect(await nodes.sums()).toEqual([10 + ids.length, 0]);
      const { extend, reserve, sums } = await open(organizationId, "one");
      await reserve("two", 10);
      expect(await extend("a", 5, { executionId: "one" })).toBe(true);
      expect(await extend("a", 5, { executionId: "two" })).toBe(true);
      expect(await sums()).toEqual([30, 0]);
    });
  });
};
