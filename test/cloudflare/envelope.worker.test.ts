/** Envelopes and the master key, apart from any table. */
import { describe, expect, it, vi } from "vitest";
import type { SealedPlace } from "#cloudflare/envelope";
import { deriveKey, openValue, sealValue } from "#cloudflare/envelope";
import type { MasterKeyBinding } from "#cloudflare/master-key";
import { masterKeyOf } from "#cloudflare/master-key";
import { ServiceFailure } from "#services/errors";
import { nastyIds, unpairedIds } from "../contracts/nasty-ids.ts";
import { testKey } from "../support/master-keys.ts";

const place: SealedPlace = { table: "secrets", organizationId: "acme", id: "KEY" };

/** What a promise is rejected with, as values. */
const failureOf = async (promise: Promise<unknown>): Promise<unknown> => {
  const failure = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(failure instanceof ServiceFailure)) return failure;
  const { operation, message, isFinal } = failure;
  return { operation, message, isFinal };
};

const refusal = (message: string) => ({ operation: "MasterKey.read", message, isFinal: true });
const unopened = (message: string) => ({ operation: "MasterKey.open", message, isFinal: true });

const changed = unopened(
  "The secret 'KEY' of organization 'acme' cannot be opened: its row was changed from outside, or it was sealed under another " +
    "master key of version 1. Set it again.",
);

/** A binding that counts how often it is read. */
const counting = (...texts: readonly (string | Error)[]) => {
  const binding = {
    reads: 0,
    get: async (): Promise<string> => {
      const text = texts[Math.min(binding.reads++, texts.length - 1)]!;
      await Promise.resolve();
      if (text instanceof Error) throw text;
      return text;
    },
  };
  return binding;
};

describe("An envelope", () => {
  it("opens when another program has sealed it by the description", async () => {
    const master = await crypto.subtle.importKey(
      "raw",
      Uint8Array.from({ length: 32 }, (_, index) => 7 + index),
      "HKDF",
      false,
      ["deriveKey"],
    );
    const envelope = "1.AAECAwQFBgcICQoLtk7YIP2VCvEWg+NMaHiNpttiQNTsJQ4trmjedCk=";
    const sealed = { keyVersion: 3, envelope };
    expect(await openValue(await deriveKey(master, "acme"), place, sealed)).toBe("the value 猫");
    expect(await masterKeyOf(`3:${testKey(7)}`).open(place, sealed)).toBe("the value 猫");
  });

  it("is another one each time, and as long as its value needs", async () => {
    const masterKey = masterKeyOf(testKey(1));
    const sealed = await Promise.all(
      Array.from({ length: 50 }, () => masterKey.seal(place, "the value")),
    );
    expect(new Set(sealed.map(({ envelope }) => envelope)).size).toBe(50);
    // The IV alone, which two values must never share.
    expect(new Set(sealed.map(({ envelope }) => envelope.slice(2, 18))).size).toBe(50);
    for (const each of sealed) {
      expect(each.keyVersion).toBe(1);
      expect(each.envelope).toMatch(/^1\.[\w+/]{50}==$|^1\.[\w+/]{51}=$|^1\.[\w+/]{52}$/);
      expect(await masterKey.open(place, each)).toBe("the value");
    }
  });

  it.each([
    ["name", { id: "KEY2" }],
    ["organization", { organizationId: "acme2" }],
    ["table", { table: "integrations" }],
    ["split of organization and name", { organizationId: "acmeK", id: "EY" }],
  ] as const)("does not open under another %s", async (_, changes) => {
    const masterKey = masterKeyOf(testKey(1));
    const sealed = await masterKey.seal(place, "the value");
    const elsewhere = { ...place, ...changes };
    const { table, organizationId, id } = elsewhere;
    const [kind, remedy] =
      table === "secrets" ? ["secret", "Set it again"] : ["integration", "Connect it again"];
    expect(await failureOf(masterKey.open(elsewhere, sealed))).toEqual(
      unopened(
        `The ${kind} '${id}' of organization '${organizationId}' cannot be opened: its row was changed from outside, or it was ` +
          `sealed under another master key of version 1. ${remedy}.`,
      ),
    );
  });

  it("does not open when its key version was changed, even to one of the same key", async () => {
    const masterKey = masterKeyOf(`1:${testKey(1)} 2:${testKey(1)}`);
    const sealed = await masterKey.seal(place, "the value");
    expect(sealed.keyVersion).toBe(2);
    expect(await failureOf(masterKey.open(place, { ...sealed, keyVersion: 1 }))).toEqual(changed);
  });

  it("does not open with the key of another organization, whatever its place", async () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, index) => index);
    const master = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
    const ids = [...nastyIds, ...unpairedIds];
    const keys = await Promise.all(ids.map((id) => deriveKey(master, id)));
    const sealed = await sealValue(keys[0]!, 1, place, "the value");
    expect(await openValue(keys[0]!, place, sealed)).toBe("the value");
    for (const key of keys.slice(1)) {
      expect(await failureOf(openValue(key, place, sealed))).toEqual(changed);
    }
  });

  it("opens at each place whatever the ids, and at no other", async () => {
    const masterKey = masterKeyOf(testKey(1));
    const ids = [...nastyIds, ...unpairedIds];
    const places = ids.map((id, index) => ({ ...place, organizationId: ids.at(-index)!, id }));
    const sealed = await Promise.all(places.map((each) => masterKey.seal(each, each.id.slice(-9))));
    for (const [index, each] of places.entries()) {
      const isOpen = await masterKey.open(each, sealed[index]!).then(
        (value) => value === each.id.slice(-9).toWellFormed(),
        () => false,
      );
      expect(isOpen).toBe(true);
      const next = sealed[(index + 1) % sealed.length]!;
      expect(await failureOf(masterKey.open(each, next))).toMatchObject({ isFinal: true });
    }
  });

  it("does not open when any of it was changed", async () => {
    const masterKey = masterKeyOf(testKey(1));
    const { keyVersion, envelope } = await masterKey.seal(place, "the value");
    const other = (character: string): string => (character === "A" ? "B" : "A");
    const texts = Array.from({ length: envelope.length - 2 }, (_, index) => index + 2)
      // The last character of base64 may stand for bits that are not used.
      .slice(0, -3)
      .map((at) => envelope.slice(0, at) + other(envelope[at]!) + envelope.slice(at + 1));
    const odd = ["1.", "1.!", "1.AAAA", envelope.slice(0, -8), `${envelope.slice(0, -4)}AAAA`];
    for (const text of [...texts, ...odd]) {
      expect(await failureOf(masterKey.open(place, { keyVersion, envelope: text }))).toEqual(
        changed,
      );
    }
  });

  it("gives back a mark of byte order, and no text that is not UTF-8", async () => {
    const masterKey = masterKeyOf(testKey(1));
    for (const value of ["\ufeffthe value", "\ufeff\ufeffthe value", "the\ufeffvalue"]) {
      expect(await masterKey.open(place, await masterKey.seal(place, value))).toBe(value);
    }
    const bytes = Uint8Array.from({ length: 32 }, (_, index) => index);
    const master = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
    const key = await deriveKey(master, "acme");
    const additional = JSON.stringify([1, "secrets", "acme", "KEY", 1]);
    const iv = new Uint8Array(12);
    const cipher = { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(additional) };
    const sealedBytes = async (...value: readonly number[]) => {
      const bytes = await crypto.subtle.encrypt(cipher, key, Uint8Array.from(value));
      const all = [...iv, ...new Uint8Array(bytes)];
      return { keyVersion: 1, envelope: `1.${btoa(String.fromCharCode(...all))}` };
    };
    expect(await openValue(key, place, await sealedBytes(0xc3, 0xa9))).toBe("é");
    expect(await failureOf(openValue(key, place, await sealedBytes(0xc3, 0x28)))).toEqual(changed);
  });

  it("says so when a newer version has sealed it", async () => {
    for (const envelope of ["2.AAAA", "10.AAAA", "", "x"]) {
      expect(
        await failureOf(masterKeyOf(testKey(1)).open(place, { keyVersion: 1, envelope })),
      ).toEqual(
        unopened(
          "The secret 'KEY' of organization 'acme' cannot be opened: a newer version of Pawl has sealed it. Deploy that version again.",
        ),
      );
    }
  });

  it("is sealed with a key that cannot be taken out", async () => {
    const master = await crypto.subtle.importKey("raw", new Uint8Array(32), "HKDF", false, [
      "deriveKey",
    ]);
    const key = await deriveKey(master, "acme");
    expect(key.extractable).toBe(false);
    await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow("extractable");
  });
});

describe("The master key", () => {
  it.each([
    ["a bare key", testKey(1), 1],
    ["a bare key between white space", `\n ${testKey(1)}\r\n`, 1],
    ["a key with a version", `1:${testKey(1)}`, 1],
    ["several keys in any order", `10:${testKey(3)}\n1:${testKey(1)}\t 9:${testKey(2)}`, 10],
    ["a bare key and a newer one", `${testKey(1)} 2:${testKey(2)}`, 2],
    ["a key without padding", testKey(1).replace("=", ""), 1],
    ["the largest version", `${testKey(1)} 999999999:${testKey(2)}`, 999_999_999],
  ])("may be %s", async (_, text, newest) => {
    const old = await masterKeyOf(testKey(1)).seal(place, "the value");
    for (const binding of [text, { get: () => Promise.resolve(text) }]) {
      const masterKey = masterKeyOf(binding);
      expect(await masterKey.newestVersion()).toBe(newest);
      const sealed = await masterKey.seal(place, "the value");
      expect(sealed.keyVersion).toBe(newest);
      expect(await masterKey.open(place, sealed)).toBe("the value");
      expect(await masterKey.open(place, old)).toBe("the value");
    }
  });

  it("may be in the alphabet for URLs", async () => {
    const key = btoa(String.fromCharCode(...new Uint8Array(32).fill(0xfb)));
    const forUrls = key.replaceAll("+", "-").replaceAll("/", "_");
    expect(forUrls).not.toBe(key);
    const sealed = await masterKeyOf(key).seal(place, "the value");
    expect(await masterKeyOf(forUrls).open(place, sealed)).toBe("the value");
  });

  const missing =
    "There is no master key to keep secrets under. Bind MASTER_KEY to a key of 32 bytes in base64. See docs/security.md.";
  const isNoKey = (part: number): string =>
    `Part ${part} of MASTER_KEY is neither a key in base64 nor VERSION:BASE64. See docs/security.md.`;
  const hasBytes = (version: number, bytes: number): string =>
    `The key of version ${version} in MASTER_KEY has ${bytes} bytes, and a master key has 32. ` +
    "Make one with: openssl rand -base64 32. See docs/security.md.";
  const twice = (version: number): string =>
    `MASTER_KEY has two keys of version ${version}. Give the newer one a higher version. See docs/security.md.`;

  it.each<[string, MasterKeyBinding, string]>([
    ["is not bound", undefined, missing],
    ["is empty", "", missing],
    ["is white space", " \n", missing],
    ["is an empty secret", { get: () => Promise.resolve("") }, missing],
    ["is words", "correct horse", hasBytes(1, 5)],
    ["is no base64", "AAA=AAA", isNoKey(1)],
    ["has a version that is no number", `v1:${testKey(1)}`, isNoKey(1)],
    ["has version 0", `0:${testKey(1)}`, isNoKey(1)],
    ["has a negative version", `${testKey(1)} -1:${testKey(1)}`, isNoKey(2)],
    ["has a version with a leading zero", `01:${testKey(1)}`, isNoKey(1)],
    ["has a version beyond counting", `1234567890:${testKey(1)}`, isNoKey(1)],
    ["has a version alone", "1:", isNoKey(1)],
    ["has 31 bytes", btoa("x".repeat(31)), hasBytes(1, 31)],
    ["has 33 bytes", `7:${btoa("x".repeat(33))}`, hasBytes(7, 33)],
    ["has a newer key that is too short", `1:${testKey(1)} 2:AAAA`, hasBytes(2, 3)],
    ["has a version twice", `2:${testKey(1)} 2:${testKey(2)}`, twice(2)],
    ["has two bare keys", `${testKey(1)} ${testKey(2)}`, twice(1)],
    ["has a bare key and version 1", `${testKey(1)} 1:${testKey(1)}`, twice(1)],
  ])("says what to do when it %s", async (_, binding, message) => {
    const sealed = await masterKeyOf(testKey(1)).seal(place, "the value");
    const failures = await Promise.all([
      failureOf(masterKeyOf(binding).seal(place, "the value")),
      failureOf(masterKeyOf(binding).open(place, sealed)),
      failureOf(masterKeyOf(binding).newestVersion()),
    ]);
    expect(failures).toEqual([refusal(message), refusal(message), refusal(message)]);
  });

  it("says which version is missing, and of what", async () => {
    const sealed = await masterKeyOf(`2:${testKey(2)}`).seal(place, "the value");
    const masterKey = masterKeyOf(testKey(1));
    const failure = refusal(
      "The secret 'KEY' of organization 'acme' is sealed under version 2 of the master key, which MASTER_KEY does not have. " +
        "Put that key back, or: Set it again. See docs/security.md.",
    );
    expect(await failureOf(masterKey.open(place, sealed))).toEqual(failure);
    expect(await failureOf(masterKey.open(place, sealed))).toEqual(failure);
  });

  it("is read when it is needed first, once for all who need it", async () => {
    const binding = counting(testKey(1));
    const masterKey = masterKeyOf(binding);
    expect(binding.reads).toBe(0);
    const sealed = await Promise.all(
      ["a", "b", "c"].map((id) => masterKey.reseal({ ...place, id }, "the value")),
    );
    await Promise.all(
      ["a", "b", "c"].map((id, index) => masterKey.open({ ...place, id }, sealed[index]!)),
    );
    expect(binding.reads).toBe(1);
  });

  it("is read again for a version that it lacks, once for all who ask at the same time", async () => {
    const newer = await masterKeyOf(`2:${testKey(2)}`).seal(place, "the value");
    const older = await masterKeyOf(testKey(1)).seal(place, "the value");
    const binding = counting(testKey(1), `1:${testKey(1)} 2:${testKey(2)}`);
    const masterKey = masterKeyOf(binding);
    expect(await masterKey.open(place, older)).toBe("the value");
    const opened = [newer, older, newer, newer].map((sealed) => masterKey.open(place, sealed));
    expect(await Promise.all(opened)).toEqual(Array(4).fill("the value"));
    expect(binding.reads).toBe(2);
    expect((await masterKey.reseal(place, "the value")).keyVersion).toBe(2);
    expect(binding.reads).toBe(2);
  });

  it("is read anew for each value that is sealed, and what was read before will do when it cannot be", async () => {
    const away = new Error('Secret "master" not found');
    const binding = counting(testKey(1), `1:${testKey(1)} 2:${testKey(2)}`, away, away);
    const masterKey = masterKeyOf(binding);
    const versions: number[] = [];
    for (let time = 0; time < 3; time++) {
      versions.push((await masterKey.seal(place, "the value")).keyVersion);
    }
    expect(versions).toEqual([1, 2, 2]);
    expect(binding.reads).toBe(3);
    const never = masterKeyOf(counting(away));
    expect(await failureOf(never.seal(place, "the value"))).toMatchObject({
      operation: "MasterKey.read",
    });
  });

  it("is the one that was read last, whichever reading comes back last", async () => {
    const answers: ((text: string) => void)[] = [];
    const masterKey = masterKeyOf({
      get: () => new Promise<string>((resolve) => void answers.push(resolve)),
    });
    const [early, late] = [masterKey.seal(place, "early"), masterKey.seal(place, "late")];
    answers[1]!(`1:${testKey(1)} 2:${testKey(2)}`);
    expect((await late).keyVersion).toBe(2);
    answers[0]!(testKey(1));
    await early;
    expect((await masterKey.reseal(place, "the value")).keyVersion).toBe(2);
  });

  it("is waited for no longer than five seconds, and not at all where it is at hand", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const never = new Promise<string>(() => {});
      let reads = 0;
      const masterKey = masterKeyOf({
        get: () => (++reads === 2 ? Promise.resolve(testKey(1)) : never),
      });
      const first = failureOf(masterKey.reseal(place, "the value"));
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await first).toEqual({
        operation: "MasterKey.read",
        message: "MasterKey.read failed: MASTER_KEY gave nothing within 5 seconds",
        isFinal: undefined,
      });
      const sealed = await masterKey.reseal(place, "the value");
      const hanging = masterKey.seal(place, "another value");
      expect(await masterKey.open(place, sealed)).toBe("the value");
      expect((await masterKey.reseal(place, "the value")).keyVersion).toBe(1);
      expect(reads).toBe(3);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await masterKey.open(place, await hanging)).toBe("another value");
    } finally {
      vi.useRealTimers();
    }
  });

  it("may be read later when it cannot be read now, and the failure keeps the platform's words", async () => {
    const sealed = await masterKeyOf(testKey(1)).seal(place, "the value");
    const away = new Error('Secret "master" not found');
    const binding = counting(away, away, testKey(1));
    const masterKey = masterKeyOf(binding);
    const failure = {
      operation: "MasterKey.read",
      message: 'MasterKey.read failed: Secret "master" not found',
      isFinal: undefined,
    };
    const both = [masterKey.open(place, sealed), masterKey.open(place, sealed)].map(failureOf);
    expect(await Promise.all(both)).toEqual([failure, failure]);
    expect(await failureOf(masterKey.newestVersion())).toEqual(failure);
    expect(await masterKey.open(place, sealed)).toBe("the value");
    expect(binding.reads).toBe(3);
  });
});
