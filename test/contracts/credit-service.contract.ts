/** What every CreditService promises. Storage may be shared between tests, so each has organizations of its own. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import { CreditService } from "#services/credit-service";
import { likeOrganizations, nastyIds } from "./nasty-ids.ts";

const run = Effect.runPromise;

export const creditServiceContract = (
  name: string,
  makeLayer: () => Layer.Layer<CreditService>,
): void => {
  const open = (): CreditService["Service"] =>
    Effect.runSync(Effect.provide(CreditService, makeLayer()));
  let opened = 0;
  const newOrganization = (): string => `${name} ${++opened}`;

  /** Asks for credits out of 100. */
  const asker =
    (credits: CreditService["Service"], organizationId: string) =>
    (executionId: string, estimate: number): Promise<boolean> =>
      run(credits.reserve({ organizationId, executionId, estimate, limit: 100 }));

  describe(`CreditService: ${name}`, () => {
    it("begins with nothing spent", async () => {
      expect(await run(open().spent(newOrganization()))).toBe(0);
    });

    it("reserves up to the limit exactly, and not one credit beyond", async () => {
      const credits = open();
      const ask = asker(credits, newOrganization());
      expect(await ask("a", 60)).toBe(true);
      expect(await ask("b", 41)).toBe(false);
      expect(await ask("c", 40)).toBe(true);
      expect(await ask("d", 1)).toBe(false);
      expect(await ask("free", 0)).toBe(true);
    });

    it("counts a reservation once, however often it is asked for", async () => {
      const credits = open();
      const ask = asker(credits, newOrganization());
      for (let time = 0; time < 3; time++) expect(await ask("a", 60)).toBe(true);
      expect(await ask("b", 40)).toBe(true);
    });

    it("lets a run that was refused ask again", async () => {
      const credits = open();
      const organizationId = newOrganization();
      const ask = asker(credits, organizationId);
      expect(await ask("a", 60)).toBe(true);
      expect(await ask("b", 60)).toBe(false);
      await run(credits.settle({ organizationId, executionId: "a", usage: 40 }));
      expect(await ask("b", 60)).toBe(true);
    });

    it("puts the cost in the reservation's place", async () => {
      const credits = open();
      const organizationId = newOrganization();
      const ask = asker(credits, organizationId);
      await ask("a", 80);
      expect(await run(credits.spent(organizationId))).toBe(0);
      await run(credits.settle({ organizationId, executionId: "a", usage: 30 }));
      expect(await run(credits.spent(organizationId))).toBe(30);
      expect(await ask("b", 71)).toBe(false);
      expect(await ask("c", 70)).toBe(true);
    });

    it("settles an execution once, whatever is said later", async () => {
      const credits = open();
      const organizationId = newOrganization();
      const ask = asker(credits, organizationId);
      await ask("a", 10);
      for (const usage of [7, 7, 9]) {
        await run(credits.settle({ organizationId, executionId: "a", usage }));
        expect(await run(credits.spent(organizationId))).toBe(7);
      }
    });

    it("reserves nothing more for an execution that is settled", async () => {
      const credits = open();
      const organizationId = newOrganization();
      const ask = asker(credits, organizationId);
      await ask("a", 90);
      await run(credits.settle({ organizationId, executionId: "a", usage: 1 }));
      expect(await ask("a", 90)).toBe(true);
      expect(await ask("b", 99)).toBe(true);
      expect(await run(credits.spent(organizationId))).toBe(1);
    });

    it("records a cost beyond the reservation, and one without", async () => {
      const credits = open();
      const organizationId = newOrganization();
      const ask = asker(credits, organizationId);
      await ask("a", 1);
      await run(credits.settle({ organizationId, executionId: "a", usage: 60 }));
      await run(credits.settle({ organizationId, executionId: "b", usage: 60 }));
      expect(await run(credits.spent(organizationId))).toBe(120);
      expect(await ask("c", 1)).toBe(false);
    });

    it("gives a failed run's reservation back", async () => {
      const credits = open();
      const organizationId = newOrganization();
      const ask = asker(credits, organizationId);
      await ask("a", 100);
      await run(credits.settle({ organizationId, executionId: "a", usage: 0 }));
      expect(await ask("b", 100)).toBe(true);
    });

    it("allows nothing under a limit that is not a number", async () => {
      const reservation = { organizationId: newOrganization(), executionId: "a", estimate: 1 };
      expect(await run(open().reserve({ ...reservation, limit: Number.NaN }))).toBe(false);
    });

    it("never reserves more than the limit for 20 runs that ask at once", async () => {
      const credits = open();
      const organizationId = newOrganization();
      const ask = asker(credits, organizationId);
      const ids = Array.from({ length: 20 }, (_, index) => `run ${index}`);
      const answers = await Promise.all(ids.map((id) => ask(id, 9)));
      expect(answers.filter(Boolean)).toHaveLength(11);
      const granted = ids.filter((_, index) => answers[index]);
      await Promise.all(
        [...granted, ...granted].map((executionId) =>
          run(credits.settle({ organizationId, executionId, usage: 9 })),
        ),
      );
      expect(await run(credits.spent(organizationId))).toBe(99);
    });

    it("keeps organizations and executions apart whatever they are called", async () => {
      const credits = open();
      const organizations = [...new Set([...nastyIds, ...likeOrganizations])];
      for (const [index, organizationId] of organizations.entries()) {
        const ask = asker(credits, organizationId);
        expect(await ask("run", 100 - index)).toBe(true);
        expect(await ask("other", index + 1)).toBe(false);
        await run(credits.settle({ organizationId, executionId: "run", usage: index }));
      }
      const spent = await run(Effect.forEach(organizations, credits.spent));
      expect(spent).toEqual(organizations.map((_, index) => index));
      const organizationId = newOrganization();
      for (const executionId of nastyIds) {
        await run(credits.settle({ organizationId, executionId, usage: 1 }));
      }
      expect(await run(credits.spent(organizationId))).toBe(nastyIds.length);
    });
  });
};
