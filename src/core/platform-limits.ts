/**
 * What the platform takes at most, measured before it is asked: local runs accept what Cloudflare refuses (VALUE-5). Each gives
 * undefined, or what is too large, how large it is, what the limit is, and what to do. Results have their limit in the runtime.
 */
import { dataSize } from "./data-size.ts";
import type { ExecuteParams } from "./execution-context.ts";

/** Bytes of JSON of a run's parameters, the document included. */
export const paramsLimit = 1024 * 1024;

/** The same, when they are kept in the store and read by the instance: a replay has them in memory. */
export const storedParamsLimit = 32 * 1024 * 1024;

/** Bytes of JSON of an event's payload: half of what the platform takes, since what is around it counts too. */
export const eventLimit = 512 * 1024;

/** Characters of a run's id. It is part of keys and rows, which nothing useful makes longer. */
const longestExecutionId = 20_000;

/** Nobody needs to know it more exactly than this. */
const mostCounted = 64 * 1024 * 1024;

const sizeOf = (value: unknown): number => dataSize(value, mostCounted);

const bytes = (size: number): string =>
  size <= mostCounted ? `${size} bytes` : `more than ${mostCounted} bytes`;

/** What people give and can make smaller, with its name in a message. */
const partsOf = (params: ExecuteParams): readonly (readonly [string, number])[] =>
  (
    [
      ["the workflow", params.workflow],
      ["the input overrides", params.inputOverrides],
      ["the trigger's data", params.trigger],
    ] as const
  ).flatMap(([name, part]) =>
    part === undefined || part === null ? [] : [[name, sizeOf(part)] as const],
  );

/** What a run would be started with. */
export const paramsProblem = (
  params: ExecuteParams,
  limit: number = paramsLimit,
): string | undefined => {
  const size = sizeOf(params);
  if (size <= limit) return undefined;
  if (size === Number.POSITIVE_INFINITY) {
    return "The run's parameters cannot be written as JSON. Give plain data that does not contain itself.";
  }
  const parts = partsOf(params).map(([name, part]) => `${name} ${bytes(part)}`);
  return `The run's parameters take ${bytes(size)} of JSON (${parts.join(", ")}), and at most ${limit} are taken. Let a node fetch what is large instead of writing it down, or split the workflow.`;
};

/** What an event would carry: the answer to a wait. */
export const eventProblem = (data: unknown): string | undefined => {
  const size = sizeOf(data);
  if (size <= eventLimit) return undefined;
  return size === Number.POSITIVE_INFINITY
    ? "The data cannot be written as JSON. Give plain data that does not contain itself."
    : `The data takes ${bytes(size)} of JSON, and an event takes ${eventLimit}. Send less, or where a node finds it.`;
};

/** An id of a run is any text. */
export const executionIdProblem = (id: string): string | undefined =>
  id === ""
    ? "The run's id is empty. Give one."
    : id.length <= longestExecutionId
      ? undefined
      : `The run's id has ${id.length} characters, and at most ${longestExecutionId} are taken. Give a shorter one.`;
