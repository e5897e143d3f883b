/**
 * The master key of a deployment, from the binding MASTER_KEY: a keyring of versions, of which the newest seals. Read when the
 * first value is sealed or opened and not before, since an organization without secrets needs none. Keys are never in a message.
 */
import { failureOf, ServiceFailure } from "#services/errors";
import type { TextBinding } from "./env.ts";
import type { Sealed, SealedPlace } from "./envelope.ts";
import { deriveKey, fromBase64, openValue, placeText, remedyOf, sealValue } from "./envelope.ts";

/**
 * `VERSION:BASE64` parts with white space between them, 32 bytes each; the highest version is the newest. A bare BASE64 is
 * version 1.
 */
export type MasterKeyBinding = TextBinding | undefined;

/** All its promises reject with ServiceFailures alone. */
export interface MasterKey {
  /**
   * Under the newest key. The binding is read anew: a rotation that has ended meanwhile leaves no value under the old one. When
   * it cannot be read, what was read before will do.
   */
  readonly seal: (place: SealedPlace, value: string) => Promise<Sealed>;
  /**
   * The same under the newest key that was read before, for a rotation of many values and for those that must not wait: after
   * `open` has been, nothing is read.
   */
  readonly reseal: (place: SealedPlace, value: string) => Promise<Sealed>;
  readonly open: (place: SealedPlace, sealed: Sealed) => Promise<string>;
  /** Reads the binding anew. */
  readonly newestVersion: () => Promise<number>;
}

/** Version -> key for HKDF. */
type Keyring = ReadonlyMap<number, CryptoKey>;

const keyBytes = 32;
/** Milliseconds that a reading may take: whoever waits for it holds up others. */
const longestReading = 5_000;
const advice = "See docs/security.md.";

const refusal = (message: string): ServiceFailure =>
  new ServiceFailure({ operation: "MasterKey.read", message, isFinal: true });

/** Fails instead of going on for ever. */
const inTime = <A>(reading: Promise<A>): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`MASTER_KEY gave nothing within ${longestReading / 1_000} seconds`)),
      longestReading,
    );
    void reading.then(resolve, reject).finally(() => clearTimeout(timer));
  });

const textOf = async (binding: MasterKeyBinding): Promise<string> => {
  const text = typeof binding === "object" ? await inTime(binding.get()) : binding;
  if (text === undefined || text.trim() === "") {
    throw refusal(
      `There is no master key to keep secrets under. Bind MASTER_KEY to a key of ${keyBytes} bytes in base64. ${advice}`,
    );
  }
  return text;
};

const partPattern = /^(?:(?<version>[1-9]\d{0,8}):)?(?<key>[\w+/=-]+)$/;

const bytesOfKey = (key: string): Uint8Array | undefined => {
  try {
    return fromBase64(key.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return undefined;
  }
};

const parseKeyring = (text: string): ReadonlyMap<number, Uint8Array> => {
  const keys = new Map<number, Uint8Array>();
  for (const [index, part] of text.trim().split(/\s+/).entries()) {
    const { version = "1", key = "" } = partPattern.exec(part)?.groups ?? {};
    const bytes = bytesOfKey(key);
    if (key === "" || bytes === undefined) {
      throw refusal(
        `Part ${index + 1} of MASTER_KEY is neither a key in base64 nor VERSION:BASE64. ${advice}`,
      );
    }
    if (bytes.byteLength !== keyBytes) {
      throw refusal(
        `The key of version ${version} in MASTER_KEY has ${bytes.byteLength} bytes, and a master key has ${keyBytes}. ` +
          `Make one with: openssl rand -base64 ${keyBytes}. ${advice}`,
      );
    }
    if (keys.has(Number(version))) {
      throw refusal(
        `MASTER_KEY has two keys of version ${version}. Give the newer one a higher version. ${advice}`,
      );
    }
    keys.set(Number(version), bytes);
  }
  return keys;
};

const readKeyring = async (binding: MasterKeyBinding): Promise<Keyring> => {
  try {
    const keyring = new Map<number, CryptoKey>();
    for (const [version, bytes] of parseKeyring(await textOf(binding))) {
      const key = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
      keyring.set(version, key);
    }
    return keyring;
  } catch (cause) {
    throw cause instanceof ServiceFailure ? cause : failureOf("MasterKey.read")(cause);
  }
};

const newestOf = (keyring: Keyring): number => Math.max(...keyring.keys());

/** For the layers of one run: what they read and derive is kept as long as this is. */
export const masterKeyOf = (binding: MasterKeyBinding): MasterKey => {
  /** Of the readings that have come back, the one that was begun last. */
  let known: { readonly keyring: Keyring; readonly order: number } | undefined;
  let begun = 0;
  /** Under way. */
  let reading: Promise<Keyring> | undefined;
  const derived = new Map<string, CryptoKey>();

  const readAnew = (): Promise<Keyring> => {
    const order = ++begun;
    const now = readKeyring(binding)
      .then((keyring) => {
        if (known === undefined || known.order < order) known = { keyring, order };
        return keyring;
      })
      .finally(() => {
        if (reading === now) reading = undefined;
      });
    reading = now;
    return now;
  };

  /** Once for all who ask at the same time. A reading that failed is no reason for the next to fail. */
  const readTogether = (): Promise<Keyring> => reading ?? readAnew();

  const keyringAtHand = async (): Promise<Keyring> => known?.keyring ?? readTogether();

  const keyOf = async (
    keyring: Keyring,
    version: number,
    organizationId: string,
  ): Promise<CryptoKey | undefined> => {
    const name = `${version}:${organizationId}`;
    const made = derived.get(name);
    const masterKey = keyring.get(version);
    if (made !== undefined || masterKey === undefined) return made;
    const key = await deriveKey(masterKey, organizationId);
    derived.set(name, key);
    return key;
  };

  const sealUnder = async (
    keyring: Keyring,
    place: SealedPlace,
    value: string,
  ): Promise<Sealed> => {
    const version = newestOf(keyring);
    const key = await keyOf(keyring, version, place.organizationId);
    return sealValue(key!, version, place, value);
  };

  return {
    seal: async (place, value) => {
      const keyring = await readAnew().catch((failure: unknown) => {
        if (known === undefined) throw failure;
        return known.keyring;
      });
      return sealUnder(keyring, place, value);
    },
    reseal: async (place, value) => sealUnder(await keyringAtHand(), place, value),
    open: async (place, sealed) => {
      const { keyVersion } = sealed;
      const key =
        (await keyOf(await keyringAtHand(), keyVersion, place.organizationId)) ??
        // It may have been added since.
        (await keyOf(await readTogether(), keyVersion, place.organizationId));
      if (key === undefined) {
        throw refusal(
          `${placeText(place)} is sealed under version ${keyVersion} of the master key, which MASTER_KEY does not have. ` +
            `Put that key back, or: ${remedyOf(place)}. ${advice}`,
        );
      }
      return openValue(key, place, sealed);
    },
    newestVersion: async () => newestOf(await readAnew()),
  };
};
