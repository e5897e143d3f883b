/** What every ObjectStore promises. Storage may be shared between tests, so each has organizations of its own. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import { describe, expect, it } from "vitest";
import type { BinaryValue } from "#services/node-definition";
import { ObjectStore } from "#services/object-store";
import { likeOrganizations, nastyIds, unpairedIds } from "./nasty-ids.ts";

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);

const textValue = (text: string): BinaryValue => ({
  data: new TextEncoder().encode(text),
  mimeType: "text/plain; charset=utf-8",
});

const textOf = (value: BinaryValue | undefined): string | undefined =>
  value && new TextDecoder().decode(value.data);

const run = Effect.runPromise;

export const objectStoreContract = (
  name: string,
  makeLayer: () => Layer.Layer<ObjectStore>,
): void => {
  const open = (): ObjectStore["Service"] =>
    Effect.runSync(Effect.provide(ObjectStore, makeLayer()));
  let opened = 0;
  const newOrganization = (): string => `${name} ${++opened}`;

  describe(`ObjectStore: ${name}`, () => {
    it("knows nothing of what was not written", async () => {
      const store = open();
      const organizationId = newOrganization();
      expect(await run(store.read(organizationId, "run/file"))).toBeUndefined();
      expect(await run(store.list({ organizationId, executionId: "run" }))).toEqual([]);
      await run(store.remove(organizationId, "run/file"));
    });

    it.each<readonly [string, BinaryValue]>([
      ["every byte", { data: everyByte, mimeType: "application/octet-stream" }],
      ["no bytes", { data: new Uint8Array(), mimeType: "image/png", filename: "empty.png" }],
      ["part of a buffer", { data: everyByte.subarray(100, 110), mimeType: "a/b", filename: "" }],
      ["a name of any script", { ...textValue("x"), filename: `猫 "é" 🐾\n%20; a=b.txt` }],
      ["a type that is none", { ...textValue("x"), mimeType: "" }],
      ["a megabyte", { data: new Uint8Array(1 << 20).fill(7), mimeType: "video/mp4" }],
    ])("gives back %s as it was written", async (_, value) => {
      const store = open();
      const scope = { organizationId: newOrganization(), executionId: "run" };
      const { data, ...facts } = value;
      const reference = await run(store.write(scope, "file", value));
      expect(reference).toEqual({ id: reference.id, ...facts });
      const found = await run(store.read(scope.organizationId, reference.id));
      expect(found).toEqual({ ...facts, data: Uint8Array.from(data) });
      expect(found?.data).toBeInstanceOf(Uint8Array);
      expect(await run(store.list(scope))).toEqual([{ reference, size: data.byteLength }]);
    });

    it("replaces what stands under a name, under the same id", async () => {
      const store = open();
      const scope = { organizationId: newOrganization(), executionId: "run" };
      const first = await run(store.write(scope, "file", { ...textValue("first"), filename: "1" }));
      const second = await run(store.write(scope, "file", textValue("second")));
      expect(second.id).toBe(first.id);
      expect(await run(store.read(scope.organizationId, first.id))).toEqual(textValue("second"));
      expect(await run(store.list(scope))).toEqual([{ reference: second, size: 6 }]);
    });

    it("removes an object, and again", async () => {
      const store = open();
      const scope = { organizationId: newOrganization(), executionId: "run" };
      const kept = await run(store.write(scope, "kept", textValue("kept")));
      const { id } = await run(store.write(scope, "file", textValue("x")));
      await run(store.remove(scope.organizationId, id));
      await run(store.remove(scope.organizationId, id));
      expect(await run(store.read(scope.organizationId, id))).toBeUndefined();
      expect(await run(store.list(scope))).toEqual([{ reference: kept, size: 4 }]);
    });

    it("shares no bytes with whoever wrote or read them", async () => {
      const store = open();
      const scope = { organizationId: newOrganization(), executionId: "run" };
      const value = textValue("abc");
      const { id } = await run(store.write(scope, "file", value));
      value.data.fill(0);
      const read = await run(store.read(scope.organizationId, id));
      expect(textOf(read)).toBe("abc");
      read?.data.fill(0);
      expect(textOf(await run(store.read(scope.organizationId, id)))).toBe("abc");
    });

    it("gives back a name that is no text", async () => {
      const store = open();
      const scope = { organizationId: newOrganization(), executionId: "run" };
      const { id } = await run(
        store.write(scope, "file", { ...textValue("x"), filename: "a\ud800b.txt" }),
      );
      const found = await run(store.read(scope.organizationId, id));
      expect(found?.filename === "a\ud800b.txt").toBe(true);
    });

    it("takes any execution and any name", async () => {
      const store = open();
      const organizationId = newOrganization();
      const ids = [...nastyIds, ...unpairedIds];
      const places = ids.flatMap((id) => [
        { scope: { organizationId, executionId: id }, file: "file" },
        { scope: { organizationId, executionId: "run" }, file: id },
      ]);
      const contentOf = ({ scope, file }: (typeof places)[number]): string =>
        JSON.stringify([scope.executionId, file]);
      const references = await run(
        Effect.forEach(places, (place) =>
          store.write(place.scope, place.file, textValue(contentOf(place))),
        ),
      );
      const found = await run(
        Effect.forEach(references, ({ id }) => store.read(organizationId, id), { concurrency: 8 }),
      );
      expect(found.map(textOf)).toEqual(places.map(contentOf));
      for (const [index, executionId] of ids.entries()) {
        const listed = await run(store.list({ organizationId, executionId }));
        expect(listed.map(({ reference }) => reference)).toEqual([references[2 * index]]);
      }
      expect(await run(store.list({ organizationId, executionId: "run" }))).toHaveLength(
        ids.length,
      );
    });

    it("keeps organizations apart whatever they are called", async () => {
      const store = open();
      const organizations = [...nastyIds, ...likeOrganizations];
      const write = (organizationId: string): Effect.Effect<string, unknown> =>
        Effect.map(
          store.write({ organizationId, executionId: "run" }, "file", textValue(organizationId)),
          ({ id }) => id,
        );
      const [id, ...others] = await run(Effect.forEach(organizations, write));
      expect(new Set(others)).toEqual(new Set([id]));
      const found = await run(
        Effect.forEach(organizations, (organization) => store.read(organization, id!)),
      );
      expect(found.map(textOf)).toEqual(organizations);
      for (const organizationId of organizations) {
        const listed = await run(store.list({ organizationId, executionId: "run" }));
        expect(listed.map(({ reference }) => reference.id)).toEqual([id]);
      }
    });

    it("shows nothing of one organization to another, nor lets it remove anything", async () => {
      const store = open();
      const [ours, theirs] = [newOrganization(), newOrganization()];
      const scope = { organizationId: ours, executionId: "run" };
      const { id } = await run(store.write(scope, "file", textValue("ours")));
      expect(await run(store.read(theirs, id))).toBeUndefined();
      expect(await run(store.list({ ...scope, organizationId: theirs }))).toEqual([]);
      await run(store.remove(theirs, id));
      expect(textOf(await run(store.read(ours, id)))).toBe("ours");
    });

    it("lets no id that a document makes up lead anywhere", async () => {
      const store = open();
      for (const organizationId of ["acme", "other"]) {
        await run(store.write({ organizationId, executionId: "run" }, "file", textValue("x")));
      }
      const madeUp = [
        "",
        "/",
        "//",
        "run",
        "run/",
        "/run/file",
        "run//file",
        "run/file/",
        "run/file\n",
        "./run/file",
        "run/./file",
        "run/../run/file",
        "../other/objects/run/file",
        "../../other/objects/run/file",
        "..%2Fother%2Fobjects%2Frun/file",
        "%2e%2e/other/objects/run/file",
        "other/objects/run/file",
        "%72un/file",
        "run%2Ffile",
        "RUN/file",
        "run/file\u0000",
        "run/\ud800",
        `run/${"x".repeat(10_000)}`,
        ...nastyIds,
      ];
      for (const objectId of madeUp) {
        await run(store.remove("acme", objectId));
        const found = await run(store.read("acme", objectId));
        expect(found, JSON.stringify(objectId)).toBeUndefined();
      }
      for (const organizationId of ["acme", "other"]) {
        expect(textOf(await run(store.read(organizationId, "run/file")))).toBe("x");
      }
    });

    it("lists the objects of one execution and of none that is called alike", async () => {
      const store = open();
      const organizationId = newOrganization();
      const alike = ["run", "run2", "run/2", "run%2F2", "ru", "RUN"];
      for (const executionId of alike) {
        await run(store.write({ organizationId, executionId }, executionId, textValue("x")));
      }
      for (const executionId of alike) {
        expect(await run(store.list({ organizationId, executionId }))).toHaveLength(1);
      }
    });

    it("lists 1,100 objects in the order of their ids", async () => {
      const store = open();
      const scope = { organizationId: newOrganization(), executionId: "run" };
      const names = Array.from({ length: 1_100 }, (_, index) => `file ${(index * 7) % 1_100}`);
      const written = await run(
        Effect.forEach(
          names,
          (file) => store.write(scope, file, { ...textValue(file), filename: `${file} 🐾` }),
          { concurrency: 20 },
        ),
      );
      const listed = await run(store.list(scope));
      const expected = written
        .map((reference, index) => ({ reference, size: names[index]!.length }))
        .sort((a, b) => (a.reference.id < b.reference.id ? -1 : 1));
      expect(listed).toEqual(expected);
    }, 30_000);
  });
};
