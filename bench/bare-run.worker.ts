/**
 * What any engine must do for a document, and no more: run a node once its upstreams are done and keep its result, over
 * bare steps. A node that takes several of Pawl's steps takes as many bare ones, of the same kind and in the same order.
 */
import type { Node, Workflow } from "#core/workflow";
import { benchTypes, napMillis, pause } from "./durable-nodes.ts";
import { gateMillis } from "./durable-types.ts";

/** What is used of a WorkflowStep here. */
export interface BareSteps {
  readonly do: (name: string, perform: () => Promise<unknown>) => Promise<unknown>;
  readonly sleep: (name: string, millis: number) => Promise<void>;
  readonly waitForEvent: (name: string, options: { readonly type: string }) => Promise<unknown>;
}

/** Sends the event to the run itself. */
export type SendEvent = (type: string) => Promise<unknown>;

const outputs = { outputs: { result: 1 } };
const give = async (): Promise<typeof outputs> => outputs;

/** A node's own steps, and last the one with its result. */
const runNode = async ({ id, type }: Node, step: BareSteps, send: SendEvent): Promise<unknown> => {
  switch (type) {
    case benchTypes.gate:
      return step.do(id, async () => {
        await pause(gateMillis);
        return outputs;
      });
    case benchTypes.patient:
      await step.do(`${id} attempt 1`, give);
      return step.do(id, give);
    case benchTypes.retried:
      await step.do(`${id} attempt 1`, give);
      await step.sleep(`${id} pause`, 0);
      await step.do(`${id} attempt 2`, give);
      return step.do(id, give);
    case benchTypes.slept:
      await step.do(`${id} add`, give);
      await step.sleep(`${id} nap`, napMillis);
      return step.do(id, give);
    case benchTypes.waited: {
      const event = `event_${id}`;
      await step.do(`${id} ask`, async () => {
        await send(event);
        return outputs;
      });
      await step.waitForEvent(`${id} wait`, { type: event });
      await step.do(`${id} answer`, give);
      return step.do(id, give);
    }
    default:
      return step.do(id, give);
  }
};

/** As many nodes at a time as Pawl runs; ready ones in the order in which they became so. */
export const runBare = (workflow: Workflow, step: BareSteps, send: SendEvent): Promise<void> => {
  const nodesById = new Map(workflow.nodes.map((node) => [node.id, node]));
  const dependents = new Map(workflow.nodes.map(({ id }) => [id, new Set<string>()]));
  for (const { source, target } of workflow.edges) dependents.get(source)?.add(target);
  const pending = new Map(workflow.nodes.map(({ id }) => [id, 0]));
  for (const targets of dependents.values()) {
    for (const target of targets) pending.set(target, (pending.get(target) ?? 0) + 1);
  }
  const ready = workflow.nodes.filter(({ id }) => pending.get(id) === 0).map(({ id }) => id);
  const limit = workflow.settings?.maxConcurrency ?? 16;
  return new Promise((resolve, reject) => {
    let running = 0;
    let next = 0;
    const proceed = (): void => {
      while (running < limit && next < ready.length) {
        const id = ready[next++]!;
        running++;
        const settle = (): void => {
          running--;
          for (const dependent of dependents.get(id) ?? []) {
            const left = pending.get(dependent)! - 1;
            pending.set(dependent, left);
            if (left === 0) ready.push(dependent);
          }
          proceed();
        };
        runNode(nodesById.get(id)!, step, send).then(settle, reject);
      }
      if (running === 0) resolve();
    };
    proceed();
  });
};
