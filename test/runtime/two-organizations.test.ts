/**
 * What an organization can do with the ids of another in documents and from outside, over stores that both share (ACCESS-1): each
 * time it is told what it is told of an id that nobody has.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import { storedValueName, storedValueType } from "#core/stored-value";
import { outputObjectName } from "#core/step-name";
import { answerWait, commandRun } from "#runtime/control-run";
import { memoryServices } from "#runtime/default-services";
import { createDirectRuntime } from "#runtime/direct-runtime";
import { createDirectEvents, directStepsWith } from "#runtime/direct-steps";
import { executeWorkflow } from "#runtime/execute-workflow";
import { writeResults } from "#runtime/part-results";
import { startRun } from "#runtime/start-run";
import { ObjectStore } from "#services/object-store";
import { ResourceProvider } from "#services/resource-provider";
import { RunWatch } from "#services/run-watch";
import { WorkflowInstances } from "#services/workflow-instances";
import { graph } from "../support/graph.ts";
import { holdServices } from "../support/held-services.ts";
import { largeValueNodes } from "../support/large-value-nodes.ts";
import {
  claimedTypes,
  outcomesOf,
  reachingNodes,
  reachingParams,
  toldOf,
} from "../support/reaching-document.ts";

const theirs = "acme";
const ours = "globex";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Stores that both use, a runtime for either, and a platform that notes what it is asked. */
const open = () => {
  const held = holdServices();
  const objects = Effect.runSync(Effect.provide(ObjectStore, ObjectStore.layerMemory));
  const layers = Layer.merge(held.layer, Layer.succeed(ObjectStore, objects));
  const runtime = createDirectRuntime({ nodes: [...largeValueNodes, ...reachingNodes], layers });
  const asked: string[] = [];
  const instances = Layer.mock(WorkflowInstances, {
    canCreate: true,
    create: (id) =>
      Effect.as(
        Effect.sync(() => asked.push(`create ${id}`)),
        "created" as const,
      ),
    send: (id, type) =>
      Effect.as(
        Effect.sync(() => asked.push(`send ${id} ${type}`)),
        true,
      ),
  });
  const resources = ResourceProvider.layerMemory();
  const outside = Layer.mergeAll(layers, instances, RunWatch.layerNone, resources);
  const perform = <A, E>(effect: Effect.Effect<A, E, Layer.Success<typeof outside>>): Promise<A> =>
    Effect.runPromise(Effect.provide(effect, outside));
  return { ...held, objects, runtime, asked, perform };
};

/** An object of every kind that a run leaves. */
const leaveObjects = async ({
  objects,
  perform,
}: ReturnType<typeof open>): Promise<readonly string[]> => {
  const scope = { organizationId: theirs, executionId: "run" };
  const text = JSON.stringify("a text of theirs");
  const written = [
    [outputObjectName("node", "file", 0), bytesOf("a file of theirs"), "video/mp4"],
    [storedValueName("node", "text"), bytesOf(text), storedValueType],
  ] as const;
  for (const [name, data, mimeType] of written) {
    await perform(objects.write(scope, name, { data, mimeType }));
  }
  await perform(writeResults(scope, 1, { results: [], interrupted: [] }));
  const listed = await perform(objects.list(scope));
  return listed.map(({ reference }) => reference.id);
};

const nowhere = "nowhere/at%2Fall%2F0";

describe("a document that refers to an object of another organization", () => {
  test("is told what it is told of one that nobody has, whatever it claims and however it got there", async () => {
    const platform = open();
    const ids = await leaveObjects(platform);
    expect(ids).toEqual(["run/node%2Ffile%2F0", "run/node%2Ftext%2F0.json", "run/parts%2F1.json"]);
    for (const mimeType of claimedTypes) {
      const told = async (id: string): Promise<unknown> => {
        const run = `ours ${mimeType} ${id}`;
        const record = await platform.runtime.run(reachingParams(ours, { id, mimeType }), run);
        return toldOf(record, run, id);
      };
      const unknown = await told(nowhere);
      for (const id of [...ids, `../../acme/objects/${ids[0]!}`, `acme/objects/${ids[0]!}`]) {
        expect(await told(id)).toEqual(unknown);
      }
    }
  });

  test("reads its own in each of these ways", async () => {
    const platform = open();
    const [file, text] = await leaveObjects(platform);
    const own = async (id: string, mimeType: string) =>
      outcomesOf(await platform.runtime.run(reachingParams(theirs, { id, mimeType }), id));
    const files = await own(file!, "video/mp4");
    const read = { file: expect.anything(), length: 16, last: 115 };
    expect(files).toMatchObject({
      "file-length, written down": read,
      "file-length, given": read,
      "file-length, from trigger": read,
      "file-length, from inside": read,
    });
    const texts = await own(text!, storedValueType);
    expect(texts).toMatchObject({
      "text-length, written down": { length: 16 },
      "text-length, given": { length: 16 },
      "text-length, from trigger": { length: 16 },
      "text-length, from inside": { length: 16 },
      "text-length-in-step, given": { length: 16 },
      "count-texts, given": { count: 1, length: 16 },
      "a list, written down": { count: 2, length: 32 },
    });
  });
});

const paramsOf = (organizationId: string, changes: Partial<ExecuteParams> = {}): ExecuteParams => ({
  workflow: graph("a:text -> b:text", {
    types: { a: "large-text", b: "text-length" },
    inputs: { "a:length": { type: "number", value: 20 }, "b:text": { type: "string" } },
    outputs: { "a:text": { type: "string" } },
  }),
  userId: "user",
  organizationId,
  computeCredits: 1_000,
  ...changes,
});

describe("a redrive of a run of another organization", () => {
  test.each([{}, { from: "b" }])(
    "is refused like one of a run that nobody has: %j",
    async (from) => {
      const { runtime } = open();
      expect((await runtime.run(paramsOf(theirs), "earlier")).status).toBe("completed");
      const told = async (executionId: string): Promise<unknown> => {
        const params = paramsOf(ours, { redrive: { executionId, ...from } });
        return toldOf(await runtime.run(params, `after ${executionId}`), executionId);
      };
      const refused = await told("earlier");
      expect(refused).toEqual(await told("nowhere"));
      expect(refused).toMatchObject({ status: "error", error: "There is no run 'ID'." });
      // Their own takes it over.
      const own = await runtime.run(
        paramsOf(theirs, { redrive: { executionId: "earlier" } }),
        "own",
      );
      expect(own.nodeExecutions.map(({ reusedFrom }) => reusedFrom)).toEqual([
        "earlier",
        "earlier",
      ]);
    },
  );
});

describe("a run whose instance has another id", () => {
  test("is woken by that one: its row, its waits and the keys of its nodes name it", async () => {
    const platform = open();
    const events = createDirectEvents();
    const workflow = graph("ask:data -> key", {
      types: { ask: "wait-for-event", key: "give-key" },
      outputs: { "key:key": { type: "string" } },
    });
    const services = Layer.mergeAll(
      memoryServices(reachingNodes),
      directStepsWith(events),
      platform.layer,
    );
    const running = Effect.runPromise(
      executeWorkflow(paramsOf(theirs, { workflow }), "run", { instanceId: "instance" }).pipe(
        Effect.provide(services),
      ),
    );
    const key = { organizationId: theirs, executionId: "run" };
    for (;;) {
      const [wait] = await platform.perform(platform.waits.list(theirs, "run"));
      if (wait !== undefined) break;
      await new Promise((resolve) => void setTimeout(resolve, 1));
    }
    expect(await platform.perform(platform.executions.readCommand(theirs, "run"))).toEqual({
      command: null,
      number: 0,
      instanceId: "instance",
    });
    expect(await platform.perform(commandRun(theirs, "run", "pause"))).toEqual({
      status: "accepted",
      number: 1,
    });
    await platform.perform(commandRun(theirs, "run", "resume"));
    expect(
      await platform.perform(answerWait({ ...key, nodeId: "ask", data: "yes" })),
    ).toMatchObject({ status: "accepted" });
    const [pause, resume, answer] = platform.asked;
    expect([pause, resume]).toEqual(["send instance command_1", "send instance command_2"]);
    expect(answer).toMatch(/^send instance wait_[0-9a-f]{16}$/);
    events.send(answer!.split(" ")[2]!);
    expect(outcomesOf(await running)).toEqual({
      ask: { data: "yes" },
      key: { key: "instance/key" },
    });
  });
});

describe("a run of another organization", () => {
  const openWithRun = async () => {
    const platform = open();
    const started = await platform.perform(startRun(paramsOf(theirs), "run"));
    expect(started).toEqual({ status: "started" });
    await platform.perform(
      platform.waits.open({
        organizationId: theirs,
        executionId: "run",
        nodeId: "a",
        name: "event",
        eventType: "wait_1",
        openedAt: Date.now(),
        deadline: null,
        question: {},
      }),
    );
    platform.asked.length = 0;
    return platform;
  };

  test("is not reached by commands and answers, and nobody is woken for them", async () => {
    const { perform, asked, executions, waitsOf } = await openWithRun();
    const before = await perform(executions.get(theirs, "run"));
    for (const executionId of ["run", "nowhere"]) {
      for (const command of ["pause", "resume", "cancel"] as const) {
        expect(await perform(commandRun(ours, executionId, command))).toEqual({
          status: "unknown",
        });
      }
      for (const name of [undefined, "event"]) {
        const answer = { organizationId: ours, executionId, nodeId: "a", data: "ours" };
        expect(
          await perform(answerWait({ ...answer, ...(name === undefined ? {} : { name }) })),
        ).toEqual({ status: "unknown" });
      }
    }
    expect(asked).toEqual([]);
    expect(await perform(executions.get(theirs, "run"))).toEqual(before);
    expect(await perform(executions.readCommand(theirs, "run"))).toMatchObject({ number: 0 });
    expect(waitsOf("run")).toEqual([]);
  });

  test("leaves its id free: the same start is another run, and each is told its own", async () => {
    const { perform, asked, executions } = await openWithRun();
    for (const params of [paramsOf(ours), paramsOf(ours)]) {
      expect(await perform(startRun(params, "run"))).toEqual({ status: "started" });
    }
    expect(await perform(startRun(paramsOf(ours, { userId: "another" }), "run"))).toEqual({
      status: "refused",
      message: "There is a run 'run' already. Give the new one another id.",
    });
    const [instance] = asked.map((line) => line.split(" ")[1]!);
    expect(asked).toEqual([`create ${instance}`, `create ${instance}`]);
    expect(await perform(commandRun(ours, "run", "cancel"))).toEqual({
      status: "accepted",
      number: 1,
    });
    expect(asked.slice(2)).toEqual([`send ${instance} command_1`]);
    const { instanceId: other } = (await perform(executions.readCommand(theirs, "run")))!;
    expect(other).not.toBe(instance);
    expect(await perform(executions.readCommand(theirs, "run"))).toEqual({
      command: null,
      number: 0,
      instanceId: other,
    });
  });
});
