/** What every SecretStore promises. Storage may be shared between tests, so each has organizations of its own. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import * as Result from "effect/Result";
import { describe, expect, it } from "vitest";
import { secretProblem } from "#core/secret";
import type { ServiceFailure } from "#services/errors";
import type { NewSecret, SecretFacts } from "#services/secret-store";
import { SecretStore } from "#services/secret-store";
import { asText, likeOrganizations, nastyIds, unpairedIds } from "./nasty-ids.ts";

const run = Effect.runPromise;

/** Names that a secret may have, however odd. */
export const oddNames: readonly string[] = [
  ...nastyIds,
  "json:",
  'json:"a"',
  "a]b",
  "ä",
  "A",
].filter((name) => secretProblem(name, "long enough") === undefined);

const oddValues: readonly string[] = [
  "       .",
  "12345678",
  "null\u0000null",
  "line\nline\r\n",
  "🐾🐾🐾🐾🐾🐾🐾🐾",
  `{"type":"service_account","key":"-----BEGIN KEY-----\\n"}`,
  "'; DROP TABLE secrets; --",
  "x".repeat(64 * 1_024),
  "猫".repeat(21_845),
  "\ufeffbehind a mark of byte order",
];

const told = ({ operation, message, isFinal }: ServiceFailure) => ({ operation, message, isFinal });

const refusal = (message: string) => ({ operation: "SecretStore.set", message, isFinal: true });

/** `keyVersion` is what the layer tells of its values. */
export const secretStoreContract = (
  name: string,
  keyVersion: number | null,
  makeLayer: () => Layer.Layer<SecretStore>,
): void => {
  const open = (): SecretStore["Service"] =>
    Effect.runSync(Effect.provide(SecretStore, makeLayer()));
  let opened = 0;
  const newOrganization = (): string => `${name} ${++opened}`;
  const secretOf = (organizationId: string, changes: Partial<NewSecret> = {}): NewSecret => ({
    organizationId,
    name: "KEY",
    value: "the value",
    now: 1_000,
    ...changes,
  });
  const factsOf = (secret: NewSecret, updatedAt = secret.now): SecretFacts => ({
    name: secret.name,
    keyVersion,
    createdAt: secret.now,
    updatedAt,
  });

  describe(`SecretStore: ${name}`, () => {
    it("gives what was set last, and tells when it was set first and last", async () => {
      const store = open();
      const secret = secretOf(newOrganization(), { now: 1_000.5 });
      const { organizationId } = secret;
      expect(await run(store.read(organizationId, "KEY"))).toBeUndefined();
      expect(await run(store.set(secret))).toBe("created");
      expect(await run(store.read(organizationId, "KEY"))).toBe("the value");
      expect(await run(store.list(organizationId))).toEqual([factsOf(secret)]);
      for (const value of ["another value", "another value", "the value"]) {
        expect(await run(store.set({ ...secret, value, now: 2_000 }))).toBe("replaced");
        expect(await run(store.read(organizationId, "KEY"))).toBe(value);
        expect(await run(store.list(organizationId))).toEqual([factsOf(secret, 2_000)]);
      }
      expect(await run(store.readAll(organizationId))).toEqual([
        { name: "KEY", value: "the value" },
      ]);
    });

    it("keeps values of every kind", async () => {
      const store = open();
      const organization = newOrganization();
      for (const [index, value] of oddValues.entries()) {
        await run(store.set(secretOf(organization, { name: `${index}`, value })));
        // Not `toBe`: a failure would say 64 KiB.
        expect((await run(store.read(organization, `${index}`))) === value).toBe(true);
      }
      const all = await run(store.readAll(organization));
      expect(all.every(({ value }, index) => value === oddValues[index])).toBe(true);
      expect(all).toHaveLength(oddValues.length);
    });

    it("removes one, which may be set anew", async () => {
      const store = open();
      const secret = secretOf(newOrganization());
      const { organizationId } = secret;
      await run(store.set(secret));
      await run(store.set({ ...secret, name: "OTHER" }));
      expect(await run(store.remove(organizationId, "KEY"))).toBe(true);
      expect(await run(store.remove(organizationId, "KEY"))).toBe(false);
      expect(await run(store.read(organizationId, "KEY"))).toBeUndefined();
      expect(await run(store.list(organizationId))).toEqual([
        { ...factsOf(secret), name: "OTHER" },
      ]);
      const again = { ...secret, now: 3_000 };
      expect(await run(store.set(again))).toBe("created");
      expect(await run(store.list(organizationId))).toEqual([
        factsOf(again),
        { ...factsOf(secret), name: "OTHER" },
      ]);
    });

    it("lists names in their order, and no values", async () => {
      const store = open();
      const organization = newOrganization();
      for (const name of ["b", "a", "B", "json:b", "ä", "a b"]) {
        await run(store.set(secretOf(organization, { name })));
      }
      const inOrder = ["B", "a", "a b", "b", "json:b", "ä"];
      expect(await run(store.list(organization))).toEqual(
        inOrder.map((name) => factsOf(secretOf(organization, { name }))),
      );
      expect(await run(store.readAll(organization))).toEqual(
        inOrder.map((name) => ({ name, value: "the value" })),
      );
    });

    it("keeps names apart whatever they are", async () => {
      const store = open();
      const organization = newOrganization();
      for (const name of oddNames) {
        await run(store.set(secretOf(organization, { name, value: `value of ${name}` })));
      }
      for (const name of oddNames) {
        expect(await run(store.read(organization, name))).toBe(`value of ${name}`);
      }
      const names = (await run(store.list(organization))).map((facts) => facts.name);
      expect(names).toEqual([...oddNames].sort());
      for (const name of [...nastyIds, ...unpairedIds].filter((id) => !oddNames.includes(id))) {
        expect(await run(store.read(organization, name))).toBeUndefined();
        expect(await run(store.remove(organization, name))).toBe(false);
      }
      expect(await run(store.list(organization))).toHaveLength(oddNames.length);
    });

    it("keeps organizations apart whatever they are called", async () => {
      const store = open();
      const organizations = [...nastyIds, ...likeOrganizations, ...unpairedIds];
      for (const [index, organizationId] of organizations.entries()) {
        expect(await run(store.read(organizationId, "KEY"))).toBeUndefined();
        expect(await run(store.remove(organizationId, "KEY"))).toBe(false);
        await run(store.set(secretOf(organizationId, { value: `the value ${index}` })));
      }
      for (const [index, organizationId] of organizations.entries()) {
        expect(await run(store.read(organizationId, "KEY"))).toBe(`the value ${index}`);
        expect(await run(store.readAll(organizationId))).toEqual([
          { name: "KEY", value: `the value ${index}` },
        ]);
        expect(await run(store.list(organizationId))).toEqual([factsOf(secretOf(""))]);
        expect(await run(store.remove(organizationId, "KEY"))).toBe(true);
        expect(await run(store.list(organizationId))).toEqual([]);
      }
    });

    it("has one value when many are set at once, and one of them is the first", async () => {
      const store = open();
      const organization = newOrganization();
      const values = Array.from({ length: 12 }, (_, index) => `the value ${index}`);
      const results = await run(
        Effect.all(
          values.map((value) => store.set(secretOf(organization, { value }))),
          { concurrency: "unbounded" },
        ),
      );
      expect(results.toSorted()).toEqual(["created", ...values.slice(1).map(() => "replaced")]);
      expect(values).toContain(await run(store.read(organization, "KEY")));
      expect(await run(store.list(organization))).toHaveLength(1);
    });

    it("refuses what cannot be kept, keeps what was, and does not repeat the value", async () => {
      const store = open();
      const secret = secretOf(newOrganization());
      await run(store.set(secret));
      const refused: readonly Partial<NewSecret>[] = [
        { name: "" },
        { name: "a\nb" },
        { name: "n".repeat(257) },
        { name: " n" },
        { value: "7 chars" },
        { value: "the value \ud800" },
        { value: "        " },
        { value: 12_345_678 as unknown as string },
        { value: "é".repeat(32_769) },
      ];
      for (const changes of refused) {
        const failure = await run(Effect.flip(store.set({ ...secret, ...changes })));
        expect(told(failure)).toEqual(
          refusal(secretProblem(changes.name ?? secret.name, changes.value ?? secret.value)!),
        );
        expect(asText(failure.message)).not.toContain(
          asText(changes.value ?? secret.value).slice(1, -1),
        );
      }
      expect(await run(store.list(secret.organizationId))).toEqual([factsOf(secret)]);
      expect(await run(store.read(secret.organizationId, "KEY"))).toBe("the value");
    });

    it("keeps a thousand secrets of an organization, and refuses one more for good", async () => {
      const store = open();
      const organization = newOrganization();
      const names = Array.from({ length: 999 }, (_, index) => `n${index}`);
      await run(
        Effect.forEach(names, (name) => store.set(secretOf(organization, { name })), {
          concurrency: 50,
        }),
      );
      const both = ["a", "b"].map((name) =>
        Effect.result(store.set(secretOf(organization, { name }))),
      );
      const results = await run(Effect.all(both, { concurrency: "unbounded" }));
      expect(results.filter(Result.isSuccess).map(({ success }) => success)).toEqual(["created"]);
      const full = refusal(
        "The organization has 1000 secrets, and 1000 are allowed. Remove one that nobody needs.",
      );
      expect(results.filter(Result.isFailure).map(({ failure }) => told(failure))).toEqual([full]);
      const another = secretOf(organization, { name: "another" });
      expect(told(await run(Effect.flip(store.set(another))))).toEqual(full);
      expect(await run(store.list(organization))).toHaveLength(1_000);
      expect(await run(store.set({ ...another, name: "n7", value: "a newer value" }))).toBe(
        "replaced",
      );
      expect(await run(store.set({ ...another, organizationId: newOrganization() }))).toBe(
        "created",
      );
      await run(store.remove(organization, "n7"));
      expect(await run(store.set(another))).toBe("created");
    });

    it("keeps 512 KiB of values of an organization together, and refuses a byte more for good", async () => {
      const store = open();
      const organization = newOrganization();
      const largest = 64 * 1_024;
      const set = (name: string, bytes: number, character = "x") =>
        store.set(
          secretOf(organization, {
            name,
            value: character.repeat(bytes / Buffer.byteLength(character)),
          }),
        );
      const refusedAt = (bytes: number) =>
        refusal(
          `The values of the organization's secrets would be ${bytes} bytes long together, and 524288 are allowed. Remove one ` +
            "that nobody needs, or keep what is large in the ObjectStore, encrypted with a key that is a secret.",
        );
      for (const name of ["a", "b", "c", "d", "e"]) await run(set(name, largest));
      await run(set("f", largest, "é"));
      // Sizes that leave different numbers of bytes in the last group of base64.
      await run(set("g", largest - 1));
      await run(set("h", largest - 24, "猫猫é"));
      const both = ["i", "j"].map((name) => Effect.result(set(name, 24)));
      const results = await run(Effect.all(both, { concurrency: "unbounded" }));
      expect(results.filter(Result.isSuccess).map(({ success }) => success)).toEqual(["created"]);
      expect(results.filter(Result.isFailure).map(({ failure }) => told(failure))).toEqual([
        refusedAt(8 * largest - 1 + 24),
      ]);
      expect(told(await run(Effect.flip(set("k", 8))))).toEqual(refusedAt(8 * largest - 1 + 8));
      expect(await run(store.list(organization))).toHaveLength(9);
      // A new value counts in place of the old one.
      expect(await run(set("g", largest))).toBe("replaced");
      expect(told(await run(Effect.flip(set("h", largest - 16, "猫猫é"))))).toEqual(
        refusedAt(8 * largest + 8),
      );
      expect(await run(set("a", largest, "é"))).toBe("replaced");
      expect(await run(set("a", largest - 100))).toBe("replaced");
      expect(await run(set("k", 100))).toBe("created");
      expect(told(await run(Effect.flip(set("l", 8))))).toEqual(refusedAt(8 * largest + 8));
    });

    it("has nothing to seal anew when all is under the newest key", async () => {
      const store = open();
      const secret = secretOf(newOrganization());
      await run(store.set(secret));
      expect(await run(store.rotate)).toEqual({ resealed: 0 });
      expect(await run(store.list(secret.organizationId))).toEqual([factsOf(secret)]);
    });
  });
};
