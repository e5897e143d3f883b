import { describe, expect, test } from "vitest";
import type { WorkflowStep } from "cloudflare:workers";
import { NonRetryableError } from "cloudflare:workflows";
import { workflowSteps } from "#cloudflare/workflow-step";
import { StepTimedOut } from "#services/durable-step";
import { ServiceFailure } from "#services/errors";

/** Notes how `do` was called, and performs or throws. */
const recording = (outcome?: Error) => {
  const calls: unknown[] = [];
  const step = {
    do: (name: string, ...rest: unknown[]) => {
      const perform = rest.at(-1) as () => Promise<unknown>;
      calls.push([name, ...rest.slice(0, -1)]);
      return outcome === undefined ? perform() : Promise.reject(outcome);
    },
  } as unknown as WorkflowStep;
  return { calls, steps: workflowSteps(step) };
};

describe("workflowSteps", () => {
  test("lets the platform's defaults be where they will do, and switches its retries off for a node", async () => {
    const { calls, steps } = recording();
    const perform = async (): Promise<number> => 1;
    await steps.do("a", { retry: true }, perform);
    await steps.do("b", { retry: false }, perform);
    await steps.do("c", { retry: true, timeout: 5 }, perform);
    expect(calls).toEqual([
      ["a"],
      ["b", { retries: { limit: 0, delay: 0 } }],
      ["c", { timeout: 5 }],
    ]);
  });

  test("ends a step at once on a failure that no second try mends", async () => {
    const { steps } = recording();
    const failure = { operation: "ExecutionStore.save", message: "No tables" };
    const failing = (isFinal: boolean) =>
      steps.do("a", { retry: true }, () =>
        Promise.reject(new ServiceFailure({ ...failure, isFinal })),
      );
    const final = await failing(true).catch((reason: unknown) => reason);
    expect(final).toBeInstanceOf(NonRetryableError);
    expect(String(final)).toContain("No tables");
    expect(await failing(false).catch((reason: unknown) => reason)).toBeInstanceOf(ServiceFailure);
  });

  test("tells a step that took too long from one that failed otherwise", async () => {
    const late = recording(new Error("WorkflowTimeoutError: Execution timed out after 5ms"));
    const lost = recording(new Error("WorkflowInternalError: lost"));
    const perform = async (): Promise<number> => 1;
    const reasonOf = ({ steps }: typeof late): Promise<unknown> =>
      steps.do("a", { retry: false }, perform).catch((reason: unknown) => reason);
    expect(await reasonOf(late)).toEqual(new StepTimedOut({ step: "a" }));
    expect(await reasonOf(lost)).toEqual(new Error("WorkflowInternalError: lost"));
  });
});
