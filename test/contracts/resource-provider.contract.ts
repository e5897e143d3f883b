/** What every ResourceProvider promises. `makeLayer` gets organization id -> what it has. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import { recordOf } from "#core/value";
import type { NodeContextFacts, Resources } from "#services/resource-provider";
import { ResourceProvider } from "#services/resource-provider";
import { nastyIds } from "./nasty-ids.ts";

const factsFor = (organizationId: string): NodeContextFacts => ({
  nodeId: "node",
  workflowId: "workflow",
  organizationId,
  executionId: "run",
  attempt: 2,
  idempotencyKey: "run/node",
  signal: new AbortController().signal,
  trigger: { body: [1, null] },
  reportUsage: () => {},
});

const gmail = { id: "mail", provider: "gmail", token: "ours" };

export const resourceProviderContract = (
  name: string,
  makeLayer: (byOrganization: Readonly<Record<string, Resources>>) => Layer.Layer<ResourceProvider>,
): void => {
  const open = (
    byOrganization: Readonly<Record<string, Resources>>,
  ): Promise<ResourceProvider["Service"]> =>
    Effect.runPromise(Effect.provide(ResourceProvider, makeLayer(byOrganization)));

  describe(`ResourceProvider: ${name}`, () => {
    it("gives a node its organization's secrets and integrations", async () => {
      const provider = await open({
        acme: { secrets: { KEY: "value" }, integrations: { mail: gmail } },
      });
      await Effect.runPromise(provider.initialize("acme"));
      const context = provider.createNodeContext(factsFor("acme"));
      expect(await context.getSecret("KEY")).toBe("value");
      expect(await context.getIntegration("mail")).toEqual(gmail);
    });

    it("gives the same after another start, without what `initialize` knew", async () => {
      const resources = { acme: { secrets: { KEY: "value" }, integrations: { mail: gmail } } };
      const context = (await open(resources)).createNodeContext(factsFor("acme"));
      expect(await context.getSecret("KEY")).toBe("value");
      expect(await context.getIntegration("mail")).toEqual(gmail);
    });

    it("has nothing that nobody gave it", async () => {
      const provider = await open({ acme: { secrets: { KEY: "value" } }, empty: {} });
      for (const organization of ["acme", "empty", "unknown", "__proto__", "constructor"]) {
        await Effect.runPromise(provider.initialize(organization));
        const context = provider.createNodeContext(factsFor(organization));
        for (const id of nastyIds) {
          expect(await context.getSecret(id)).toBeUndefined();
          expect(await context.getIntegration(id)).toBeUndefined();
        }
      }
    });

    it("keeps organizations and names apart whatever they are called", async () => {
      const secretsOf = (organization: string): Readonly<Record<string, string>> =>
        recordOf(nastyIds.map((id) => [id, `${id} of ${organization}`]));
      const provider = await open(recordOf(nastyIds.map((id) => [id, { secrets: secretsOf(id) }])));
      for (const organization of nastyIds) {
        const { getSecret } = provider.createNodeContext(factsFor(organization));
        expect(await Promise.all(nastyIds.map(getSecret))).toEqual(
          nastyIds.map((id) => `${id} of ${organization}`),
        );
      }
    });

    it("passes on the facts of the attempt as they are", async () => {
      const facts = factsFor("acme");
      const context = (await open({})).createNodeContext(facts);
      const { getSecret: _, getIntegration: __, ...rest } = context;
      expect(rest).toEqual(facts);
      expect(rest.signal).toBe(facts.signal);
    });
  });
};
