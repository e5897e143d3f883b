/**
 * Values under encryption: AES-256-GCM with a key of the organization's own. A value is bound to its place by additional data,
 * so that an envelope which was moved to another row, name or organization does not open. What is not hidden: how long it is.
 *
 * The key is HKDF-SHA-256 of the master key. Its IVs are random, 12 bytes of them, which is safe for billions of envelopes of
 * one organization and master key.
 */
import { quoted } from "#core/problem";
import { ServiceFailure } from "#services/errors";

export interface SealedPlace {
  readonly table: "secrets" | "integrations";
  readonly organizationId: string;
  /** Of the row within its organization. */
  readonly id: string;
}

/** As a row keeps it, in columns of these names. */
export interface Sealed {
  /** Of the master key. */
  readonly keyVersion: number;
  /** `1.` and the base64 of IV, ciphertext and tag. */
  readonly envelope: string;
}

/** Whoever changes anything below gives the new format another number, and goes on opening the old one. */
const format = 1;
const mark = `${format}.`;
const ivBytes = 12;
const tagBytes = 16;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** JSON tells all lists of texts apart, also those with lone surrogates. */
const listBytes = (...parts: readonly (string | number)[]): Uint8Array =>
  bytesOf(JSON.stringify(parts));

const salt = bytesOf("pawl/envelope/1");

/** The organization's key, which cannot be taken out again. `masterKey` is for HKDF. */
export const deriveKey = (masterKey: CryptoKey, organizationId: string): Promise<CryptoKey> =>
  crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt, info: listBytes("organization", organizationId) },
    masterKey,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );

const cipherOf = (
  { table, organizationId, id }: SealedPlace,
  keyVersion: number,
  iv: Uint8Array,
): SubtleCryptoEncryptAlgorithm => ({
  name: "AES-GCM",
  iv,
  additionalData: listBytes(format, table, organizationId, id, keyVersion),
});

const toBase64 = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};

/** Throws for text that is no base64. */
export const fromBase64 = (text: string): Uint8Array =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** How many bytes of UTF-8 the value in an envelope has, as SQL: what the IV and the tag leave. */
export const valueBytesSql = (envelope: string): string =>
  `((length(rtrim(${envelope}, '=')) - ${mark.length}) * 3 / 4 - ${ivBytes + tagBytes})`;

/** Each time another envelope, whatever the value. */
export const sealValue = async (
  key: CryptoKey,
  keyVersion: number,
  place: SealedPlace,
  value: string,
): Promise<Sealed> => {
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
  const sealed = await crypto.subtle.encrypt(cipherOf(place, keyVersion, iv), key, bytesOf(value));
  const bytes = new Uint8Array(ivBytes + sealed.byteLength);
  bytes.set(iv);
  bytes.set(new Uint8Array(sealed), ivBytes);
  return { keyVersion, envelope: mark + toBase64(bytes) };
};

const kinds = { secrets: "secret", integrations: "integration" } as const;
const remedies = { secrets: "Set it again", integrations: "Connect it again" } as const;

/** A row in a message. */
export const placeText = ({ table, organizationId, id }: SealedPlace): string =>
  `The ${kinds[table]} ${quoted(id)} of organization ${quoted(organizationId)}`;

export const remedyOf = ({ table }: SealedPlace): string => remedies[table];

const unopened = (place: SealedPlace, reason: string): ServiceFailure =>
  new ServiceFailure({
    operation: "MasterKey.open",
    message: `${placeText(place)} cannot be opened: ${reason}.`,
    isFinal: true,
  });

/** Rejects with a ServiceFailure that names the place and nothing that is in it. */
export const openValue = async (
  key: CryptoKey,
  place: SealedPlace,
  { keyVersion, envelope }: Sealed,
): Promise<string> => {
  if (!envelope.startsWith(mark)) {
    throw unopened(place, "a newer version of Pawl has sealed it. Deploy that version again");
  }
  try {
    const bytes = fromBase64(envelope.slice(mark.length));
    const value = await crypto.subtle.decrypt(
      cipherOf(place, keyVersion, bytes.subarray(0, ivBytes)),
      key,
      bytes.subarray(ivBytes),
    );
    // A mark of byte order is part of the value.
    return new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(value);
  } catch {
    // Which of these it was, the cipher does not tell, and nobody should be told more.
    throw unopened(
      place,
      `its row was changed from outside, or it was sealed under another master key of version ${keyVersion}. ${remedyOf(place)}`,
    );
  }
};
