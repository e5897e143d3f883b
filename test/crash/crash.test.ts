/**
 * REPLAY-2, for real: the whole process tree of `wrangler dev` dies by SIGKILL again and again, at random moments, while runs
 * are under way. After a restart nothing is asked of the server; the runs must end by themselves, with the record of an
 * undisturbed run, and nothing that had ended may run again. CRASHES and RUNS say how often and how many; few unless told.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { isFinalStatus, type WorkflowExecutionStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import { usageOf } from "#core/report";
import { crashWorkflow } from "./crash-workflow.ts";
import type { Server } from "./server.ts";
import { prepare, startServer } from "./server.ts";
import type { Note } from "./stored-runs.ts";
import { ledger, notes, statuses } from "./stored-runs.ts";

const crashes = Number(process.env["CRASHES"] ?? 4);
const runCount = Number(process.env["RUNS"] ?? 4);
const organizationId = "organization";
// Below the ports that the system gives out by itself.
const port = 20_000 + 2 * (process.pid % 6_000) + 1;

const directory = mkdtempSync(join(tmpdir(), "pawl-crash-"));
let server: Server | undefined;

afterAll(async () => {
  await server?.kill();
  if (process.env["KEEP"] === undefined) rmSync(directory, { recursive: true, force: true });
  else console.log(directory);
});

const start = async (id: string, seed: number): Promise<void> => {
  const params = {
    workflow: crashWorkflow(seed),
    userId: "user",
    organizationId,
    computeCredits: 1_000_000,
  };
  const body = JSON.stringify({ id, params });
  const response = await fetch(server!.url, { method: "POST", body });
  expect(await response.json()).toEqual({ status: "started" });
};

const read = async (id: string): Promise<WorkflowExecution> => {
  const response = await fetch(`${server!.url}/?organization=${organizationId}&id=${id}`);
  return (await response.json()) as WorkflowExecution;
};

const liveRuns = (): readonly string[] =>
  [...statuses(directory)]
    .filter(([, status]) => !isFinalStatus(status as WorkflowExecutionStatus))
    .map(([id]) => id);

const untilAllEnd = async (seconds: number): Promise<void> => {
  const limit = Date.now() + seconds * 1000;
  while (liveRuns().length > 0 && Date.now() < limit) await delay(200);
  expect(liveRuns()).toEqual([]);
};

/** What of a record does not depend on when it was made. */
const timeless = ({ status, error, nodeExecutions }: WorkflowExecution) => ({
  status,
  error: error ?? null,
  nodes: nodeExecutions.map(({ startedAt: _start, endedAt: _end, attempts, ...node }) => ({
    ...node,
    attempts: attempts.map(({ error }) => error ?? null),
  })),
});

/** Work that began twice in one life of the server, or after it had ended well before the server's death. */
const wrongRepetitions = (all: readonly Note[], deaths: readonly number[]): readonly string[] => {
  const lifeOf = (at: number): number => deaths.filter((death) => death <= at).length;
  const byStep = Map.groupBy(all, ({ execution, node, attempt }) =>
    [execution, node, attempt].join(" / "),
  );
  return [...byStep].flatMap(([step, noted]) => {
    const begins = noted.filter(({ what }) => what === "begin");
    const lives = begins.map(({ at }) => lifeOf(at));
    const ended = noted.find(({ what }) => what === "end");
    const death = ended === undefined ? undefined : deaths.find((at) => at > ended.at);
    const isLate =
      ended !== undefined &&
      begins.some(({ at }) => at > ended.at) &&
      // The server may die between the end of the work and its record.
      (death === undefined || death - ended.at > 300);
    const times = noted.map(({ what, at }) => `${what} ${at - all[0]!.at}`).join(", ");
    const died = deaths.map((at) => at - all[0]!.at).join(", ");
    return new Set(lives).size < lives.length || isLate
      ? [`${step}: ${times}; deaths ${died}`]
      : [];
  });
};

test(`runs end as if nothing had happened, though the server dies ${crashes} times`, async () => {
  await prepare(directory);
  server = await startServer(directory, port);
  const ids = Array.from({ length: runCount }, (_, seed) => `run-${seed}`);
  for (const [seed, id] of ids.entries()) await start(id, seed);
  const deaths: number[] = [];
  let hits = 0;
  while (hits < crashes) {
    await delay(500 + Math.random() * 1_200);
    const live = liveRuns().length;
    await server.kill();
    deaths.push(Date.now());
    // The nearer to the end, the fewer runs are left to be hit: more are begun then.
    if (live > 0) hits++;
    server = await startServer(directory, port);
    if (live === 0) {
      const id = `run-${ids.length}`;
      await start(id, ids.length);
      ids.push(id);
    }
  }
  await untilAllEnd(60);

  expect(wrongRepetitions(notes(directory), deaths)).toEqual([]);
  const undisturbed = ids.map((id, seed) => [`calm-${id}`, seed] as const);
  for (const [id, seed] of undisturbed) await start(id, seed);
  await untilAllEnd(60);
  for (const id of ids) {
    const [disturbed, calm] = [await read(id), await read(`calm-${id}`)];
    expect(disturbed.nodeExecutions.length).toBeGreaterThanOrEqual(30);
    expect({ id, ...timeless(disturbed) }).toEqual({ id, ...timeless(calm) });
  }
  // Each run is in the ledger once, however often it died between the charge and its record.
  const records = await Promise.all([...ids, ...ids.map((id) => `calm-${id}`)].map(read));
  expect(ledger(directory)).toEqual({
    entries: records
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map((record) => [record.id, "settled", usageOf(record)]),
    reserved: 0,
    spent: records.reduce((sum, record) => sum + usageOf(record), 0),
  });
  const repeated = notes(directory).filter(({ what }) => what === "begin").length;
  const once = new Set(
    notes(directory).map(({ execution, node, attempt }) => [execution, node, attempt].join()),
  ).size;
  console.log(
    `${ids.length} runs, ${hits} deaths in mid-run, ${once} pieces of work, ${repeated - once} ran twice`,
  );
});
