/**
 * A run that takes more steps than one instance may: its parts run in instances of their own, each as soon as the parts it
 * needs have ended, and this one only waits for them. A part tells its end through the WaitStore, as an answer does, so that
 * what is lost is said again by the watchdog. Within a part a node waits for its own upstreams alone; across parts it waits
 * for theirs to end.
 */
import type { PartParams } from "#core/execution-context";
import type { ExecutionState } from "#core/execution-state";
import type { Part } from "#core/plan-parts";
import { commandEventType, partEventType, partStepNames, passOnStepName } from "#core/step-name";
import { year } from "#core/year";
import type { WorkflowInstances } from "#services/workflow-instances";
import { carriedUsage } from "./budget.ts";
import type { PartEnd } from "./part-instance.ts";
import { partInstanceId } from "./instance-id.ts";
import { partEndOf, partQuestionOf, partWait, partWaitKey } from "./part-instance.ts";
import type { Run } from "./run.ts";
import type { Commands, TakenCommand } from "./run-commands.ts";
import { stateAfter } from "./run-commands.ts";
import { placesOf } from "./places.ts";

/** Parts under way at the same time, where the run may have so many nodes at a time. */
const partsAtOnce = 8;

export interface PartsRun {
  /** Numbers of the parts that have left what they did. */
  readonly ended: readonly number[];
  readonly isCancelled: boolean;
  /** The budget has refused a node. */
  readonly isSpent: boolean;
  /** Why a part ended without leaving what it did. */
  readonly error?: string;
}

type Instances = WorkflowInstances["Service"];

/** What the step leaves that starts a part. Without an instance the run was cancelled, unless it was stopped by itself. */
interface PartStart {
  readonly isCreated: boolean;
  readonly isStopped?: boolean;
}

interface Parts {
  readonly run: Run;
  readonly instances: Instances;
  readonly places: number;
  /** Whether a redrive has handed something over, as part 0. */
  readonly hasEarlier: boolean;
  readonly carried: number;
}

/**
 * Inside a step. The part begins as the run stands: what the run was told before the part's instance was there reached nobody.
 * False when the run was cancelled meanwhile.
 */
const createPart = async (
  { run, instances, places, hasEarlier, carried }: Parts,
  { number, from, to, needs }: Part,
): Promise<boolean> => {
  const { executionId, perform } = run;
  const { organizationId } = run.params;
  const standing = await perform(run.store.readCommand(organizationId, executionId));
  if (standing?.command === "cancel") return false;
  const params: PartParams = {
    organizationId,
    partOf: executionId,
    ...(run.instanceId === undefined ? {} : { runInstanceId: run.instanceId }),
    part: number,
    from,
    to,
    needs: hasEarlier ? [0, ...needs] : needs,
    places,
    seenCommand: standing?.number ?? 0,
    isPaused: standing?.command === "pause",
    ...(carried === 0 ? {} : { carried }),
  };
  const question = {
    instanceId: await partInstanceId(organizationId, executionId, number),
    params,
  };
  const wait = await perform(run.waits.open(partWait(question, run.now())));
  // A step that runs twice creates what it created the first time.
  const created = partQuestionOf(wait) ?? question;
  await perform(instances.create(created.instanceId, created.params));
  const later = await perform(run.store.readCommand(organizationId, executionId));
  for (let command = created.params.seenCommand + 1; command <= (later?.number ?? 0); command++) {
    await perform(instances.send(created.instanceId, commandEventType(command)));
  }
  return true;
};

const waitForPart = async (run: Run, part: number): Promise<PartEnd> => {
  const key = partWaitKey(run.params.organizationId, run.executionId, part);
  const event = { type: partEventType(part), timeout: year };
  for (let round = 1; ; round++) {
    const names = partStepNames(part, round);
    await run.steps.waitForEvent(names.wait, event);
    const end = await run.steps.do(names.answer, { retry: true }, async () => {
      const outcome = await run.perform(run.waits.settle(key, run.now()));
      return outcome.status === "answered" ? partEndOf(outcome.data) : null;
    });
    if (end !== null) return end;
  }
};

/** Resolves once no part is under way any more. Rejects with the platform's own failure. */
export const runParts = (
  run: Run,
  instances: Instances,
  parts: readonly Part[],
  begun: ExecutionState,
  commands: Commands,
): Promise<PartsRun> => {
  const places = placesOf(begun.graph.workflow);
  const atOnce = Math.min(partsAtOnce, places);
  const shared: Parts = {
    run,
    instances,
    places: Math.floor(places / atOnce),
    hasEarlier: begun.counts.completed > 0,
    carried: carriedUsage(begun),
  };
  const waiting = new Set(parts);
  // Its parts open waits too, and are waited for themselves.
  run.asked.hasWaits = true;
  const under = new Set<number>();
  const ended = new Set<number>();
  /** The run as people see it while its nodes are elsewhere. */
  let state = begun;
  let seenCommand = 0;
  let isCancelled = false;
  let isSpent = false;
  let isOver = false;
  let error: string | undefined;

  return new Promise((resolve, reject) => {
    const fail = (reason: unknown): void => {
      isOver = true;
      commands.close();
      reject(reason instanceof Error ? reason : new Error(String(reason)));
    };

    const end = (): void => {
      isOver = true;
      commands.close();
      const inOrder = [...ended].sort((a, b) => a - b);
      resolve({ ended: inOrder, isCancelled, isSpent, ...(error === undefined ? {} : { error }) });
    };

    const startPart = async (part: Part): Promise<PartStart> =>
      isSpent || error !== undefined
        ? { isCreated: false, isStopped: true }
        : { isCreated: await createPart(shared, part) };

    const begin = async (part: Part): Promise<void> => {
      const { number } = part;
      const { start } = partStepNames(number, 1);
      // Decided in the step: a replay reads ends and commands in another order, and must not pass over a part that has begun.
      const { isCreated, isStopped = false } = await run.steps.do(start, { retry: true }, () =>
        startPart(part),
      );
      const partEnd = isCreated ? await waitForPart(run, number) : undefined;
      under.delete(number);
      if (partEnd === undefined) isCancelled ||= !isStopped;
      else if (partEnd.status === "ended") {
        ended.add(number);
        isSpent ||= partEnd.isSpent;
      } else error ??= `Part ${number} of the run was lost: ${partEnd.error}`;
      proceed();
    };

    function proceed(): void {
      if (isOver) return;
      const mayStart = isCancelled || state.lifecycle !== "executing.paused";
      for (const part of mayStart ? waiting : []) {
        if (under.size >= atOnce) break;
        if (!part.needs.every((needed) => ended.has(needed))) continue;
        waiting.delete(part);
        under.add(part.number);
        begin(part).catch(fail);
      }
      // What still waits then needs a part that did not begin, or was lost.
      if (under.size === 0 && (mayStart || waiting.size === 0)) end();
    }

    /** Parts hear of a command from here: they have no row of their own that could be told. */
    const passOn = (number: number): Promise<unknown> =>
      run.steps.do(passOnStepName(number), { retry: true }, async () => {
        const { organizationId } = run.params;
        const told = [...under];
        for (const part of told) {
          const instanceId = await partInstanceId(organizationId, run.executionId, part);
          await run.perform(instances.send(instanceId, commandEventType(number)));
        }
        return { told };
      });

    const obey = async ({ command, number }: TakenCommand): Promise<void> => {
      const before = seenCommand;
      seenCommand = number;
      isCancelled ||= command === "cancel";
      state = stateAfter(state, command);
      for (let one = before + 1; one <= number; one++) await passOn(one);
      proceed();
      if (!isCancelled && !isOver) listen();
    };

    function listen(): void {
      commands
        .next(seenCommand, () => state)
        .then(obey)
        .catch((reason: unknown) => {
          if (!isOver) fail(reason);
        });
    }

    // A run of many parts lasts long enough to be told something.
    listen();
    proceed();
  });
};
