/** What every IntegrationStore promises. Storage may be shared between tests, so each has organizations of its own. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import * as Result from "effect/Result";
import { describe, expect, it } from "vitest";
import { integrationIdProblem } from "#core/secret";
import type { IntegrationFacts, NewConnection, Tokens } from "#services/integration-store";
import { IntegrationStore } from "#services/integration-store";
import { asText, likeOrganizations, nastyIds, unpairedIds } from "./nasty-ids.ts";

const run = Effect.runPromise;

/** Ids that an integration may have, however odd. */
export const oddIds: readonly string[] = [...nastyIds, ...unpairedIds].filter(
  (id) => integrationIdProblem(id) === undefined,
);

const tokensOf = (mark: string, changes: Partial<Tokens> = {}): Tokens => ({
  accessToken: `access ${mark}`,
  refreshToken: `refresh ${mark}`,
  expiresAt: 5_000,
  scopes: ["read", "write"],
  ...changes,
});

export const integrationStoreContract = (
  name: string,
  makeLayer: () => Layer.Layer<IntegrationStore>,
): void => {
  const open = (): IntegrationStore["Service"] =>
    Effect.runSync(Effect.provide(IntegrationStore, makeLayer()));
  let opened = 0;
  const newOrganization = (): string => `${name} ${++opened}`;
  const connectionOf = (
    organizationId: string,
    changes: Partial<NewConnection> = {},
  ): NewConnection => ({
    organizationId,
    id: "mail",
    provider: "google-mail",
    tokens: tokensOf("1"),
    now: 1_000,
    ...changes,
  });
  const factsOf = (
    { id, provider, tokens, now }: NewConnection,
    changes: Partial<IntegrationFacts> = {},
  ): IntegrationFacts => ({
    id,
    provider,
    scopes: tokens.scopes,
    status: "connected",
    expiresAt: tokens.expiresAt,
    version: 1,
    connectedAt: now,
    updatedAt: now,
    ...changes,
  });

  describe(`IntegrationStore: ${name}`, () => {
    it("gives what was connected, and tells it without tokens", async () => {
      const store = open();
      const connection = connectionOf(newOrganization(), { now: 1_000.5 });
      const { organizationId } = connection;
      expect(await run(store.read(organizationId, "mail"))).toBeUndefined();
      expect(await run(store.list(organizationId))).toEqual([]);
      expect(await run(store.readAll(organizationId))).toEqual([]);
      expect(await run(store.connect(connection))).toBe("created");
      const stored = { ...factsOf(connection), tokens: connection.tokens };
      expect(await run(store.read(organizationId, "mail"))).toEqual(stored);
      expect(await run(store.readAll(organizationId))).toEqual([stored]);
      expect(await run(store.list(organizationId))).toEqual([factsOf(connection)]);
    });

    it("keeps tokens of every kind", async () => {
      const store = open();
      const organizationId = newOrganization();
      const kinds: readonly Tokens[] = [
        { accessToken: "a", expiresAt: null, scopes: [] },
        tokensOf("猫 \u0000 \n \" ' \\ 🐾"),
        tokensOf("x".repeat(20_000), { expiresAt: 1.5e12 + 0.5 }),
        tokensOf("", { scopes: ["", "a b", "a,b", "猫"] }),
      ];
      for (const [index, tokens] of kinds.entries()) {
        const connection = connectionOf(organizationId, { id: `kind ${index}`, tokens });
        await run(store.connect(connection));
        expect(await run(store.read(organizationId, connection.id))).toEqual({
          ...factsOf(connection),
          tokens,
        });
      }
    });

    it("keeps no end of a token that no date can hold: such a token does not end", async () => {
      const store = open();
      const organizationId = newOrganization();
      for (const [index, expiresAt] of [8.64e15 + 2, 1e300, Infinity].entries()) {
        const connection = connectionOf(organizationId, {
          id: `end ${index}`,
          tokens: tokensOf("1", { expiresAt }),
        });
        await run(store.connect(connection));
        const { id } = connection;
        const tokens = tokensOf("2", { expiresAt });
        await run(store.replaceTokens({ organizationId, id, version: 1, now: 2_000, tokens }));
        const stored = await run(store.read(organizationId, id));
        expect([stored?.version, stored?.expiresAt, stored?.tokens.expiresAt]).toEqual([
          2,
          null,
          null,
        ]);
      }
      const tokens = tokensOf("1", { expiresAt: 8.64e15 });
      await run(store.connect(connectionOf(organizationId, { tokens })));
      const ends = (await run(store.list(organizationId))).map(({ expiresAt }) => expiresAt);
      expect(ends).toEqual([null, null, null, 8.64e15]);
    });

    it("replaces tokens of the version that is named, and of no other", async () => {
      const store = open();
      const connection = connectionOf(newOrganization());
      const { organizationId, id } = connection;
      await run(store.connect(connection));
      const tokens = tokensOf("2", { expiresAt: 9_000, scopes: ["read"] });
      const change = { organizationId, id, version: 1, now: 2_000, tokens };
      for (const version of [0, 2, 1.5]) {
        expect(await run(store.replaceTokens({ ...change, version }))).toBe(false);
      }
      expect(await run(store.replaceTokens(change))).toBe(true);
      const changes = { version: 2, expiresAt: 9_000, scopes: ["read"], updatedAt: 2_000 };
      const replaced = { ...factsOf(connection, changes), tokens };
      expect(await run(store.read(organizationId, id))).toEqual(replaced);
      expect(await run(store.replaceTokens({ ...change, tokens: tokensOf("late") }))).toBe(false);
      expect(await run(store.read(organizationId, id))).toEqual(replaced);
    });

    it("takes one of many changes that come at once", async () => {
      const store = open();
      const connection = connectionOf(newOrganization());
      const { organizationId, id } = connection;
      await run(store.connect(connection));
      const changes = Array.from({ length: 20 }, (_, index) =>
        store.replaceTokens({
          organizationId,
          id,
          version: 1,
          now: 2_000,
          tokens: tokensOf(`of ${index}`),
        }),
      );
      const results = await run(Effect.all(changes, { concurrency: "unbounded" }));
      expect(results.filter(Boolean)).toEqual([true]);
      const stored = await run(store.read(organizationId, id));
      expect(stored?.version).toBe(2);
      expect(stored?.tokens).toEqual(tokensOf(`of ${results.indexOf(true)}`));
    });

    it("expires one that has the version still, keeps its tokens, and takes newer ones later", async () => {
      const store = open();
      const connection = connectionOf(newOrganization());
      const { organizationId, id } = connection;
      await run(store.connect(connection));
      const change = { organizationId, id, version: 1, now: 2_000 };
      expect(await run(store.expire({ ...change, version: 2 }))).toBe(false);
      expect(await run(store.list(organizationId))).toEqual([factsOf(connection)]);
      expect(await run(store.expire(change))).toBe(true);
      const facts = factsOf(connection, { status: "expired", updatedAt: 2_000 });
      expect(await run(store.list(organizationId))).toEqual([facts]);
      const expired = { ...facts, tokens: connection.tokens };
      expect(await run(store.read(organizationId, id))).toEqual(expired);
      expect(await run(store.readAll(organizationId))).toEqual([expired]);
      const tokens = tokensOf("2");
      expect(await run(store.replaceTokens({ ...change, tokens, now: 3_000 }))).toBe(true);
      expect(await run(store.read(organizationId, id))).toEqual({
        ...factsOf(connection, { version: 2, updatedAt: 3_000 }),
        tokens,
      });
      expect(await run(store.expire(change))).toBe(false);
    });

    it("connects an old one again, whatever was on its way for it", async () => {
      const store = open();
      const connection = connectionOf(newOrganization());
      const { organizationId, id } = connection;
      await run(store.connect(connection));
      await run(store.expire({ organizationId, id, version: 1, now: 2_000 }));
      const again = connectionOf(organizationId, {
        provider: "github",
        tokens: tokensOf("again", { expiresAt: null, scopes: [] }),
        now: 3_000,
      });
      expect(await run(store.connect(again))).toBe("replaced");
      const stored = { ...factsOf(again, { version: 2 }), tokens: again.tokens };
      expect(await run(store.read(organizationId, id))).toEqual(stored);
      const late = { organizationId, id, version: 1, now: 4_000 };
      expect(await run(store.replaceTokens({ ...late, tokens: tokensOf("late") }))).toBe(false);
      expect(await run(store.expire(late))).toBe(false);
      expect(await run(store.read(organizationId, id))).toEqual(stored);
    });

    it("removes one, and takes nothing that was on its way for it for a later one", async () => {
      const store = open();
      const connection = connectionOf(newOrganization());
      const { organizationId, id } = connection;
      expect(await run(store.remove(organizationId, id))).toBe(false);
      await run(store.connect(connection));
      expect(await run(store.remove(organizationId, id))).toBe(true);
      expect(await run(store.remove(organizationId, id))).toBe(false);
      const late = { organizationId, id, version: 1, now: 4_000 };
      const change = { ...late, tokens: tokensOf("late") };
      expect(await run(store.replaceTokens(change))).toBe(false);
      expect(await run(store.expire(late))).toBe(false);
      expect(await run(store.read(organizationId, id))).toBeUndefined();
      expect(await run(store.list(organizationId))).toEqual([]);
      expect(await run(store.readAll(organizationId))).toEqual([]);
      expect(await run(store.connect(connection))).toBe("created");
      expect(await run(store.replaceTokens(change))).toBe(false);
      expect(await run(store.expire(late))).toBe(false);
      const stored = await run(store.read(organizationId, id));
      expect(stored).toEqual({
        ...factsOf(connection, { version: stored!.version }),
        tokens: connection.tokens,
      });
      expect(stored!.version).toBeGreaterThan(1);
    });

    it("has no change for what was never connected", async () => {
      const store = open();
      const change = { organizationId: newOrganization(), id: "mail", version: 1, now: 1 };
      expect(await run(store.replaceTokens({ ...change, tokens: tokensOf("1") }))).toBe(false);
      expect(await run(store.expire(change))).toBe(false);
      expect(await run(store.list(change.organizationId))).toEqual([]);
    });

    it("lists in the order of ids, and takes every one that can be seen for an id", async () => {
      const store = open();
      const organizationId = newOrganization();
      const ids = oddIds;
      for (const [index, id] of ids.entries()) {
        const tokens = tokensOf(String(index));
        expect(
          await run(store.connect(connectionOf(organizationId, { id, tokens, provider: id }))),
        ).toBe("created");
      }
      const listed = await run(store.list(organizationId));
      expect(asText(listed.map(({ id }) => id))).toBe(asText(ids.toSorted()));
      expect(asText(listed.map(({ provider }) => provider))).toBe(asText(ids.toSorted()));
      for (const [index, id] of ids.entries()) {
        const stored = await run(store.read(organizationId, id));
        expect(asText([stored?.id, stored?.tokens.accessToken])).toBe(
          asText([id, `access ${index}`]),
        );
      }
    });

    it("refuses for good an id that a name of a secret could not be", async () => {
      const store = open();
      const organizationId = newOrganization();
      for (const id of ["", "a\nb", " a", "a ", "n".repeat(300), "a\ud800"]) {
        const failure = await run(Effect.flip(store.connect(connectionOf(organizationId, { id }))));
        const { operation, message, isFinal } = failure;
        expect({ operation, message, isFinal }).toEqual({
          operation: "IntegrationStore.connect",
          message: integrationIdProblem(id),
          isFinal: true,
        });
      }
      expect(await run(store.list(organizationId))).toEqual([]);
    });

    it("shows, changes and removes nothing of another organization", async () => {
      const store = open();
      const organizations = [...likeOrganizations, ...nastyIds, ...unpairedIds];
      const named = organizations.map((organization) => `${organization} of ${name}`);
      for (const [index, organizationId] of named.entries()) {
        const tokens = tokensOf(String(index));
        expect(await run(store.connect(connectionOf(organizationId, { tokens })))).toBe("created");
      }
      const stranger = newOrganization();
      expect(await run(store.read(stranger, "mail"))).toBeUndefined();
      expect(await run(store.remove(stranger, "mail"))).toBe(false);
      const change = { organizationId: stranger, id: "mail", version: 1, now: 2_000 };
      expect(await run(store.expire(change))).toBe(false);
      expect(await run(store.replaceTokens({ ...change, tokens: tokensOf("x") }))).toBe(false);
      const [first, second, ...others] = named;
      await run(store.remove(first!, "mail"));
      await run(store.expire({ ...change, organizationId: second! }));
      expect(await run(store.readAll(first!))).toEqual([]);
      for (const [index, organizationId] of others.entries()) {
        const stored = await run(store.readAll(organizationId));
        expect(stored.map(({ tokens, status }) => [tokens.accessToken, status])).toEqual([
          [`access ${index + 2}`, "connected"],
        ]);
      }
    });

    it("keeps five hundred of an organization, and refuses one more for good", async () => {
      const store = open();
      const organizationId = newOrganization();
      const ids = Array.from({ length: 499 }, (_, index) => `n${index}`);
      const connect = (id: string) => store.connect(connectionOf(organizationId, { id }));
      await run(Effect.forEach(ids, connect, { concurrency: 50 }));
      const both = ["a", "b"].map((id) => Effect.result(connect(id)));
      const results = await run(Effect.all(both, { concurrency: "unbounded" }));
      expect(results.filter(Result.isSuccess).map(({ success }) => success)).toEqual(["created"]);
      const refused = results.filter(Result.isFailure).map(({ failure }) => failure);
      refused.push(await run(Effect.flip(connect("another"))));
      expect(
        refused.map(({ operation, message, isFinal }) => ({ operation, message, isFinal })),
      ).toEqual(
        Array(2).fill({
          operation: "IntegrationStore.connect",
          message:
            "The organization has 500 integrations, and no more are allowed. Remove one that nobody needs.",
          isFinal: true,
        }),
      );
      expect(await run(store.list(organizationId))).toHaveLength(500);
      expect(await run(connect("n7"))).toBe("replaced");
      expect(await run(store.connect(connectionOf(newOrganization())))).toBe("created");
      await run(store.remove(organizationId, "n7"));
      expect(await run(connect("another"))).toBe("created");
      // Neither brings back what is over.
      expect(Result.isFailure(await run(Effect.result(connect("n7"))))).toBe(true);
    });

    it("has nothing to seal anew under the newest key", async () => {
      const store = open();
      await run(store.connect(connectionOf(newOrganization())));
      expect(await run(store.rotate)).toEqual({ resealed: 0 });
    });
  });
};
