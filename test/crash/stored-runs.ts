/** Reads what the server has stored from its files, so that the server itself is asked nothing. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface Note {
  readonly execution: string;
  readonly node: string;
  readonly attempt: number;
  readonly what: "begin" | "end";
  /** Milliseconds since 1970. */
  readonly at: number;
}

const databaseIn = (directory: string): string => {
  const folder = join(directory, "v3", "d1", "miniflare-D1DatabaseObject");
  const file = readdirSync(folder).find((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  if (file === undefined) throw new Error(`There is no database in ${folder}`);
  return join(folder, file);
};

export const query = <Row>(directory: string, sql: string): readonly Row[] => {
  // Whoever opens it first after a death rebuilds its index, under a lock that lasts a moment.
  const database = new DatabaseSync(databaseIn(directory), { readOnly: true, timeout: 10_000 });
  try {
    return database.prepare(sql).all() as unknown as readonly Row[];
  } finally {
    database.close();
  }
};

export const statuses = (directory: string): ReadonlyMap<string, string> =>
  new Map(
    query<{ id: string; status: string }>(directory, "SELECT id, status FROM executions").map(
      ({ id, status }) => [id, status],
    ),
  );

export const notes = (directory: string): readonly Note[] =>
  query<Note>(directory, "SELECT execution, node, attempt, what, at FROM notes ORDER BY at");

interface Ledger {
  /** Run, status, compute credits; in the order of the runs' ids. */
  readonly entries: readonly (readonly [string, string, number])[];
  readonly reserved: number;
  readonly spent: number;
}

const credits = (micro: number): number => micro / 1_000_000;

export const ledger = (directory: string): Ledger => {
  const entries = query<{ id: string; status: string; usage: number }>(
    directory,
    "SELECT execution_id AS id, status, usage FROM credit_entries ORDER BY execution_id",
  );
  const [account] = query<{ reserved: number; spent: number }>(
    directory,
    "SELECT reserved, spent FROM credit_accounts",
  );
  return {
    entries: entries.map(({ id, status, usage }) => [id, status, credits(usage)] as const),
    reserved: credits(account!.reserved),
    spent: credits(account!.spent),
  };
};
