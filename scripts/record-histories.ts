/**
 * Records the histories of a release: runs of every kind, step by step, for the code of later releases to be held to. Run it
 * once for each release, before it is published: `npx node scripts/record-histories.ts`. It writes a folder of the version in
 * package.json under test/histories and refuses to touch one that is there: what has been recorded stays as it was.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ExecuteParams } from "#core/execution-context";
import { commandEventType } from "#core/step-name";
import { createDirectEvents, directStepsWith } from "#runtime/direct-steps";
import type { Steps } from "#services/durable-step";
import { DurableStep } from "#services/durable-step";
import type { RunCommand } from "#services/run-command";
import type { History, HistoryStep } from "../test/support/history.ts";
import { runInVirtualTime } from "../test/support/history.ts";
import { historyNodes } from "../test/support/history-nodes.ts";
import type { Deed, HistoryPlan } from "../test/support/history-plans.ts";
import { historyPlans } from "../test/support/history-plans.ts";
import type { HeldServices } from "../test/support/held-services.ts";
import { holdServices } from "../test/support/held-services.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { readonly version: string };

const stored = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A;

const record = async (
  executionId: string,
  { about, workflow, params: own, deeds = {} }: HistoryPlan,
  held: HeldServices,
): Promise<History> => {
  const params: ExecuteParams = {
    workflow,
    userId: "user",
    organizationId: "org",
    computeCredits: 1_000,
    ...own,
  };
  const steps: { -readonly [K in keyof HistoryStep]: HistoryStep[K] }[] = [];
  const commands: RunCommand[] = [];
  const events = createDirectEvents();
  const wait = (nodeId: string): string =>
    held.waitsOf(executionId).find((open) => open.nodeId === nodeId)!.eventType;
  const perform = async (deed: Deed): Promise<void> => {
    if (typeof deed === "string") {
      const result = await Effect.runPromise(held.executions.command("org", executionId, deed));
      if (result.status !== "accepted") throw new Error(`${deed} is ${result.status}`);
      commands.push(deed);
      events.send(commandEventType(result.number));
    } else if ("wake" in deed) {
      events.send(wait(deed.wake));
    } else {
      const key = { organizationId: "org", executionId, nodeId: deed.of };
      const name = deed.name === undefined ? {} : { name: deed.name };
      const answer = { ...key, ...name, data: deed.answer, now: Date.UTC(2026, 0, 1) + 5_000 };
      const result = await Effect.runPromise(held.waits.answer(answer));
      if (result.status !== "accepted") throw new Error(`The answer is ${result.status}`);
      events.send(result.wait.eventType);
    }
  };
  const recorded = async <A>(
    name: string,
    options: HistoryStep["options"],
    ask: () => Promise<A>,
  ): Promise<A> => {
    const step: (typeof steps)[number] = { name, options };
    steps.push(step);
    const asked = ask();
    for (const deed of deeds[name] ?? []) await perform(deed);
    const result = await asked;
    step.result = stored(result ?? null);
    return stored(result);
  };
  const recording = Effect.map(DurableStep, (direct): Steps => ({
    do: (name, options, work) => recorded(name, options, () => direct.do(name, options, work)),
    sleep: async (name, millis) => {
      await recorded(name, { sleep: millis }, async () => {
        await direct.sleep(name, millis);
        return null;
      });
    },
    waitForEvent: (name, options) =>
      recorded(name, { event: options.type, timeout: options.timeout }, () =>
        direct.waitForEvent(name, options),
      ),
  }));
  const execution = await runInVirtualTime({
    executionId,
    params,
    nodes: historyNodes(() => {}),
    steps: Layer.effect(DurableStep, recording).pipe(Layer.provide(directStepsWith(events))),
    held,
  });
  const isListening = ({ name, result }: HistoryStep): boolean =>
    result === undefined && name.startsWith("listen for command");
  return {
    release: version,
    about,
    executionId,
    params,
    commands,
    steps: steps.filter((step) => !isListening(step)),
    execution,
  };
};

const folder = new URL(`../test/histories/${version}/`, import.meta.url);
if (existsSync(folder)) {
  process.stderr.write(`The histories of ${version} are recorded already: ${folder.pathname}\n`);
  process.exit(1);
}
const helds = new Map<string, HeldServices>();
const histories: (readonly [name: string, history: History])[] = [];
for (const [name, plan] of Object.entries(historyPlans)) {
  const held = plan.after === undefined ? holdServices() : helds.get(plan.after)!;
  helds.set(name, held);
  const history = await record(name, plan, held);
  process.stdout.write(`${name}: ${history.steps.length} steps, ${history.execution.status}\n`);
  histories.push([name, history]);
}
mkdirSync(folder);
for (const [name, history] of histories) {
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(history, undefined, 1)}\n`);
}
