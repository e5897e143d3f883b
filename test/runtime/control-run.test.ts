/** Commands and answers over stores in memory and a platform that the test holds, on virtual time. */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { TestClock } from "effect/testing";
import { describe, expect, test } from "vitest";
import { eventLimit } from "#core/platform-limits";
import { emptyRecord } from "#core/report";
import type { JsonValue } from "#core/value";
import { answerWait, commandRun } from "#runtime/control-run";
import type { CommandResult } from "#services/run-command";
import type { Wait } from "#services/wait-store";
import { ResourceProvider } from "#services/resource-provider";
import { WorkflowInstances } from "#services/workflow-instances";
import { holdServices } from "../support/held-services.ts";

interface Sent {
  readonly at: number;
  readonly to: string;
  readonly type: string;
}

const secret = "sw0rdfish/123";

/** A platform whose instances are there from a moment on, in virtual milliseconds. */
const openPlatform = (createdAt = 0) => {
  const held = holdServices();
  const sent: Sent[] = [];
  const resources = ResourceProvider.layerMemory({ org: { secrets: { KEY: secret } } });
  const instances = Layer.mock(WorkflowInstances, {
    canCreate: true,
    send: (to, type) =>
      Effect.map(Clock.currentTimeMillis, (at) => {
        sent.push({ at, to, type });
        return at >= createdAt;
      }),
  });
  return { ...held, sent, services: Layer.mergeAll(held.layer, instances, resources) };
};

const saveRun = ({ executions }: ReturnType<typeof openPlatform>): Promise<unknown> =>
  Effect.runPromise(
    executions.save({
      organizationId: "org",
      userId: "user",
      workflowName: "",
      definitionHash: "",
      execution: emptyRecord("workflow", "run", "submitted", 0),
    }),
  );

describe("a command", () => {
  /** The result, and the virtual time that it took. */
  const cancel = (
    platform: ReturnType<typeof openPlatform>,
  ): Promise<readonly [result: CommandResult, millis: number]> =>
    Effect.runPromise(
      Effect.gen(function* () {
        let told: readonly [CommandResult, number] | undefined;
        yield* Effect.forkChild(
          Effect.gen(function* () {
            const result = yield* commandRun("org", "run", "cancel");
            told = [result, yield* Clock.currentTimeMillis];
          }),
        );
        for (;;) {
          yield* Effect.yieldNow;
          if (told !== undefined) return told;
          yield* TestClock.adjust(50);
        }
      }).pipe(Effect.provide(platform.services), Effect.provide(TestClock.layer())),
    );

  const accepted: CommandResult = { status: "accepted", number: 1 };

  test("wakes the run at once", async () => {
    const platform = openPlatform();
    await saveRun(platform);
    expect(await cancel(platform)).toEqual([accepted, 0]);
    expect(platform.sent).toEqual([{ at: 0, to: "run", type: "command_1" }]);
  });

  test("is sent again to a run that is being started, until it has an instance", async () => {
    const platform = openPlatform(250);
    await saveRun(platform);
    expect(await cancel(platform)).toEqual([accepted, 300]);
    expect(platform.sent.map(({ at, type }) => [at, type])).toEqual(
      [0, 100, 200, 300].map((at) => [at, "command_1"]),
    );
  });

  test("is left to the watchdog when no instance comes within two seconds, and stands", async () => {
    const platform = openPlatform(Number.POSITIVE_INFINITY);
    await saveRun(platform);
    expect(await cancel(platform)).toEqual([accepted, 2_000]);
    expect(platform.sent.at(-1)).toEqual({ at: 2_000, to: "run", type: "command_1" });
    expect(await Effect.runPromise(platform.executions.readCommand("org", "run"))).toEqual({
      command: "cancel",
      number: 1,
    });
  });

  test("to a run that is not there is sent to nobody", async () => {
    const platform = openPlatform();
    expect(await cancel(platform)).toEqual([{ status: "unknown" }, 0]);
    expect(platform.sent).toEqual([]);
  });
});

describe("an answer", () => {
  const waitOf = (changes: Partial<Wait> = {}): Wait => ({
    organizationId: "org",
    executionId: "run",
    nodeId: "node",
    name: "event",
    eventType: "w_1",
    openedAt: 0,
    deadline: null,
    question: {},
    ...changes,
  });

  const giveTo = async (wait: Wait, data: JsonValue) => {
    const platform = openPlatform();
    await Effect.runPromise(platform.waits.open(wait));
    const { organizationId, executionId, nodeId } = wait;
    const given = answerWait({ organizationId, executionId, nodeId, data });
    const result = await Effect.runPromise(given.pipe(Effect.provide(platform.services)));
    return { result, sent: platform.sent, waits: platform.waitsOf("run") };
  };

  test.each([
    ["the run", {}, "run"],
    ["the part of it that waits", { instanceId: "part" }, "part"],
  ])("wakes %s", async (_, changes, to) => {
    const wait = waitOf(changes);
    const { result, sent, waits } = await giveTo(wait, "yes");
    expect(result).toEqual({ status: "accepted", wait });
    expect(sent).toMatchObject([{ to, type: "w_1" }]);
    expect(waits).toMatchObject([{ status: "answered", data: "yes" }]);
  });

  test("that holds a secret is stored without it", async () => {
    const { waits } = await giveTo(waitOf(), { key: [`it is ${secret}`] });
    expect(waits).toMatchObject([{ status: "answered", data: { key: ["it is [secret:KEY]"] } }]);
  });

  test("to a wait of the engine's own is not taken from outside", async () => {
    const wait = waitOf({ nodeId: "", name: "part 1" });
    const { result, sent, waits } = await giveTo(wait, { status: "ended" });
    expect(result).toEqual({ status: "unknown" });
    expect(sent).toEqual([]);
    expect(waits).toEqual([{ ...wait, status: "open" }]);
  });

  test("of 512 KiB is taken, and one that is a byte longer is refused", async () => {
    const longest = "x".repeat(eventLimit - 2);
    expect((await giveTo(waitOf(), longest)).result.status).toBe("accepted");
    const { result, sent, waits } = await giveTo(waitOf(), `${longest}x`);
    expect(result).toEqual({
      status: "refused",
      message:
        "The data takes 524289 bytes of JSON, and an event takes 524288. Send less, or where a node finds it.",
    });
    expect(sent).toEqual([]);
    expect(waits).toEqual([{ ...waitOf(), status: "open" }]);
  });

  test("that cannot be written as JSON is refused", async () => {
    const itself: JsonValue[] = [];
    itself.push(itself);
    expect((await giveTo(waitOf(), itself)).result).toEqual({
      status: "refused",
      message: "The data cannot be written as JSON. Give plain data that does not contain itself.",
    });
  });
});
