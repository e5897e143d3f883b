/**
 * Ids of the platform's instances. They are known to the whole platform and take 100 characters of a few kinds, where an
 * execution's id belongs to its organization and is any text: a readable head, and a hash of all that tells runs apart. People
 * choose ids, and might choose one to meet another organization's instance: so the hash is one that nobody can (ACCESS-1).
 */
import { sha256 } from "./sha256.ts";

const longestHead = 50;

/** 128 bits. */
const hashDigits = 32;

const headOf = (executionId: string): string =>
  executionId
    .slice(0, longestHead)
    .replaceAll(/[^\w-]/g, "_")
    .replace(/^-/, "_");

/** As JSON, which says where one text ends, and tells lone surrogates apart. */
const hashOf = async (...facts: readonly (string | number)[]): Promise<string> =>
  (await sha256(JSON.stringify(facts))).slice(0, hashDigits);

/** Of a run that is started from outside. */
export const runInstanceId = async (organizationId: string, executionId: string): Promise<string> =>
  `${headOf(executionId)}-${await hashOf(organizationId, executionId)}`;

/** Of a part of a run that takes more steps than one instance may. */
export const partInstanceId = async (
  organizationId: string,
  executionId: string,
  part: number,
): Promise<string> =>
  `${headOf(executionId)}-part-${part}-${await hashOf(organizationId, executionId, part)}`;
