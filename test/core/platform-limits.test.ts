import { describe, expect, test } from "vitest";
import type { ExecuteParams } from "#core/execution-context";
import {
  eventLimit,
  eventProblem,
  executionIdProblem,
  paramsLimit,
  storedParamsLimit,
  paramsProblem,
} from "#core/platform-limits";
import { asText, nastyIds } from "../contracts/nasty-ids.ts";
import { graph } from "../support/graph.ts";

const params = (more: Partial<ExecuteParams> = {}): ExecuteParams => ({
  workflow: graph("a -> b"),
  userId: "user",
  organizationId: "org",
  computeCredits: 1,
  ...more,
});

/** Parameters of exactly so many bytes of JSON, the rest being in the trigger. */
const paramsOf = (size: number): ExecuteParams => {
  const around = JSON.stringify(params({ trigger: "" })).length;
  return params({ trigger: "x".repeat(size - around) });
};

const withText = (length: number): ExecuteParams => {
  const { nodes, ...rest } = graph("a");
  return params({
    workflow: { ...rest, nodes: [{ ...nodes[0]!, description: "x".repeat(length) }] },
  });
};

describe("a run's parameters", () => {
  test("may take 1 MiB of JSON and not a byte more", () => {
    expect(paramsLimit).toBe(1_048_576);
    expect(paramsProblem(params())).toBeUndefined();
    expect(paramsProblem(paramsOf(paramsLimit))).toBeUndefined();
    expect(paramsProblem(paramsOf(paramsLimit + 1))).toMatch(
      /^The run's parameters take 1048577 bytes of JSON \(the workflow \d+ bytes, the trigger's data 1048\d{3} bytes\), and at most 1048576 are taken\./,
    );
  });

  test("that are too large name the document's share, the limit and what to do", () => {
    const overrides = { a: { in: "y".repeat(600_000) } };
    const large = { ...withText(500_000), inputOverrides: overrides };
    const documentSize = JSON.stringify(large.workflow).length;
    expect(paramsProblem(large)).toBe(
      `The run's parameters take ${JSON.stringify(large).length} bytes of JSON (the workflow ${documentSize} bytes, the input overrides 600015 bytes), and at most 1048576 are taken. Let a node fetch what is large instead of writing it down, or split the workflow.`,
    );
  });

  test("may take more where they are kept in the store", () => {
    expect(paramsProblem(paramsOf(paramsLimit + 1), storedParamsLimit)).toBeUndefined();
    expect(paramsProblem(paramsOf(storedParamsLimit + 1), storedParamsLimit)).toContain(
      "at most 33554432 are taken",
    );
  });

  test("that have no end are told from those that are only large", () => {
    const itself: Record<string, unknown> = {};
    itself["self"] = itself;
    expect(paramsProblem(params({ trigger: itself as never }))).toBe(
      "The run's parameters cannot be written as JSON. Give plain data that does not contain itself.",
    );
    let doubled: unknown = "x";
    for (let index = 0; index < 100; index++) doubled = [doubled, doubled];
    expect(paramsProblem(params({ trigger: doubled as never }))).toContain(
      "the trigger's data more than 67108864 bytes",
    );
  });
});

describe("an event's data", () => {
  test("may take 512 KiB of JSON and not a byte more", () => {
    expect(eventLimit).toBe(524_288);
    expect(eventProblem(null)).toBeUndefined();
    expect(eventProblem({ text: "x".repeat(eventLimit - 11) })).toBeUndefined();
    expect(eventProblem({ text: "x".repeat(eventLimit - 10) })).toBe(
      "The data takes 524289 bytes of JSON, and an event takes 524288. Send less, or where a node finds it.",
    );
  });

  test("that has no end is refused", () => {
    const itself: unknown[] = [];
    itself.push(itself);
    expect(eventProblem(itself)).toBe(
      "The data cannot be written as JSON. Give plain data that does not contain itself.",
    );
  });
});

describe("a run's id", () => {
  test.each(
    [...nastyIds, "-a", "\ud800", "猫".repeat(20_000)].map((id) => [asText(id).slice(0, 60), id]),
  )("may be %s", (_, id) => {
    expect(executionIdProblem(id)).toBeUndefined();
  });

  test("is not empty", () => {
    expect(executionIdProblem("")).toBe("The run's id is empty. Give one.");
  });

  test("has at most 20,000 characters", () => {
    expect(executionIdProblem("x".repeat(20_001))).toBe(
      "The run's id has 20001 characters, and at most 20000 are taken. Give a shorter one.",
    );
  });
});
