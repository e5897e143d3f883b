/**
 * A run that takes more steps than one instance may: its parts run in instances of their own, each as soon as the parts it
 * needs have ended, and this one only waits for them. A part tells its end through the WaitStore, as an answer does, so that
 * what is lost is said again by the watchdog. Within a part a node waits for its own upstreams alone; across parts it waits
 * for theirs to end.
 */
import type { Part } from "#core/plan-parts";
import { commandEventType, partEventType, partStepNames, passOnStepName } from "#core/step-name";
import type { JsonValue } from "#core/value";
import { isJsonObject } from "#core/value";
import type { WorkflowInstances } from "#services/workflow-instances";
import type { PartParams } from "#core/execution-context";
import type { Run } from "./run.ts";
import type { Commands, TakenCommand } from "./run-commands.ts";
import type { ExecutionState } from "#core/execution-state";

/** Parts under way at the same time. */
const partsAtOnce = 8;

const longestWait = 365 * 24 * 60 * 60 * 1000;

/** Of the waits of a run, those for its parts: no node has an empty id. */
export const partNodeId = "";

export const partWaitName = (part: number): string => `part ${part}`;

/** Instance ids take 100 characters, and a run's own may be as long. */
export const partInstanceId = (executionId: string, part: number): string =>
  `${executionId.slice(0, 88)}-part-${part}`;

export interface PartsRun {
  readonly isCancelled: boolean;
  /** Why a part ended without leaving what it did. */
  readonly error?: string;
}

/** What a part answers with, and the watchdog in the place of one that the platform has ended. */
export interface PartEnd {
  readonly status: "ended" | "lost";
  readonly error?: string;
}

const endOf = (data: JsonValue): PartEnd => {
  if (!isJsonObject(data) || data["status"] !== "lost") return { status: "ended" };
  const { error } = data;
  return { status: "lost", error: typeof error === "string" ? error : "unknown" };
};

const startPart = (
  run: Run,
  instances: WorkflowInstances["Service"],
  { number, from, to }: Part,
): Promise<unknown> =>
  run.steps.do(partStepNames(number, 1).start, { retry: true }, async () => {
    const { organizationId } = run.params;
    const { executionId } = run;
    const instanceId = partInstanceId(executionId, number);
    await run.perform(
      run.waits.open({
        organizationId,
        executionId,
        nodeId: partNodeId,
        name: partWaitName(number),
        eventType: partEventType(number),
        openedAt: run.now(),
        deadline: null,
        question: { instanceId },
      }),
    );
    const params: PartParams = { organizationId, partOf: executionId, part: number, from, to };
    await run.perform(instances.create(instanceId, params));
    return { instanceId };
  });

const waitForPart = async (run: Run, part: number): Promise<PartEnd> => {
  const key = {
    organizationId: run.params.organizationId,
    executionId: run.executionId,
    nodeId: partNodeId,
    name: partWaitName(part),
  };
  const event = { type: partEventType(part), timeout: longestWait };
  for (let round = 1; ; round++) {
    const names = partStepNames(part, round);
    await run.steps.waitForEvent(names.wait, event);
    const end = await run.steps.do(names.answer, { retry: true }, async () => {
      const outcome = await run.perform(run.waits.settle(key, run.now()));
      return outcome.status === "answered" ? endOf(outcome.data) : null;
    });
    if (end !== null) return end;
  }
};

/** Resolves once no part is under way any more. Rejects with the platform's own failure. */
export const runParts = (
  run: Run,
  instances: WorkflowInstances["Service"],
  parts: readonly Part[],
  started: ExecutionState,
  commands: Commands,
): Promise<PartsRun> => {
  const waiting = new Set(parts);
  const under = new Set<number>();
  const ended = new Set<number>();
  let seenCommand = 0;
  let isCancelled = false;
  let isPaused = false;
  let isOver = false;
  let error: string | undefined;

  return new Promise((resolve, reject) => {
    const end = (): void => {
      isOver = true;
      commands.close();
      resolve({ isCancelled, ...(error === undefined ? {} : { error }) });
    };

    const begin = async (part: Part): Promise<void> => {
      await startPart(run, instances, part);
      const partEnd = await waitForPart(run, part.number);
      if (partEnd.status === "lost")
        error ??= `Part ${part.number} of the run was lost: ${partEnd.error}`;
      under.delete(part.number);
      ended.add(part.number);
      proceed();
    };

    function proceed(): void {
      if (isOver) return;
      const mayStart = !isPaused && !isCancelled && error === undefined;
      for (const part of mayStart ? waiting : []) {
        if (under.size >= partsAtOnce) break;
        if (!part.needs.every((needed) => ended.has(needed))) continue;
        waiting.delete(part);
        under.add(part.number);
        begin(part).catch(reject);
      }
      if (under.size === 0 && (waiting.size === 0 || isCancelled || error !== undefined)) end();
    }

    /** Parts hear of a command from here: they have no row of their own that could be told. */
    const passOn = (number: number): Promise<unknown> =>
      run.steps.do(passOnStepName(number), { retry: true }, async () => {
        const told = [...under];
        for (const part of told) {
          const instanceId = partInstanceId(run.executionId, part);
          await run.perform(instances.send(instanceId, commandEventType(number)));
        }
        return { told };
      });

    const obey = async (taken: TakenCommand | undefined): Promise<void> => {
      if (isOver || taken === undefined) return;
      const before = seenCommand;
      seenCommand = taken.number;
      isCancelled ||= taken.command === "cancel";
      isPaused = taken.command === "pause";
      // Every number between is told too: each part waits for the next one that it has not seen.
      for (let number = before + 1; number <= taken.number; number++) await passOn(number);
      proceed();
      if (!isCancelled) listen();
    };

    function listen(): void {
      commands
        .next(seenCommand, () => started)
        .then(obey)
        .catch(() => {});
    }

    // A run of many parts lasts long enough to be told something.
    listen();
    proceed();
  });
};
