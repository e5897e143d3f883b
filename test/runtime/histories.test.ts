import { readdirSync, readFileSync } from "node:fs";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { describe, expect, test } from "vitest";
import { stepNameScheme } from "#core/step-name";
import type { Steps } from "#services/durable-step";
import { DurableStep } from "#services/durable-step";
import type { History, HistoryStep } from "../support/history.ts";
import { runInVirtualTime } from "../support/history.ts";
import { historyNodes } from "../support/history-nodes.ts";
import type { HeldServices } from "../support/held-services.ts";
import { holdServices } from "../support/held-services.ts";

/** What releases have on record, and code of today must go on with. */
const folder = new URL("../histories/", import.meta.url);
const histories: readonly (readonly [name: string, history: History])[] = readdirSync(folder)
  .filter((release) => /^\d+\.\d+\.\d+/.test(release))
  .flatMap((release) =>
    readdirSync(new URL(`${release}/`, folder)).map((file): readonly [string, History] => [
      `${release}/${file}`,
      JSON.parse(readFileSync(new URL(`${release}/${file}`, folder), "utf8")) as History,
    ]),
  );

/** The store as the run left it: what it was told stands there. */
const heldFor = async ({
  params,
  executionId,
  execution,
  commands,
}: History): Promise<HeldServices> => {
  const held = holdServices();
  const { executions } = held;
  await Effect.runPromise(
    executions.save({
      organizationId: params.organizationId,
      userId: params.userId,
      workflowName: "",
      definitionHash: "",
      execution: { ...execution, status: "executing", endedAt: null, nodeExecutions: [] },
    }),
  );
  for (const command of commands) {
    await Effect.runPromise(executions.command(params.organizationId, executionId, command));
  }
  return held;
};

interface Replayed {
  readonly execution: History["execution"];
  /** Steps with the options that were asked for. */
  readonly asked: ReadonlyMap<string, HistoryStep["options"]>;
  /** What nodes did. */
  readonly told: readonly string[];
}

const never = (): Promise<never> => new Promise(() => {});

const replayOf = async (history: History): Promise<Replayed> => {
  const recorded = new Map(history.steps.map((step) => [step.name, step]));
  const asked = new Map<string, HistoryStep["options"]>();
  const told: string[] = [];
  const find = (name: string, options: HistoryStep["options"]): HistoryStep => {
    asked.set(name, options);
    const step = recorded.get(name);
    if (step === undefined) throw new Error(`Step '${name}' is not on record`);
    return step;
  };
  const steps: Steps = {
    do: async <A>(...[name, options, perform]: Parameters<Steps["do"]>): Promise<A> => {
      const step = find(name, options);
      // Under way when the run ended; the engine is to hold it, not the platform.
      return ("result" in step ? structuredClone(step.result) : await perform({ attempt: 2 })) as A;
    },
    sleep: async (name, millis) => {
      if (!("result" in find(name, { sleep: millis }))) return never();
    },
    waitForEvent: async (name, { type, timeout }) => {
      if (name.startsWith("listen for command") && !recorded.has(name)) return never();
      const step = find(name, { event: type, timeout });
      return "result" in step ? (step.result as boolean) : never();
    },
  };
  const execution = await runInVirtualTime({
    executionId: history.executionId,
    params: history.params,
    nodes: historyNodes((what) => told.push(what)),
    steps: Layer.succeed(DurableStep, steps),
    held: await heldFor(history),
  });
  return { execution, asked, told };
};

describe("a recorded run", () => {
  test.each(histories)("is gone through again by its record alone: %s", async (_name, history) => {
    const { execution, asked, told } = await replayOf(history);
    expect(told).toEqual([]);
    expect(asked).toEqual(new Map(history.steps.map(({ name, options }) => [name, options])));
    expect(execution).toEqual(history.execution);
  });

  test.each(histories)("says by which scheme its steps are named: %s", (_name, { steps }) => {
    const first = steps.find(({ name }) => name === "initialise workflow")!;
    const { scheme } = first.result as { readonly scheme: number };
    expect(scheme).toBeLessThanOrEqual(stepNameScheme);
  });

  test("of a newer scheme is refused before anything of it happens", async () => {
    const [, history] = histories.find(([name]) => name.endsWith("/steps.json"))!;
    const newer = history.steps.map((step) =>
      step.name === "initialise workflow"
        ? { ...step, result: { ...(step.result as object), scheme: stepNameScheme + 1 } }
        : step,
    );
    await expect(replayOf({ ...history, steps: newer })).rejects.toMatchObject({
      _tag: "NewerStepNames",
      executionId: "steps",
      recorded: stepNameScheme + 1,
      known: stepNameScheme,
    });
  });

  test("of before there were schemes is one of the first", async () => {
    const [, history] = histories.find(([name]) => name.endsWith("/steps.json"))!;
    const older = history.steps.map((step) => {
      if (step.name !== "initialise workflow") return step;
      const { scheme: _scheme, ...result } = step.result as { readonly scheme: number };
      return { ...step, result };
    });
    const { execution } = await replayOf({ ...history, steps: older });
    expect(execution).toEqual(history.execution);
  });
});
