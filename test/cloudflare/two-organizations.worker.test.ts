/**
 * Two organizations on the platform itself: runs of one id at the same time, each in an instance of its own; and what one can do
 * with the ids of the other (ACCESS-1).
 */
import { env } from "cloudflare:test";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test, vi } from "vitest";
import { cloudflareServices } from "#cloudflare/layers";
import { workflowInstancesLayer } from "#cloudflare/workflow-instances";
import type { ExecuteParams } from "#core/execution-context";
import { isFinalStatus } from "#core/lifecycle";
import type { WorkflowExecution } from "#core/report";
import { storedValueType } from "#core/stored-value";
import type { Workflow as WorkflowDocument } from "#core/workflow";
import { answerWait, commandRun } from "#runtime/control-run";
import { runInstanceId } from "#runtime/instance-id";
import { writeResults } from "#runtime/part-results";
import { startRun } from "#runtime/start-run";
import { ExecutionStore } from "#services/execution-store";
import { ObjectStore } from "#services/object-store";
import { WaitStore } from "#services/wait-store";
import { asText } from "../contracts/nasty-ids.ts";
import { graph } from "../support/graph.ts";
import { claimedTypes, outcomesOf, reachingParams, toldOf } from "../support/reaching-document.ts";

/** Milliseconds: there are two of every run, and some of these have many. */
vi.setConfig({ testTimeout: 60_000 });

const theirs = "acme";
const ours = "globex";

const services = Layer.merge(cloudflareServices(env), workflowInstancesLayer(env.EXECUTE));
type Services = Layer.Success<typeof services>;

const perform = <A>(effect: Effect.Effect<A, unknown, Services>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provide(services)));

const paramsOf = (organizationId: string, workflow: WorkflowDocument): ExecuteParams => ({
  workflow,
  userId: "ada",
  organizationId,
  computeCredits: 1_000_000,
});

const started = { status: "started" };

const start = (params: ExecuteParams, id: string) => perform(startRun(params, id));

const read = (organizationId: string, id: string): Promise<WorkflowExecution | undefined> =>
  perform(ExecutionStore.use((store) => store.get(organizationId, id)));

const ended = (organizationId: string, id: string): Promise<WorkflowExecution> =>
  vi.waitFor(
    async () => {
      const execution = await read(organizationId, id);
      if (execution === undefined || !isFinalStatus(execution.status)) {
        throw new Error(
          `run ${asText(id)} of ${organizationId} is ${execution?.status ?? "unknown"}`,
        );
      }
      return execution;
    },
    { timeout: 15_000, interval: 30 },
  );

const waits = (organizationId: string, id: string): Promise<readonly string[]> =>
  vi.waitFor(
    async () => {
      const standing = await perform(WaitStore.use((store) => store.list(organizationId, id)));
      const open = standing.filter(({ status }) => status === "open");
      if (open.length === 0)
        throw new Error(`run ${asText(id)} of ${organizationId} does not wait`);
      return open.map(({ nodeId }) => nodeId);
    },
    { timeout: 10_000, interval: 30 },
  );

const answer = (organizationId: string, executionId: string, data: string) =>
  perform(answerWait({ organizationId, executionId, nodeId: "ask", data }));

const tell = (organizationId: string, id: string, command: "pause" | "resume" | "cancel") =>
  perform(commandRun(organizationId, id, command));

const statusOf = async (id: string): Promise<string> =>
  (await (await env.EXECUTE.get(id)).status()).status;

/** A text that is too large for a step's result, a file, an idempotency key, and a wait. */
const asking = (length: number): WorkflowDocument =>
  graph("make:text -> measure:text", "pack:file -> weigh:file", "key", "ask", {
    types: {
      make: "large-text",
      measure: "text-length",
      pack: "large-file",
      weigh: "file-length",
      key: "give-key",
      ask: "wait-for-event",
    },
    inputs: {
      "make:length": { type: "number", value: length },
      "pack:length": { type: "number", value: length },
      "measure:text": { type: "string" },
      "weigh:file": { type: "blob" },
    },
    outputs: { "make:text": { type: "string" }, "pack:file": { type: "blob" } },
  });

/** What comes of it. */
const askedOf = (length: number, instanceId: string, data: string) => ({
  make: { text: { id: expect.any(String), mimeType: storedValueType } },
  measure: { length, end: "x🐾" },
  pack: { file: expect.anything() },
  weigh: { file: expect.anything(), length, last: 7 },
  key: { key: `${instanceId}/key` },
  ask: { data },
});

describe("runs of one id in two organizations at the same time", () => {
  const ids = ["same", "-", "__proto__", "🐾 / \ud800", `${"x".repeat(9_999)}y`];

  test.each(ids.map((id) => [asText(id).slice(0, 40), id]))("are two: %s", async (_, id) => {
    const [large, larger] = [200_000, 300_000];
    expect(
      await Promise.all([
        start(paramsOf(theirs, asking(large)), id),
        start(paramsOf(ours, asking(larger)), id),
      ]),
    ).toEqual([started, started]);
    expect(await waits(theirs, id)).toEqual(["ask"]);
    expect(await waits(ours, id)).toEqual(["ask"]);
    expect(await answer(ours, id, "from us")).toMatchObject({ status: "accepted" });
    const [their, our] = [await runInstanceId(theirs, id), await runInstanceId(ours, id)];
    expect(outcomesOf(await ended(ours, id))).toEqual(askedOf(larger, our, "from us"));
    expect((await read(theirs, id))?.status).toBe("executing");
    expect(await answer(ours, id, "again")).toMatchObject({ status: "duplicate" });
    expect(await answer(theirs, id, "from them")).toMatchObject({ status: "accepted" });
    expect(outcomesOf(await ended(theirs, id))).toEqual(askedOf(large, their, "from them"));
  });

  test("are told different things, and each hears its own", async () => {
    const id = "told";
    await start(paramsOf(theirs, asking(10)), id);
    await start(paramsOf(ours, asking(10)), id);
    await waits(theirs, id);
    await waits(ours, id);
    expect(await tell(ours, id, "cancel")).toEqual({ status: "accepted", number: 1 });
    expect((await ended(ours, id)).status).toBe("cancelled");
    expect(await tell(theirs, id, "pause")).toEqual({ status: "accepted", number: 1 });
    await vi.waitFor(async () => expect((await read(theirs, id))?.status).toBe("paused"), 5_000);
    expect(await tell(theirs, id, "resume")).toEqual({ status: "accepted", number: 2 });
    await answer(theirs, id, "yes");
    expect((await ended(theirs, id)).status).toBe("completed");
  });

  test("are looked after both by the watchdog", async () => {
    const id = "watched";
    for (const organizationId of [theirs, ours]) {
      await start(paramsOf(organizationId, asking(10)), id);
      await waits(organizationId, id);
    }
    // What is stored without an event, and an instance that the platform ends.
    const stored = { executionId: id, nodeId: "ask", data: "stored", now: Date.now() };
    await perform(WaitStore.use((store) => store.answer({ ...stored, organizationId: theirs })));
    await (await env.EXECUTE.get(await runInstanceId(ours, id))).terminate();
    expect(outcomesOf(await ended(theirs, id))).toMatchObject({ ask: { data: "stored" } });
    expect(await ended(ours, id)).toMatchObject({
      status: "error",
      error: "The platform ended the run: terminated",
    });
  });
});

describe("a run whose instance was created directly, under its own id", () => {
  test("is not reached by another organization that starts a run under that id", async () => {
    const id = "direct";
    await env.EXECUTE.create({ id, params: paramsOf(theirs, asking(10)) });
    await waits(theirs, id);
    expect(await start(paramsOf(ours, asking(10)), id)).toEqual(started);
    await waits(ours, id);
    expect(await tell(ours, id, "cancel")).toMatchObject({ status: "accepted" });
    expect((await ended(ours, id)).status).toBe("cancelled");
    expect((await read(theirs, id))?.status).toBe("executing");
    expect(await statusOf(id)).not.toBe("terminated");
    // Its own people reach it, in every way.
    expect(await start(paramsOf(theirs, asking(10)), id)).toEqual(started);
    expect(await tell(theirs, id, "pause")).toEqual({ status: "accepted", number: 1 });
    await vi.waitFor(async () => expect((await read(theirs, id))?.status).toBe("paused"), 5_000);
    await tell(theirs, id, "resume");
    await answer(theirs, id, "yes");
    expect((await ended(theirs, id)).status).toBe("completed");
    await vi.waitFor(async () => expect(await statusOf(id)).toBe("complete"), 5_000);
  });

  test("is not told to have one when its organization has started another under that id", async () => {
    const id = "started-first";
    await start(paramsOf(theirs, asking(10)), id);
    await waits(theirs, id);
    await env.EXECUTE.create({ id, params: paramsOf(theirs, asking(11)) });
    await vi.waitFor(async () => expect(await statusOf(id)).toBe("errored"), 5_000);
    const malformed = { nodes: 7 } as unknown as WorkflowDocument;
    const second = await env.EXECUTE.create({
      id: "started-first-malformed",
      params: { ...paramsOf(theirs, malformed), executionId: id },
    });
    await vi.waitFor(async () => expect((await second.status()).status).toBe("errored"), 5_000);
    await answer(theirs, id, "yes");
    expect(outcomesOf(await ended(theirs, id))).toMatchObject({
      weigh: { length: 10 },
      ask: { data: "yes" },
    });
  });
});

describe("ids of another organization", () => {
  test("say no more than ids that nobody has, in any document", async () => {
    const scope = { organizationId: theirs, executionId: "objects" };
    await start(paramsOf(theirs, asking(200_000)), "objects");
    await waits(theirs, "objects");
    await perform(writeResults(scope, 1, { results: [], interrupted: [] }));
    const objects = await perform(ObjectStore.use((store) => store.list(scope)));
    expect(objects.map(({ reference }) => reference.mimeType).sort()).toEqual([
      "application/vnd.pawl.part+json",
      storedValueType,
      "video/mp4",
      "video/mp4",
    ]);
    const nowhere = "nowhere/at%2Fall%2F0";
    const ids = [...new Set(objects.map(({ reference }) => reference.id))];
    let runs = 0;
    const told = async (id: string, mimeType: string): Promise<unknown> => {
      const run = `reaching-${++runs}-${crypto.randomUUID()}`;
      expect(await start(reachingParams(ours, { id, mimeType }), run)).toEqual(started);
      return toldOf(await ended(ours, run), run, id);
    };
    for (const mimeType of claimedTypes) {
      const unknown = await told(nowhere, mimeType);
      const answers = await Promise.all(ids.map((id) => told(id, mimeType)));
      expect(answers).toEqual(ids.map(() => unknown));
    }
    // Whose they are reads them.
    const file = objects.find(({ reference }) => reference.mimeType === "video/mp4")!.reference;
    await start(reachingParams(theirs, file), "reading");
    expect(outcomesOf(await ended(theirs, "reading"))).toMatchObject({
      "file-length, from trigger": { length: 200_000 },
    });
  });

  test("say no more than ids that nobody has, to whoever asks", async () => {
    const earlier = graph("a:text", {
      types: { a: "large-text" },
      inputs: { "a:length": { type: "number", value: 5 } },
      outputs: { "a:text": { type: "string" } },
    });
    await start(paramsOf(theirs, earlier), "earlier");
    await ended(theirs, "earlier");
    const told = async (id: string) => {
      const run = `after-${id}`;
      await start({ ...paramsOf(ours, earlier), redrive: { executionId: id } }, run);
      return {
        redrive: toldOf(await ended(ours, run), run, id),
        read: await read(ours, id),
        pause: await tell(ours, id, "pause"),
        cancel: await tell(ours, id, "cancel"),
        answer: await answer(ours, id, "ours"),
        row: (await perform(ExecutionStore.use((store) => store.list(ours, { limit: 200 })))).find(
          (row) => row.id === id,
        ),
      };
    };
    const nothing = await told("nowhere");
    expect(nothing).toMatchObject({
      redrive: { status: "error", error: "There is no run 'ID'." },
      pause: { status: "unknown" },
    });
    expect(await told("earlier")).toEqual(nothing);
  });
});
