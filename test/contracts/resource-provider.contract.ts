/** What every ResourceProvider promises. `makeLayer` gets organization id -> what it has. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import { noMask } from "#core/mask";
import { recordOf } from "#core/value";
import type { NodeFacts } from "#services/node-definition";
import { NodeFailure } from "#services/node-definition";
import type { Resources } from "#services/resource-provider";
import { ResourceProvider } from "#services/resource-provider";
import { nastyIds } from "./nasty-ids.ts";
import { oddNames } from "./secret-store.contract.ts";

export const factsFor = (organizationId: string): NodeFacts => ({
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

const gmail = { id: "mail", provider: "gmail", token: "our token" };

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
        acme: { secrets: { KEY: "our value" }, integrations: { mail: gmail } },
      });
      await Effect.runPromise(provider.initialize("acme"));
      const context = provider.createNodeContext(factsFor("acme"));
      expect(await context.getSecret("KEY")).toBe("our value");
      expect(await context.getIntegration("mail")).toEqual(gmail);
    });

    it("gives the same after another start, without what `initialize` knew", async () => {
      const resources = { acme: { secrets: { KEY: "our value" }, integrations: { mail: gmail } } };
      const context = (await open(resources)).createNodeContext(factsFor("acme"));
      expect(await context.getSecret("KEY")).toBe("our value");
      expect(await context.getIntegration("mail")).toEqual(gmail);
    });

    it("has nothing that nobody gave it", async () => {
      const provider = await open({ acme: { secrets: { KEY: "our value" } }, empty: {} });
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
      // All names in two organizations, and a few in each of the others.
      const namesIn = (organization: string): readonly string[] =>
        nastyIds.indexOf(organization) < 2 ? oddNames : oddNames.slice(0, 3);
      const secretsOf = (organization: string): Readonly<Record<string, string>> =>
        recordOf(namesIn(organization).map((id) => [id, `value ${id} of ${organization}`]));
      const integrations = recordOf(
        nastyIds.slice(0, 3).map((id) => [id, { id, provider: "gmail", token: `token of ${id}` }]),
      );
      const provider = await open(
        recordOf(nastyIds.map((id) => [id, { secrets: secretsOf(id), integrations }])),
      );
      for (const organization of nastyIds) {
        const { getSecret, getIntegration } = provider.createNodeContext(factsFor(organization));
        const names = namesIn(organization);
        expect(await Promise.all(names.map(getSecret))).toEqual(
          names.map((id) => `value ${id} of ${organization}`),
        );
        const found = await Promise.all(nastyIds.slice(0, 3).map(getIntegration));
        expect(found.map((integration) => integration?.token)).toEqual(
          nastyIds.slice(0, 3).map((id) => `token of ${id}`),
        );
      }
    });

    it("fails for good, in plain words, for a name that is no text, as of an input that nobody has set", async () => {
      const provider = await open({ acme: { secrets: { undefined: "our value", 5: "our five" } } });
      const { getSecret, getIntegration } = provider.createNodeContext(factsFor("acme"));
      for (const [name, told] of [
        [undefined, "undefined"],
        [null, "null"],
        [5, "number"],
        [["our name"], "an array"],
      ] as const) {
        for (const [ask, message] of [
          [getSecret, `getSecret expects the name of a secret, got ${told}.`],
          [getIntegration, `getIntegration expects the id of an integration, got ${told}.`],
        ] as const) {
          const failure: unknown = await ask(name as never).catch((reason: unknown) => reason);
          expect(failure).toBeInstanceOf(NodeFailure);
          expect(failure).toMatchObject({
            message: `${message} Set or connect the input that it comes from.`,
          });
          expect(failure).not.toMatchObject({ retryable: true });
        }
      }
    });

    it("passes on the facts of the attempt as they are", async () => {
      const facts = factsFor("acme");
      const context = (await open({})).createNodeContext(facts);
      const { getSecret: _, getIntegration: __, ...rest } = context;
      expect(rest).toEqual(facts);
      expect(rest.signal).toBe(facts.signal);
    });

    it("masks all secrets and tokens of the organization by their names, whether a node has read them or not", async () => {
      const provider = await open({
        acme: { secrets: { KEY: "our value", ODD: 'a "b" c d' }, integrations: { mail: gmail } },
      });
      const mask = await provider.maskFor("acme");
      expect(mask.text("our value, our token, another value")).toBe(
        "[secret:KEY], [secret:mail], another value",
      );
      expect(mask.json({ "our value": ['a "b" c d', btoa("our token")] })).toEqual({
        "[secret:KEY]": ["[secret:ODD]", "[secret:mail]"],
      });
    });

    it("masks nothing where there is nothing", async () => {
      const provider = await open({ acme: { secrets: { KEY: "our value" } }, empty: {} });
      for (const organization of ["empty", "unknown", "__proto__"]) {
        expect(await provider.maskFor(organization)).toBe(noMask);
      }
    });

    it("has the mask at hand once it is loaded, and the same one, whatever nodes read of it", async () => {
      const provider = await open({
        acme: { secrets: { KEY: "our value" }, integrations: { mail: gmail } },
      });
      await Effect.runPromise(provider.initialize("acme"));
      const mask = provider.maskFor("acme");
      expect(mask).not.toBeInstanceOf(Promise);
      const { getSecret, getIntegration } = provider.createNodeContext(factsFor("acme"));
      await Promise.all([getSecret("KEY"), getSecret("NONE"), getIntegration("mail")]);
      expect(provider.maskFor("acme")).toBe(mask);
      expect(provider.maskAtHand("acme")).toBe(mask);
      expect(provider.maskAtHand("other").text("our value")).toBe("our value");
    });

    it("masks what belongs to the organization alone", async () => {
      const provider = await open({
        acme: { secrets: { KEY: "our value" }, integrations: { mail: gmail } },
        other: { secrets: { THEIRS: "their value" } },
      });
      const text = "our value, our token, their value";
      expect((await provider.maskFor("acme")).text(text)).toBe(
        "[secret:KEY], [secret:mail], their value",
      );
      expect((await provider.maskFor("other")).text(text)).toBe(
        "our value, our token, [secret:THEIRS]",
      );
    });
  });
};
