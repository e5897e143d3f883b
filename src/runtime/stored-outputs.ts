/**
 * Outputs that are too large for a step's result (VALUE-5): they are written to the object store and travel as references.
 * Where results have no limit, nothing is measured.
 */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { dataSize } from "#core/data-size";
import type { AttemptFailure } from "#core/retry";
import { storedValueName, storedValueType } from "#core/stored-value";
import type { JsonObject, NodeRuntimeValues, RuntimeValue } from "#core/value";
import { cloneSize, ownValue, recordOf } from "#core/value";
import { checkedRun, objectsAtOnce, orFailWith, refuse } from "./checked-effect.ts";
import type { Checked, Eventually } from "./eventually.ts";
import type { NodeEnvironment } from "./node-environment.ts";

/** Bytes of JSON. A value that is written stands in memory three times, and a Worker has 128 MiB. */
const largestValue = 32 * 1024 * 1024;

/** Not worth a reference, which takes about as much. */
const smallValue = 512;

/** Bytes that a value takes at most, where that needs no counting. */
const roughSize = (value: RuntimeValue): number =>
  typeof value === "string"
    ? 6 * value.length + 2
    : typeof value === "object"
      ? Number.POSITIVE_INFINITY
      : 24;

type Output = readonly [name: string, value: RuntimeValue];

/** Most outputs: nothing of them is counted. */
const isSmall = (outputs: NodeRuntimeValues, limit: number): boolean => {
  let size = 0;
  for (const value of Object.values(outputs)) size += roughSize(value);
  return size <= limit;
};

/** The outputs that must go for the rest to stay: the largest first. */
const tooLarge = (outputs: NodeRuntimeValues, limit: number): readonly Output[] => {
  const sized = Object.entries(outputs).map(
    (output) => [dataSize(output[1], limit), output] as const,
  );
  let total = sized.reduce((sum, [size]) => sum + size, 0);
  const large: Output[] = [];
  for (const [size, output] of sized.toSorted(([a], [b]) => b - a)) {
    if (total <= limit || size < smallValue) break;
    large.push(output);
    total -= size;
  }
  return large;
};

/** What is written; undefined when it is too large for that too. */
const bytesOf = (value: RuntimeValue): Uint8Array | undefined =>
  dataSize(value, largestValue) > largestValue
    ? undefined
    : new TextEncoder().encode(JSON.stringify(value));

const writeValue = (
  { objects, context: { organizationId, executionId } }: NodeEnvironment,
  nodeId: string,
  [name, value]: Output,
): Effect.Effect<Output, AttemptFailure> =>
  Effect.suspend(() => {
    const data = bytesOf(value);
    if (data === undefined) {
      return refuse(
        `Output '${name}' takes more than ${largestValue} bytes of JSON. Put out less, or a file.`,
      );
    }
    const scope = { organizationId, executionId };
    const written = { data, mimeType: storedValueType };
    return objects.write(scope, storedValueName(nodeId, name), written).pipe(
      Effect.map((reference): Output => [name, reference as unknown as RuntimeValue]),
      orFailWith(`Output '${name}' could not be stored`),
    );
  });

/** Even references are too many for a step's result when there are thousands. */
const withinResult = (
  { steps: { resultLimit } }: NodeEnvironment,
  outputs: NodeRuntimeValues,
): Checked<NodeRuntimeValues> => {
  const size = resultLimit === undefined ? 0 : cloneSize(outputs as JsonObject);
  return resultLimit === undefined || size <= resultLimit
    ? Result.succeed(outputs)
    : Result.fail({
        message: `The outputs take about ${size} bytes although the large ones are stored, and a step keeps ${resultLimit}. Put out fewer.`,
        retryable: false,
      });
};

const storeLarge = async (
  env: NodeEnvironment,
  nodeId: string,
  outputs: NodeRuntimeValues,
  large: readonly Output[],
): Promise<Checked<NodeRuntimeValues>> => {
  const writing = Effect.forEach(large, (output) => writeValue(env, nodeId, output), {
    concurrency: objectsAtOnce,
  });
  const written = await checkedRun(env, writing);
  if (Result.isFailure(written)) return Result.fail(written.failure);
  const references = recordOf(written.success);
  return withinResult(
    env,
    recordOf(
      Object.entries(outputs).map(([name, value]) => [name, ownValue(references, name) ?? value]),
    ),
  );
};

/** The outputs as they travel: what does not fit into the node's share of the run is stored, the largest first. */
export const storeLargeOutputs = (
  env: NodeEnvironment,
  nodeId: string,
  outputs: NodeRuntimeValues,
): Eventually<Checked<NodeRuntimeValues>> => {
  const { inlineLimit } = env;
  if (inlineLimit === Number.POSITIVE_INFINITY || isSmall(outputs, inlineLimit)) {
    return Result.succeed(outputs);
  }
  const large = tooLarge(outputs, inlineLimit);
  return large.length === 0 ? withinResult(env, outputs) : storeLarge(env, nodeId, outputs, large);
};
