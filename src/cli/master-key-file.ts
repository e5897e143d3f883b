/**
 * The development master key of a state directory: a keyring in a file that its owner alone may read, `VERSION:BASE64` on each
 * line. It is made when the first value is sealed, and only ever replaced as a whole, so that a reader finds either the old
 * keyring or the new one.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CommandError, exitCodes } from "./command-error.ts";
import { readSecretFile } from "./state-directory.ts";

export interface MasterKey {
  readonly version: number;
  /** 32 bytes as base64. */
  readonly key: string;
}

/** Oldest first; the last seals. */
export type Keyring = readonly MasterKey[];

const keyBytes = 32;

export const masterKeyPath = (directory: string): string => join(directory, "master-key");

/** Read as the Worker reads it, so that both refuse the same. */
const sizeOf = (key: string): number => {
  try {
    return atob(key.replaceAll("-", "+").replaceAll("_", "/")).length;
  } catch {
    return 0;
  }
};

const entryOf = (text: string): MasterKey | undefined => {
  const [, version = "1", key = ""] = /^(?:([1-9]\d{0,8}):)?([\w+/=-]+)$/.exec(text) ?? [];
  return sizeOf(key) === keyBytes ? { version: Number(version), key } : undefined;
};

/** Where something is sealed under it. */
export const lostKeyText = (directory: string): string =>
  `${masterKeyPath(directory)} is gone, and secrets or integrations are sealed under it. ` +
  "Put it back, or remove each of them ('pawl secrets remove NAME', 'pawl integrations remove ID') and set it anew.";

/** Says nothing of what the file holds. */
const broken = (path: string): CommandError =>
  new CommandError(
    "MASTER_KEY_BROKEN",
    `${path} is no keyring: each line is VERSION:BASE64, with 32 bytes. Put it back as it was, or remove it and each secret ` +
      "and integration ('pawl secrets remove NAME', 'pawl integrations remove ID'), and set them anew.",
    { exitCode: exitCodes.error },
  );

/** Undefined where no key was made yet. */
export const readKeyring = (directory: string): Keyring | undefined => {
  const path = masterKeyPath(directory);
  const text = readSecretFile(path);
  if (text === undefined) return undefined;
  const keyring = text
    .trim()
    .split(/\s+/)
    .map((part) => entryOf(part) ?? raise(broken(path)))
    .sort((a, b) => a.version - b.version);
  if (new Set(keyring.map(({ version }) => version)).size < keyring.length) throw broken(path);
  return keyring;
};

const raise = (error: Error): never => {
  throw error;
};

const newKey = (version: number): MasterKey => ({
  version,
  key: randomBytes(keyBytes).toString("base64"),
});

/** Safely on the disk before it takes the file's place. Only who holds the lock writes: what was left there is of a dead process. */
const writeBeside = (path: string, keyring: Keyring): string => {
  const beside = `${path}.new`;
  rmSync(beside, { force: true });
  const file = openSync(beside, "wx", 0o600);
  try {
    writeFileSync(file, keyring.map(({ version, key }) => `${version}:${key}\n`).join(""));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return beside;
};

/** False when there is one, which is never replaced by this. */
export const makeKeyring = (directory: string): boolean => {
  const path = masterKeyPath(directory);
  const beside = writeBeside(path, [newKey(1)]);
  try {
    linkSync(beside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(beside, { force: true });
  }
};

export const replaceKeyring = (directory: string, keyring: Keyring): void => {
  const path = masterKeyPath(directory);
  renameSync(writeBeside(path, keyring), path);
};

/** With a key that is newer than all of them. */
export const withNewKey = (keyring: Keyring): Keyring => [
  ...keyring,
  newKey(Math.max(0, ...keyring.map(({ version }) => version)) + 1),
];
